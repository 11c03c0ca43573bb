//! An SMTP session that names a recipient and sends nothing: to see whether the milter is asked.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than postscreen makes clients wait, and than the milter takes to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names `recipient` in a session with the server at `address`; the answer to RCPT.
///
/// # Errors
///
/// When the server cannot be reached, or does not get so far.
pub(super) fn name_recipient(address: SocketAddr, recipient: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut replies = BufReader::new(stream.try_clone()?);
    expect(&mut replies, '2')?;
    for command in ["EHLO localhost", "MAIL FROM:<>"] {
        write!(stream, "{command}\r\n")?;
        expect(&mut replies, '2')?;
    }
    write!(stream, "RCPT TO:<{recipient}>\r\n")?;
    let answer = reply(&mut replies)?;
    write!(stream, "RSET\r\nQUIT\r\n")?;
    // Until it has closed the session: so that it leaves no trace of a lost connection.
    let _ = io::copy(&mut replies, &mut io::sink());
    Ok(answer)
}

fn expect(replies: &mut impl BufRead, class: char) -> io::Result<()> {
    let reply = reply(replies)?;
    if reply.starts_with(class) { Ok(()) } else { Err(io::Error::other(reply)) }
}

/// The last line of a reply.
fn reply(replies: &mut impl BufRead) -> io::Result<String> {
    loop {
        let mut line = String::new();
        if replies.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().escape_debug().to_string());
        }
    }
}
