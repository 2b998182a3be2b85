//! `WARDEN.POLICIES PREVIEW`: what a candidate would mean for who is connected, told
//! before anything of it is in force.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use warden_hostile::Guest;
use warden_tests::scene::{ROLES, SceneBuilder};
use warden_tests::{
    Claims, Connection, Directory, Line, Reply, Scene, Signer, eventually, on_both_lines, parts,
};

use crate::info;

on_both_lines!(
    a_preview_tells_who_would_be_refused_lose_and_gain,
    a_preview_changes_nothing,
    a_candidate_is_not_heard,
    one_class_is_told_apart_where_the_candidate_does,
    of_many_changes_the_gravest_are_told,
    a_candidate_in_error_is_told_and_changes_nothing,
    a_candidate_whose_tests_fail_is_weighed_nevertheless,
    a_candidate_is_verified_as_policy_dir_is_and_its_revision_is_not_remembered,
    a_name_leads_nowhere_but_into_preview_dir,
    previews_are_off_without_a_directory_and_the_setting_is_protected,
    a_preview_cannot_wait_inside_multi_and_is_for_administrators,
    one_preview_is_made_at_a_time,
    a_preview_ends_when_whoever_asked_leaves,
    policies_change_while_previews_are_made,
    a_preview_of_many_sessions_holds_nobody_up,
);

/// A scene with a directory of candidates.
struct Stage {
    scene: Scene,
    candidates: TempDir,
}

impl Stage {
    #[track_caller]
    fn start(line: Line) -> Self {
        Self::with(line, |builder| builder)
    }

    #[track_caller]
    fn with(line: Line, change: impl FnOnce(SceneBuilder) -> SceneBuilder) -> Self {
        let candidates = tempfile::tempdir().expect("a temporary directory");
        let path = candidates.path().display().to_string();
        let builder = Scene::builder(line).module_args(["preview_dir", &path]);
        Self {
            scene: change(builder).start(),
            candidates,
        }
    }

    /// A candidate with these roles.
    fn put(&self, name: &str, roles: &str) -> Directory {
        let directory = Directory::create(self.candidates.path().join(name));
        directory.replace("rbac.wasm", parts::policy("rbac"));
        directory.replace("rbac.toml", roles);
        directory
    }

    fn preview(&self, words: &str) -> Reply {
        let mut admin = self.scene.server.admin();
        admin.run(&format!("WARDEN.POLICIES PREVIEW {words}"))
    }

    /// A session of somebody in these groups.
    #[track_caller]
    fn enter(&self, name: &str, groups: &[&str]) -> Connection {
        self.scene.log_in_with(&Claims::of(name).groups(groups))
    }
}

/// [`ROLES`] without Alice, with more for readers and less for writers.
fn other_roles() -> String {
    let roles = ROLES
        .replace(", \"user:corp/alice\"", "")
        .replacen(
            "\"+@read\", \"~reports",
            "\"+@read\", \"+set\", \"~reports",
            1,
        )
        .replace("\"+del\", ", "");
    assert_ne!(roles, ROLES);
    roles
}

#[track_caller]
fn expect_numbers(reply: &Reply, expected: &[(&str, i64)]) {
    for (field, number) in expected {
        assert_eq!(reply.field(field).number(), *number, "{field}: {reply}");
    }
}

/// The changes, each as `user outcome sessions`.
fn changes(reply: &Reply) -> Vec<String> {
    let changes = reply.field("changes").items();
    let word = |change: &Reply, field: &str| change.field(field).text();
    changes
        .iter()
        .map(|change| {
            let words = ["user", "outcome", "sessions"].map(|field| word(change, field));
            words.join(" ")
        })
        .collect()
}

