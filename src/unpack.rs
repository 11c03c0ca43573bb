//! What log rotation packed, told by how its files begin: gzip, bzip2, xz, zstd.

use std::io::{self, BufRead, BufReader, Read};

/// What is in a file that may be packed.
///
/// # Errors
///
/// When it cannot be read; what is damaged further on is found by whoever reads on.
pub(crate) fn unpacked(mut log: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let first = log.fill_buf()?;
    let buffered = |reader: Box<dyn Read>| -> Box<dyn BufRead> {
        Box::new(BufReader::with_capacity(64 * 1024, reader))
    };
    Ok(if first.starts_with(b"\x1f\x8b") {
        buffered(Box::new(flate2::bufread::MultiGzDecoder::new(log)))
    } else if first.starts_with(b"BZh") {
        buffered(Box::new(bzip2::bufread::MultiBzDecoder::new(log)))
    } else if first.starts_with(b"\xfd7zXZ\0") {
        buffered(Box::new(lzma_rust2::XzReader::new(log, true)))
    } else if first.starts_with(b"\x28\xb5\x2f\xfd") {
        buffered(Box::new(Zstd::new(log)?))
    } else {
        Box::new(log)
    })
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
