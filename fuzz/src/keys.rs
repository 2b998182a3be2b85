//! Patterns of keys with what may be done with them: `~a`, `%R~a`, `%W~a`.

use crate::glob;

/// One pattern of keys.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Whether such keys may be read.
    pub reads: bool,
    /// Whether such keys may be written.
    pub writes: bool,
    /// The glob.
    pub pattern: Vec<u8>,
}

impl Keys {
    /// From a rule's text; `None` when it is about something else.
    pub fn read(rule: &[u8]) -> Option<Self> {
        let at = rule.iter().position(|byte| *byte == b'~')?;
        let (flags, pattern) = rule.split_at_checked(at)?;
        let (reads, writes) = match flags.to_ascii_uppercase().as_slice() {
            b"" | b"%RW" | b"%WR" => (true, true),
            b"%R" => (true, false),
            b"%W" => (false, true),
            _ => return None,
        };
        Some(Self {
            reads,
            writes,
            pattern: pattern.get(1..)?.to_vec(),
        })
    }

    /// Whether this key may be read, or written.
    pub fn reach(&self, key: &[u8], writing: bool) -> bool {
        (if writing { self.writes } else { self.reads }) && glob::matches(&self.pattern, key)
    }
}

/// Whether a glob is nothing but stars.
pub fn is_any(pattern: &[u8]) -> bool {
    !pattern.is_empty() && pattern.iter().all(|byte| *byte == b'*')
}
