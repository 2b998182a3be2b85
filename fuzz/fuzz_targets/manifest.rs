//! The list of signed files and its signature.
//!
//! In: `L` and the bytes of a `MANIFEST`, which is signed; `S` and the bytes of a
//! `MANIFEST.minisig` beside a good list; or `E` and edits of a good pair, three bytes each.
//! Held: a list that is taken is the TOML another reader finds, complete, and reads back as
//! itself; no signature but the signer's own is taken, and none for other bytes; whatever
//! is refused is refused in one line that names the file.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use minisign::KeyPair;
use toml::{Table, Value};
use warden_policy::fuzzing::verify_manifest;
use warden_policy::{BundleError, MANIFEST, Manifest, PolicyKeys, SIGNATURE};

const LIST: &str = "format = 1\nrevision = 7\n\n[files]\n\"rbac.wasm\" = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";

/// Somebody who signs, who is trusted, and a list that is signed.
struct Signer {
    pair: KeyPair,
    keys: PolicyKeys,
    signature: String,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let pair = KeyPair::generate_unencrypted_keypair().expect("a key can be made");
    let keys = PolicyKeys::parse(&pair.pk.to_base64()).expect("it is a key");
    let signature = sign(&pair, LIST.as_bytes());
    Signer {
        pair,
        keys,
        signature,
    }
});

fuzz_target!(|data: &[u8]| {
    let signer = &*SIGNER;
    match data.split_first() {
        Some((b'L', list)) => {
            let signature = sign(&signer.pair, list);
            match verify_manifest(&signer.keys, list, signature.as_bytes()) {
                Ok(signed) => is_what_it_says(list, signed.manifest()),
                Err(refusal) => is_told(&refusal, MANIFEST),
            }
        }
        Some((b'S', signature)) => {
            // Nobody has signed here: the key is another in each process.
            match verify_manifest(&signer.keys, LIST.as_bytes(), signature) {
                Ok(_) => panic!("a signature of nobody's is taken"),
                Err(refusal) => is_told(&refusal, SIGNATURE),
            }
        }
        Some((b'E', edits)) => edited(signer, edits),
        _ => {}
    }
});

fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    let signed = minisign::sign(None, &pair.sk, bytes, None, None);
    signed.expect("a key without password signs").into_string()
}

/// Which of both, where, and what instead.
fn edited(signer: &Signer, edits: &[u8]) {
    let mut list = LIST.as_bytes().to_vec();
    let mut signature = signer.signature.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let bytes = if edit[0] & 1 == 0 {
            &mut list
        } else {
            &mut signature
        };
        let place = usize::from(edit[1]) | usize::from(edit[0] >> 1) << 8;
        if let Some(byte) = bytes.get_mut(place) {
            *byte = edit[2];
        }
    }
    match verify_manifest(&signer.keys, &list, &signature) {
        Ok(_) => {
            assert_eq!(list, LIST.as_bytes(), "a list that nobody signed is taken");
            let proof = |text: &[u8]| -> Vec<Vec<u8>> {
                let lines = text.split(|byte| *byte == b'\n').skip(1).take(3);
                lines
                    .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
                    .collect()
            };
            // All but the first line proves something. That one, and what ends a line, is anybody's.
            let (ours, theirs) = (signer.signature.as_bytes(), signature.as_slice());
            let lines = theirs.split(|byte| *byte == b'\n').count();
            assert!(
                proof(ours) == proof(theirs) || lines != ours.split(|byte| *byte == b'\n').count(),
                "a changed proof is taken"
            );
        }
        Err(refusal) => is_told(&refusal, SIGNATURE),
    }
}

fn is_told(refusal: &BundleError, file: &str) {
    assert_eq!(refusal.file, file, "{refusal}");
    let told = refusal.to_string();
    assert!(!told.chars().any(char::is_control), "{told:?}");
    assert!(told.len() < 2000, "{told:?}");
}

fn is_what_it_says(list: &[u8], manifest: &Manifest) {
    let text = std::str::from_utf8(list).expect("a list that is taken is UTF-8");
    let table: Table = toml::from_str(text).expect("a list that is taken is TOML");
    let known = ["format", "revision", "created", "files"];
    assert!(
        table.keys().all(|key| known.contains(&key.as_str())),
        "{table:?}"
    );
    assert_eq!(table["format"].as_integer(), Some(1));
    let revision = table["revision"].as_integer().expect("a number");
    assert_eq!(u64::try_from(revision).ok(), Some(manifest.revision()));
    assert!((1..=Manifest::MAX_REVISION).contains(&manifest.revision()));
    assert_eq!(table.contains_key("created"), manifest.created().is_some());
    let files = table["files"].as_table().expect("a table");
    assert_eq!(files.len(), manifest.files().len());
    for (name, digest) in manifest.files() {
        let listed = files.get(name).and_then(Value::as_str).expect("a text");
        assert_eq!(listed, digest.to_string());
    }
    let again = manifest.text().expect("it can be written");
    assert_eq!(Manifest::parse(again.as_bytes()).as_ref(), Ok(manifest));
}
