//! One value of a setting, as valkey-ldap and the server take it.
//!
//! In: a text and what it must be. Out: the value for the authenticator's file, or why the
//! server or warden would not take it. No message holds more of a password, or of what may
//! hold one, than that it is wrong.

use std::path::{Path, PathBuf};

use url::Url;

use super::settings::Kind;

/// A value of the authenticator's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Whole(u64),
    List(Vec<String>),
}

/// Reads a value. `None`: it is as if it were not given. `directory`: where relative paths are.
///
/// # Errors
/// Why it cannot be carried over.
pub(super) fn read(
    kind: Kind,
    text: &str,
    directory: Option<&Path>,
) -> Result<Option<Value>, String> {
    Ok(match kind {
        Kind::Text => Some(Value::Text(text.to_owned())),
        Kind::Name => (!text.is_empty()).then(|| Value::Text(text.to_owned())),
        Kind::Path if text.is_empty() => None,
        Kind::Path => Some(Value::Text(path(text, directory)?)),
        Kind::Flag => Some(Value::Flag(flag(text)?)),
        Kind::Whole(least) => Some(Value::Whole(whole(text, least)?)),
        Kind::Word(words) => Some(Value::Text(word(text, words)?)),
        Kind::Servers => Some(Value::List(servers(text)?)),
        Kind::Password => {
            password(text)?;
            None
        }
    })
}

/// `yes` or `no`, in any case.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{}: the server takes yes or no", quoted(text))),
    }
}

fn whole(text: &str, least: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number >= least);
    // Neither has the server a sign or a leading zero.
    number
        .filter(|number: &u64| number.to_string() == text && i64::try_from(*number).is_ok())
        .ok_or_else(|| {
            format!(
                "{}: the server takes a whole number, at least {least}",
                quoted(text)
            )
        })
}

fn word(text: &str, words: &[&str]) -> Result<String, String> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    found.map(|word| (*word).to_owned()).ok_or_else(|| {
        format!(
            "{}: the server takes one of {}",
            quoted(text),
            words.join(", ")
        )
    })
}

fn path(text: &str, directory: Option<&Path>) -> Result<String, String> {
    let path = directory.map_or_else(|| PathBuf::from(text), |there| there.join(text));
    if !path.is_absolute() {
        return Err(format!(
            "{}: relative to the server's working directory, which is not known here; make it absolute",
            quoted(text)
        ));
    }
    // Both halves were UTF-8.
    Ok(path.to_string_lossy().into_owned())
}

/// Divided at spaces, as valkey-ldap does, or at commas, as its README has it.
fn servers(text: &str) -> Result<Vec<String>, String> {
    let urls: Vec<&str> = text
        .split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|url| !url.is_empty())
        .collect();
    if urls.is_empty() {
        return Err("no server: valkey-ldap lets nobody in".to_owned());
    }
    for (number, url) in urls.iter().enumerate() {
        // They are not shown: somebody may have put a password into one.
        if !is_server(url) {
            return Err(format!(
                "server {} of {}: must be ldap://HOST[:PORT] or ldaps://HOST[:PORT]",
                number + 1,
                urls.len()
            ));
        }
    }
    Ok(urls.into_iter().map(str::to_owned).collect())
}

fn is_server(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "ldap" | "ldaps")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// Checks that a file can hold it.
fn password(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
        return Err(
            "only stars: the mask that CONFIG REWRITE of early releases wrote in its place; write the password itself"
                .to_owned(),
        );
    }
    if text.ends_with(['\n', '\r']) {
        return Err("ends with a line end, which is no part of a password in a file".to_owned());
    }
    Ok(())
}

/// Longest outside text shown, in characters.
const SHOWN: usize = 64;

/// Quotes and escapes outside text, cut after 64 characters.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(kind: Kind, text: &str) -> String {
        read(kind, text, None).expect_err("refused")
    }

    #[test]
    fn numbers_flags_and_words_are_spelled_as_for_the_server() {
        let whole = |text| read(Kind::Whole(1), text, None);
        assert_eq!(whole("12"), Ok(Some(Value::Whole(12))));
        for text in ["", "0", "-1", "+1", "01", "1s", " 1", "9223372036854775808"] {
            refused(Kind::Whole(1), text);
        }
        assert_eq!(read(Kind::Flag, "YES", None), Ok(Some(Value::Flag(true))));
        for text in ["true", "1", "", "yes # really"] {
            refused(Kind::Flag, text);
        }
        let words = Kind::Word(&["bind", "search+bind"]);
        let expected = Value::Text("search+bind".to_owned());
        assert_eq!(read(words, "Search+Bind", None), Ok(Some(expected)));
        assert!(refused(words, "search").contains("one of bind, search+bind"));
    }

    #[test]
    fn servers_are_urls_of_hosts_and_nothing_more() {
        let list = |text| read(Kind::Servers, text, None).unwrap().unwrap();
        let two = Value::List(vec!["ldap://a:389".to_owned(), "ldaps://[::1]".to_owned()]);
        assert_eq!(list("ldap://a:389 ldaps://[::1]"), two);
        assert_eq!(list("ldap://a:389,  ldaps://[::1] "), two);
        for text in [
            "",
            " , ",
            "a",
            "a:389",
            "http://a",
            "ldapi:///run/slapd",
            "ldap://",
            "ldap://a/dc=example",
            "ldap://a?uid",
            "ldap://a#b",
            "ldap://a:99999",
        ] {
            refused(Kind::Servers, text);
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let why = refused(Kind::Servers, "ldap://b ldap://admin:canary@a");
        assert!(
            why.starts_with("server 2 of 2") && !why.contains("canary"),
            "{why}"
        );
    }

    #[test]
    fn a_path_is_made_absolute_or_refused() {
        let there = Some(Path::new("/var/lib/valkey"));
        let expected = Value::Text("/var/lib/valkey/ca.pem".to_owned());
        assert_eq!(read(Kind::Path, "ca.pem", there), Ok(Some(expected)));
        let expected = Value::Text("/etc/ca.pem".to_owned());
        assert_eq!(read(Kind::Path, "/etc/ca.pem", there), Ok(Some(expected)));
        assert_eq!(read(Kind::Path, "", None), Ok(None));
        assert!(refused(Kind::Path, "ca.pem").contains("make it absolute"));
    }

    #[test]
    fn a_mask_and_a_password_that_no_file_can_hold_are_refused() {
        assert!(refused(Kind::Password, "*********").contains("the mask"));
        for text in ["canary\n", "canary\r"] {
            assert!(!refused(Kind::Password, text).contains("canary"));
        }
        assert_eq!(read(Kind::Password, "a*", None), Ok(None));
    }
}
