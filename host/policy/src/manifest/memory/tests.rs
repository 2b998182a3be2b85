//! What is refused because of what was run before, and what happens when that is not known.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::error::Fault;
use crate::manifest::testing::{Signer, keys};

/// A signed list of this revision. `salt` makes another one of it.
fn list(revision: u64, salt: &str) -> SignedManifest {
    let signer = Signer::new();
    let text = format!("# {salt}\nformat = 1\nrevision = {revision}\n[files]\n");
    let signature = signer.sign(text.as_bytes());
    SignedManifest::verify(&keys(&[&signer]), text.as_bytes(), signature.as_bytes()).unwrap()
}

struct Node {
    root: tempfile::TempDir,
    memory: Memory,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            memory: Memory::new(Some(root.path().join("state"))),
            root,
        }
    }

    fn restart(self) -> Self {
        Self {
            memory: Memory::new(Some(self.root.path().join("state"))),
            ..self
        }
    }

    fn newest(&self) -> Result<Option<u64>, BundleError> {
        Ok(self.memory.mark()?.map(|mark| mark.revision))
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("state").join(FILE)
    }
}

#[track_caller]
fn refusal(memory: &Memory, signed: &SignedManifest) -> Distrust {
    match memory.may_run(signed, None).unwrap_err().fault {
        Fault::Untrusted(distrust) => distrust,
        other => panic!("{other}"),
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_older_than_what_was_run_is_refused_after_a_restart_too() {
    let mut node = Node::new();
    assert_eq!(node.newest().unwrap(), None);
    for allowed in [None, Some(7)] {
        let stands = node.memory.may_run(&list(7, ""), allowed).unwrap();
        assert_eq!(stands, Standing::First);
    }
    assert_eq!(node.newest().unwrap(), None, "asking is no running");
    node.memory.remember(&list(7, "")).unwrap();
    for _ in 0..2 {
        assert_eq!(node.newest().unwrap(), Some(7));
        let why = refusal(&node.memory, &list(6, ""));
        assert!(
            matches!(why, Distrust::Older { offered: 6, run: 7 }),
            "{why}"
        );
        let why = refusal(&node.memory, &list(7, "other"));
        assert!(matches!(why, Distrust::Another(7)), "{why}");
        // The same again, by whichever key, and what is newer.
        let stands = |list, allowed| node.memory.may_run(&list, allowed).unwrap();
        assert_eq!(stands(list(7, ""), None), Standing::InOrder);
        assert_eq!(stands(list(8, ""), None), Standing::InOrder);
        // Allowed without need.
        assert_eq!(stands(list(8, ""), Some(8)), Standing::InOrder);
        assert_eq!(stands(list(6, ""), Some(6)), Standing::Overridden);
        node = node.restart();
    }
}

#[test]
fn an_operator_allows_one_older_revision_and_what_is_newer_than_that() {
    let node = Node::new();
    node.memory.remember(&list(7, "")).unwrap();
    assert!(node.memory.may_run(&list(5, ""), Some(6)).is_err());
    node.memory.may_run(&list(5, ""), Some(5)).unwrap();
    // Allowed is not run: nothing has changed until it is.
    assert_eq!(node.newest().unwrap(), Some(7));
    node.memory.remember(&list(5, "")).unwrap();
    let node = node.restart();
    assert_eq!(node.newest().unwrap(), Some(5));
    node.memory.may_run(&list(6, ""), None).unwrap();
    assert!(node.memory.may_run(&list(4, ""), None).is_err());
    // The same revision with other contents can be allowed as well.
    let other = node.memory.may_run(&list(5, "other"), Some(5)).unwrap();
    assert_eq!(other, Standing::Overridden);
}

#[test]
fn a_mark_that_disappears_is_not_forgotten_by_a_server_that_runs() {
    let node = Node::new();
    node.memory.remember(&list(7, "")).unwrap();
    std::fs::remove_file(node.file()).unwrap();
    assert!(node.memory.may_run(&list(6, ""), None).is_err());
    // And it is there again after the next load.
    node.memory.remember(&list(7, "")).unwrap();
    assert_eq!(node.restart().newest().unwrap(), Some(7));
}

#[test]
fn a_mark_in_doubt_refuses_everything_but_what_an_operator_allows() {
    type Doubt = (&'static str, &'static dyn Fn(&Path));
    let doubts: [Doubt; 6] = [
        ("not what warden wrote", &|file| {
            std::fs::write(file, "{}").unwrap()
        }),
        ("not what warden wrote", &|file| {
            std::fs::write(file, "").unwrap()
        }),
        ("no list has such a revision", &|file| {
            std::fs::write(file, "{\"revision\":9007199254740993,\"manifest\":\"\"}").unwrap()
        }),
        ("open to others", &|file| chmod(file, 0o644)),
        ("larger than 1024 bytes", &|file| {
            std::fs::write(file, [b' '; 2000]).unwrap()
        }),
        ("open to others", &|file| {
            chmod(file.parent().unwrap(), 0o755)
        }),
    ];
    for (words, doubt) in doubts {
        let node = Node::new();
        node.memory.remember(&list(7, "")).unwrap();
        doubt(&node.file());
        let node = node.restart();
        let error = node
            .memory
            .may_run(&list(9, ""), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
        assert!(
            error.contains("policy-revision.json") && error.contains("ALLOW-OLDER"),
            "{error}"
        );
        assert!(node.newest().is_err());
        let stands = node.memory.may_run(&list(9, ""), Some(9)).unwrap();
        assert_eq!(stands, Standing::Overridden);
        if node.memory.remember(&list(9, "")).is_ok() {
            assert_eq!(node.restart().newest().unwrap(), Some(9));
        } else {
            assert!(
                words == "open to others",
                "only the directory itself is not mended"
            );
        }
    }
}

#[test]
fn what_cannot_be_remembered_is_an_error() {
    let node = Node::new();
    node.memory.remember(&list(7, "")).unwrap();
    let state = node.root.path().join("state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    let error = node.memory.remember(&list(8, "")).unwrap_err().to_string();
    assert!(error.contains("is not a directory"), "{error}");
}
