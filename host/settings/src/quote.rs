//! Outside text in a line of log.
//!
//! In comes whatever a token or a file said; out goes a short, quoted, escaped
//! form of it. Never a control character, never more than a line's worth.

/// Longest outside text shown, in characters.
const SHOWN: usize = 64;

/// Quotes and escapes outside text, cut after 64 characters.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_stays_one_short_escaped_line() {
        assert_eq!(quoted("a\r\nb\0\"c"), r#""a\r\nb\0\"c""#);
        assert_eq!(
            quoted(&"é".repeat(65))
                .chars()
                .filter(|&c| c == 'é')
                .count(),
            64
        );
        assert!(quoted(&"x".repeat(100_000)).len() < 80);
    }
}
