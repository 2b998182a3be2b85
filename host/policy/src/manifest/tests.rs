//! Whose signature is good, and what a directory must be like to be as it was signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::testing::{Signer, keys, legacy};
use super::*;

const LIST: &str = "format = 1\nrevision = 7\n[files]\n";

fn distrust(error: BundleError) -> (String, Distrust) {
    match error.fault {
        Fault::Untrusted(distrust) => (error.file, distrust),
        other => panic!("{other}"),
    }
}

#[track_caller]
fn refused(keys: &PolicyKeys, manifest: &str, signature: &str) -> Distrust {
    let verified = SignedManifest::verify(keys, manifest.as_bytes(), signature.as_bytes());
    let (file, distrust) = distrust(verified.expect_err("is taken"));
    assert_eq!(file, SIGNATURE, "{distrust}");
    distrust
}

#[test]
fn any_of_several_keys_may_have_signed_and_no_other() {
    let (old, new, other) = (Signer::new(), Signer::new(), Signer::new());
    let both = keys(&[&old, &new]);
    for signer in [&old, &new] {
        let signature = signer.sign(LIST.as_bytes());
        let signed = SignedManifest::verify(&both, LIST.as_bytes(), signature.as_bytes());
        let signed = signed.unwrap();
        assert_eq!(*signed.key(), signer.key());
        assert_eq!(signed.digest(), Digest::of(LIST.as_bytes()));
        assert_eq!(signed.manifest().revision(), 7);
    }
    let signature = other.sign(LIST.as_bytes());
    let why = refused(&both, LIST, &signature);
    assert!(
        matches!(why, Distrust::UnknownKey(id) if id == other.key().id()),
        "{why}"
    );
    // Its comment names it as minisign does, so that an operator finds it.
    let shown = minisign::PublicKey::from_base64(&other.letters()).unwrap();
    let shown = shown.to_box().unwrap().to_string();
    assert!(shown.contains(&other.key().id().to_string()), "{shown}");
    assert!(why.to_string().contains(&other.key().id().to_string()));
}

#[test]
fn a_signature_is_of_these_bytes_with_this_comment_alone() {
    let signer = Signer::new();
    let trusted = keys(&[&signer]);
    let signature = signer.sign(LIST.as_bytes());
    let newer = LIST.replace('7', "8");
    assert!(matches!(
        refused(&trusted, &newer, &signature),
        Distrust::Wrong(_)
    ));
    assert!(matches!(
        refused(&trusted, &LIST[1..], &signature),
        Distrust::Wrong(_)
    ));
    let comment = signature.replace("timestamp:", "timestamp:1");
    assert!(matches!(
        refused(&trusted, LIST, &comment),
        Distrust::Wrong(_)
    ));
    let of_newer = signer.sign(newer.as_bytes());
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (signature.lines().collect(), of_newer.lines().collect());
    let mixed = [ours[0], ours[1], theirs[2], theirs[3]].join("\n");
    assert!(matches!(
        refused(&trusted, LIST, &mixed),
        Distrust::Wrong(_)
    ));
}

/// Ids are chosen by whoever makes a key.
#[test]
fn a_key_that_has_taken_the_id_of_another_is_not_that_one() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let id = STANDARD.decode(ours.letters()).unwrap()[2..10].to_vec();
    let signature = theirs.sign(LIST.as_bytes());
    let mut lines: Vec<String> = signature.lines().map(str::to_owned).collect();
    let mut bytes = STANDARD.decode(&lines[1]).unwrap();
    bytes[2..10].copy_from_slice(&id);
    lines[1] = STANDARD.encode(&bytes);
    let why = refused(&keys(&[&ours]), LIST, &lines.join("\n"));
    assert!(
        matches!(why, Distrust::Wrong(id) if id == ours.key().id()),
        "{why}"
    );
}

