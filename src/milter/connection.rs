//! One milter connection: octets from the socket into a [`Conversation`], and its answers back.

use super::conversation::{Context, Conversation, Next};
use std::{io, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// An MTA that says nothing for so long is gone: a bit longer than the longest time-outs of
/// MTAs, and what libmilter waits.
const IDLE: Duration = Duration::from_secs(7210);
/// An MTA negotiates as soon as it has connected, and takes answers as soon as they come.
const PROMPT: Duration = Duration::from_secs(30);
/// Room for the packets of one RCPT.
const BUFFER: usize = 1024;

/// A socket that a milter connection can be on.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Called after each read.
    fn after_read(&self) {}
}

impl Socket for tokio::net::UnixStream {}

impl Socket for tokio::net::TcpStream {
    /// Sendmail writes macros and command apart, under Nagle's algorithm: unless the first part
    /// is acknowledged at once, each event waits some 40 ms. The kernel takes the option back
    /// again and again.
    fn after_read(&self) {
        let _ = socket2::SockRef::from(self).set_tcp_quickack(true);
    }
}

/// Holds the conversation on one connection until one side ends it.
///
/// # Errors
///
/// When the socket fails or the MTA does not keep to the protocol.
pub(super) async fn converse(mut socket: impl Socket, context: Arc<Context>) -> io::Result<()> {
    let mut conversation = Conversation::new(context);
    let mut input = Vec::with_capacity(BUFFER);
    let mut output = Vec::new();
    let mut patience = PROMPT;
    loop {
        let read = tokio::time::timeout(patience, socket.read_buf(&mut input)).await;
        if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
            return Ok(());
        }
        socket.after_read();
        let received = conversation.receive(&input, &mut output);
        // What was answered before an error is sent all the same.
        if !output.is_empty() {
            let written = tokio::time::timeout(PROMPT, socket.write_all(&output)).await;
            written.map_err(|_| io::ErrorKind::TimedOut)??;
            patience = IDLE;
        }
        output.clear();
        let (used, next) = received.map_err(io::Error::other)?;
        if next == Next::Close {
            return Ok(());
        }
        input.drain(..used);
        if input.is_empty() {
            input.shrink_to(BUFFER);
            output.shrink_to(BUFFER);
        }
    }
}
