//! Where `policy_keys` are set only what one of them signed comes into force, and nothing
//! older than what has been: the last good generation stays whole, and says why.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use warden_tests::scene::ROLES;
use warden_tests::server::PATIENCE;
use warden_tests::{
    Claims, Connection, Line, Reply, Scene, ServerBuilder, Signer, eventually, on_both_lines, parts,
};

use crate::info;

on_both_lines!(
    signed_policies_come_into_force_and_say_who_signed_them,
    policies_that_are_not_as_they_were_signed_keep_the_last_good_generation,
    what_nobody_signed_lets_nobody_in_after_a_start,
    policies_older_than_what_was_run_are_refused_over_a_restart_too,
    a_revision_that_was_run_is_refused_with_other_contents,
    an_operator_may_allow_one_older_revision_once,
    what_was_run_is_not_guessed_when_it_cannot_be_read,
    keys_rotate_under_live_sessions,
);

const LIST: &str = "MANIFEST";
const SIGNATURE: &str = "MANIFEST.minisig";

/// [`ROLES`] with readers allowed to write.
fn generous() -> String {
    ROLES.replace(
        "rules = [\"+@read\", \"~reports:*\"]",
        "rules = [\"+@read\", \"+set\", \"~reports:*\"]",
    )
}

#[track_caller]
fn wait_for_error(scene: &Scene, words: &str) -> String {
    eventually(&format!("an error says {words:?}"), || {
        let errors = scene.policies_state().field("errors").texts();
        errors.into_iter().find(|error| error.contains(words))
    })
}

fn manifest(scene: &Scene) -> Reply {
    scene.policies_state().field("manifest")
}

fn allow_older(scene: &Scene, revision: &str) -> Reply {
    let mut admin = scene.server.admin();
    admin.call(["WARDEN.RELOAD", "ALLOW-OLDER", revision])
}

/// A session and a new log-in have the rights of [`ROLES`], not those of [`generous`].
#[track_caller]
fn expect_readers(scene: &Scene, reader: &mut Connection) {
    assert!(reader.run("GET reports:q1").is_nil());
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    scene
        .log_in("alice")
        .run("SET reports:q1 x")
        .expect_error("NOPERM");
}

fn signed_policies_come_into_force_and_say_who_signed_them(line: Line) {
    let signer = Signer::new();
    let scene = Scene::builder(line).signed_by(&[&signer]).start();
    let told = manifest(&scene);
    assert_eq!(told.field("revision").number(), 1);
    assert_eq!(told.field("key").text(), signer.id());
    assert_eq!(told.field("trusted").text(), "yes");
    assert_eq!(told.field("files").number(), 2);
    let info = scene.info(info::POLICY_MANIFEST);
    let digest = told.field("digest").text();
    let expected = format!("revision=1,key={},trusted=yes,digest={digest}", signer.id());
    assert_eq!(info, expected);
    let log = scene.server.log();
    assert!(log.contains("revision 1 is the first"), "{log}");
    assert!(
        log.contains(&format!("; revision 1, signed by key {}", signer.id())),
        "{log}"
    );

    let mut reader = scene.log_in("alice");
    expect_readers(&scene, &mut reader);
    scene.next_generation(|| {
        scene.policies.replace("rbac.toml", generous());
        signer.sign(scene.policies.path(), 2);
    });
    eventually("the reader may write", || {
        reader.run("SET reports:q1 x").is_ok().then_some(())
    });
    assert_eq!(manifest(&scene).field("revision").number(), 2);
    // What no loader reads may lie there.
    let before = scene.generation();
    scene.policies.replace(".gitignore", "x");
    scene.policies.replace("rbac.toml~", "x");
    let reply = scene.server.admin().run("WARDEN.RELOAD");
    assert_eq!(reply.field("policies").field("generation").number(), before);
    assert!(reply.field("policies").field("errors").texts().is_empty());
}