#[test]
fn what_is_no_whole_signature_is_refused() {
    let signer = Signer::new();
    let trusted = keys(&[&signer]);
    let signature = signer.sign(LIST.as_bytes());
    let lines: Vec<&str> = signature.lines().collect();
    for cut in [
        "",
        "untrusted comment: x",
        &lines[..2].join("\n"),
        &lines[..3].join("\n"),
        &lines[1..].join("\n"),
    ] {
        assert!(
            matches!(refused(&trusted, LIST, cut), Distrust::Malformed),
            "{cut:?}"
        );
    }
    for at in 0..signature.len() {
        let taken = SignedManifest::verify(&trusted, LIST.as_bytes(), &signature.as_bytes()[..at]);
        // Without its last line end, or one letter that only pads, it is whole.
        assert!(taken.is_err() || at + 2 >= signature.len(), "cut at {at}");
    }
    let taken = SignedManifest::verify(&trusted, LIST.as_bytes(), b"\xff");
    assert!(matches!(
        distrust(taken.unwrap_err()).1,
        Distrust::Malformed
    ));
}

#[test]
fn a_signature_in_the_legacy_format_is_refused_by_that_name() {
    let (trusted, signature) = legacy(LIST.as_bytes());
    assert!(matches!(
        refused(&trusted, LIST, &signature),
        Distrust::Legacy
    ));
}

#[test]
fn keys_are_words_that_minisign_wrote() {
    let (a, b) = (Signer::new(), Signer::new());
    let two = PolicyKeys::parse(&format!(" {}  {} ", a.letters(), b.letters())).unwrap();
    assert!(two.contains(&a.key()) && two.contains(&b.key()));
    assert!(!two.contains(&Signer::new().key()));
    assert!(PolicyKeys::parse("").unwrap().is_empty());
    let (good, more) = (a.letters(), vec![a.letters(); 17].join(" "));
    for (text, words) in [
        (" ", "give public keys"),
        ("key", "word 1 is no public key"),
        (&format!("{good},{good}"), "word 1"),
        (&format!("{good} {}", &good[1..]), "word 2"),
        (&format!("{good}\t{good}"), "word 1"),
        (&format!("{good} /etc/key.pub"), "word 2"),
        (&good.replacen("RW", "XX", 1), "word 1"),
        (&more, "at most 16"),
    ] {
        let mistake = PolicyKeys::parse(text).unwrap_err();
        assert!(mistake.contains(words), "{text:?}: {mistake}");
    }
    let file = format!("untrusted comment: minisign public key X\n{good}\n");
    assert_eq!(PolicyKey::parse_file(&file), Some(a.key()));
    for other in [
        good.as_str(),
        "",
        "untrusted comment: x",
        &format!("{file}{good}"),
    ] {
        assert_eq!(PolicyKey::parse_file(other), None, "{other:?}");
    }
}

/// Files of one policy, signed.
fn signed_directory() -> (tempfile::TempDir, Signer) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a.d")).unwrap();
    for name in ["a.wasm", "a.toml", "a.tests.toml", "a.d/b.json"] {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let signer = Signer::new();
    signer.sign_directory(dir.path(), 7);
    (dir, signer)
}

