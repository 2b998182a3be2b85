//! One connection to a directory server.
//!
//! In comes one request at a time; out goes its answer with the connection, or the
//! [`Failure`] without it: whatever did not end in good order is closed and never used
//! again. [`Binder`]s only bind, [`Searcher`]s only search, so that no search runs under
//! a user's bind.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use zeroize::{Zeroize, Zeroizing};

use super::ber;
use super::failure::Failure;
use super::message::{Entry, Request, Response, ResultCode, Search};

/// Room for an answer: most take less.
const ROOM_BYTES: usize = 4096;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The result code (RFC 4511 §4.1.9).
    pub(crate) code: u32,
    /// What Active Directory says more exactly: `data 52e`.
    pub(super) detail: Option<u32>,
}

/// What a search found, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) ended: Ended,
    pub(crate) entries: Vec<Entry>,
    /// There may be more elsewhere, where nobody looks.
    pub(crate) has_references: bool,
}

/// A connection on which users prove who they are, one after the other.
pub(super) struct Binder(Connection);

/// A connection that searches, bound as the service account or as nobody.
pub(super) struct Searcher(Connection);

/// What a pool keeps.
pub(super) trait Pooled: Send {
    /// Whether it is open and nothing has come that nobody asked for.
    fn is_quiet(&mut self) -> bool;

    /// Takes leave.
    fn part(self);
}

/// Who binds, and the proof.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

/// One that is nobody's yet.
pub(super) struct Connection {
    stream: Stream,
    /// Read and not yet taken.
    input: BytesMut,
    output: Zeroizing<Vec<u8>>,
    /// Of the last request.
    number: u32,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Binder {
    pub(super) fn over(connection: Connection) -> Self {
        Self(connection)
    }

    /// Binds.
    ///
    /// # Errors
    /// Whatever is no answer to this bind.
    pub(super) async fn bind(
        mut self,
        proof: Proof<'_>,
        limit: Duration,
    ) -> Result<(Ended, Self), Failure> {
        let ended = within(limit, self.0.bind(proof)).await?;
        Ok((ended, self))
    }
}

impl Searcher {
    /// One that is nobody's.
    pub(super) fn over(connection: Connection) -> Self {
        Self(connection)
    }

    /// Binds it as the service account, for as long as it lives.
    ///
    /// # Errors
    /// When there is no answer, or no yes.
    pub(super) async fn serve(
        mut self,
        proof: Proof<'_>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let ended = within(limit, self.0.bind(proof)).await?;
        if ended.code == 0 {
            return Ok(self);
        }
        let why = format!("the bind of search_bind_dn ended with {ended}");
        Err(Failure::Declined(why))
    }

    /// Searches.
    ///
    /// # Errors
    /// Whatever is no answer to this search, one that is too large among it.
    pub(super) async fn search(
        mut self,
        search: &Search<'_>,
        limit: Duration,
    ) -> Result<(Found, Self), Failure> {
        let found = within(limit, self.0.search(search)).await?;
        Ok((found, self))
    }
}

impl Pooled for Binder {
    fn is_quiet(&mut self) -> bool {
        self.0.is_quiet()
    }

    fn part(self) {
        self.0.part();
    }
}

impl Pooled for Searcher {
    fn is_quiet(&mut self) -> bool {
        self.0.is_quiet()
    }

    fn part(self) {
        self.0.part();
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let result = timeout(limit, work).await;
    result.unwrap_or(Err(Failure::TooSlow(limit)))
}

impl Connection {
    pub(super) fn in_clear(stream: TcpStream) -> Self {
        Self::over(Stream::Plain(stream))
    }

    pub(super) fn over_tls(stream: TlsStream<TcpStream>) -> Self {
        Self::over(Stream::Tls(Box::new(stream)))
    }

    fn over(stream: Stream) -> Self {
        Self {
            stream,
            input: BytesMut::with_capacity(ROOM_BYTES),
            output: Zeroizing::default(),
            number: 0,
        }
    }

    /// Asks for TLS; the stream to begin it on.
    ///
    /// # Errors
    /// Whatever is no yes.
    pub(super) async fn start_tls(mut self) -> Result<TcpStream, Failure> {
        self.send(&Request::StartTls).await?;
        let message = self.receive().await?;
        let ended = match self.read(&message)? {
            Response::Extended(result) => Ended::from(result),
            _ => return Err(unexpected()),
        };
        if ended.code != 0 {
            let why = format!("it does not offer StartTLS: {ended}");
            return Err(Failure::Unreachable(why));
        }
        self.into_tcp()
    }

    /// The bare stream. What has been read already came from whoever is on the way.
    ///
    /// # Errors
    /// When something has.
    pub(super) fn into_tcp(self) -> Result<TcpStream, Failure> {
        match self.stream {
            Stream::Plain(stream) if self.input.is_empty() => Ok(stream),
            _ => Err(unexpected()),
        }
    }

    async fn bind(&mut self, proof: Proof<'_>) -> Result<Ended, Failure> {
        // INVARIANT: a bind without a name or password succeeds and proves nothing
        // (RFC 4513 §5.1).
        if proof.name.trim().is_empty() || proof.password.trim().is_empty() {
            return Err(Failure::Broken("a bind that proves nothing".to_owned()));
        }
        let Proof { name, password } = proof;
        self.send(&Request::Bind { name, password }).await?;
        let message = self.receive().await?;
        let ended = match self.read(&message)? {
            Response::Bind(result) => Ended::from(result),
            _ => return Err(unexpected()),
        };
        self.expect_no_more()?;
        Ok(ended)
    }