/// What somebody does to a directory who may write there and has no key that counts, and
/// the words of the refusal.
type Sabotage = (&'static str, Box<dyn Fn(&Path)>);

fn sabotages() -> Vec<Sabotage> {
    fn is(words: &'static str, act: impl Fn(&Path) + 'static) -> Sabotage {
        (words, Box::new(act))
    }
    let cut = |name: &'static str| {
        move |dir: &Path| {
            let whole = fs::read(dir.join(name)).unwrap();
            fs::write(dir.join(name), &whole[..whole.len() / 2]).unwrap();
        }
    };
    let write = |name: &'static str, content: Vec<u8>| {
        move |dir: &Path| fs::write(dir.join(name), &content).unwrap()
    };
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    vec![
        // Unsigned.
        is("\"MANIFEST\": is missing", remove(LIST)),
        is("\"MANIFEST.minisig\": is missing", remove(SIGNATURE)),
        // Wrongly signed.
        is("which policy_keys does not name; sign with a key", |dir| {
            fs::write(dir.join("rbac.toml"), generous()).unwrap();
            Signer::new().sign(dir, 2);
        }),
        is("is no good signature of MANIFEST", |dir| {
            let list = fs::read_to_string(dir.join(LIST)).unwrap();
            fs::write(dir.join(LIST), list.replace("revision = 1", "revision = 2")).unwrap();
        }),
        is("is no good signature of MANIFEST", |dir| {
            let signature = fs::read_to_string(dir.join(SIGNATURE)).unwrap();
            let changed = signature.replace("timestamp:", "timestamp:9");
            fs::write(dir.join(SIGNATURE), changed).unwrap();
        }),
        // Mixed.
        is(
            "\"rbac.toml\": is not the file that was signed",
            write("rbac.toml", generous().into()),
        ),
        is(
            "\"rbac.wasm\": is not the file that was signed",
            write("rbac.wasm", parts::policy("guardrails")),
        ),
        is(
            "\"rbac.tests.toml\": is not the file that was signed",
            write("rbac.tests.toml", b"[[tests]]\n".to_vec()),
        ),
        is(
            "\"tenant.wasm\": is not listed in MANIFEST",
            write("tenant.wasm", parts::policy("tenant")),
        ),
        is(
            "\"rbac.more.toml\": is not listed in MANIFEST",
            write("rbac.more.toml", b"x = 1".to_vec()),
        ),
        is("\"rbac.toml\": is listed in MANIFEST", remove("rbac.toml")),
        is(
            "\"rbac.tests.toml\": is listed in MANIFEST",
            remove("rbac.tests.toml"),
        ),
        is("\"rbac.wasm\": is listed in MANIFEST", remove("rbac.wasm")),
        is(
            "kept for the manifest",
            write("MANIFEST.wasm", parts::policy("guardrails")),
        ),
        // Truncated, or half written.
        is("MANIFEST.minisig\": is no", cut(SIGNATURE)),
        is("is no good signature of MANIFEST", cut(LIST)),
        is(
            "\"rbac.toml\": is not the file that was signed",
            cut("rbac.toml"),
        ),
        is(
            "\"rbac.wasm\": is not the file that was signed",
            cut("rbac.wasm"),
        ),
        is("\"MANIFEST.minisig\": is no", write(SIGNATURE, Vec::new())),
        // Leading out of the directory.
        is("\"MANIFEST\": leads outside", |dir| lead_outside(dir, LIST)),
        is("\"MANIFEST.minisig\": leads outside", |dir| {
            lead_outside(dir, SIGNATURE)
        }),
        is("\"rbac.toml\": leads outside", |dir| {
            lead_outside(dir, "rbac.toml")
        }),
    ]
}

/// The same bytes, elsewhere.
fn lead_outside(dir: &Path, name: &str) {
    let real = dir.with_file_name(format!("elsewhere-{name}"));
    fs::rename(dir.join(name), &real).unwrap();
    symlink(&real, dir.join(name)).unwrap();
}

fn policies_that_are_not_as_they_were_signed_keep_the_last_good_generation(line: Line) {
    const TESTS: &str = "[[tests]]\nname = \"strangers\"\nprincipal = \"corp/x\"\nrefused = true\n";
    let signer = Signer::new();
    let builder = Scene::builder(line).policy_tests(TESTS);
    let scene = builder.signed_by(&[&signer]).start();
    let dir = scene.policies.path().to_owned();
    let good: Vec<(String, Vec<u8>)> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    assert_eq!(good.len(), 5, "{good:?}");
    let mut reader = scene.log_in("alice");
    let before = scene.generation();
    for (words, sabotage) in sabotages() {
        sabotage(&dir);
        let reply = scene.server.admin().run("WARDEN.RELOAD");
        let errors = reply.field("policies").field("errors").texts();
        assert!(
            errors.iter().any(|error| error.contains(words)),
            "{words:?}: {errors:?}"
        );
        assert_eq!(
            wait_for_error(&scene, words),
            *errors.iter().find(|e| e.contains(words)).unwrap()
        );
        assert!(!scene.info(info::POLICY_ERROR).is_empty(), "{words}");
        assert_eq!(scene.info(info::STATUS), "stale", "{words}");
        assert_eq!(scene.generation(), before, "{words}");
        assert_eq!(manifest(&scene).field("revision").number(), 1);
        expect_readers(&scene, &mut reader);

        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        good.iter()
            .for_each(|(name, content)| fs::write(dir.join(name), content).unwrap());
        let reply = scene.server.admin().run("WARDEN.RELOAD");
        assert!(
            reply.field("policies").field("errors").texts().is_empty(),
            "after {words:?}: {reply}"
        );
        assert_eq!(scene.info(info::STATUS), "ok", "{words}");
    }
    assert_eq!(scene.generation(), before, "it is again what it was");
    expect_readers(&scene, &mut reader);
    let log = scene.server.log();
    assert!(
        log.contains("is not the file that was signed") && log.contains("stays in force"),
        "{log}"
    );
}

