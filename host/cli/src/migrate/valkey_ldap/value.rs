//! One value of a setting, as valkey-ldap and the server take it.
//!
//! In: a text and what it must be. Out: the value for the authenticator's file, or why the
//! server or warden would not take it. No message holds more of a password, or of what may
//! hold one, than that it is wrong.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::settings::Kind;

/// A value of the authenticator's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Whole(u64),
    List(Vec<String>),
}

/// What a value comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It means the same here.
    Same(Value),
    /// It cannot be the same here, and this is why.
    Other(Value, String),
    /// It is as if it were not given.
    Nothing,
    /// It is left out, and this is why.
    Left(&'static str),
}

/// Reads a value. `directory`: where relative paths are.
///
/// # Errors
/// Why it cannot be carried over.
pub(super) fn read(kind: Kind, text: &str, directory: Option<&Path>) -> Result<Read, String> {
    let of_text = |text: String| Read::Same(Value::Text(text));
    Ok(match kind {
        Kind::Name | Kind::Filter | Kind::Path if text.is_empty() => Read::Nothing,
        Kind::Part | Kind::Name => of_text(bounded(text, MAX_NAME_BYTES)?),
        Kind::Filter => of_text(bounded(text, MAX_FILTER_BYTES)?),
        Kind::Path => of_text(path(text, directory)?),
        Kind::Flag => Read::Same(Value::Flag(flag(text)?)),
        Kind::Whole { least, most } => match whole(text, least)? {
            // Nothing waits for no time.
            0 => Read::Left("0 is not taken here: the default counts"),
            number if number > most => {
                Read::Other(Value::Whole(most), format!("{most} is the most here"))
            }
            number => Read::Same(Value::Whole(number)),
        },
        Kind::Word(words) => of_text(word(text, words)?),
        Kind::Servers => servers(text)?,
        Kind::Password => {
            password(text)?;
            Read::Nothing
        }
    })
}

/// Longest name and part of a name that an authenticator takes.
const MAX_NAME_BYTES: usize = 1024;

/// Longest filter.
const MAX_FILTER_BYTES: usize = 4096;

/// Longest password.
const MAX_PASSWORD_BYTES: usize = 4096;

/// Most servers.
const MAX_SERVERS: usize = 32;

