//! A file's content as text, and words as one line.

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

/// Words on one line, without control characters, as the host's log takes them.
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ").replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_one() {
        let panic = "panicked at src/lib.rs:8:5:\n  no\tsuch thing\r\n\n";
        assert_eq!(
            one_line(panic),
            "panicked at src/lib.rs:8:5: no\u{fffd}such thing"
        );
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        assert_eq!(text("a", b"caf\xc3\xa9"), Ok("caf\u{e9}"));
        let error = text("a\nb", b"x\xff").unwrap_err();
        assert_eq!(error.to_string(), r#"file "a\nb" is not UTF-8 at byte 1"#);
    }
}
