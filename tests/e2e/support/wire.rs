//! The wire to a server: hands on what passes, and keeps what the client sent.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A port where scripts of `tests/mta` deliver to, and the server behind it.
pub struct Wire {
    port: u16,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    /// One to this port of 127.0.0.1, for as long as the test program runs.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                // Either end may hang up whenever it likes.
                thread::spawn(move || hand_on(&client, server, &kept));
            }
        });
        Self { port, sent }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a text was sent to the server in the clear.
    pub fn has_seen(&self, text: &str) -> bool {
        let sent = self.sent.lock().expect("no panic while locked");
        sent.windows(text.len()).any(|octets| octets == text.as_bytes())
    }
}

fn hand_on(client: &TcpStream, server: u16, kept: &Mutex<Vec<u8>>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
    let (mut from, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        // The end of one is the end of the other.
        let _ = io::copy(&mut from, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let (mut client, mut server, mut room) = (client, &server, [0; 4096]);
    loop {
        let count = client.read(&mut room)?;
        if count == 0 {
            return server.shutdown(Shutdown::Write);
        }
        kept.lock().expect("no panic while locked").extend_from_slice(&room[..count]);
        server.write_all(&room[..count])?;
    }
}
