//! Settings are real Valkey configuration: checked whichever way they arrive,
//! protected where they must be, and kept by CONFIG REWRITE.

use std::os::unix::fs::PermissionsExt;

use warden_tests::{ADMIN_PASSWORD, Line, Reply, Scene, Server, eventually, on_both_lines, parts};

on_both_lines!(
    bad_load_arguments_fail_the_start_and_are_named,
    every_setting_is_shown_with_its_default,
    protected_settings_are_refused_unless_the_operator_allows_it,
    a_bad_value_names_key_value_and_bound_and_the_old_one_stays,
    settings_of_load_time_cannot_be_changed_later,
    a_rewritten_configuration_starts_the_same_server,
    module_load_takes_arguments,
    module_loadex_takes_settings_and_arguments,
    module_loadex_with_a_bad_setting_leaves_a_server_that_can_load,
    a_changed_ceiling_takes_effect_on_live_sessions,
    a_name_in_the_ceiling_that_the_server_does_not_have_is_told,
    a_changed_directory_takes_effect,
    an_open_default_user_is_warned_about,
    the_state_directory_is_ours_alone,
    a_state_directory_that_others_can_write_fails_the_start,
);

#[track_caller]
fn failing_start(line: Line, arguments: &[&str], named: &[&str]) {
    let failure = Server::builder(line)
        .module_args(arguments)
        .try_start()
        .err()
        .expect("the server must not start");
    assert!(
        failure.status.is_some_and(|status| !status.success()),
        "it ended by itself"
    );
    for word in named {
        assert!(
            failure.log.contains(word),
            "the log names {word:?}:\n{}",
            failure.log
        );
    }
}

fn bad_load_arguments_fail_the_start_and_are_named(line: Line) {
    failing_start(line, &["polcy_dir", "/tmp"], &["polcy_dir"]);
    failing_start(
        line,
        &["cache_seconds", "1", "cache_seconds", "2"],
        &["cache_seconds"],
    );
    failing_start(line, &["cache_seconds", "1", "fallback"], &["fallback"]);
    failing_start(
        line,
        &["require_expiry", "true"],
        &["require_expiry", "true"],
    );
    failing_start(line, &["workers", "0"], &["workers", "0"]);
    failing_start(line, &["fallback", "maybe"], &["fallback", "maybe"]);
    failing_start(
        line,
        &["policy_dir", "relative/path"],
        &["policy_dir", "relative/path"],
    );
    failing_start(line, &["ceiling", "+@all"], &["ceiling"]);
    failing_start(line, &["base_rules", "+get ~*"], &["base_rules"]);
    failing_start(
        line,
        &["cache_seconds", "%s%n%s%n"],
        &["cache_seconds", "%s%n"],
    );
}

const DEFAULTS: [(&str, &str); 15] = [
    ("ceiling", ""),
    ("native_users", ""),
    ("fallback", "acl"),
    ("reauthentication", "same-principal"),
    ("require_expiry", "yes"),
    ("session_max_seconds", "0"),
    ("cache_entries", "100000"),
    ("cache_seconds", "300"),
    ("rejection_seconds", "5"),
    ("auth_timeout_ms", "5000"),
    ("workers", "2"),
    ("max_pending", "10000"),
    ("policy_timeout_ms", "20"),
    ("policy_memory_mb", "64"),
    ("log_level", "notice"),
];

fn every_setting_is_shown_with_its_default(line: Line) {
    let scene = Scene::start(line);
    for (name, value) in DEFAULTS {
        assert_eq!(
            scene
                .server
                .config_get(&format!("warden.{name}"))
                .as_deref(),
            Some(value),
            "{name}"
        );
    }
    let dir = scene.policies.path().display().to_string();
    assert_eq!(scene.server.config_get("warden.policy_dir"), Some(dir));
    let base = scene.server.config_get("warden.base_rules").unwrap();
    assert!(
        base.starts_with("+ping +echo") && base.ends_with("+warden.whoami"),
        "{base}"
    );
}

const PROTECTED: [(&str, &str); 9] = [
    ("policy_dir", "/tmp"),
    ("preview_dir", "/tmp"),
    ("authenticator_dir", "/tmp"),
    ("ceiling", "-@admin"),
    ("base_rules", "+ping"),
    ("native_users", "default"),
    ("fallback", "deny"),
    ("reauthentication", "any"),
    ("require_expiry", "no"),
];

fn protected_settings_are_refused_unless_the_operator_allows_it(line: Line) {
    let scene = Scene::start(line);
    for (name, value) in PROTECTED {
        let name = format!("warden.{name}");
        let before = scene.server.config_get(&name);
        scene
            .server
            .config_set(&name, value)
            .expect_error("ERR CONFIG SET failed");
        assert_eq!(scene.server.config_get(&name), before);
    }
    scene
        .server
        .config_set("warden.cache_seconds", "7")
        .expect_ok();
    let lax = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    for (name, value) in PROTECTED
        .into_iter()
        .filter(|(name, _)| !name.ends_with("_dir"))
    {
        let name = format!("warden.{name}");
        lax.server.config_set(&name, value).expect_ok();
        assert_eq!(lax.server.config_get(&name).as_deref(), Some(value));
    }
}