    async fn search(&mut self, search: &Search<'_>) -> Result<Found, Failure> {
        self.send(&Request::Search(search)).await?;
        let most = match search.size_limit {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut entries = Vec::new();
        let mut has_references = false;
        let mut bytes = 0;
        loop {
            let message = self.receive().await?;
            bytes += message.len();
            if bytes > ber::MAX_MESSAGE_BYTES {
                let why = format!("answered with more than {} bytes", ber::MAX_MESSAGE_BYTES);
                return Err(Failure::Broken(why));
            }
            match self.read(&message)? {
                Response::Entry(_) if entries.len() >= most => {
                    let why = format!("answered with more than {most} entries");
                    return Err(Failure::Broken(why));
                }
                Response::Entry(entry) => entries.push(entry),
                Response::Reference => has_references = true,
                Response::Done(result) => {
                    let ended = Ended::from(result);
                    self.expect_no_more()?;
                    return Ok(Found {
                        ended,
                        entries,
                        has_references,
                    });
                }
                _ => return Err(unexpected()),
            }
        }
    }

    async fn send(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        self.number = self.number % 0x7fff_ffff + 1;
        let mut output = std::mem::take(&mut self.output);
        // All at once: what is moved elsewhere leaves a copy behind.
        output.reserve(request.most_bytes());
        request.write(self.number, &mut output);
        let sent = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(&output).await,
            Stream::Tls(stream) => match stream.write_all(&output).await {
                Ok(()) => stream.flush().await,
                error => error,
            },
        };
        // A password may be in it.
        output.zeroize();
        self.output = output;
        sent.map_err(|error| Failure::Broken(format!("hung up: {}", words(&error))))
    }

    /// One whole message.
    async fn receive(&mut self) -> Result<BytesMut, Failure> {
        loop {
            if let Some(length) = ber::message_length(&self.input)?
                && self.input.len() >= length
            {
                return Ok(self.input.split_to(length));
            }
            self.input.reserve(ROOM_BYTES);
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read_buf(&mut self.input).await,
                Stream::Tls(stream) => stream.read_buf(&mut self.input).await,
            };
            match read {
                Ok(0) => return Err(Failure::Broken("hung up".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Failure::Broken(format!("hung up: {}", words(&error)))),
            }
        }
    }

    /// What a message says to the request that is open.
    fn read<'a>(&self, message: &'a [u8]) -> Result<Response<'a>, Failure> {
        let (number, response) = Response::read(message)?;
        if number == self.number {
            return Ok(response);
        }
        match response {
            // A notice of disconnection (RFC 4511 §4.4.1).
            Response::Extended(result) if number == 0 => {
                let ended = Ended::from(result);
                Err(Failure::Broken(format!("took leave: {ended}")))
            }
            _ => Err(unexpected()),
        }
    }

    /// The answer was the last of it.
    fn expect_no_more(&self) -> Result<(), Failure> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(unexpected())
        }
    }

    fn is_quiet(&mut self) -> bool {
        let stream = &mut self.stream;
        let looking = poll_fn(|context| {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            match stream {
                Stream::Plain(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Stream::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            }
        });
        // A task that has done much already would see every connection as quiet.
        let mut looking = pin!(unconstrained(looking));
        let mut context = Context::from_waker(Waker::noop());
        looking.as_mut().poll(&mut context).is_pending()
    }

    fn part(mut self) {
        let mut farewell = Vec::new();
        Request::Unbind.write(self.number % 0x7fff_ffff + 1, &mut farewell);
        let mut context = Context::from_waker(Waker::noop());
        // As much of it as the system takes at once.
        let _written: Poll<io::Result<usize>> = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(&mut context, &farewell),
            Stream::Tls(stream) => {
                let written = Pin::new(&mut *stream).poll_write(&mut context, &farewell);
                let _flushed = Pin::new(stream).poll_flush(&mut context);
                written
            }
        };
    }
}

impl From<ResultCode<'_>> for Ended {
    fn from(result: ResultCode<'_>) -> Self {
        Self {
            code: result.code,
            detail: (result.code != 0)
                .then(|| active_directory_detail(result.diagnostic))
                .flatten(),
        }
    }
}

impl std::fmt::Display for Ended {
    /// The code and its name (RFC 4511 §4.1.9), and what to do where that is always the same.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.code {
            0 => "success",
            1 => "operationsError",
            2 => "protocolError",
            3 => "timeLimitExceeded",
            4 => "sizeLimitExceeded",
            7 => "authMethodNotSupported",
            8 => "strongerAuthRequired",
            10 => "referral",
            11 => "adminLimitExceeded",
            12 => "unavailableCriticalExtension",
            13 => "confidentialityRequired",
            14 => "saslBindInProgress",
            19 => "constraintViolation",
            32 => "noSuchObject",
            34 => "invalidDNSyntax",
            48 => "inappropriateAuthentication",
            49 => "invalidCredentials",
            50 => "insufficientAccessRights",
            51 => "busy",
            52 => "unavailable",
            53 => "unwillingToPerform",
            80 => "other",
            _ => "unknown",
        };
        let advice = match self.code {
            8 | 13 => ": it wants TLS, by ldaps:// in servers or use_starttls",
            _ => "",
        };
        write!(f, "result {} ({name}{advice})", self.code)
    }
}

/// The number in `… AcceptSecurityContext error, data 52e, v2580`. Nothing else of a
/// directory's words is ever shown: it knows the password.
fn active_directory_detail(diagnostic: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(diagnostic).ok()?;
    let (_, rest) = text.split_once(", data ")?;
    let digits = rest.split(',').next()?;
    (digits.len() <= 8)
        .then(|| u32::from_str_radix(digits.trim_end(), 16).ok())
        .flatten()
}

fn unexpected() -> Failure {
    Failure::Broken("answered what was not asked".to_owned())
}

pub(super) fn words(error: &io::Error) -> String {
    error.to_string().escape_debug().take(300).collect()
}