fn a_preview_tells_who_would_be_refused_lose_and_gain(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", &other_roles());
    let _alice = stage.enter("alice", &[]);
    let _bob = (
        stage.enter("bob", &["analysts"]),
        stage.enter("bob", &["analysts"]),
    );
    let _ed = stage.enter("ed", &["editors"]);
    let _lee = stage.enter("lee", &["listeners"]);

    let reply = stage.preview("next");
    reply.field("name").expect_text("next");
    expect_numbers(
        &reply,
        &[
            ("loads", 1),
            ("generation", 1),
            ("classes", 4),
            ("unchanged", 1),
            ("sessions", 5),
            ("refused", 1),
            ("losing", 1),
            ("gaining", 2),
            ("left_out", 0),
            ("complete", 1),
        ],
    );
    for empty in ["errors", "warnings", "removed"] {
        assert!(reply.field(empty).items().is_empty(), "{empty}: {reply}");
    }
    let policy = &reply.field("policies").items()[0];
    policy.field("name").expect_text("rbac");
    policy.field("change").expect_text("changed");
    let of_name = |name: &str| {
        let changes = reply.field("changes").items();
        let found = changes.into_iter().find(|c| c.field("user").text() == name);
        found.unwrap_or_else(|| panic!("nothing of {name} in {reply}"))
    };
    assert_eq!(
        changes(&reply),
        [
            "corp/alice refused 1",
            "corp/ed loses 1",
            "corp/bob gains 2"
        ],
        "the gravest first"
    );
    let alice = of_name("corp/alice");
    let reason = alice.field("reason").text();
    assert!(reason.contains("no policy grants anything"), "{reason}");
    let loses = alice.field("loses").texts();
    assert!(
        loses
            .iter()
            .any(|rules| rules.contains("+@read") && rules.contains(" ~reports:*")),
        "{loses:?}"
    );
    assert!(alice.field("after").is_nil() && alice.field("gains").items().is_empty());
    let ed = of_name("corp/ed");
    assert_eq!(ed.field("loses").texts(), ["+del ~reports:*"]);
    assert!(ed.field("gains").items().is_empty() && ed.field("reason").is_nil());
    let bob = of_name("corp/bob");
    assert_eq!(bob.field("gains").texts(), ["+set ~reports:*"]);
    assert!(bob.field("loses").items().is_empty());
    bob.field("authenticator").expect_text("corp");
    let sessions = stage
        .scene
        .server
        .admin()
        .run("WARDEN.SESSIONS USER corp/bob");
    let class = sessions.items()[0].field("class").text();
    bob.field("class").expect_text(&class);
    assert!(!bob.field("before").text().contains("+set"));
    assert!(bob.field("after").text().contains("+set"));

    // It is what happens when they come into force.
    stage
        .scene
        .next_generation(|| stage.scene.policies.replace("rbac.toml", other_roles()));
    stage.scene.wait_for_info(info::SESSIONS, "4");
    stage.scene.wait_for_info("warden_review_pending", "0");
    let again = stage.preview("next");
    expect_numbers(&again, &[("classes", 3), ("unchanged", 3), ("refused", 0)]);
    again.field("policies").items()[0]
        .field("change")
        .expect_text("same");
}

/// What a preview must leave as it was, with so many sessions.
fn traces(stage: &Stage, sessions: usize) -> Vec<String> {
    let count = sessions.to_string();
    stage.scene.wait_for_info(info::SESSIONS, &count);
    stage.scene.wait_for_info(info::CLASSES, &count);
    let fields = [
        "warden_policy_rbac",
        info::GENERATION,
        info::SESSIONS,
        info::CLASSES,
    ];
    let info = fields.map(|field| stage.scene.info(field));
    let state = stage.scene.policies_state().to_string();
    let sessions = stage
        .scene
        .server
        .admin()
        .run("WARDEN.SESSIONS")
        .to_string();
    info.into_iter().chain([state, sessions]).collect()
}

