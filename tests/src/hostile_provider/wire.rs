//! One connection: the greeting, one request, and its answer at the answer's pace.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use super::answer::{Answer, Length};
use super::request::Request;
use super::{Handshake, Shared};

/// Big pieces for endless bodies, so that size limits are met at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Serves this connection to its end.
pub(super) fn serve(mut socket: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let (handshake, tls) = {
        let state = shared.state();
        (state.handshake, state.tls.clone())
    };
    socket.set_nodelay(true)?;
    match handshake {
        Handshake::Complete => {}
        Handshake::HangUp => return socket.read(&mut [0; 512]).map(drop),
        Handshake::Silence => return until_it_leaves(&mut socket),
        Handshake::Nonsense => {
            let _hello = socket.read(&mut [0; PIECE_BYTES])?;
            return socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    }
    let Some(tls) = tls else {
        let mut stream = socket.try_clone()?;
        return converse(&mut stream, shared).and_then(|_| socket.shutdown(Shutdown::Write));
    };
    let session = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, socket);
    if converse(&mut stream, shared)? == Outcome::Whole {
        stream.conn.send_close_notify();
        stream.flush()?;
    }
    stream.sock.shutdown(Shutdown::Write)
}

/// Whether all was sent that was announced.
#[derive(PartialEq, Eq)]
enum Outcome {
    Whole,
    Cut,
}

fn converse(stream: &mut (impl Read + Write), shared: &Shared) -> io::Result<Outcome> {
    let request = Request::read(&mut BufReader::new(&mut *stream))?;
    let answer = shared.answer_to(request);
    if answer.never {
        until_it_leaves(stream)?;
        return Ok(Outcome::Cut);
    }
    if !shared.pause(answer.delay) {
        return Ok(Outcome::Cut);
    }
    if let Some(bytes) = &answer.raw {
        send(stream, bytes, answer.body_pace, shared)?;
        return Ok(Outcome::Whole);
    }
    send(stream, &answer.head(), answer.head_pace, shared)?;
    send_body(stream, &answer, shared)
}

fn send_body(stream: &mut impl Write, answer: &Answer, shared: &Shared) -> io::Result<Outcome> {
    if answer.endless {
        let times = PIECE_BYTES / answer.body.len().max(1) + 1;
        let piece = match answer.body_pace {
            None => answer.body.repeat(times),
            Some(_) => answer.body.clone(),
        };
        assert!(!piece.is_empty(), "an endless body is of something");
        loop {
            send_piece(stream, &piece, answer, shared)?;
        }
    }
    let end = answer.sent_bytes.unwrap_or(answer.body.len());
    send_piece(
        stream,
        &answer.body[..end.min(answer.body.len())],
        answer,
        shared,
    )?;
    if answer.sent_bytes.is_some() {
        return Ok(Outcome::Cut);
    }
    if answer.length == Length::Chunked {
        stream.write_all(b"0\r\n\r\n")?;
        stream.flush()?;
    }
    Ok(Outcome::Whole)
}

/// A piece of the body; a chunk of one byte when it drips.
fn send_piece(
    stream: &mut impl Write,
    piece: &[u8],
    answer: &Answer,
    shared: &Shared,
) -> io::Result<()> {
    if answer.length != Length::Chunked {
        return send(stream, piece, answer.body_pace, shared);
    }
    let size = if answer.body_pace.is_some() {
        1
    } else {
        piece.len().max(1)
    };
    for chunk in piece.chunks(size) {
        let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        send(stream, &framed, None, shared)?;
        wait(answer.body_pace, shared)?;
    }
    Ok(())
}

/// All at once, or byte by byte.
fn send(
    stream: &mut impl Write,
    bytes: &[u8],
    pace: Option<Duration>,
    shared: &Shared,
) -> io::Result<()> {
    if pace.is_none() {
        stream.write_all(bytes)?;
        return stream.flush();
    }
    for byte in bytes {
        stream.write_all(&[*byte])?;
        stream.flush()?;
        wait(pace, shared)?;
    }
    Ok(())
}

/// The pause of a drip; an error when the server ends.
fn wait(pace: Option<Duration>, shared: &Shared) -> io::Result<()> {
    match pace {
        Some(pace) if !shared.pause(pace) => Err(io::ErrorKind::Interrupted.into()),
        _ => Ok(()),
    }
}

fn until_it_leaves(stream: &mut impl Read) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}
