//! A file's content as text.

/// A file that should be text. The message is one line and escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("file {file:?} is not UTF-8 at byte {at_byte}")]
pub struct NotText {
    /// The file's name.
    pub file: String,
    /// Where the text ends.
    pub at_byte: usize,
}

/// The bytes of a file as text.
///
/// # Errors
/// When they are not UTF-8.
pub fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, NotText> {
    std::str::from_utf8(bytes).map_err(|e| NotText {
        file: file.to_owned(),
        at_byte: e.valid_up_to(),
    })
}
