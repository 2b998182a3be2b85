//! Facilities of syslog (RFC 5424 section 6.2.1, table 1).

/// What kind of program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

const NAMES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

impl Facility {
    /// local0.
    pub const LOCAL0: Self = Self(16);

    /// The facility of that name, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        let (_, number) = NAMES.into_iter().find(|(known, _)| *known == name)?;
        Some(Self(number))
    }

    /// All names, for messages.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    /// 0–23.
    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}

impl Default for Facility {
    fn default() -> Self {
        Self::LOCAL0
    }
}