fn a_preview_changes_nothing(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", &other_roles());
    // What is in force already is a candidate like any other.
    stage.put("same", ROLES);
    let mut alice = stage.enter("alice", &[]);
    let _bob = stage.enter("bob", &["analysts"]);
    stage.scene.await_snapshots();
    let before = traces(&stage, 2);
    for (name, refused) in [("next", 1), ("same", 0), ("next", 1)] {
        expect_numbers(
            &stage.preview(name),
            &[("classes", 2), ("refused", refused)],
        );
    }
    assert_eq!(traces(&stage, 2), before);
    assert!(alice.run("GET reports:q1").is_nil(), "she is what she was");
    stage.scene.log_in("alice");
}

/// Says so whatever it is asked to do.
fn talkative() -> Guest {
    let log = "(call $log (i32.const 2) (i32.const 512) (i32.const 5))";
    Guest {
        imports: "(import \"warden:policy/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))"
            .into(),
        fields: "(data (i32.const 512) \"HELLO\")".into(),
        describe: log.into(),
        configure: log.into(),
        ..Guest::evaluating(log)
    }
}

fn a_candidate_is_not_heard(line: Line) {
    let stage = Stage::start(line);
    let next = stage.put("next", ROLES);
    let tests: String = (0..20)
        .map(|number| {
            format!(
                "[[tests]]\nname = \"{number}\"\nprincipal = \"corp/alice\"\ncan = [\"+get %R~reports:q1\"]\n"
            )
        })
        .collect();
    let _alice = stage.enter("alice", &[]);
    next.replace("loud.wasm", talkative().wasm());
    next.replace("loud.tests.toml", &tests);
    let before = stage.scene.server.log();
    let reply = stage.preview("next");
    expect_numbers(&reply, &[("loads", 1), ("classes", 1)]);
    let after = stage.scene.server.log();
    let added = after.strip_prefix(&before).unwrap_or(&after);
    assert!(!added.contains("HELLO"), "{added}");
    // It is heard once it is in force.
    stage.scene.reload_after(|| {
        stage
            .scene
            .policies
            .replace("loud.wasm", talkative().wasm());
    });
    assert!(stage.scene.server.log().contains("HELLO"));
}

fn one_class_is_told_apart_where_the_candidate_does(line: Line) {
    // Compiled once while nobody waits for it; the candidate takes it from the artefacts.
    let stage = Stage::with(line, |builder| {
        let data = "claim = \"/tenant\"\nkeys = [\"~{tenant}:*\"]\nchannels = []\n";
        let builder = builder.policy_file("tenant.wasm", parts::policy("tenant"));
        builder.policy_file("tenant.toml", data)
    });
    stage.scene.reload_after(|| {
        stage.scene.policies.remove("tenant.wasm");
        stage.scene.policies.remove("tenant.toml");
    });
    // `rbac` reads no claim of its own: all of Carol's tokens are one class.
    let carol = |tenant: &str| {
        let claims = Claims::of("carol").groups(&["analysts"]);
        stage.scene.log_in_with(&claims.set("tenant", tenant))
    };
    let _carols = [carol("red"), carol("red"), carol("blue")];
    let next = stage.put("next", ROLES);
    next.replace("tenant.wasm", parts::policy("tenant"));
    let data = "claim = \"/tenant\"\nkeys = [\"~reports:{tenant}:*\"]\nchannels = []\n";
    next.replace("tenant.toml", data);
    let reply = stage.preview("next");
    expect_numbers(&reply, &[("classes", 1), ("sessions", 3), ("losing", 3)]);
    // Those of one class come in no order that means anything.
    let mut carols = changes(&reply);
    carols.sort();
    assert_eq!(carols, ["corp/carol loses 1", "corp/carol loses 2"]);
    let policies = reply.field("policies").items();
    let added = policies
        .iter()
        .find(|policy| policy.field("name").text() == "tenant");
    added
        .expect("the new policy")
        .field("change")
        .expect_text("added");
}

