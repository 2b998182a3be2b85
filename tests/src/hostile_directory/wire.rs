//! One connection: its requests one after the other, each answer at the answer's pace.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use lber::structure::StructureTag;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Shared;
use super::answer::Answer;
use super::message;
use super::request::{Operation, Request};

/// Big pieces for endless answers, so that size limits are met at once.
const PIECE_BYTES: usize = 64 * 1024;

/// More than any client here sends.
const LIMIT_BYTES: usize = 1 << 20;

/// Serves this connection to its end.
pub(super) fn serve(mut socket: TcpStream, number: u64, shared: &Arc<Shared>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let over_tls = match &shared.tls {
        Some(config) => Some(Arc::clone(config)),
        None => match converse(&mut socket, number, false, shared)? {
            Outcome::Ended => None,
            Outcome::StartTls(config) => Some(config),
        },
    };
    if let Some(config) = over_tls {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        converse(&mut stream, number, true, shared)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        return stream.sock.shutdown(Shutdown::Write);
    }
    socket.shutdown(Shutdown::Write)
}

enum Outcome {
    /// The client has left, or was told to.
    Ended,
    /// What follows is TLS.
    StartTls(Arc<ServerConfig>),
}

fn converse(
    stream: &mut (impl Read + Write),
    number: u64,
    over_tls: bool,
    shared: &Shared,
) -> io::Result<Outcome> {
    let mut unread = Vec::new();
    while let Some(message) = read(stream, &mut unread)? {
        let (message_id, tag, operation) =
            message::request(message).ok_or(io::ErrorKind::InvalidData)?;
        let request = Request {
            connection: number,
            over_tls,
            message_id,
            operation,
            tag,
        };
        let answer = shared.answer_to(&request);
        if request.operation == Operation::Unbind {
            return Ok(Outcome::Ended);
        }
        if !request.wants_an_answer() {
            continue;
        }
        send(stream, &answer, &request, shared)?;
        if answer.hangs_up {
            return Ok(Outcome::Ended);
        }
        if let Some(config) = answer.tls {
            return Ok(Outcome::StartTls(config));
        }
    }
    Ok(Outcome::Ended)
}

/// The next message; none when the client has left.
fn read(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<Option<StructureTag>> {
    let mut piece = [0; 4096];
    loop {
        match lber::parse::Parser::new().parse(unread) {
            Ok((rest, message)) => {
                let taken = unread.len() - rest.len();
                unread.drain(..taken);
                return Ok(Some(message));
            }
            Err(lber::Err::Incomplete(_)) if unread.len() < LIMIT_BYTES => {}
            Err(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(None);
        }
        unread.extend_from_slice(&piece[..count]);
    }
}

fn send(
    stream: &mut impl Write,
    answer: &Answer,
    request: &Request,
    shared: &Shared,
) -> io::Result<()> {
    if !shared.pause(answer.delay) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let found = answer.found(request);
    if answer.endless {
        assert!(!found.is_empty(), "an endless answer is of something");
        let piece = found.repeat(PIECE_BYTES / found.len() + 1);
        loop {
            write(stream, &piece, answer.pace, shared)?;
        }
    }
    let mut bytes = [found, answer.end(request)].concat();
    bytes.truncate(answer.sent_bytes.unwrap_or(bytes.len()));
    write(stream, &bytes, answer.pace, shared)
}

/// All at once, or byte by byte.
fn write(
    stream: &mut impl Write,
    bytes: &[u8],
    pace: Option<Duration>,
    shared: &Shared,
) -> io::Result<()> {
    let Some(pace) = pace else {
        stream.write_all(bytes)?;
        return stream.flush();
    };
    for byte in bytes {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        if !shared.pause(pace) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}
