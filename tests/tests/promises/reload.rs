//! `WARDEN.RELOAD` reads the directories at once and tells what changed.

use warden_hostile::Guest;
use warden_tests::scene::{ROLES, authenticator};
use warden_tests::{Issuer, Line, Reply, Scene, on_both_lines, parts};

on_both_lines!(
    a_reload_tells_what_changed,
    a_reload_of_nothing_new_changes_nothing,
    a_reload_in_error_says_so_and_keeps_what_was,
    reloads_at_once_are_each_answered,
    a_reload_cannot_wait_inside_multi_and_is_for_administrators,
    policies_are_loaded_in_memory_that_nobodys_keys_are_evicted_for,
);

fn reload(scene: &Scene) -> Reply {
    scene.server.admin().run("WARDEN.RELOAD")
}

#[track_caller]
fn expect(reply: &Reply, part: &str, field: &str, names: &[&str]) {
    let found = reply.field(part).field(field).texts();
    assert_eq!(found, names, "{part} {field}: {reply}");
}

/// Changes something and reloads until the reload, and not the watch of the directory,
/// was the first to see it.
#[track_caller]
fn tells(
    scene: &Scene,
    mut change: impl FnMut(),
    mut undo: impl FnMut(),
    (part, field, names): (&str, &str, &[&str]),
) {
    for _ in 0..20 {
        change();
        let reply = reload(scene);
        expect(&reply, part, "errors", &[]);
        if reply.field(part).field(field).texts() == names {
            if part == "policies" {
                let number = reply.field(part).field("generation").number();
                assert_eq!(number, scene.generation());
            }
            return;
        }
        undo();
        reload(scene);
    }
    panic!("no reload told {part} {field} {names:?}");
}

fn a_reload_tells_what_changed(line: Line) {
    let scene = Scene::start(line);
    let other = ROLES.replace("reports", "papers");
    let edit = || scene.policies.replace("rbac.toml", &other);
    let restore = || scene.policies.replace("rbac.toml", ROLES);
    tells(&scene, edit, restore, ("policies", "changed", &["rbac"]));
    let add = || {
        scene.policies.replace(
            "tenant.toml",
            "claim = \"/tenant\"\nkeys = [\"~{tenant}:*\"]\nchannels = []\n",
        );
        scene
            .policies
            .replace("tenant.wasm", parts::policy("tenant"));
    };
    let remove = || {
        scene.policies.remove("tenant.wasm");
        scene.policies.remove("tenant.toml");
    };
    tells(&scene, add, remove, ("policies", "added", &["tenant"]));
    tells(&scene, remove, add, ("policies", "removed", &["tenant"]));
    let issuer = Issuer::new("https://other.example.com", scene.issuer.key().clone());
    let file = authenticator(&issuer, &scene.keys.file_text("corp.jwks"));
    let join = || scene.authenticators.replace("20-other.toml", &file);
    let leave = || scene.authenticators.remove("20-other.toml");
    tells(&scene, join, leave, ("authenticators", "added", &["other"]));
    let lenient = || {
        let file = format!("{file}leeway_seconds = 7\n");
        scene.authenticators.replace("20-other.toml", file);
    };
    tells(
        &scene,
        lenient,
        join,
        ("authenticators", "changed", &["other"]),
    );
    tells(
        &scene,
        leave,
        join,
        ("authenticators", "removed", &["other"]),
    );
}

fn a_reload_of_nothing_new_changes_nothing(line: Line) {
    let scene = Scene::start(line);
    let before = scene.generation();
    let mut alice = scene.log_in("alice");
    let reply = reload(&scene);
    for part in ["policies", "authenticators"] {
        for field in ["added", "changed", "removed", "errors"] {
            expect(&reply, part, field, &[]);
        }
    }
    assert_eq!(reply.field("policies").field("generation").number(), before);
    assert_eq!(scene.generation(), before);
    assert!(Scene::stays_open(&mut alice));
}

fn a_reload_in_error_says_so_and_keeps_what_was(line: Line) {
    let scene = Scene::start(line);
    let before = scene.generation();
    scene.policies.write_in_place("rbac.toml", "no toml [");
    scene
        .authenticators
        .write_in_place("10-corp.toml", "no toml [");
    let reply = reload(&scene);
    for part in ["policies", "authenticators"] {
        let errors = reply.field(part).field("errors").texts();
        assert!(!errors.is_empty(), "{reply}");
        expect(&reply, part, "removed", &[]);
    }
    assert_eq!(scene.generation(), before);
    let mut alice = scene.log_in("alice");
    assert!(alice.run("GET reports:q1").is_nil());
}

fn reloads_at_once_are_each_answered(line: Line) {
    let scene = Scene::start(line);
    let mut admins: Vec<_> = (0..20).map(|_| scene.server.admin()).collect();
    for admin in &mut admins {
        admin.send(["WARDEN.RELOAD"]);
    }
    // One leaves before it is answered.
    drop(admins.pop());
    for admin in &mut admins {
        expect(&admin.receive(), "policies", "errors", &[]);
    }
    scene.server.expect_healthy();
}

fn a_reload_cannot_wait_inside_multi_and_is_for_administrators(line: Line) {
    let scene = Scene::start(line);
    let mut admin = scene.server.admin();
    admin.run("MULTI").expect_ok();
    admin.run("WARDEN.RELOAD").expect_text("QUEUED");
    admin.run("EXEC").items()[0].expect_error("ERR ");
    scene
        .log_in("alice")
        .run("WARDEN.RELOAD")
        .expect_error("NOPERM");
}

/// What policies are loaded with besides: read, kept, and looked at by nobody.
const ATTACHED_BYTES: usize = 15 << 20;
/// How much the server has left: less than that.
const LEFT_BYTES: u64 = 4 << 20;

fn policies_are_loaded_in_memory_that_nobodys_keys_are_evicted_for(line: Line) {
    let scene = Scene::builder(line)
        .config([("maxmemory-policy", "allkeys-random")])
        .start();
    let mut admin = scene.server.admin();
    let value = "x".repeat(10_000);
    for number in 0..200 {
        admin
            .call(["SET", &format!("key:{number}"), &value])
            .expect_ok();
    }
    let used = scene.server.info_number("memory", "used_memory");
    let bound = (used + LEFT_BYTES).to_string();
    admin
        .call(["CONFIG", "SET", "maxmemory", &bound])
        .expect_ok();
    let apart = scene.counter("warden_memory_apart_bytes");
    // Compiled anew: nobody has seen these bytes before.
    let mut wasm = Guest::granting(&["+get"]).wasm();
    let section = format!("\u{4}note{}", std::process::id());
    wasm.extend([0, section.len() as u8]);
    wasm.extend(section.bytes());
    scene.reload_after(|| {
        scene
            .policies
            .replace("rbac.notes", vec![b'x'; ATTACHED_BYTES]);
        scene.policies.replace("more.wasm", wasm);
    });
    admin.run("SET key:more x").expect_ok();
    assert_eq!(scene.server.info_number("stats", "evicted_keys"), 0);
    assert_eq!(admin.run("DBSIZE").number(), 201);
    let more = scene.counter("warden_memory_apart_bytes") - apart;
    assert!(more as usize > ATTACHED_BYTES, "{more} bytes apart");
    assert!(scene.log_in("alice").run("GET reports:q1").is_nil());
}
