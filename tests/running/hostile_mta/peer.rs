//! The socket's end of a hostile MTA: sends an attack, and holds every answer against the model.

use super::attack::{Attack, Manner};
use super::evidence::Right;
use super::model::{Answer, Course};
use crate::said;
use socket2::Socket;
use std::{
    io::{BufReader, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// An answer that takes longer will not come. Shorter than what the milter itself waits for the rest
/// of a packet: it must not wait for one that is none.
const PATIENCE: Duration = Duration::from_secs(20);
/// No answer is longer.
const LONGEST_ANSWER: u32 = 8 * 1024;

/// Where the milter is.
#[derive(Clone, Debug)]
pub struct Place {
    pub tcp: String,
    pub unix: PathBuf,
}

impl Place {
    pub fn connect(&self, tcp: bool) -> Socket {
        let socket = if tcp {
            TcpStream::connect(&self.tcp).unwrap().into()
        } else {
            Socket::from(connect_unix(&self.unix))
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

/// A connection; while too many wait to be accepted, a Unix socket blocks or takes none.
fn connect_unix(path: &Path) -> UnixStream {
    loop {
        match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            result => return result.unwrap(),
        }
    }
}

/// Carries an attack out. Returns the socket where the MTA stays on the line.
pub fn carry_out(
    place: &Place,
    Attack { manner, tcp, octets }: &Attack,
    course: &Course,
) -> Result<Option<Socket>, String> {
    let socket = place.connect(*tcp);
    match manner {
        Manner::Whole => converse(&socket, octets, octets.len().max(1), course)?,
        Manner::Pieces => converse(&socket, octets, 1 + octets.len() / 50, course)?,
        Manner::Gone => {
            let _ = (&socket).write(octets);
            if *tcp {
                // What was sent before may be lost on the way, too.
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        Manner::Silent => {
            send_and_read(&socket, octets, octets.len().max(1), course)?;
            return Ok(Some(socket));
        }
        Manner::Deaf => drop(stuff(&socket, octets)),
        Manner::Slow => {
            let sent = stuff(&socket, octets);
            converse(&socket, &octets[sent..], octets.len(), course)?;
        }
    }
    Ok(None)
}

/// Sends until nothing more goes into the socket; returns how many octets did.
fn stuff(socket: &Socket, octets: &[u8]) -> usize {
    socket.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while sent < octets.len() {
        match { socket }.write(&octets[sent..]) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    socket.set_nonblocking(false).unwrap();
    sent
}

/// The whole of a connection, up to its end.
pub fn converse(
    socket: &Socket,
    octets: &[u8],
    piece: usize,
    course: &Course,
) -> Result<(), String> {
    let mut answers = send_and_read(socket, octets, piece, course)?;
    if !course.is_closed {
        let _ = socket.shutdown(Shutdown::Write);
    }
    match receive(&mut answers)? {
        None => Ok(()),
        Some((letter, _)) => {
            Err(format!("one answer too many, {:?}, or it is not closed", char::from(letter)))
        }
    }
}

fn send_and_read<'s>(
    socket: &'s Socket,
    octets: &[u8],
    piece: usize,
    course: &Course,
) -> Result<BufReader<&'s Socket>, String> {
    let send = || {
        octets.chunks(piece).try_for_each(|piece| { socket }.write_all(piece)).or_else(|error| {
            // The milter does not wait for the rest of what it cannot read.
            if course.is_closed { Ok(()) } else { Err(format!("cannot send: {error}")) }
        })
    };
    let mut answers = BufReader::new(socket);
    std::thread::scope(|scope| {
        let sender = scope.spawn(send);
        let read = read_answers(&mut answers, course);
        if read.is_err() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        read.and(sender.join().unwrap())
    })?;
    Ok(answers)
}

fn read_answers(socket: &mut impl Read, course: &Course) -> Result<(), String> {
    for (number, expected) in course.answers.iter().enumerate() {
        let about = || format!("answer {number} of {}, {expected:?}", course.answers.len());
        let (letter, payload) =
            receive(socket)?.ok_or_else(|| format!("closed before {}", about()))?;
        if !is_right(*expected, letter, &payload) {
            let text = String::from_utf8_lossy(&payload);
            return Err(format!("{}: {:?} {text:?}", about(), char::from(letter)));
        }
    }
    Ok(())
}

/// The next packet; none at the end.
fn receive(socket: &mut impl Read) -> Result<Option<(u8, Vec<u8>)>, String> {
    let mut head = [0; 5];
    let (first, others) = head.split_at_mut(1);
    match socket.read(first) {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(format!("no answer: {error}")),
    }
    socket.read_exact(others).map_err(|error| format!("half an answer: {error}"))?;
    let [length @ .., letter] = head;
    let length = u32::from_be_bytes(length);
    if length == 0 || length > LONGEST_ANSWER {
        return Err(format!("an answer of {length} octets"));
    }
    let mut payload = vec![0; length as usize - 1];
    socket.read_exact(&mut payload).map_err(|error| format!("half an answer: {error}"))?;
    Ok(Some((letter, payload)))
}

/// Whether an answer is one of the protocol, and the right one. Nothing but continue and the
/// refusal of a recipient is ever right: to accept, discard or put off ends more than one RCPT.
fn is_right(expected: Answer, letter: u8, payload: &[u8]) -> bool {
    match (expected, letter) {
        (Answer::Negotiated(offered), b'O') => {
            let words: Vec<u32> = payload
                .chunks_exact(4)
                .map(|word| u32::from_be_bytes(word.try_into().unwrap()))
                .collect();
            let [version, actions, options] = offered;
            // Never to change, add or remove anything of the message.
            words.len() >= 3
                && words[0] == version.min(6)
                && words[1] == actions & 0x100
                && words[2] & !options == 0
                && (payload.len() == 12 || words[1] == 0x100)
        }
        (Answer::Continue, b'c') => payload.is_empty(),
        (Answer::Rcpt(right), b'c') => payload.is_empty() && right != Right::Refused,
        (Answer::Rcpt(right), b'y') => {
            let text = payload.strip_suffix(b"\0").and_then(|text| str::from_utf8(text).ok());
            said::check_reply(text.unwrap());
            text.is_some_and(|text| text.starts_with("450")) && right != Right::Taken
        }
        _ => false,
    }
}
