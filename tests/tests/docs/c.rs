//! docs/policies/c.md: it names every function of the SDK for C, and no other, and its
//! example is a policy.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use warden_tests::parts::{self, workspace};

use crate::markdown::{blocks, document};

const PAGE: &str = "docs/policies/c.md";

/// The names with this beginning that are called or declared in a text.
fn functions(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("warden_")
        .filter(|(at, _)| !text[..*at].ends_with(word))
        .map(|(at, _)| text[at..].split(|c| !word(c)).next().unwrap_or_default())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_function_of_the_header_is_named_and_the_other_way_round() {
    let header = fs::read_to_string(workspace().join("sdk/c/include/warden.h")).unwrap();
    // Declarations begin a line; comments and types do not look like them.
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| {
            ["bool ", "void ", "warden_string "]
                .iter()
                .any(|t| line.starts_with(t))
        })
        .filter_map(|line| {
            let name = line.split_once('(')?.0.rsplit([' ', '*']).next()?;
            Some(name.to_owned())
        })
        .collect();
    assert!(declared.len() > 40, "{declared:?}");
    let text = document(PAGE);
    let quoted: String = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .map(|word| format!("{word} "))
        .collect();
    assert_eq!(functions(&quoted), declared);
}

#[test]
fn the_example_is_a_policy() {
    let place = tempfile::tempdir().unwrap();
    let example = &blocks(&document(PAGE), "c")[0];
    let warden = |arguments: &[&str], place: &std::path::Path| {
        let output = Command::new(parts::cli())
            .args(arguments)
            .current_dir(place)
            .output()
            .expect("the command line runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    warden(
        &["policy", "new", "offices", "--language", "c"],
        place.path(),
    );
    let project = place.path().join("offices");
    fs::write(project.join("src/policy.c"), example).unwrap();
    fs::remove_file(project.join("policies/offices.txt")).unwrap();
    fs::write(
        project.join("policies/offices.tests.toml"),
        "[[tests]]\nname = 'rome'\nprincipal = 'corp/ann'\nclaims = { office = 'rome' }\n\
         can = ['+get +set ~rome:menu']\ncannot = ['+get ~paris:menu', '+del ~rome:menu']\n",
    )
    .unwrap();
    warden(&["policy", "build"], &project);
    warden(&["policy", "test"], &project);
}

#[test]
fn a_build_of_ones_own_makes_a_policy_that_passes_its_tests() {
    let place = tempfile::tempdir().unwrap();
    let run = |command: &mut Command| {
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{command:?}: {output:?}");
    };
    let new = ["policy", "new", "hello", "--language", "c"];
    run(Command::new(parts::cli())
        .args(new)
        .current_dir(place.path()));
    let project = place.path().join("hello");
    let steps = &blocks(&document(PAGE), "sh")[1];
    assert!(steps.contains("wasm-ld @sdk/c/link.flags"), "{steps}");
    // The linker may be the one that comes with Rust, as for `warden policy build`.
    let linker = "command -v wasm-ld >/dev/null || \
                  wasm-ld() { \"$(rustc --print target-libdir)/../bin/rust-lld\" -flavor wasm \"$@\"; }";
    let script = format!("{linker}\n{steps}");
    run(Command::new("bash")
        .args(["-euc", &script])
        .current_dir(&project));
    let tested = ["policy", "test"];
    run(Command::new(parts::cli())
        .args(tested)
        .current_dir(&project));
}
