//! Distinguished names as a directory writes them (RFC 4514).
//!
//! In comes text; out go its parts and a normal form in which two spellings of one name
//! are equal. What is not such a name is an error, never a part of one.

use icu_normalizer::ComposingNormalizerBorrowed;
use ldap3::Scope;

use super::super::name::is_type;

/// Longest name, in bytes: bounds what a filter and a comparison can cost.
const MAX_BYTES: usize = 4096;

/// Attribute types that have more than one name (RFC 4514 §3, RFC 4519).
const KINDS: [(&str, &[&str]); 9] = [
    ("cn", &["commonname", "2.5.4.3"]),
    ("l", &["localityname", "2.5.4.7"]),
    ("st", &["stateorprovincename", "2.5.4.8"]),
    ("o", &["organizationname", "2.5.4.10"]),
    ("ou", &["organizationalunitname", "2.5.4.11"]),
    ("c", &["countryname", "2.5.4.6"]),
    ("street", &["streetaddress", "2.5.4.9"]),
    ("dc", &["domaincomponent", "0.9.2342.19200300.100.1.25"]),
    ("uid", &["userid", "0.9.2342.19200300.100.1.1"]),
];

/// Why text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DnError {
    /// Nothing, or nothing but spaces.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("is longer than 4096 bytes")]
    TooLong,
    /// No type before an equals sign, or none that can be one.
    #[error("has a part that is not TYPE=VALUE")]
    Type,
    /// A backslash before what it does not escape.
    #[error("has a backslash that escapes nothing")]
    Escape,
    /// A character that must be escaped.
    #[error("has a character that must be escaped")]
    Bare,
    /// After `#`, what is not pairs of hexadecimal digits.
    #[error("has a value in broken hexadecimal")]
    Hexadecimal,
    /// Escaped bytes that are no text.
    #[error("has a value that is not UTF-8")]
    Text,
}

/// A type and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    /// In lower case, by its short name.
    kind: String,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    /// BER, in lower-case hexadecimal.
    Encoded(String),
}

/// A distinguished name.
#[derive(Clone, Debug)]
pub(crate) struct Dn {
    text: String,
    /// The pairs of the most specific part.
    first: Vec<Pair>,
    /// The parts in normal form, the most specific first.
    normal: Vec<String>,
}

impl Dn {
    /// Reads a name. Spaces around types and values are without meaning, as people write
    /// them; quoted values and semicolons between parts (RFC 1779) are not taken.
    pub(crate) fn parse(text: &str) -> Result<Self, DnError> {
        if text.len() > MAX_BYTES {
            return Err(DnError::TooLong);
        }
        if text.trim_matches(' ').is_empty() {
            return Err(DnError::Empty);
        }
        let mut rest = text;
        let mut first = None;
        let mut normal = Vec::new();
        loop {
            let (pairs, after) = part(rest)?;
            normal.push(normalised(&pairs));
            first.get_or_insert(pairs);
            match after {
                Some(after) => rest = after,
                None => break,
            }
        }
        Ok(Self {
            text: text.to_owned(),
            first: first.unwrap_or_default(),
            normal,
        })
    }

    /// The name as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What is equal for equal names: types and values without regard to case, to
    /// superfluous spaces and to compatibility forms, as caseIgnoreMatch compares (RFC 4517
    /// §4.2.11). Of what RFC 4518 prepares besides, nothing is done here: two spellings that
    /// differ in that count as two names, which lets a walk look twice and puts neither
    /// under a base that is spelt otherwise.
    pub(crate) fn normal(&self) -> String {
        self.normal.join(",")
    }

    /// Whether a search with this base and scope could find it.
    pub(crate) fn lies_in(&self, base: &Self, scope: Scope) -> bool {
        let Some(depth) = self.normal.len().checked_sub(base.normal.len()) else {
            return false;
        };
        self.normal.ends_with(&base.normal)
            && match scope {
                Scope::Base => depth == 0,
                Scope::OneLevel => depth == 1,
                Scope::Subtree => true,
            }
    }

    /// The common name in its most specific part; `None` when there is none, several, or
    /// one that is not text.
    pub(crate) fn common_name(&self) -> Option<&str> {
        let mut names = self.first.iter().filter(|pair| pair.kind == "cn");
        match (names.next(), names.next()) {
            (
                Some(Pair {
                    value: Value::Text(name),
                    ..
                }),
                None,
            ) => Some(name),
            _ => None,
        }
    }
}

/// One part: its pairs, and what comes behind the comma that ends it.
fn part(text: &str) -> Result<(Vec<Pair>, Option<&str>), DnError> {
    let mut rest = text;
    let mut pairs = Vec::new();
    loop {
        let (kind, after) = rest.split_once('=').ok_or(DnError::Type)?;
        let kind = kind_of(kind.trim_matches(' '))?;
        let (value, after) = value(after.trim_start_matches(' '))?;
        pairs.push(Pair { kind, value });
        if let Some(after) = after.strip_prefix('+') {
            rest = after;
        } else {
            return Ok((pairs, after.strip_prefix(',')));
        }
    }
}