fn of_many_changes_the_gravest_are_told(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", &other_roles());
    let entered = ["zoe", "bob", "ann"].map(|name| stage.enter(name, &["analysts"]));
    let alice = stage.enter("alice", &[]);
    let reply = stage.preview("next COUNT 2");
    assert_eq!(
        changes(&reply),
        ["corp/alice refused 1", "corp/ann gains 1"]
    );
    expect_numbers(&reply, &[("left_out", 2), ("gaining", 3), ("classes", 4)]);
    for wrong in ["0", "1001", "x"] {
        let words = format!("next COUNT {wrong}");
        stage
            .preview(&words)
            .expect_error("ERR COUNT takes a whole number");
    }
    drop((entered, alice));
}

fn a_candidate_in_error_is_told_and_changes_nothing(line: Line) {
    let stage = Stage::with(line, |builder| {
        builder.module_args(["required_policies", "rbac"])
    });
    let mut alice = stage.enter("alice", &[]);
    let half = &ROLES[..ROLES.find("~reports").unwrap() + 4];
    stage.put("half", half);
    stage.put("broken", ROLES).replace("rbac.wasm", b"not wasm");
    Directory::create(stage.candidates.path().join("empty"));
    let before = traces(&stage, 1);
    for (name, words) in [
        ("half", "rbac"),
        ("broken", "rbac.wasm"),
        ("empty", "rbac.wasm"),
    ] {
        let reply = stage.preview(name);
        let errors = reply.field("errors").texts().join("\n");
        assert!(errors.contains(words), "{name}: {errors}");
        expect_numbers(&reply, &[("loads", 0), ("classes", 0), ("sessions", 0)]);
        for empty in ["policies", "changes", "removed"] {
            assert!(reply.field(empty).items().is_empty(), "{empty}: {reply}");
        }
    }
    assert_eq!(traces(&stage, 1), before);
    assert_eq!(
        stage.scene.info(info::POLICY_ERROR),
        "",
        "nothing in force is in error"
    );
    assert!(alice.run("GET reports:q1").is_nil());
}

fn a_candidate_whose_tests_fail_is_weighed_nevertheless(line: Line) {
    let stage = Stage::start(line);
    let next = stage.put("next", &other_roles());
    next.replace(
        "rbac.tests.toml",
        "[[tests]]\nname = \"alice reads\"\nprincipal = \"corp/alice\"\ncan = [\"+get %R~reports:q1\"]\n",
    );
    let _alice = stage.enter("alice", &[]);
    let reply = stage.preview("next");
    let errors = reply.field("errors").texts();
    assert!(
        errors.len() == 1 && errors[0].contains("alice reads"),
        "{errors:?}"
    );
    expect_numbers(&reply, &[("loads", 0), ("classes", 1), ("refused", 1)]);
    assert_eq!(
        reply.field("policies").items()[0].field("tests").number(),
        1
    );
}

fn a_candidate_is_verified_as_policy_dir_is_and_its_revision_is_not_remembered(line: Line) {
    let signer = Signer::new();
    let stage = Stage::with(line, |builder| builder.signed_by(&[&signer]));
    let _alice = stage.enter("alice", &[]);
    let next = stage.put("next", &other_roles());
    let errors = |reply: &Reply| reply.field("errors").texts().join("\n");
    let unsigned = stage.preview("next");
    assert!(
        errors(&unsigned).contains("run `warden policy sign`"),
        "{unsigned}"
    );
    expect_numbers(&unsigned, &[("loads", 0), ("classes", 0)]);
    assert!(unsigned.field("revision").is_nil());
    signer.sign(next.path(), 7);
    expect_numbers(
        &stage.preview("next"),
        &[("loads", 1), ("revision", 7), ("refused", 1)],
    );
    next.replace("rbac.toml", ROLES);
    let altered = stage.preview("next");
    assert!(
        errors(&altered).contains("is not the file that was signed"),
        "{altered}"
    );

    // Had a preview been remembered, this would be older than what was run.
    stage.scene.reload_after(|| {
        let policies = &stage.scene.policies;
        policies.replace("rbac.toml", ROLES.replace("+blpop", "+brpop"));
        signer.sign(policies.path(), 2);
    });
    next.replace("rbac.toml", other_roles());
    signer.sign(next.path(), 1);
    let older = stage.preview("next");
    let words = "has revision 1, older than revision 2";
    assert!(errors(&older).contains(words), "{older}");
    expect_numbers(&older, &[("loads", 0), ("revision", 1), ("refused", 1)]);
}

