//! HTTP as a proxy speaks it: one connection that stays.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection to the portal.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sees a page, with the key of a session.
    pub fn get(&mut self, path: &str, session: &str) -> Result<Answer, Box<dyn Error>> {
        self.ask("GET", path, &[("Cookie", &format!("session={session}"))], "")
    }

    /// Sends a form from an address.
    pub fn post(&mut self, path: &str, from: &str, form: &str) -> Result<Answer, Box<dyn Error>> {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        self.ask("POST", path, &[kind, ("X-Forwarded-For", from)], form)
    }

    /// Changes something by the API.
    pub fn patch(&mut self, path: &str, token: &str, json: &str) -> Result<Answer, Box<dyn Error>> {
        let kind = ("Content-Type", "application/json");
        self.ask("PATCH", path, &[kind, ("Authorization", &format!("Bearer {token}"))], json)
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Box<dyn Error>> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", super::data::HOST);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer, Box<dyn Error>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match &*name.to_ascii_lowercase() {
                "content-length" => length = value.parse()?,
                "transfer-encoding" => is_chunked = value == "chunked",
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        while is_chunked {
            line.clear();
            self.stream.read_line(&mut line)?;
            let mut chunk = vec![0; usize::from_str_radix(line.trim_end(), 16)? + 2];
            self.stream.read_exact(&mut chunk)?;
            is_chunked = chunk.len() > 2;
            body.extend_from_slice(chunk.strip_suffix(b"\r\n").ok_or("a chunk without an end")?);
        }
        Ok(Answer { status, body })
    }
}
