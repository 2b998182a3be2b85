//! Where in a text file something stands, for words about it.
//!
//! In: the bytes of a file and a place in them. Out: the number of its line, as editors
//! count.

/// The line of the byte at `offset`, from 1; past the end, the last one.
pub fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.iter().take(offset);
    1 + before.filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::line_at;

    #[test]
    fn lines_are_counted_from_one() {
        let text = b"a\nb\n\nc";
        let lines: Vec<usize> = (0..8).map(|offset| line_at(text, offset)).collect();
        assert_eq!(lines, [1, 1, 2, 2, 3, 4, 4, 4]);
        assert_eq!(line_at(b"", 3), 1);
    }
}
