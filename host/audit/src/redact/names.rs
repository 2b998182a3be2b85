//! Words of which one can tell whether they name a secret.
//!
//! In: an argument. Out: whether it is a name, a number, a digest; whether a value that goes
//! by that name is a secret. A name in doubt is that of a secret. Never an allocation.

/// Longest name of a setting or command that is taken for one, in bytes.
const MAX_NAME_BYTES: usize = 96;

/// Where one of these stands in a name, its value is a secret.
const PARTS: [&str; 8] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "passwd",
    "private",
];

/// Where a name ends with one of these, or a word of it does, its value is a secret:
/// `masterauth`, `auth-user`; not `authenticator_dir`.
const WORD_ENDINGS: [&str; 2] = ["auth", "auth2"];

/// Names whose last word is one of these.
const LAST_WORDS: [&str; 3] = ["key", "salt", "pin"];

/// Names the server itself calls sensitive for which nothing above tells it.
const OTHERS: [&str; 3] = ["masteruser", "primaryuser", "sentinel-user"];

/// Names that look like secrets and are none.
const HARMLESS: [&str; 2] = ["tls-auth-clients", "tls-auth-clients-user"];

/// Whether the value of a setting of the server, or of a module, is a secret: one that the
/// server calls sensitive, or whose name says so (docs/audit/redaction.md). Capitals do not
/// matter; what is too long for a name is a secret itself.
pub fn is_sensitive(name: &[u8]) -> bool {
    if name.len() > MAX_NAME_BYTES {
        return true;
    }
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    if HARMLESS.iter().any(is) {
        return false;
    }
    let words = || name.split(|byte| b"._-:".contains(byte));
    let last = words().next_back().unwrap_or_default();
    OTHERS.iter().any(is)
        || PARTS.iter().any(|part| contains(name, part.as_bytes()))
        || words().any(|word| {
            WORD_ENDINGS
                .iter()
                .any(|end| ends_with(word, end.as_bytes()))
        })
        || LAST_WORDS.iter().any(|end| ends_with(last, end.as_bytes()))
}

/// Whether an argument holds the name of a secret with a value behind it, `password=x` or
/// `{"password":"x"}`, or an address with a password, `https://user:password@host`.
pub(super) fn mentions_sensitive(argument: &[u8]) -> bool {
    let has_part = |text: &[u8]| PARTS.iter().any(|part| contains(text, part.as_bytes()));
    let end = argument
        .iter()
        .rposition(|byte| b"= \t\n\"'".contains(byte));
    let names = end.and_then(|end| argument.get(..end)).unwrap_or_default();
    has_part(names) || (contains(argument, b"://") && argument.contains(&b'@'))
}

/// Whether it can be the name of a command, a setting or a function.
pub(super) fn is_name(word: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    !word.is_empty() && word.len() <= MAX_NAME_BYTES && word.iter().all(is_allowed)
}

/// Whether a name that the server does not know can be shown: letters, dots, hyphens and
/// underscores, at most 32 of them. A password mostly has something else.
pub(super) fn is_harmless_name(word: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphabetic() || b"._-".contains(byte);
    !word.is_empty() && word.len() <= 32 && word.iter().all(is_allowed)
}

/// A whole number, with or without a sign, of at most 20 characters.
pub(super) fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    !digits.is_empty() && word.len() <= 20 && digits.iter().all(u8::is_ascii_digit)
}

/// The digest of a script: 40 hexadecimal digits.
pub(super) fn is_digest(word: &[u8]) -> bool {
    word.len() == 40 && word.iter().all(u8::is_ascii_hexdigit)
}

/// Whether it is among words that stand between spaces. Capitals do not matter.
pub(super) fn is_word_of(words: &str, word: &[u8]) -> bool {
    words
        .split(' ')
        .any(|one| one.as_bytes().eq_ignore_ascii_case(word))
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    let from = name.len().checked_sub(end.len());
    from.and_then(|from| name.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}