#[track_caller]
fn expect_named(reply: &Reply, words: &[&str]) {
    let text = reply.expect_error("ERR CONFIG SET failed");
    for word in words {
        assert!(text.contains(word), "the error names {word:?}: {text}");
    }
}

fn a_bad_value_names_key_value_and_bound_and_the_old_one_stays(line: Line) {
    let scene = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    for (name, value, bound) in [
        ("cache_seconds", "86401", "86400"),
        ("cache_seconds", "-1", "86400"),
        ("cache_seconds", "soon", "86400"),
        ("max_pending", "0", "1"),
        ("auth_timeout_ms", "9999999", "600000"),
        ("policy_memory_mb", "5000", "4096"),
        ("require_expiry", "true", "no"),
        ("fallback", "maybe", "deny"),
        ("log_level", "loud", "verbose"),
        ("policy_dir", "relative", "absolute"),
    ] {
        let name = format!("warden.{name}");
        let before = scene.server.config_get(&name);
        expect_named(
            &scene.server.config_set(&name, value),
            &[&name, value, bound],
        );
        assert_eq!(scene.server.config_get(&name), before);
    }
    expect_named(
        &scene.server.config_set("warden.ceiling", "+@all"),
        &["warden.ceiling", "+@all"],
    );
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn settings_of_load_time_cannot_be_changed_later(line: Line) {
    let scene = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    scene
        .server
        .config_set("warden.workers", "4")
        .expect_error("ERR CONFIG SET failed");
    assert_eq!(
        scene.server.config_get("warden.workers").as_deref(),
        Some("2")
    );
}

fn a_rewritten_configuration_starts_the_same_server(line: Line) {
    let scene = Scene::builder(line).module_args(["workers", "3"]).start();
    scene
        .server
        .config_set("warden.cache_seconds", "77")
        .expect_ok();
    scene.server.admin().run("CONFIG REWRITE").expect_ok();
    let file = scene.server.config_file();
    let kept = |line: &str| line.replace('"', "") == "warden.cache_seconds 77";
    assert!(file.lines().any(kept), "{file}");
    scene.server.restart();
    scene.wait_for_generation(1);
    assert_eq!(
        scene.server.config_get("warden.cache_seconds").as_deref(),
        Some("77")
    );
    assert_eq!(
        scene.server.config_get("warden.workers").as_deref(),
        Some("3")
    );
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn module_load_takes_arguments(line: Line) {
    let scene = Scene::builder(line).without_module().start();
    let mut admin = scene.server.admin();
    let path = parts::module().display().to_string();
    let mut command = vec![
        "MODULE".to_owned(),
        "LOAD".to_owned(),
        path.clone(),
        "polcy_dir".to_owned(),
        "/x".to_owned(),
    ];
    admin
        .call(&command)
        .expect_error("ERR Error loading the extension");
    command.truncate(3);
    command.extend(scene.load_arguments());
    admin.call(&command).expect_ok();
    scene.wait_for_generation(1);
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn loadex(scene: &Scene, settings: &[&str]) -> Reply {
    let path = parts::module().display().to_string();
    let mut command = vec!["MODULE".to_owned(), "LOADEX".to_owned(), path];
    for pair in settings.chunks(2) {
        command.extend(["CONFIG".to_owned(), pair[0].to_owned(), pair[1].to_owned()]);
    }
    command.push("ARGS".to_owned());
    command.extend(scene.load_arguments());
    scene.server.admin().call(&command)
}

fn module_loadex_takes_settings_and_arguments(line: Line) {
    let scene = Scene::builder(line).without_module().start();
    loadex(
        &scene,
        &[
            "warden.cache_seconds",
            "7",
            "warden.reauthentication",
            "any",
        ],
    )
    .expect_ok();
    scene.wait_for_generation(1);
    assert_eq!(
        scene.server.config_get("warden.cache_seconds").as_deref(),
        Some("7")
    );
    assert_eq!(
        scene
            .server
            .config_get("warden.reauthentication")
            .as_deref(),
        Some("any")
    );
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn module_loadex_with_a_bad_setting_leaves_a_server_that_can_load(line: Line) {
    let scene = Scene::builder(line).without_module().start();
    loadex(&scene, &["warden.cache_seconds", "soon"])
        .expect_error("ERR Error loading the extension");
    loadex(&scene, &["warden.no_such_setting", "1"])
        .expect_error("ERR Error loading the extension");
    scene.server.expect_healthy();
    loadex(&scene, &["warden.cache_seconds", "8"]).expect_ok();
    scene.wait_for_generation(1);
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn a_changed_ceiling_takes_effect_on_live_sessions(line: Line) {
    let scene = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    let mut writer = scene.log_in_with(&warden_tests::Claims::of("eve").groups(&["editors"]));
    writer.run("SET reports:q1 x").expect_ok();
    scene
        .server
        .config_set("warden.ceiling", "-@write")
        .expect_ok();
    eventually("the writer may no longer write", || {
        writer
            .run("SET reports:q2 y")
            .is_error("NOPERM")
            .then_some(())
    });
    writer.run("GET reports:q1").expect_text("x");
    scene.server.config_set("warden.ceiling", "").expect_ok();
    eventually("the writer may write again", || {
        writer.run("SET reports:q2 y").is_ok().then_some(())
    });
}

fn a_changed_directory_takes_effect(line: Line) {
    let scene = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    let other = warden_tests::Directory::create(scene.server.directory().join("other"));
    other.replace("rbac.wasm", parts::policy("rbac"));
    other.replace(
        "rbac.toml",
        "[roles.only]\nmembers = [\"user:corp/zoe\"]\nrules = [\"+get\", \"~*\"]\n",
    );
    scene
        .attempt(&warden_tests::Claims::of("zoe"))
        .expect_error("WRONGPASS no policy");
    let mut alice = scene.log_in("alice");
    scene.next_generation(|| {
        scene
            .server
            .config_set("warden.policy_dir", &other.path().display().to_string())
            .expect_ok();
    });
    scene
        .attempt(&warden_tests::Claims::of("zoe").id("again"))
        .expect_ok();
    assert!(alice.closes_within(warden_tests::server::PATIENCE));
}

/// It denies nothing, and may be a slip of the pen.
fn a_name_in_the_ceiling_that_the_server_does_not_have_is_told(line: Line) {
    let scene = Scene::builder(line)
        .server(warden_tests::ServerBuilder::protected_configs)
        .start();
    let warnings = || scene.policies_state().field("warnings").texts();
    assert!(warnings().is_empty());
    for (ceiling, told) in [
        (
            "-@dangerus -@admin -late.get",
            &["-@dangerus", "-late.get"][..],
        ),
        ("-@dangerous -@admin", &[]),
    ] {
        scene.next_generation(|| {
            scene
                .server
                .config_set("warden.ceiling", ceiling)
                .expect_ok();
        });
        let warnings = warnings();
        assert_eq!(warnings.len(), told.len(), "{warnings:?}");
        for (warning, name) in warnings.iter().zip(told) {
            assert!(warning.contains(name), "{warning}");
            assert!(scene.server.log().contains(warning.as_str()));
        }
    }
}

fn an_open_default_user_is_warned_about(line: Line) {
    let warned = |scene: &Scene| {
        let log = scene.server.log();
        log.contains("the default user is on and needs no password")
    };
    // The ACL file is read after the module is loaded, and has the last word.
    let by_file = |user: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users.acl");
        std::fs::write(&file, format!("user default {user} ~* &* +@all\n")).unwrap();
        let scene = Scene::builder(line).config([("aclfile", &file.display().to_string())]);
        (directory, scene)
    };
    let open = Scene::builder(line)
        .server(warden_tests::ServerBuilder::open)
        .start();
    eventually("it is in the log", || warned(&open).then_some(()));
    let (_directory, opened) = by_file("on nopass");
    let opened = opened.start();
    eventually("it is in the log", || warned(&opened).then_some(()));

    let (_directory, closed) = by_file(&format!("on >{ADMIN_PASSWORD}"));
    let closed = closed
        .server(warden_tests::ServerBuilder::password_by_acl_file)
        .start();
    let guarded = Scene::start(line);
    for scene in [closed, guarded] {
        scene.log_in("alice");
        assert!(!warned(&scene), "{}", scene.server.log());
    }
}

fn the_state_directory_is_ours_alone(line: Line) {
    let scene = Scene::builder(line).own_state().start();
    let state = scene.server.directory().join("warden");
    let mode = std::fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let artefacts = || std::fs::read_dir(&state).unwrap().count();
    assert!(artefacts() > 0, "the compiled policy is kept");
    scene.server.restart();
    scene.wait_for_generation(1);
    scene
        .attempt(&warden_tests::Claims::of("alice"))
        .expect_ok();
}

fn a_state_directory_that_others_can_write_fails_the_start(line: Line) {
    let root = tempfile::tempdir().unwrap();
    let open = root.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let own = root.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o700)).unwrap();
    let link = root.path().join("link");
    std::os::unix::fs::symlink(&own, &link).unwrap();
    for bad in [&open, &link] {
        let path = bad.display().to_string();
        let failure = Server::builder(line)
            .module_args(["state_dir", &path])
            .try_start()
            .err();
        let failure = failure.expect("the server must not start");
        assert!(failure.log.contains(&path), "{}", failure.log);
    }
    let path = own.display().to_string();
    Server::builder(line)
        .module_args(["state_dir", &path])
        .start()
        .expect_healthy();
}