fn kind_of(text: &str) -> Result<String, DnError> {
    let kind = text.to_ascii_lowercase();
    if !is_type(&kind) {
        return Err(DnError::Type);
    }
    let known = KINDS.iter().find(|(_, others)| others.contains(&&*kind));
    Ok(known.map_or(kind, |(short, _)| (*short).to_owned()))
}

/// A value, and the text from the comma or plus sign that ends it.
fn value(text: &str) -> Result<(Value, &str), DnError> {
    if let Some(digits) = text.strip_prefix('#') {
        let end = digits.find([',', '+']).unwrap_or(digits.len());
        let (digits, after) = digits.split_at(end);
        let digits = digits.trim_end_matches(' ');
        let are_good = !digits.is_empty()
            && digits.len().is_multiple_of(2)
            && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !are_good {
            return Err(DnError::Hexadecimal);
        }
        return Ok((Value::Encoded(digits.to_ascii_lowercase()), after));
    }
    let mut bytes = Vec::new();
    // Spaces at the end are no part of the value unless they are escaped.
    let mut significant = 0;
    let mut characters = text.chars();
    let mut after = text;
    while let Some(character) = characters.next() {
        match character {
            ',' | '+' => break,
            '"' | ';' | '<' | '>' | '\0' => return Err(DnError::Bare),
            ' ' => bytes.push(b' '),
            '\\' => {
                bytes.push(escaped(&mut characters)?);
                significant = bytes.len();
            }
            plain => {
                bytes.extend(plain.encode_utf8(&mut [0; 4]).as_bytes());
                significant = bytes.len();
            }
        }
        after = characters.as_str();
    }
    bytes.truncate(significant);
    let text = String::from_utf8(bytes).map_err(|_| DnError::Text)?;
    Ok((Value::Text(text), after))
}

/// The byte that a backslash makes of what follows it.
fn escaped(characters: &mut std::str::Chars<'_>) -> Result<u8, DnError> {
    let first = characters.next().ok_or(DnError::Escape)?;
    if let Some(high) = first.to_digit(16) {
        let low = characters.next().and_then(|second| second.to_digit(16));
        return u8::try_from(high * 16 + low.ok_or(DnError::Escape)?).map_err(|_| DnError::Escape);
    }
    match u8::try_from(first) {
        Ok(special) if b" \"#+,;<=>\\".contains(&special) => Ok(special),
        _ => Err(DnError::Escape),
    }
}

