//! Records on their way to standard error or the journal, without waiting for who takes them.
//!
//! Whoever reads the log may be slow or stand still: a full pipe, a suspended reader, a disk that
//! hangs. Mail must not wait for that. Records go into a buffer, and a thread of its own writes them
//! out, those of some milliseconds at a time: a system call for each line would cost as much as
//! the verdict. Where the buffer is full, or cannot be written, records are lost, counted, and their
//! number is logged. That line never waits in the buffer, which may be full again by then.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many octets of lines may wait.
const MOST: usize = 4 << 20;
/// How long the lines of one moment are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// How long the end of the process waits for the last lines.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many octets of memory are kept when there is little to write.
const USUAL: usize = 64 << 10;

/// Where records end up.
pub(super) trait Sink: Send + 'static {
    /// Writes whole records, and waits as long as that takes; returns how many are lost.
    fn write(&mut self, records: &[u8]) -> u64;
}

thread_local! {
    /// Whether this is a thread that writes.
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// Takes records (lines, or datagrams for the journal), and never waits for them to be written.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// The first line has come, or the last.
    filled: Condvar,
    /// All has been written.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    /// The thread's own line, which says how many were lost.
    report: Vec<u8>,
    /// Whether the thread has lines in hand.
    writing: bool,
    ending: bool,
}

/// Writes out what is waiting when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Guard(Lines);

impl Drop for Guard {
    fn drop(&mut self) {
        let Self(Lines(shared)) = self;
        let mut waiting = shared.lock();
        waiting.ending = true;
        shared.filled.notify_one();
        let is_open = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        drop(shared.drained.wait_timeout_while(waiting, FAREWELL, is_open));
    }
}

impl Lines {
    /// Begins to write records to `out`. `report` is told how many were lost, once some can be
    /// written again.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(super) fn to(
        out: impl Sink,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<(Self, Guard)> {
        let shared = Arc::new(Shared::default());
        let lines = Self(Arc::clone(&shared));
        thread::Builder::new().name("log".into()).spawn(move || shared.write_out(out, report))?;
        Ok((lines.clone(), Guard(lines)))
    }

    /// Takes one whole record, or loses it.
    pub(super) fn add(&self, record: &[u8]) {
        let Self(shared) = self;
        let mut waiting = shared.lock();
        if IS_WRITER.get() {
            waiting.report.extend_from_slice(record);
        } else if waiting.lines.len() + record.len() > MOST {
            waiting.lost += 1;
        } else {
            if waiting.lines.is_empty() {
                shared.filled.notify_one();
            }
            waiting.lines.extend_from_slice(record);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Lines are whole even where a thread has panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes records as they come; for the thread.
    fn write_out(&self, mut out: impl Sink, report: impl Fn(u64)) {
        IS_WRITER.set(true);
        let mut batch = Vec::new();
        loop {
            let mut lost = self.take(&mut batch);
            let unwritten = out.write(&batch);
            batch.clear();
            batch.shrink_to(USUAL);
            lost += unwritten;
            // While nothing can be written, a line about it would be lost, too.
            if lost > 0 && unwritten == 0 {
                report(lost);
                let line = std::mem::take(&mut self.lock().report);
                if out.write(&line) == 0 {
                    lost = 0;
                }
            }
            let mut waiting = self.lock();
            waiting.lost += lost;
            waiting.writing = false;
            self.drained.notify_all();
        }
    }

    /// Waits for lines, takes them into the empty `batch`, and returns how many were lost before.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        let waiting = self.lock();
        let waiting = self.filled.wait_while(waiting, |waiting| waiting.lines.is_empty());
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.filled.wait_timeout_while(waiting, GATHER, |waiting| !waiting.ending);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.lines, batch);
        waiting.writing = true;
        std::mem::take(&mut waiting.lost)
    }
}

/// Writes lines so that each begins where a line begins.
#[derive(Debug)]
pub(super) struct Stream<W> {
    out: W,
    /// What was written last is the beginning of a line, whose rest is lost.
    torn: bool,
}

impl<W: Write + Send + 'static> Sink for Stream<W> {
    fn write(&mut self, lines: &[u8]) -> u64 {
        let mut rest = lines;
        if !self.torn || self.put(b"\n") == 1 {
            self.torn = false;
            let written = self.put(lines);
            self.torn =
                written > 0 && !lines.get(..written).is_some_and(|all| all.ends_with(b"\n"));
            rest = lines.get(written..).unwrap_or_default();
        }
        rest.iter().filter(|octet| **octet == b'\n').count() as u64
    }
}

impl<W: Write> Stream<W> {
    /// Lines to this file or pipe.
    pub(super) fn to(out: W) -> Self {
        Self { out, torn: false }
    }