fn bounded(text: &str, most: usize) -> Result<String, String> {
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(format!(
            "{}: at most {most} bytes without control characters are taken here",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
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
fn servers(text: &str) -> Result<Read, String> {
    let urls: Vec<&str> = text
        .split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|url| !url.is_empty())
        .collect();
    if urls.is_empty() {
        return Err("no server: valkey-ldap lets nobody in".to_owned());
    }
    let mut places = Vec::new();
    let mut kept = Vec::new();
    for (number, url) in urls.iter().enumerate() {
        // They are not shown: somebody may have put a password into one.
        let place = place(url).ok_or_else(|| {
            format!(
                "server {} of {}: must be ldap://HOST[:PORT] or ldaps://HOST[:PORT]",
                number + 1,
                urls.len()
            )
        })?;
        if !places.contains(&place) {
            places.push(place);
            kept.push((*url).to_owned());
        }
    }
    if kept.len() > MAX_SERVERS {
        return Err(format!("more than {MAX_SERVERS} servers"));
    }
    let is_whole = kept.len() == urls.len();
    let value = Value::List(kept);
    Ok(match (text.contains(','), is_whole) {
        (true, _) => Read::Other(
            value,
            "divided at commas, at which valkey-ldap does not divide".to_owned(),
        ),
        (false, false) => Read::Other(value, "each server once".to_owned()),
        (false, true) => Read::Same(value),
    })
}

/// Scheme, host and port of a URL that has nothing else.
fn place(text: &str) -> Option<(String, Host, u16)> {
    let url = Url::parse(text).ok()?;
    let port = match url.scheme() {
        "ldap" => 389,
        "ldaps" => 636,
        _ => return None,
    };
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    // Of a scheme it does not know, the parser leaves the host as it is.
    let host = Host::parse(url.host_str().filter(|_| is_bare)?).ok()?;
    Some((url.scheme().to_owned(), host, url.port().unwrap_or(port)))
}

/// How a server is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// TLS from the first byte.
    Tls,
    /// In clear, or StartTLS, within this machine.
    Loopback,
    /// In clear, or StartTLS, through a network.
    Network,
}

/// How a server of the list is spoken with.
pub(super) fn way(url: &str) -> Way {
    match place(url) {
        Some((scheme, _, _)) if scheme == "ldaps" => Way::Tls,
        Some((_, Host::Ipv4(address), _)) if address.is_loopback() => Way::Loopback,
        Some((_, Host::Ipv6(address), _)) if address.is_loopback() => Way::Loopback,
        _ => Way::Network,
    }
}

/// Checks that a file can hold it.
fn password(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
        return Err(
            "only stars: the mask that CONFIG REWRITE of early releases wrote in its place; write the password itself"
                .to_owned(),
        );
    }
    if text.ends_with(|last: char| last.is_ascii_whitespace()) {
        return Err("ends with white space, which does not count at the end of a file".to_owned());
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(format!("longer than {MAX_PASSWORD_BYTES} bytes"));
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

    fn text(text: &str) -> Result<Read, String> {
        Ok(Read::Same(Value::Text(text.to_owned())))
    }

    fn list(urls: &[&str]) -> Value {
        Value::List(urls.iter().map(|url| (*url).to_owned()).collect())
    }

    #[test]
    fn numbers_flags_and_words_are_spelled_as_for_the_server() {
        let kind = Kind::Whole { least: 1, most: 20 };
        let twelve = Read::Same(Value::Whole(12));
        assert_eq!(read(kind, "12", None), Ok(twelve));
        for text in ["", "0", "-1", "+1", "01", "1s", " 1", "9223372036854775808"] {
            refused(kind, text);
        }
        let most = Read::Other(Value::Whole(20), "20 is the most here".to_owned());
        assert_eq!(read(kind, "21", None), Ok(most));
        let flag = Read::Same(Value::Flag(true));
        assert_eq!(read(Kind::Flag, "YES", None), Ok(flag));
        for text in ["true", "1", "", "yes # really"] {
            refused(Kind::Flag, text);
        }
        let words = Kind::Word(&["bind", "search+bind"]);
        assert_eq!(read(words, "Search+Bind", None), text("search+bind"));
        assert!(refused(words, "search").contains("one of bind, search+bind"));
    }

    #[test]
    fn servers_are_urls_of_hosts_and_nothing_more() {
        let taken = |text| read(Kind::Servers, text, None).unwrap();
        let two = list(&["ldap://a:389", "ldaps://[::1]"]);
        assert_eq!(taken("ldap://a:389 ldaps://[::1]"), Read::Same(two.clone()));
        let says = "divided at commas, at which valkey-ldap does not divide".to_owned();
        let commas = "ldap://a:389,  ldaps://[::1] ";
        assert_eq!(taken(commas), Read::Other(two.clone(), says));
        let doubled = "ldap://a:389 ldap://A ldaps://[::1] ldaps://[::1]:636/";
        assert_eq!(
            taken(doubled),
            Read::Other(two, "each server once".to_owned())
        );
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
            "ldap://a^b",
        ] {
            refused(Kind::Servers, text);
        }
        let many: String = (0..33).map(|n| format!("ldap://a{n} ")).collect();
        refused(Kind::Servers, &many);
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
    fn names_are_bounded_and_hold_no_control_characters() {
        assert_eq!(read(Kind::Name, "", None), Ok(Read::Nothing));
        assert_eq!(read(Kind::Part, "", None), text(""));
        assert_eq!(read(Kind::Name, "ou=é", None), text("ou=é"));
        refused(Kind::Name, "ou=a\tb");
        refused(Kind::Part, &"x".repeat(1025));
        assert!(read(Kind::Filter, &"x".repeat(1025), None).is_ok());
    }

    #[test]
    fn a_path_is_made_absolute_or_refused() {
        let there = Some(Path::new("/var/lib/valkey"));
        let expected = text("/var/lib/valkey/ca.pem");
        assert_eq!(read(Kind::Path, "ca.pem", there), expected);
        assert_eq!(read(Kind::Path, "/etc/ca.pem", there), text("/etc/ca.pem"));
        assert_eq!(read(Kind::Path, "", None), Ok(Read::Nothing));
        assert!(refused(Kind::Path, "ca.pem").contains("make it absolute"));
    }

    #[test]
    fn a_mask_and_a_password_that_no_file_can_hold_are_refused() {
        assert!(refused(Kind::Password, "*********").contains("the mask"));
        for text in ["canary\n", "canary\r", "canary ", &"canary".repeat(1000)] {
            assert!(!refused(Kind::Password, text).contains("canary"));
        }
        assert_eq!(read(Kind::Password, "a*", None), Ok(Read::Nothing));
    }
}