/// The normal form of one part. Escaping keeps different parts different.
fn normalised(pairs: &[Pair]) -> String {
    let pair = |pair: &Pair| match &pair.value {
        Value::Encoded(digits) => format!("{}=#{digits}", pair.kind),
        Value::Text(text) => {
            let text = ComposingNormalizerBorrowed::new_nfkc()
                .normalize(&text.to_lowercase())
                .into_owned();
            let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
            format!("{}={}", pair.kind, ldap3::dn_escape(words.join(" ")))
        }
    };
    let mut pairs: Vec<String> = pairs.iter().map(pair).collect();
    pairs.sort_unstable();
    pairs.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> String {
        Dn::parse(text).unwrap().normal()
    }

    /// RFC 4514 §4.
    #[test]
    fn the_names_of_the_standard_are_read() {
        for (text, common_name) in [
            ("UID=jsmith,DC=example,DC=net", None),
            ("OU=Sales+CN=J.  Smith,DC=example,DC=net", Some("J.  Smith")),
            (
                r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#,
                Some(r#"James "Jim" Smith, III"#),
            ),
            (
                r"CN=Before\0dAfter,DC=example,DC=net",
                Some("Before\rAfter"),
            ),
            ("1.3.6.1.4.1.1466.0=#04024869", None),
            (r"CN=Lu\C4\8Di\C4\87", Some("Lučić")),
        ] {
            let dn = Dn::parse(text).unwrap();
            assert_eq!(dn.common_name(), common_name, "{text}");
            assert_eq!(dn.as_str(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        for (text, why) in [
            ("", DnError::Empty),
            ("  ", DnError::Empty),
            ("admins", DnError::Type),
            ("cn=a,", DnError::Type),
            (",cn=a", DnError::Type),
            ("cn=a,,dc=b", DnError::Type),
            ("cn=a+,dc=b", DnError::Type),
            ("=a", DnError::Type),
            ("c n=a", DnError::Type),
            ("1.=a", DnError::Type),
            ("<GUID=5f>", DnError::Type),
            (r"cn=a\", DnError::Escape),
            (r"cn=a\4", DnError::Escape),
            (r"cn=a\4g", DnError::Escape),
            (r"cn=a\z", DnError::Escape),
            ("cn=\"a,b\"", DnError::Bare),
            ("cn=a;dc=b", DnError::Bare),
            ("cn=a\0", DnError::Bare),
            ("cn=<a>", DnError::Bare),
            ("cn=#", DnError::Hexadecimal),
            ("cn=#040", DnError::Hexadecimal),
            ("cn=#04zz", DnError::Hexadecimal),
            (r"cn=\ff", DnError::Text),
        ] {
            assert_eq!(Dn::parse(text).unwrap_err(), why, "{text:?}");
        }
        let long = format!("cn={}", "a".repeat(MAX_BYTES));
        assert_eq!(Dn::parse(&long).unwrap_err(), DnError::TooLong);
    }

    #[test]
    fn spellings_of_one_name_are_equal_and_names_are_not() {
        let one = normal("cn=Data Admins,ou=Groups,dc=example");
        for same in [
            "CN=DATA ADMINS,OU=groups,DC=EXAMPLE",
            "cn = data   admins , ou=Groups, dc=example ",
            r"2.5.4.3=Data\20Admins,organizationalUnitName=Groups,0.9.2342.19200300.100.1.25=example",
            r"cn=\44ata Admins,ou=Groups,dc=example",
            "cn=Ｄata\u{a0}Admins,ou=Groups,dc=example",
        ] {
            assert_eq!(normal(same), one, "{same}");
        }
        assert_eq!(normal("cn=a+uid=b"), normal("UID=B+CN=A"));
        for other in [
            r"cn=Data Admins\,ou\=Groups,dc=example",
            "cn=Data Admins,ou=Groups,dc=example,dc=org",
            "cn=DataAdmins,ou=Groups,dc=example",
            "ou=Data Admins,ou=Groups,dc=example",
            "cn=Data Admins+ou=Groups,dc=example",
        ] {
            assert_ne!(normal(other), one, "{other}");
        }
        assert_ne!(normal("cn=#0461"), normal(r"cn=\#0461"));
    }

    #[test]
    fn a_common_name_is_the_only_one_of_the_first_part() {
        let of = |text: &str| Dn::parse(text).unwrap().common_name().map(str::to_owned);
        assert_eq!(of("cn=a,cn=b").as_deref(), Some("a"));
        assert_eq!(of("ou=x+cn=a,cn=b").as_deref(), Some("a"));
        assert_eq!(of("CommonName=a").as_deref(), Some("a"));
        assert_eq!(of(r"cn=\ a\ ,o=x").as_deref(), Some(" a "));
        assert_eq!(of("cn=,o=x").as_deref(), Some(""));
        for none in ["ou=a,cn=b", "cn=a+cn=b,o=x", "cn=#0461,o=x"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn what_lies_under_a_base_is_decided_by_whole_parts() {
        let base = Dn::parse("ou=Groups, dc=example").unwrap();
        let lies = |text: &str, scope| Dn::parse(text).unwrap().lies_in(&base, scope);
        assert!(lies("CN=a,OU=groups,DC=example", Scope::OneLevel));
        assert!(lies("cn=a,ou=b,ou=groups,dc=example", Scope::Subtree));
        assert!(!lies("cn=a,ou=b,ou=groups,dc=example", Scope::OneLevel));
        assert!(lies("ou=groups,dc=example", Scope::Subtree));
        assert!(lies("ou=groups,dc=example", Scope::Base));
        assert!(!lies("ou=groups,dc=example", Scope::OneLevel));
        for outside in [
            "dc=example",
            "cn=a,dc=example",
            "cn=a,ou=xgroups,dc=example",
            "cn=a,xou=groups,dc=example",
            "cn=a+ou=groups,dc=example",
            r"cn=a\,ou=groups,dc=example",
            "cn=a,ou=groups,dc=example,dc=org",
            "cn=a,ou=groups+ou=x,dc=example",
        ] {
            assert!(!lies(outside, Scope::Subtree), "{outside}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_value_comes_back(value in "\\PC{0,20}") {
            let text = format!("cn={},dc=x", ldap3::dn_escape(value.as_str()));
            let dn = Dn::parse(&text).unwrap();
            prop_assert_eq!(dn.common_name(), Some(value.as_str()));
        }

        #[test]
        fn a_value_never_becomes_a_part(value in "[ ,+=\\\\\"#;<>a]{0,12}") {
            let text = format!("cn={},dc=x", ldap3::dn_escape(value.as_str()));
            prop_assert_eq!(Dn::parse(&text).unwrap().normal.len(), 2);
        }

        #[test]
        fn reading_never_panics(text in "(\\PC|[,+=\\\\#; ]){0,40}") {
            let _outcome = Dn::parse(&text);
        }
    }
}
