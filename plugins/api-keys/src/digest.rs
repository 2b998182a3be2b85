//! The SHA-256 of a key.

use sha2::{Digest as _, Sha256};

use crate::error::Fault;

/// What stands for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of a key as it was presented.
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads 64 hexadecimal digits, of either case. The digest of nothing is refused:
    /// it is what a mistaken command makes.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut bytes = [0; 32];
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 64);
        let digits = digits.ok_or(Fault::Digest)?;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        let digest = Self(bytes);
        if digest == Self::of(b"") {
            return Err(Fault::DigestOfNothing);
        }
        Ok(digest)
    }
}

fn digit(c: char) -> Option<u8> {
    c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_the_one_of_its_key() {
        let abc = Digest::of(b"abc");
        assert_eq!(Digest::parse(ABC).unwrap(), abc);
        assert_eq!(Digest::parse(&ABC.to_uppercase()).unwrap(), abc);
        assert_ne!(Digest::of(b"abc\n"), abc);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let long = format!("{ABC}0");
        let prefixed = format!("0x{}", &ABC[2..]);
        let wide = "\u{ff11}".repeat(64);
        let cut = &ABC[..63];
        for text in ["", cut, &long, &prefixed, &wide, &ABC.replace('b', "g")] {
            assert_eq!(Digest::parse(text), Err(Fault::Digest), "{text}");
        }
    }

    #[test]
    fn the_digest_of_nothing_is_no_key() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::parse(nothing), Err(Fault::DigestOfNothing));
    }
}