fn what_nobody_signed_lets_nobody_in_after_a_start(line: Line) {
    let signer = Signer::new();
    let scene = Scene::builder(line)
        .own_state()
        .module_args(["policy_keys", signer.letters()])
        .start_unready();
    wait_for_error(&scene, "\"MANIFEST\": is missing");
    assert_eq!(scene.info(info::STATUS), "none");
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("TRYAGAIN no policies are in force.");
    signer.sign(scene.policies.path(), 1);
    scene.wait_for_generation(1);
    scene.attempt(&Claims::of("alice").id("signed")).expect_ok();
}

/// A scene whose revision 2 lets readers read and whose revision 1 let them write.
fn moved_on(line: Line, signer: &Signer) -> Scene {
    let scene = Scene::builder(line)
        .roles(&generous())
        .signed_by(&[signer])
        .start();
    scene.next_generation(|| {
        scene.policies.replace("rbac.toml", ROLES);
        signer.sign(scene.policies.path(), 2);
    });
    assert_eq!(manifest(&scene).field("revision").number(), 2);
    scene
}

/// Puts the files of revision 1 back, signed as they were.
fn go_back(scene: &Scene, signer: &Signer) {
    scene.policies.replace("rbac.toml", generous());
    signer.sign(scene.policies.path(), 1);
}

fn policies_older_than_what_was_run_are_refused_over_a_restart_too(line: Line) {
    let signer = Signer::new();
    let scene = moved_on(line, &signer);
    let mut reader = scene.log_in("alice");
    go_back(&scene, &signer);
    let error = wait_for_error(&scene, "older than revision 2 that this server has run");
    assert!(error.starts_with("\"MANIFEST\": has revision 1"), "{error}");
    assert_eq!(scene.info(info::STATUS), "stale");
    expect_readers(&scene, &mut reader);

    scene.server.restart();
    wait_for_error(&scene, "older than revision 2 that this server has run");
    assert_eq!(scene.info(info::STATUS), "none");
    scene.attempt(&Claims::of("alice")).expect_error("TRYAGAIN");
    // The usual way back: the old files under a new revision.
    signer.sign(scene.policies.path(), 3);
    scene.wait_for_generation(1);
    let mut reader = scene.log_in("alice");
    reader.run("SET reports:q1 x").expect_ok();
}

fn a_revision_that_was_run_is_refused_with_other_contents(line: Line) {
    let signer = Signer::new();
    let scene = moved_on(line, &signer);
    let mut reader = scene.log_in("alice");
    scene.policies.replace("rbac.toml", generous());
    signer.sign(scene.policies.path(), 2);
    wait_for_error(
        &scene,
        "revision 2, which this server has run with other contents",
    );
    expect_readers(&scene, &mut reader);
}

fn an_operator_may_allow_one_older_revision_once(line: Line) {
    let signer = Signer::new();
    let scene = moved_on(line, &signer);
    let mut reader = scene.log_in("alice");
    go_back(&scene, &signer);
    wait_for_error(&scene, "ALLOW-OLDER 1");
    for wrong in ["", "0", "-1", "1.0", "+1", "99999999999999999999", "x"] {
        allow_older(&scene, wrong).expect_error("ERR ALLOW-OLDER takes the revision");
    }
    let mut admin = scene.server.admin();
    admin
        .call(["WARDEN.RELOAD", "ALLOW-OLDER"])
        .expect_error("ERR syntax error");
    admin
        .call(["WARDEN.RELOAD", "POLICIES"])
        .expect_error("ERR syntax error");
    // Another one is not this one.
    let reply = allow_older(&scene, "2");
    assert!(
        !reply.field("policies").field("errors").texts().is_empty(),
        "{reply}"
    );
    expect_readers(&scene, &mut reader);
    // It takes an administrator, and a signature all the same.
    reader
        .run("WARDEN.RELOAD ALLOW-OLDER 1")
        .expect_error("NOPERM");
    scene.policies.replace("rbac.more.toml", "x = 1");
    let reply = allow_older(&scene, "1");
    assert!(
        !reply.field("policies").field("errors").texts().is_empty(),
        "{reply}"
    );
    scene.policies.remove("rbac.more.toml");

    let reply = allow_older(&scene, "1");
    assert!(
        reply.field("policies").field("errors").texts().is_empty(),
        "{reply}"
    );
    assert_eq!(manifest(&scene).field("revision").number(), 1);
    let log = scene.server.log();
    assert!(
        log.contains("from \"127.0.0.1\" allows revision 1 of the signed policies"),
        "{log}"
    );
    assert!(log.contains("because an operator allowed it"), "{log}");
    eventually("what was granted then", || {
        reader.run("SET reports:q1 x").is_ok().then_some(())
    });
    // From now on that is what was run.
    scene.server.restart();
    scene.wait_for_generation(1);
    scene.next_generation(|| {
        scene.policies.replace("rbac.toml", ROLES);
        signer.sign(scene.policies.path(), 2);
    });
    go_back(&scene, &signer);
    wait_for_error(&scene, "older than revision 2");
}

