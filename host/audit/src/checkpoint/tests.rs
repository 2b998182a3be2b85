//! Signatures as openssl makes them, and keys that are refused.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Made for these tests by `openssl genpkey -algorithm ed25519`.
pub(crate) const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFvG58dpD7AFAAPNm3PDyQTcyiUpUV9oIJ6sSWyqIRN8
-----END PRIVATE KEY-----
";

const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAYyNmp+atOmpk65Ys8Xftrdl8gZ9t8EbAUGwfKMnsQw0=
-----END PUBLIC KEY-----
";

/// What `openssl pkeyutl -sign -rawin` makes of the message of [`PLACE`].
const SIGNATURE: &str = "2d4f7f382591f0fe388a778b42cc946640fc93aef08916b26cc7615c74290ed3\
                         c664249f191fca2424fb75bbe1d6b7b1a6a26a1604f5a2213a2c74b0fd885507";

const PLACE: Place<'static> = Place {
    node: "0000000000000000000000000000000000000007",
    sequence: 5,
    chain: [9; 32],
};

#[test]
fn a_checkpoint_is_signed_as_openssl_signs_it() {
    let key = SigningKey::from_pem(PRIVATE.as_bytes()).unwrap();
    assert_eq!(key.sign(&PLACE), SIGNATURE);
    let public = PublicKey::from_pem(PUBLIC.as_bytes()).unwrap();
    assert_eq!(public, key.public());
    assert!(public.verifies(&PLACE, SIGNATURE));
    assert_eq!(PublicKey::from_hex(&public.hex()), Some(public));
}

#[test]
fn a_signature_is_good_for_one_place_and_by_one_key() {
    let public = PublicKey::from_pem(PUBLIC.as_bytes()).unwrap();
    let others = [
        Place {
            node: "0000000000000000000000000000000000000008",
            ..PLACE
        },
        Place {
            sequence: 6,
            ..PLACE
        },
        Place {
            chain: [8; 32],
            ..PLACE
        },
    ];
    for other in others {
        assert!(!public.verifies(&other, SIGNATURE));
    }
    let changed = SIGNATURE.replacen('2', "3", 1);
    for signature in ["", "2d4f", "zz", &SIGNATURE.to_uppercase(), &changed] {
        assert!(!public.verifies(&PLACE, signature), "{signature}");
    }
    let stranger = PublicKey::from_hex(&"11".repeat(32)).unwrap();
    assert!(!stranger.verifies(&PLACE, SIGNATURE));
}

#[test]
fn what_is_no_key_of_that_kind_is_refused_and_says_how_one_is_made() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("key.pem");
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // An X25519 key: the last byte of the algorithm differs.
    let other = PRIVATE.replace("K2VwBC", "K2VuBC");
    for text in ["", "none", PUBLIC, &PRIVATE[..100], &other] {
        write(text, 0o600);
        let error = SigningKey::read(&path).unwrap_err().to_string();
        assert!(error.contains("openssl genpkey"), "{error}");
        assert!(error.contains("key.pem"), "{error}");
    }
    for text in ["", PRIVATE, &PUBLIC.replace("K2VwAy", "K2VuAy")] {
        write(text, 0o600);
        let error = PublicKey::read(&path).unwrap_err().to_string();
        assert!(error.contains("-pubout"), "{error}");
    }
    assert_eq!(PublicKey::from_hex("63"), None);
    write(PRIVATE, 0o644);
    let error = SigningKey::read(&path).unwrap_err().to_string();
    assert!(error.contains("by every user"), "{error}");
    write(PRIVATE, 0o640);
    let key = SigningKey::read(&path).unwrap();
    let shown = format!("{key:?}");
    assert_eq!(shown, format!("SigningKey({})", key.public().hex()));
    write(PUBLIC, 0o644);
    assert_eq!(PublicKey::read(&path), Ok(key.public()));
}
