//! The part of README.md between `<!-- run -->` and `<!-- end -->`, done as written.
//!
//! In a `console` block a line that begins with `$ ` is a command, `> ` continues
//! it, and other lines are what it must print; `…` alone stands for any further
//! lines. All commands run in one shell in a fresh folder, with `REPO` and `PORT`
//! set and without the network.
//!
//! One thing is not as written: `$REPO/target/release/libwarden.so`,
//! `$REPO/target/release/warden` and `$REPO/target/policies` are replaced by the parts
//! under test (see `warden_tests::parts`), so that the tests need no release build. And
//! `warden policy build` finds compiled what was compiled for the standard policies.

use std::time::Duration;

use warden_tests::parts::{self, workspace};
use warden_tests::ports::free_port;

use crate::markdown::{between, blocks, document};
use crate::session::Session;

/// For the slowest command, which builds a policy on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

/// A command and what it must print.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    expected: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks(text, "console") {
        let mut is_first = true;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    command: command.to_owned(),
                    expected: Vec::new(),
                });
            } else {
                assert!(!is_first, "a block begins with a command: {line:?}");
                let step = steps.last_mut().expect("a command came before");
                match line
                    .strip_prefix('>')
                    .map(|l| l.strip_prefix(' ').unwrap_or(l))
                {
                    Some(more) => {
                        step.command.push('\n');
                        step.command.push_str(more);
                    }
                    None => step.expected.push(line.to_owned()),
                }
            }
            is_first = false;
        }
    }
    steps
}

/// Whether these lines are the expected ones; empty lines at the end do not count.
fn is_expected(expected: &[String], got: &[String]) -> bool {
    let end = got.iter().rposition(|line| !line.is_empty());
    let got = &got[..end.map_or(0, |at| at + 1)];
    match expected.split_last() {
        Some((last, before)) if last == "…" => got.starts_with(before),
        _ => got == expected,
    }
}

#[test]
fn the_part_by_hand_works_as_written() {
    play("README.md");
}

/// Does what a document says between its marks; the last command stops the server.
pub(crate) fn play(page: &str) {
    let text = document(page);
    let steps = steps(between(&text, "<!-- run -->", "<!-- end -->"));
    assert!(steps.len() > 10, "only {} commands found", steps.len());

    let root = workspace().display().to_string();
    let port = free_port().to_string();
    let target = parts::target_dir().display().to_string();
    let mut session = Session::start(&[
        ("REPO", &root),
        ("PORT", &port),
        ("CARGO_NET_OFFLINE", "true"),
        ("CARGO_TARGET_DIR", &target),
    ]);
    let module = parts::module().display().to_string();
    let cli = parts::cli().display().to_string();
    let policies = parts::policies().display().to_string();
    for step in steps {
        let command = step
            .command
            .replace("$REPO/target/release/libwarden.so", &module)
            .replace("$REPO/target/release/warden", &cli)
            .replace("$REPO/target/policies", &policies);
        let run = session.run(&command, LIMIT);
        if !matches!(&run, Ok(got) if is_expected(&step.expected, got)) {
            let log = std::fs::read_to_string(session.directory().join("server.log"));
            let (Ok(got) | Err(got)) = run;
            panic!(
                "{page} does not work as written\n--- command\n{}\n--- expected\n{}\n--- got\n{}\n--- server.log\n{}",
                step.command,
                step.expected.join("\n"),
                got.join("\n"),
                log.unwrap_or_default()
            );
        }
    }
    let stopped = warden_tests::patience::within(warden_tests::patience::PATIENCE, || {
        session.server().is_none().then_some(())
    });
    assert!(stopped.is_some(), "the last command stops the server");
}

#[test]
fn a_command_goes_on_behind_an_angle_and_the_rest_is_its_output() {
    let text = "```sh\nnot this\n```\n```console\n$ cat <<E\n> a\n>\n> b\n> E\na\n…\n$ true\n```\n";
    let lines = |lines: &[&str]| lines.iter().map(|&l| l.to_owned()).collect();
    assert_eq!(
        steps(text),
        [
            Step {
                command: "cat <<E\na\n\nb\nE".to_owned(),
                expected: lines(&["a", "…"]),
            },
            Step {
                command: "true".to_owned(),
                expected: lines(&[]),
            },
        ]
    );
    assert!(is_expected(&lines(&["a", "…"]), &lines(&["a", "b", ""])));
    assert!(!is_expected(&lines(&["b", "…"]), &lines(&["a", "b"])));
    assert!(is_expected(&lines(&[]), &lines(&["", ""])));
    assert!(!is_expected(&lines(&["a"]), &lines(&[])));
}

#[test]
fn a_session_keeps_its_variables_and_tells_a_command_that_hangs() {
    let mut session = Session::start(&[("WORD", "hello")]);
    let limit = Duration::from_secs(20);
    assert_eq!(
        session.run("X=$WORD; f() { echo \"$X\"; }", limit),
        Ok(vec![String::new()])
    );
    assert_eq!(
        session.run("f; cat <<E >&2\n$PWD\nE", limit).unwrap()[..2],
        [
            "hello".to_owned(),
            session
                .directory()
                .canonicalize()
                .unwrap()
                .display()
                .to_string()
        ]
    );
    assert!(
        session
            .run("sleep 1000", Duration::from_millis(200))
            .is_err()
    );
}
