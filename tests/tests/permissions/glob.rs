//! The server's glob, written for reading.

/// Whether a name matches; classes hold single characters only.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        // An empty name is matched by no pattern but an empty one.
        [b'*', rest @ ..] => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        [b'?', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
        [b'\\', literal, rest @ ..] => name.first() == Some(literal) && matches(rest, &name[1..]),
        [b'[', class @ ..] => {
            let end = class
                .iter()
                .position(|b| *b == b']')
                .expect("classes close");
            let inside = name.first().is_some_and(|b| class[..end].contains(b));
            inside && matches(&class[end + 1..], &name[1..])
        }
        [literal, rest @ ..] => name.first() == Some(literal) && matches(rest, &name[1..]),
    }
}

/// Whether everything one pattern matches is matched by the other, for what the
/// tests use as the other: exact names and `literal*`.
pub(crate) fn inside(pattern: &str, outer: &str) -> bool {
    pattern == outer
        || match outer.strip_suffix('*') {
            Some(literal) => !literal.contains(['*', '?', '[']) && pattern.starts_with(literal),
            None => false,
        }
}
