//! A server that is asked questions, one at a time.
//!
//! An answer that is a refusal is told apart from a connection that broke: the
//! first leaves one thing unknown, the second ends the run.

use redis::{Cmd, Connection, ConnectionLike, RedisError, Value};

use super::finding::{Untold, plain};
use crate::error::Error;

/// What the server told, or why it did not.
pub(crate) type Told<T> = Result<T, Untold>;

/// A connection that may have logged in.
pub(crate) struct Server {
    connection: Connection,
    place: String,
    is_here: bool,
}

impl Server {
    /// Takes a connection; `place` is how messages name it, `is_here` whether its
    /// address is one of this machine's.
    pub(crate) fn new(connection: Connection, place: String, is_here: bool) -> Self {
        Self {
            connection,
            place,
            is_here,
        }
    }

    /// Whether its address is one of this machine's.
    pub(crate) fn is_here(&self) -> bool {
        self.is_here
    }

    /// `AUTH user password`.
    ///
    /// # Errors
    /// With the server's words, which never hold the password.
    pub(crate) fn log_in(&mut self, user: &str, password: &str) -> Result<(), Error> {
        match self.send(&["AUTH", user, password])? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(Error::Server(format!(
                "{} does not let user {user:?} in: {}",
                self.place,
                refusal.text()
            ))),
        }
    }

    /// One question. `right` is the ACL rule that allows it.
    ///
    /// # Errors
    /// When the connection broke, or the server wants a log-in first.
    pub(crate) fn ask(&mut self, words: &[&str], right: &str) -> Result<Told<Value>, Error> {
        let refusal = match self.send(words)? {
            Ok(value) => return Ok(Ok(value)),
            Err(refusal) => refusal,
        };
        // What was asked, without its arguments.
        let question = right.trim_start_matches('+').replace('|', " ");
        let question = question.to_uppercase();
        match refusal.code.as_str() {
            "NOAUTH" => Err(Error::Server(format!(
                "{} wants a log-in: give --user and --password-file",
                self.place
            ))),
            "NOPERM" => Ok(Err(Untold::new(
                format!("this user may not run {question}"),
                format!("ACL SETUSER <this user> {right}, or log in as another user"),
            ))),
            _ => Ok(Err(Untold::new(
                format!("{question} answered {:?}", refusal.text()),
                "see the server's log".to_owned(),
            ))),
        }
    }

    fn send(&mut self, words: &[&str]) -> Result<Result<Value, Refusal>, Error> {
        let mut command = Cmd::new();
        for word in words {
            command.arg(*word);
        }
        match self.connection.req_command(&command) {
            Ok(Value::ServerError(error)) => Ok(Err(Refusal::new(error.code(), error.details()))),
            Ok(value) => Ok(Ok(value)),
            Err(error) => self.broken_or_refused(&error),
        }
    }

    fn broken_or_refused(&self, error: &RedisError) -> Result<Result<Value, Refusal>, Error> {
        if let Some(code) = error.code() {
            return Ok(Err(Refusal::new(code, error.detail())));
        }
        Err(Error::Server(format!(
            "the connection to {} broke: {}",
            self.place,
            plain(&error.to_string())
        )))
    }
}

/// An error reply.
struct Refusal {
    code: String,
    detail: String,
}

impl Refusal {
    fn new(code: &str, detail: Option<&str>) -> Self {
        Self {
            code: plain(code),
            detail: plain(detail.unwrap_or_default()),
        }
    }

    fn text(&self) -> String {
        format!("{} {}", self.code, self.detail).trim().to_owned()
    }
}