#[test]
fn a_list_covers_every_file_that_a_loader_reads() {
    let (dir, signer) = signed_directory();
    let signed = verify_directory(dir.path(), &keys(&[&signer])).unwrap();
    let names: Vec<&str> = signed.manifest().files().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.d/b.json", "a.tests.toml", "a.toml", "a.wasm"]);
    // What no loader reads may be there.
    for name in [".git", "a.toml~", "README", "other.toml"] {
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    verify_directory(dir.path(), &keys(&[&signer])).unwrap();
}

#[test]
fn a_file_that_is_not_as_it_was_signed_is_named() {
    let refusals = |change: &dyn Fn(&Path)| {
        let (dir, signer) = signed_directory();
        change(dir.path());
        let errors = verify_directory(dir.path(), &keys(&[&signer])).unwrap_err();
        errors.into_iter().map(distrust).collect::<Vec<_>>()
    };
    for name in ["a.wasm", "a.toml", "a.tests.toml", "a.d/b.json"] {
        let altered = refusals(&|dir| std::fs::write(dir.join(name), "other").unwrap());
        assert!(
            matches!(&altered[..], [(file, Distrust::Altered { found, .. })] if file == name && *found == Digest::of(b"other")),
            "{altered:?}"
        );
    }
    for name in ["a.toml", "a.tests.toml", "a.d/b.json"] {
        let missing = refusals(&|dir| std::fs::remove_file(dir.join(name)).unwrap());
        assert!(matches!(&missing[..], [(file, Distrust::Missing)] if file == name));
    }
    for name in ["a.csv", "a.d/c", "b.wasm"] {
        let unlisted = refusals(&|dir| std::fs::write(dir.join(name), "").unwrap());
        assert!(matches!(&unlisted[..], [(file, Distrust::Unlisted)] if file == name));
    }
    let all = refusals(&|dir| std::fs::remove_file(dir.join("a.wasm")).unwrap());
    assert_eq!(all.len(), 4, "{all:?}");
    for name in [MANIFEST, SIGNATURE] {
        let unsigned = refusals(&|dir| std::fs::remove_file(dir.join(name)).unwrap());
        assert!(matches!(&unsigned[..], [(file, Distrust::Unsigned)] if file == name));
    }
}

#[test]
fn a_list_that_is_replaced_while_files_are_read_is_noticed() {
    for name in [MANIFEST, SIGNATURE] {
        let (dir, signer) = signed_directory();
        let listing = directory::list(dir.path()).unwrap();
        let trusted = Trusted::read(dir.path(), &keys(&[&signer])).unwrap();
        let reading = || Reading::of(dir.path(), &listing.bundles, Some(&trusted));
        assert!(reading().is_ok_and(|reading| reading.errors.is_empty()));
        let (path, kept) = (dir.path().join(name), dir.path().join(format!("{name}~")));
        std::fs::rename(&path, &kept).unwrap();
        // The same words in another file: what is signed now is another list.
        std::fs::copy(&kept, &path).unwrap();
        let faults = reading().err().unwrap();
        assert!(
            matches!(
                &faults[..],
                [BundleError {
                    fault: Fault::Changing,
                    ..
                }]
            ),
            "{name}: {faults:?}"
        );
    }
}

#[test]
fn very_many_files_that_differ_are_counted_rather_than_named() {
    let (dir, signer) = signed_directory();
    for n in 0..100 {
        std::fs::write(dir.path().join(format!("a.{n}")), "").unwrap();
    }
    let errors = verify_directory(dir.path(), &keys(&[&signer])).unwrap_err();
    assert_eq!(errors.len(), MAX_NAMED + 1);
    let last = errors.last().unwrap().to_string();
    assert!(last.contains("in 80 more files"), "{last}");
}

#[test]
fn a_list_or_signature_outside_the_directory_is_refused() {
    for name in [MANIFEST, SIGNATURE] {
        let (dir, signer) = signed_directory();
        let elsewhere = tempfile::tempdir().unwrap();
        let real = elsewhere.path().join(name);
        std::fs::rename(dir.path().join(name), &real).unwrap();
        std::os::unix::fs::symlink(&real, dir.path().join(name)).unwrap();
        let errors = verify_directory(dir.path(), &keys(&[&signer])).unwrap_err();
        assert!(
            matches!(&errors[..], [BundleError { file, fault: Fault::Escapes }] if file == name)
        );
    }
}

#[test]
fn a_signed_text_that_is_no_list_is_refused_as_such() {
    let (dir, signer) = signed_directory();
    signer.sign_text(dir.path(), "revision = 7");
    let errors = verify_directory(dir.path(), &keys(&[&signer])).unwrap_err();
    let [error] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert_eq!(
        error.what(),
        "\"MANIFEST\": is no manifest: line 1: missing field `format`"
    );
    let too_much = format!("#{}", "x".repeat(2 << 20));
    signer.sign_text(dir.path(), &too_much);
    let errors = verify_directory(dir.path(), &keys(&[&signer])).unwrap_err();
    assert!(
        matches!(errors[0].fault, Fault::TooLarge { .. }),
        "{errors:?}"
    );
}

#[test]
fn the_list_that_is_there_is_told_only_when_its_signature_is_good() {
    let (dir, signer) = signed_directory();
    let trusted = keys(&[&signer]);
    assert_eq!(
        read_manifest(dir.path(), &trusted)
            .unwrap()
            .unwrap()
            .manifest()
            .revision(),
        7
    );
    assert!(read_manifest(dir.path(), &keys(&[&Signer::new()])).is_err());
    std::fs::remove_file(dir.path().join(SIGNATURE)).unwrap();
    assert!(read_manifest(dir.path(), &trusted).is_err());
    std::fs::remove_file(dir.path().join(MANIFEST)).unwrap();
    assert!(read_manifest(dir.path(), &trusted).unwrap().is_none());
}
