//! Under which name somebody binds.
//!
//! In comes the name a client gave; out goes what the directory is sent: a distinguished
//! name with the given one as a value in it, escaped, or the given one between `DOMAIN\`
//! or `@domain` as it is. Never: a name that is more than a value, or only looks like
//! another's.

use icu_normalizer::ComposingNormalizerBorrowed;
use ldap3::dn_escape;
use warden_core::PrincipalName;
use warden_settings::Section;

/// Longest `bind_dn_prefix` and `bind_dn_suffix`.
const MAX_BYTES: usize = 1024;

/// `bind_dn_prefix` and `bind_dn_suffix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BindName {
    prefix: String,
    suffix: String,
    is_dn: bool,
}

impl BindName {
    /// Takes both out of a file.
    pub(super) fn read(file: &mut Section) -> Option<Self> {
        let mut part = |key, default: &str| {
            let text: Option<String> = file.optional(key, "a string");
            let text = text.unwrap_or_else(|| default.to_owned());
            if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
                file.fault(
                    key,
                    format!("takes at most {MAX_BYTES} bytes without control characters"),
                );
            }
            text
        };
        let (prefix, suffix) = (part("bind_dn_prefix", "cn="), part("bind_dn_suffix", ""));
        let is_dn = is_dn(&[&prefix, "x", &suffix].concat());
        if !is_dn && (prefix.contains('=') || suffix.contains('=')) {
            file.fault(
                "bind_dn_suffix",
                "makes no distinguished name of bind_dn_prefix, a name and itself, as cn=NAME,dc=example",
            );
            return None;
        }
        Some(Self {
            prefix,
            suffix,
            is_dn,
        })
    }

    /// The name to bind with; `None` for one that cannot stand there.
    pub(super) fn of(&self, name: &str) -> Option<String> {
        if !is_plain(name) {
            return None;
        }
        let middle = if self.is_dn {
            dn_escape(name)
        } else {
            // Whoever gives the whole name says the domain, too.
            let is_whole = self.prefix.is_empty() && self.suffix.is_empty();
            let domains = name.matches(['@', '\\']).count();
            if domains > usize::from(is_whole) || !name.chars().all(is_account) {
                return None;
            }
            name.into()
        };
        Some([&self.prefix, &*middle, &self.suffix].concat())
    }
}

/// Whether a name is none of the spellings that a directory takes for another: with spaces
/// at its ends or in a row, with characters that are passed over in comparisons or stand
/// for others there (RFC 4518 §2.2, §2.3, §2.6). Upper and lower case are not looked at.
pub(super) fn is_plain(name: &str) -> bool {
    PrincipalName::new(name).is_ok()
        && ComposingNormalizerBorrowed::new_nfkc().is_normalized(name)
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.contains("  ")
        && !name
            .chars()
            .any(|c| is_passed_over(c) || c.is_whitespace() && c != ' ')
}

/// Whether nothing would be left of a password, were it prepared for comparison
/// (RFC 4013 §2).
pub(super) fn is_blank(password: &str) -> bool {
    password
        .chars()
        .all(|c| c.is_whitespace() || c.is_control() || is_passed_over(c))
}

/// What is mapped to nothing (RFC 3454 B.1), and other characters without width.
fn is_passed_over(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{1806}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffc}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A character of an account's name outside a distinguished name. Active Directory
/// takes a whole lot for a name: what has an equals sign, a slash, a brace or a dash
/// after `S` would be of another kind.
fn is_account(c: char) -> bool {
    c.is_alphanumeric() || "._-@\\".contains(c)
}

/// Whether text is a distinguished name (RFC 4514 §3): parts that are TYPE=VALUE. A bare
/// equals sign in a value, which the standard allows, is a comma that was forgotten.
fn is_dn(text: &str) -> bool {
    let mut rest = text;
    loop {
        let Some((kind, value)) = rest.split_once('=') else {
            return false;
        };
        let Some(next) = after_value(value).filter(|_| is_type(kind.trim_matches(' '))) else {
            return false;
        };
        match next {
            Some(next) => rest = next,
            None => return true,
        }
    }
}

