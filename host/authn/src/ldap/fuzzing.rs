//! A way in for the fuzz target of a directory's answers; no other build has it.

use super::ber;
use super::message::Response;

/// What is understood of a message.
pub struct Said {
    /// Whose answer it is.
    pub number: u32,
    /// How an operation ended.
    pub code: Option<u32>,
    /// What was found: its name, and its attributes with their values.
    pub entry: Option<(String, Vec<(String, Vec<Vec<u8>>)>)>,
}

/// How long the message is that bytes begin with, where that can be told, and what it says
/// when all of it is there.
///
/// # Errors
/// When it is no message that a client may be sent.
pub fn directory_answer(bytes: &[u8]) -> Result<Option<(usize, Option<Said>)>, ()> {
    let Some(length) = ber::message_length(bytes).map_err(|_| ())? else {
        return Ok(None);
    };
    let Some(message) = bytes.get(..length) else {
        return Ok(Some((length, None)));
    };
    let (number, response) = Response::read(message).map_err(|_| ())?;
    let (code, entry) = match response {
        Response::Bind(result) | Response::Done(result) | Response::Extended(result) => {
            (Some(result.code), None)
        }
        Response::Entry(entry) => (None, Some((entry.dn, entry.attributes))),
        Response::Reference => (None, None),
    };
    let said = Said {
        number,
        code,
        entry,
    };
    Ok(Some((length, Some(said))))
}