fn what_was_run_is_not_guessed_when_it_cannot_be_read(line: Line) {
    let signer = Signer::new();
    let scene = moved_on(line, &signer);
    let state = scene.server.config_get("warden.state_dir").unwrap();
    assert_eq!(state, "", "its default, in the server's own directory");
    let mark = scene.server.directory().join("warden/policy-revision.json");
    let mut reader = scene.log_in("alice");
    fs::set_permissions(&mark, fs::Permissions::from_mode(0o666)).unwrap();
    scene.policies.replace("rbac.toml", generous());
    signer.sign(scene.policies.path(), 3);
    let error = wait_for_error(&scene, "policy-revision.json");
    assert!(error.contains("is open to others"), "{error}");
    expect_readers(&scene, &mut reader);
    scene.server.restart();
    wait_for_error(&scene, "policy-revision.json");
    scene.attempt(&Claims::of("alice")).expect_error("TRYAGAIN");
    // Somebody looks, and says what may come.
    let reply = allow_older(&scene, "3");
    assert!(
        reply.field("policies").field("errors").texts().is_empty(),
        "{reply}"
    );
    assert_eq!(
        fs::metadata(&mark).unwrap().permissions().mode() & 0o777,
        0o600
    );
    go_back(&scene, &signer);
    wait_for_error(&scene, "older than revision 3");
}

fn keys_rotate_under_live_sessions(line: Line) {
    let (old, new) = (Signer::new(), Signer::new());
    let scene = Scene::builder(line)
        .signed_by(&[&old])
        .server(ServerBuilder::protected_configs)
        .start();
    let mut reader = scene.log_in("alice");
    let both = format!("{} {}", old.letters(), new.letters());
    let set = |keys: &str| scene.server.config_set("warden.policy_keys", keys);
    // Signed by a key that is not named yet.
    new.sign(scene.policies.path(), 2);
    wait_for_error(&scene, "which policy_keys does not name");
    scene.next_generation(|| set(&both).expect_ok());
    assert_eq!(manifest(&scene).field("key").text(), new.id());
    // The old key goes; what it signs from now on counts for nothing.
    set(new.letters()).expect_ok();
    old.sign(scene.policies.path(), 3);
    wait_for_error(&scene, "which policy_keys does not name");
    assert_eq!(manifest(&scene).field("trusted").text(), "yes");
    new.sign(scene.policies.path(), 3);
    scene.wait_for_info(info::POLICY_ERROR, "");
    assert_eq!(manifest(&scene).field("revision").number(), 3);
    // Taken back before another has signed: what is in force stays, and says so.
    let before = scene.generation();
    set(old.letters()).expect_ok();
    wait_for_error(&scene, "which policy_keys does not name");
    assert_eq!(manifest(&scene).field("trusted").text(), "no");
    assert!(scene.info(info::POLICY_MANIFEST).contains("trusted=no"));
    assert_eq!(scene.info(info::STATUS), "stale");
    assert_eq!(scene.generation(), before);
    expect_readers(&scene, &mut reader);
    for wrong in [" ", "key", &new.letters()[1..]] {
        set(wrong).expect_error("ERR");
    }
    assert_eq!(
        scene.server.config_get("warden.policy_keys").unwrap(),
        old.letters()
    );
    old.sign(scene.policies.path(), 4);
    scene.wait_for_info(info::STATUS, "ok");
    assert!(!reader.closes_within(PATIENCE / 20));
    expect_readers(&scene, &mut reader);
}
