//! What log rotation packed, told by how its files begin: gzip, bzip2, xz, zstd.

use std::io::{self, BufRead, BufReader, Read};

/// What is in a file that may be packed.
///
/// # Errors
///
/// When it cannot be read; what is damaged further on is found by whoever reads on.
pub(crate) fn unpacked(mut log: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let packing = Packing::of(log.fill_buf()?);
    let buffered = |reader: Box<dyn Read>| -> Box<dyn BufRead> {
        Box::new(BufReader::with_capacity(64 * 1024, reader))
    };
    Ok(match packing {
        None => Box::new(log),
        Some(Packing::Gzip) => buffered(Box::new(flate2::bufread::MultiGzDecoder::new(log))),
        Some(Packing::Bzip2) => buffered(Box::new(bzip2::bufread::MultiBzDecoder::new(log))),
        Some(Packing::Xz) => buffered(Box::new(lzma_rust2::XzReader::new(log, true))),
        Some(Packing::Zstd) => buffered(Box::new(Zstd::new(log)?)),
    })
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// Tells it by the first octets; none for what is not packed.
    pub fn of(first: &[u8]) -> Option<Self> {
        [
            (&b"\x1f\x8b"[..], Self::Gzip),
            (b"BZh", Self::Bzip2),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(mark, packing)| first.starts_with(mark).then_some(packing))
    }
}

/// All frames of a file of zstd.
struct Zstd<R: BufRead> {
    frame: Option<Frame<R>>,
}

type Frame<R> = ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>;

impl<R: BufRead> Zstd<R> {
    fn new(log: R) -> io::Result<Self> {
        Ok(Self { frame: Some(Frame::new(log).map_err(io::Error::other)?) })
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(frame) = &mut self.frame else { return Ok(0) };
            let read = frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(ended) = self.frame.take() else { return Ok(0) };
            let mut rest = ended.into_inner();
            if rest.fill_buf()?.is_empty() {
                return Ok(0);
            }
            *self = Self::new(rest)?;
        }
    }
}