    /// Writes octets, and returns how many could be written.
    fn put(&mut self, octets: &[u8]) -> usize {
        let mut rest = octets;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        octets.len() - rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{OnceLock, mpsc};

    /// What was written, a batch a message; each waits for leave.
    struct Reader {
        leave: mpsc::Receiver<io::Result<usize>>,
        batches: mpsc::Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
            let room = self.leave.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = &batch[..room.min(batch.len())];
            self.batches.send(String::from_utf8(taken.to_vec()).unwrap()).unwrap();
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Log {
        lines: Lines,
        guard: Guard,
        leave: mpsc::Sender<io::Result<usize>>,
        batches: mpsc::Receiver<String>,
        lost: mpsc::Receiver<u64>,
    }

    fn log() -> Log {
        let (leave, left) = mpsc::channel();
        let (batch, batches) = mpsc::channel();
        let (report, lost) = mpsc::channel();
        let reader = Reader { leave: left, batches: batch };
        let (lines, guard) =
            Lines::to(Stream::to(reader), move |count| report.send(count).unwrap()).unwrap();
        Log { lines, guard, leave, batches, lost }
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let log = log();
        let mut expected = String::new();
        for number in 0..1000 {
            let line = format!("line {number}\n");
            log.lines.add(line.as_bytes());
            expected += &line;
        }
        drop((log.leave, log.guard));
        assert_eq!(log.batches.try_iter().collect::<String>(), expected);
    }

    #[test]
    fn a_reader_that_stands_still_holds_nobody_up_and_is_told_what_it_missed() {
        let log = log();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        log.lines.add(b"first\n");
        // The thread has it in hand once the buffer is empty.
        while !log.lines.0.lock().lines.is_empty() {
            thread::yield_now();
        }
        for _ in 0..MOST / 1024 + 7 {
            log.lines.add(&line);
        }
        drop(log.leave);
        assert_eq!(log.batches.recv().unwrap(), "first\n");
        assert_eq!(log.batches.recv().unwrap().len(), MOST);
        assert_eq!(log.lost.recv().unwrap(), 7);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_once_others_can() {
        let log = log();
        log.leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        log.lines.add(b"one\ntwo\n");
        while log.lines.0.lock().lost == 0 {
            thread::yield_now();
        }
        assert_eq!(log.lost.try_recv(), Err(mpsc::TryRecvError::Empty));
        log.lines.add(b"three\n");
        drop(log.leave);
        assert_eq!(log.batches.recv().unwrap(), "three\n");
        assert_eq!(log.lost.recv().unwrap(), 2);
    }

    #[test]
    fn a_line_that_was_cut_off_ends_before_the_next_begins() {
        let log = log();
        log.leave.send(Ok("one\ntw".len())).unwrap();
        log.leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        log.lines.add(b"one\ntwo\n");
        assert_eq!(log.batches.recv().unwrap(), "one\ntw");
        while log.lines.0.lock().lost == 0 {
            thread::yield_now();
        }
        // Still no room: the line stays cut off, and nothing is counted twice.
        log.leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        log.lines.add(b"three\n");
        while log.lines.0.lock().lost == 1 {
            thread::yield_now();
        }
        log.lines.add(b"four\n");
        drop(log.leave);
        assert_eq!(log.batches.recv().unwrap(), "\n");
        assert_eq!(log.batches.recv().unwrap(), "four\n");
        assert_eq!(log.lost.recv().unwrap(), 2);
    }

    #[test]
    fn the_line_that_says_how_many_were_lost_needs_no_room_and_is_written_or_counted_again() {
        let (leave, left) = mpsc::channel();
        let (batch, batches) = mpsc::channel();
        let reader = Reader { leave: left, batches: batch };
        let own = Arc::new(OnceLock::<Lines>::new());
        let lines = Arc::clone(&own);
        let report = move |count| {
            let lines = lines.get().unwrap();
            // It is full again by now.
            lines.0.lock().lines.resize(MOST, b'\n');
            lines.add(format!("{count} lost\n").as_bytes());
        };
        let (lines, _guard) = Lines::to(Stream::to(reader), report).unwrap();
        own.set(lines.clone()).unwrap();
        leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        lines.add(b"one\ntwo\n");
        while lines.0.lock().lost == 0 {
            thread::yield_now();
        }
        // What comes next can be written, what says of the loss cannot, nor what comes then.
        leave.send(Ok(usize::MAX)).unwrap();
        leave.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        lines.add(b"three\n");
        assert_eq!(batches.recv().unwrap(), "three\n");
        leave.send(Ok(usize::MAX)).unwrap();
        leave.send(Ok(usize::MAX)).unwrap();
        assert_eq!(batches.recv().unwrap().len(), MOST);
        assert_eq!(batches.recv().unwrap(), "2 lost\n");
        drop(leave);
    }
}
