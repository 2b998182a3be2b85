//! The compact form of a signed token: three base64url parts and two dots.
//!
//! In come the bytes a client sent; out go the decoded parts. It knows nothing of
//! their meaning and verifies nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use warden_core::Reason;

use super::{json, not_a_token};

/// Longest token: the server's own limit on a bulk before authentication.
pub(crate) const MAX_TOKEN_BYTES: usize = 16_384;

/// A token taken apart.
pub(crate) struct Compact<'a> {
    /// The first two parts with their dot: what was signed.
    pub(crate) signed: &'a [u8],
    /// The header's bytes, decoded.
    pub(crate) header: Vec<u8>,
    /// The payload's bytes, decoded.
    pub(crate) payload: Vec<u8>,
    /// The signature, decoded.
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart: exactly three parts of strict base64url without padding.
    ///
    /// # Errors
    /// `ReasonKind::Credential` for anything else, and above 16,384 bytes.
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Reason> {
        let (header, payload, signature) =
            parts(token).ok_or_else(|| not_a_token("it is not a compact JWS"))?;
        let decode = |name: &str, part: &[u8]| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| not_a_token(&format!("its {name} is not base64url")))
        };
        Ok(Self {
            signed: token
                .get(..header.len() + 1 + payload.len())
                .unwrap_or_default(),
            header: decode("header", header)?,
            payload: decode("payload", payload)?,
            signature: decode("signature", signature)?,
        })
    }
}

/// Whether bytes look like a signed token at all: three parts of base64url, the
/// first an object with the member `alg`. Says nothing about its being good; a
/// twice-given member, what no parser takes as a value, or an empty signature is still a token, to be refused.
pub fn is_jws_shaped(token: &[u8]) -> bool {
    let Some((header, payload, signature)) = parts(token) else {
        return false;
    };
    // Every byte is looked at, without a branch: that is the fast way for a token.
    let alphabet = |part: &[u8]| {
        part.iter().fold(true, |all, b| {
            all & (b.is_ascii_alphanumeric() | (*b == b'-') | (*b == b'_'))
        })
    };
    if !alphabet(payload) || !alphabet(signature) {
        return false;
    }
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else {
        return false;
    };
    json::has_member(&header, "alg")
}

fn parts(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut dots = memchr::memchr_iter(b'.', token);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return None;
    };
    let (header, rest) = token.split_at_checked(first)?;
    let (payload, signature) = rest.get(1..)?.split_at_checked(second - first - 1)?;
    Some((header, payload, signature.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_three_parts_of_strict_base64url_are_a_token() {
        assert!(Compact::parse(b"e30.e30.AA").is_ok());
        for bad in [
            "",
            ".",
            "..x!",
            "e30",
            "e30.e30",
            "e30.e30.AA.AA",
            "e30=.e30.AA",
            "e30.e30.AA==",
            "e30.e30.AB",
            "e31.e30.AA",
            "e30.e31.AA",
            "e30.e30.A",
            "e30 .e30.AA",
            "\te30.e30.AA",
            "e3\n0.e30.AA",
            "e30.e30.A A",
            r#"{"payload":"e30","protected":"e30","signature":"AA"}"#,
            "e30.e30.AA\n",
            "e3+.e30.AA",
            "e3/.e30.AA",
            "e30.\0.AA",
        ] {
            assert!(Compact::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_one_byte_over_16384_is_refused() {
        let token =
            |bytes: usize| format!("e30.{}.{}", "A".repeat(16_376), "A".repeat(bytes - 16_381));
        assert_eq!(token(16_384).len(), 16_384);
        assert!(Compact::parse(token(16_384).as_bytes()).is_ok());
        assert!(Compact::parse(token(16_385).as_bytes()).is_err());
    }

    #[test]
    fn passwords_with_dots_are_not_tokens() {
        for password in [
            "a.b.c",
            "correct.horse.battery",
            "e30.e30.e30",
            "1.2.3",
            "..",
        ] {
            assert!(!is_jws_shaped(password.as_bytes()), "{password}");
        }
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"x","alg":"y"}"#,
            r#"{"alg":1}"#,
        ] {
            let token = format!("{}.e30.", URL_SAFE_NO_PAD.encode(header));
            assert!(is_jws_shaped(token.as_bytes()), "{header}");
        }
        // Nor are those that no parser would take: nobody's password is made like that.
        let deep = format!(r#"{{"alg":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for header in [
            deep.as_bytes(),
            br#"{"alg":1e999}"#,
            br#"{"a":"\ud800","alg":1}"#,
            b"{\"a\":\"\xff\",\"alg\":1}",
        ] {
            let token = format!("{}.e30.", URL_SAFE_NO_PAD.encode(header));
            assert!(is_jws_shaped(token.as_bytes()), "{token}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = is_jws_shaped(&bytes);
            if let Ok(compact) = Compact::parse(&bytes) {
                prop_assert!(bytes.starts_with(compact.signed));
            }
        }

        #[test]
        fn text_of_the_alphabet_never_panics(text in "[A-Za-z0-9_.-]{0,200}") {
            let _ = is_jws_shaped(text.as_bytes());
            let _ = Compact::parse(text.as_bytes());
        }
    }
}