/// What follows a value and the comma or plus sign that ends it: nothing, where the value
/// is the last. `None` when it is no value.
#[expect(
    clippy::option_option,
    reason = "no value is something else than the last one"
)]
fn after_value(text: &str) -> Option<Option<&str>> {
    let mut characters = text.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            ',' | '+' => return text.get(index + 1..).map(Some),
            '"' | ';' | '<' | '>' | '=' => return None,
            '\\' => {
                let (_, first) = characters.next()?;
                let is_pair =
                    |second: char| first.is_ascii_hexdigit() && second.is_ascii_hexdigit();
                let is_escape = " \"+,;<>=\\#".contains(first)
                    || characters.next().is_some_and(|(_, second)| is_pair(second));
                if !is_escape {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(None)
}

/// Whether this names an attribute type: a word, or numbers with dots (RFC 4512 §1.4).
pub(super) fn is_type(text: &str) -> bool {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_oid = text
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    is_word || is_oid
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bind_name(lines: &str) -> BindName {
        let mut file = Section::parse(lines.as_bytes()).unwrap();
        let name = BindName::read(&mut file).unwrap();
        assert!(file.finish().is_empty(), "{lines}");
        name
    }

    fn in_people() -> BindName {
        bind_name("bind_dn_prefix = 'uid='\nbind_dn_suffix = ',ou=people,dc=example'")
    }

    #[test]
    fn a_name_is_a_value_in_the_distinguished_name() {
        for (name, value) in [
            ("alice", "alice"),
            ("Alice Smith", "Alice Smith"),
            ("ünï", "ünï"),
            ("a,ou=admins", r"a\2cou\3dadmins"),
            ("a+cn=root", r"a\2bcn\3droot"),
            (r"a\", r"a\5c"),
            ("#04", r"\2304"),
            ("a#b", "a#b"),
            (r#"<"a">;"#, r"\3c\22a\22\3e\3b"),
        ] {
            let expected = format!("uid={value},ou=people,dc=example");
            assert_eq!(in_people().of(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_name_that_looks_like_anothers_is_none() {
        for name in [
            "",
            " ",
            " alice",
            "alice ",
            "a  b",
            "a\u{0}b",
            "a\nb",
            "al\u{200b}ice",
            "al\u{ad}ice",
            "\u{feff}alice",
            "a\u{a0}b",
            "ａlice",
            "e\u{301}",
            "\u{212a}elvin",
            "token",
            "default",
            &"a".repeat(257),
        ] {
            assert_eq!(in_people().of(name), None, "{name:?}");
        }
    }

    #[test]
    fn beside_a_domain_a_name_is_of_letters_digits_and_few_others() {
        let logon = bind_name(r"bind_dn_prefix = 'CORP\'");
        let principal = bind_name("bind_dn_prefix = ''\nbind_dn_suffix = '@corp.example'");
        let whole = bind_name("bind_dn_prefix = ''");
        assert_eq!(logon.of("alice"), Some(r"CORP\alice".to_owned()));
        assert_eq!(
            principal.of("müller-1.b_c"),
            Some("müller-1.b_c@corp.example".to_owned())
        );
        assert_eq!(whole.of(r"CORP\alice"), Some(r"CORP\alice".to_owned()));
        assert_eq!(whole.of("alice@corp"), Some("alice@corp".to_owned()));
        for name in [
            "cn=root,dc=example",
            "{5c4b}",
            "corp.example/Users/root",
            "host/server",
            "a b",
            "a:b",
            "a*",
            "a,b",
            "a@b@c",
            r"A\B\c",
            r"A\b@c",
        ] {
            for form in [&logon, &principal, &whole] {
                assert_eq!(form.of(name), None, "{name}");
            }
        }
        for name in [r"OTHER\root", "root@other.example"] {
            assert_eq!(logon.of(name), None, "{name}");
            assert_eq!(principal.of(name), None, "{name}");
        }
    }

    #[test]
    fn parts_that_make_nothing_are_an_error() {
        for lines in [
            "bind_dn_suffix = 'ou=people'",
            "bind_dn_suffix = ',people'",
            "bind_dn_prefix = '=x'",
            "bind_dn_prefix = 'cn = a\\'",
            "bind_dn_prefix = 'cn=\\2'",
            "bind_dn_prefix = '(cn='",
            "bind_dn_suffix = ',ou=\"people\"'",
            "bind_dn_suffix = ',ou=people,'",
        ] {
            let mut file = Section::parse(lines.as_bytes()).unwrap();
            let _name = BindName::read(&mut file);
            assert_eq!(file.finish().len(), 1, "{lines}");
        }
    }

    #[test]
    fn a_password_of_which_nothing_would_be_left_is_blank() {
        for blank in [
            "",
            " ",
            "\t\n",
            "\u{0}",
            "\u{a0}\u{2003}",
            "\u{200b}",
            "\u{ad}\u{feff} ",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for real in ["x", " x ", "0"] {
            assert!(!is_blank(real), "{real:?}");
        }
    }

    proptest! {
        /// Read back by the rules of RFC 4514, it is one value: the name.
        #[test]
        fn whatever_the_name_it_is_one_value(name in "\\PC{1,40}") {
            if let Some(dn) = in_people().of(&name) {
                let value = dn.strip_prefix("uid=").unwrap();
                let value = value.strip_suffix(",ou=people,dc=example").unwrap();
                prop_assert!(is_dn(&dn));
                let mut bytes = Vec::new();
                let mut rest = value.as_bytes();
                while let [first, after @ ..] = rest {
                    prop_assert!(!b"\"+,;<>=\0".contains(first), "{}", dn);
                    rest = match first {
                        b'\\' => {
                            let digits = std::str::from_utf8(&after[..2]).unwrap();
                            bytes.push(u8::from_str_radix(digits, 16).unwrap());
                            &after[2..]
                        }
                        _ => {
                            bytes.push(*first);
                            after
                        }
                    };
                }
                prop_assert!(!value.starts_with([' ', '#']) && !value.ends_with(' '));
                prop_assert_eq!(bytes, name.as_bytes());
            }
        }
    }
}