fn a_name_leads_nowhere_but_into_preview_dir(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", ROLES);
    let root = stage.candidates.path();
    symlink(stage.scene.policies.path(), root.join("out")).unwrap();
    symlink("next", root.join("latest")).unwrap();
    let mut admin = stage.scene.server.admin();
    for name in [
        b"..".as_slice(),
        b".",
        b"../policies",
        b"next/",
        b"next/../next",
        b"/etc/passwd",
        b"",
        b"a.b",
        b"a b",
        b"next\0",
        b"n\xff",
        &[b'x'; 65],
    ] {
        let error = admin
            .call([b"WARDEN.POLICIES", b"PREVIEW".as_slice(), name])
            .expect_error("ERR a candidate is named by");
        assert!(!error.contains("passwd"), "{error}");
    }
    stage
        .preview("out")
        .expect_error("ERR candidate \"out\" leads out of preview_dir");
    stage.preview("none").expect_error("ERR \"");
    expect_numbers(&stage.preview("latest"), &[("loads", 1)]);
    admin
        .run("WARDEN.POLICIES PREVIEW")
        .expect_error("ERR syntax error");
    for words in ["next 7", "next COUNT", "next LIMIT 7"] {
        stage.preview(words).expect_error("ERR syntax error");
    }
}

fn previews_are_off_without_a_directory_and_the_setting_is_protected(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    admin
        .run("WARDEN.POLICIES PREVIEW next")
        .expect_error("ERR previews are off: set warden.preview_dir");
    let error = admin
        .run("CONFIG SET warden.preview_dir /tmp")
        .expect_error("ERR");
    assert!(error.contains("protected"), "{error}");
}

fn a_preview_cannot_wait_inside_multi_and_is_for_administrators(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", ROLES);
    let mut admin = stage.scene.server.admin();
    admin.run("MULTI").expect_ok();
    admin
        .run("WARDEN.POLICIES PREVIEW next")
        .expect_text("QUEUED");
    let answers = admin.run("EXEC").items();
    answers[0].expect_error("ERR this takes longer than one turn");
    let script = "return server.call('WARDEN.POLICIES', 'PREVIEW', 'next')";
    admin.call(["EVAL", script, "0"]).expect_error("ERR");
    // Whoever could not wait is not in the way.
    expect_numbers(&stage.preview("next"), &[("loads", 1)]);
    let mut alice = stage.enter("alice", &[]);
    alice
        .run("WARDEN.POLICIES PREVIEW next")
        .expect_error("NOPERM");
}

/// A stage whose candidate takes a good part of a second to read its data, once.
fn slow_stage(line: Line) -> Stage {
    let stage = Stage::with(line, |builder| {
        builder.module_args(["policy_timeout_ms", "100"])
    });
    stage
        .put("next", &other_roles())
        .replace("slow.wasm", slow().wasm());
    stage
}

fn slow() -> Guest {
    let count = "(local i32) (loop (local.set 2 (i32.add (local.get 2) (i32.const 1))) \
                 (br_if 0 (i32.lt_u (local.get 2) (i32.const 600000000))))";
    Guest {
        configure: count.into(),
        ..Guest::granting(&["+get", "~slow:*"])
    }
}

fn one_preview_is_made_at_a_time(line: Line) {
    let stage = slow_stage(line);
    let _alice = stage.enter("alice", &[]);
    let (made, told): (Vec<Reply>, Vec<Reply>) = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| stage.preview("next")))
            .collect();
        let replies = asking
            .into_iter()
            .map(|asking| asking.join().expect("a reply"));
        replies.partition(|reply| reply.error().is_none())
    });
    assert!(!made.is_empty() && !told.is_empty(), "{made:?} {told:?}");
    for reply in &made {
        expect_numbers(reply, &[("losing", 1), ("complete", 1)]);
    }
    for reply in &told {
        reply.expect_error("TRYAGAIN another preview is under way");
    }
    expect_numbers(&stage.preview("next"), &[("losing", 1)]);
}

