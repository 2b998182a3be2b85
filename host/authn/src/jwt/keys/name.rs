//! What a key is called: by its id, or by its certificate's thumbprint.
//!
//! In come the members of a key (RFC 7517 §4.5, §4.8, §4.9) and those of a header
//! (RFC 7515 §4.1.4, §4.1.7, §4.1.8); out goes whether the header means the key. A
//! thumbprint is a name here and nothing more: no certificate is looked at, and a
//! name never makes a signature good.

use warden_settings::quoted;

/// The names of one key, each of them optional and compared byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// `kid`.
    pub(crate) id: Option<String>,
    /// `x5t`: SHA-1 of its certificate, in base64url.
    pub(crate) sha1_thumbprint: Option<String>,
    /// `x5t#S256`: SHA-256 of its certificate, in base64url.
    pub(crate) sha256_thumbprint: Option<String>,
}

/// How well a key goes with the name a token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The key states that name.
    Stated,
    /// The token gives no name, or the key states none of that kind.
    Possible,
    /// The key states another name.
    Other,
}

impl KeyName {
    /// How well `key` goes with this name out of a token. An id alone counts
    /// where the token gives one; else every thumbprint it gives, none of which
    /// the key may contradict.
    pub(crate) fn means(&self, key: &Self) -> Match {
        if self.id.is_some() {
            return compare(&self.id, &key.id);
        }
        let all = [
            compare(&self.sha1_thumbprint, &key.sha1_thumbprint),
            compare(&self.sha256_thumbprint, &key.sha256_thumbprint),
        ];
        [Match::Other, Match::Stated]
            .into_iter()
            .find(|one| all.contains(one))
            .unwrap_or(Match::Possible)
    }

    /// The name in words, for a refusal.
    pub(crate) fn in_words(&self) -> String {
        let (what, name) = match self {
            Self { id: Some(id), .. } => ("key id", id),
            Self {
                sha256_thumbprint: Some(thumbprint),
                ..
            }
            | Self {
                sha1_thumbprint: Some(thumbprint),
                ..
            } => ("key thumbprint", thumbprint),
            _ => return "key".to_owned(),
        };
        format!("{what} {}", quoted(name))
    }
}

fn compare(asked: &Option<String>, stated: &Option<String>) -> Match {
    match (asked, stated) {
        (None, _) | (_, None) => Match::Possible,
        (Some(asked), Some(stated)) if asked == stated => Match::Stated,
        _ => Match::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str, sha1: &str, sha256: &str) -> KeyName {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        KeyName {
            id: some(id),
            sha1_thumbprint: some(sha1),
            sha256_thumbprint: some(sha256),
        }
    }

    #[test]
    fn the_id_alone_counts_where_a_token_gives_one() {
        for (asked, key, expected) in [
            (name("a", "", ""), name("a", "", ""), Match::Stated),
            (name("a", "", ""), name("A", "", ""), Match::Other),
            (name("a", "", ""), name("", "x", ""), Match::Possible),
            (name("a", "x", "y"), name("a", "z", "z"), Match::Stated),
            (name("a", "x", "y"), name("b", "x", "y"), Match::Other),
            (name("a", "x", ""), name("", "z", ""), Match::Possible),
        ] {
            assert_eq!(asked.means(&key), expected, "{asked:?} {key:?}");
        }
    }

    #[test]
    fn without_an_id_no_thumbprint_may_be_at_odds() {
        for (asked, key, expected) in [
            (name("", "x", ""), name("a", "x", ""), Match::Stated),
            (name("", "x", ""), name("a", "z", ""), Match::Other),
            (name("", "x", ""), name("a", "", ""), Match::Possible),
            (name("", "x", ""), name("a", "", "x"), Match::Possible),
            (name("", "x", "y"), name("", "x", ""), Match::Stated),
            (name("", "x", "y"), name("", "x", "z"), Match::Other),
            (name("", "x", "y"), name("", "z", "y"), Match::Other),
            (name("", "", ""), name("a", "x", "y"), Match::Possible),
        ] {
            assert_eq!(asked.means(&key), expected, "{asked:?} {key:?}");
        }
    }
}