fn a_preview_ends_when_whoever_asked_leaves(line: Line) {
    let stage = slow_stage(line);
    let _alice = stage.enter("alice", &[]);
    let mut admin = stage.scene.server.admin();
    admin.send(["WARDEN.POLICIES", "PREVIEW", "next"]);
    drop(admin);
    let words = "the preview of \"next\" is given up: whoever asked has left";
    stage
        .scene
        .server
        .wait_for_log(words, Duration::from_secs(60));
    assert!(!stage.scene.server.log().contains("preview of \"next\": "));
    // Nobody is waited for any more.
    let next = eventually("the turn of the next", || {
        Some(stage.preview("next")).filter(|reply| reply.error().is_none())
    });
    expect_numbers(&next, &[("losing", 1), ("complete", 1)]);
    stage
        .scene
        .server
        .wait_for_log("preview of \"next\": 1 sessions", Duration::from_secs(60));
}

fn policies_change_while_previews_are_made(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", &other_roles());
    let mut bob = stage.enter("bob", &["analysts"]);
    let mut ed = stage.enter("ed", &["editors"]);
    let over = AtomicBool::new(false);
    let previews = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut made = 0;
            while !over.load(Ordering::Relaxed) || made < 3 {
                let reply = stage.preview("next");
                expect_numbers(&reply, &[("loads", 1), ("classes", 2), ("sessions", 2)]);
                made += 1;
            }
            made
        });
        for round in 0..6 {
            let other = ROLES.replace("+blpop", &format!("+blpop\", \"~other{round}"));
            stage
                .scene
                .reload_after(|| stage.scene.policies.replace("rbac.toml", &other));
            assert!(bob.run("GET reports:q1").is_nil());
            ed.run("SET reports:q1 x").expect_ok();
            bob.run("SET reports:q1 y").expect_error("NOPERM");
            ed.run("DEL reports:q1");
        }
        over.store(true, Ordering::Relaxed);
        asking.join().expect("previews were made")
    });
    assert!(previews >= 3);
    assert_eq!(stage.scene.info(info::POLICY_ERROR), "");
}

/// The longest slice of warden's own on the main thread: generous, for both cores may be
/// busy with other tests.
const LONGEST_SLICE_US: u64 = 250_000;

fn a_preview_of_many_sessions_holds_nobody_up(line: Line) {
    let stage = Stage::start(line);
    stage.put("next", &other_roles());
    // More than one slice takes, in many classes and in one.
    let entered: Vec<Connection> = (0..400)
        .map(|number| match number % 2 {
            0 => stage.enter(&format!("person{number}"), &["editors"]),
            _ => stage.enter("crowd", &["analysts"]),
        })
        .collect();
    let reply = stage.preview("next COUNT 5");
    expect_numbers(
        &reply,
        &[
            ("classes", 201),
            ("sessions", 400),
            ("losing", 200),
            ("gaining", 200),
            ("left_out", 196),
        ],
    );
    let first = &reply.field("changes").items()[0];
    first.field("user").expect_text("corp/person0");
    let slice = stage.scene.counter("warden_longest_slice_us");
    assert!(slice < LONGEST_SLICE_US, "a slice took {slice} µs");
    // No slice took more than its part: 128 sessions.
    let log = stage.scene.server.log();
    let (_, seen) = log
        .split_once("preview of \"next\": 400 sessions of 201 classes, in ")
        .expect("a line about it in the log");
    let parts = seen.split(' ').next().and_then(|parts| parts.parse().ok());
    assert!(parts.is_some_and(|parts: usize| parts >= 4), "{parts:?}");
    drop(entered);
}
