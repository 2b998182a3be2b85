//! Sessions that run as users of the server's own ACL (`attach = "acl-user"`), beside
//! connections that have authenticated at the server itself.

use warden_tests::slapd::{Slapd, User, password_of, user_dn};
use warden_tests::{
    ADMIN_PASSWORD, Authority, Connection, Line, Scene, SceneBuilder, eventually, on_both_lines,
    unix_now,
};

use crate::info;
use crate::ldap::{QUIET, WRONG, by_bind, by_search, password_file, people};

on_both_lines!(
    who_has_the_password_becomes_the_acls_user,
    what_is_shown_says_what_such_a_session_is,
    who_is_no_user_of_the_acl_or_an_unfit_one_is_refused,
    one_spelling_of_a_name_becomes_a_user_of_the_acl,
    a_user_with_a_password_of_its_own_is_nobodys_but_the_servers,
    what_the_operator_does_with_the_user_happens_to_the_session_as_to_any_other,
    such_a_session_ends_by_kill_by_its_time_and_with_its_authenticator,
    it_is_left_by_reset_by_a_native_log_in_and_by_hanging_up,
    another_principal_on_its_connection_is_refused,
    it_is_remembered_and_taken_in_transactions,
    a_bound_on_every_session_and_such_a_session_never_go_together,
    an_unload_ends_it,
    a_question_about_it_says_who_decides,
    who_becomes_a_user_of_the_acl_keeps_no_mode,
    the_accounts_end_is_the_sessions_at_once,
);

const ATTACH: &str = "attach = 'acl-user'\n";
const TAKEN: &str = "WRONGPASS the token's principal is not accepted under this user name.";
const RIGHTS: &str = "~* &* +@all";

/// A directory, and a server whose users are its ACL's.
struct Asked {
    scene: Scene,
    slapd: Slapd,
    authority: Authority,
}

impl Asked {
    fn start(line: Line, lines: &str) -> Self {
        Self::with(line, lines, |builder| builder)
    }

    fn with(line: Line, lines: &str, change: impl FnOnce(SceneBuilder) -> SceneBuilder) -> Self {
        let authority = Authority::new("ca");
        let slapd = people()
            .user(User::new("Carol"))
            .user(User::new("Default"))
            .user(User::new("team/svc"))
            .start(&authority);
        let file = by_bind(&slapd.url()) + QUIET + ATTACH + lines;
        let asked = Self {
            scene: change(Scene::builder(line).authenticator_file(&file)).start(),
            slapd,
            authority,
        };
        asked.acl(&format!("SETUSER alice on {RIGHTS}"));
        asked.acl("SETUSER bob on ~bob:* +@read +@connection +acl|whoami");
        asked
    }

    fn acl(&self, words: &str) {
        let reply = self.scene.server.admin().run(&format!("ACL {words}"));
        assert!(reply.error().is_none(), "{words}: {reply}");
    }

    #[track_caller]
    fn log_in(&self, name: &str) -> Connection {
        let mut client = self.scene.server.connect();
        client.auth(name, &password_of(name)).expect_ok();
        client
    }

    #[track_caller]
    fn expect_closed(&self, mut client: Connection) {
        assert!(client.closes_within(warden_tests::server::PATIENCE));
    }

    #[track_caller]
    fn wait_for_sessions(&self, count: u64) {
        self.scene.wait_for_info(info::SESSIONS, &count.to_string());
    }
}

fn who_has_the_password_becomes_the_acls_user(line: Line) {
    let asked = Asked::start(line, "");
    let mut client = asked.log_in("alice");
    client.run("ACL WHOAMI").expect_text("alice");
    client.run("SET anything 1").expect_ok();
    let mut client = asked.log_in("bob");
    client.run("ACL WHOAMI").expect_text("bob");
    assert!(client.run("GET bob:1").is_nil());
    client.run("GET reports:1").expect_error("NOPERM");
    client.run("SET bob:1 x").expect_error("NOPERM");
    let mut client = asked.scene.server.connect();
    client.hello_auth(3, "corp/alice", &password_of("alice"));
    client.run("ACL WHOAMI").expect_text("alice");
    for (name, password) in [
        ("alice", "wrong"),
        ("alice", "password-of-bob"),
        ("alice", ""),
    ] {
        asked.scene.expect_refused(name, password, WRONG);
    }
    asked.scene.wait_for_info(info::CLASSES, "2");
}

fn what_is_shown_says_what_such_a_session_is(line: Line) {
    let asked = Asked::start(line, "");
    let mut client = asked.log_in("alice");
    let me = client.whoami();
    me.field("user").expect_text("alice");
    me.field("principal").expect_text("alice");
    me.field("authenticator").expect_text("corp");
    me.field("method").expect_text("ldap");
    me.field("attach").expect_text("acl-user");
    for field in ["class", "generation", "rules"] {
        assert!(me.field(field).is_nil(), "{field}");
    }
    let mut admin = asked.scene.server.admin();
    let listed = admin.run("WARDEN.SESSIONS USER alice").items().remove(0);
    listed.field("user").expect_text("alice");
    listed.field("attach").expect_text("acl-user");
    assert_eq!(listed.field("client").number(), client.id());
    asked.scene.authenticators_state()[0]
        .field("attach")
        .expect_text("acl-user");
    let corp = asked.scene.info("warden_authenticator_corp");
    assert!(corp.ends_with(",attach=acl-user"), "{corp}");
    let list = admin.run(&format!("CLIENT LIST ID {}", client.id())).text();
    assert!(list.contains("user=alice"), "{list}");
    asked.scene.expect_refused("alice", "wrong", WRONG);
    let entry = admin.run("ACL LOG 1").items().remove(0);
    entry.field("username").expect_text("alice");
    entry.field("reason").expect_text("auth");
}

fn who_is_no_user_of_the_acl_or_an_unfit_one_is_refused(line: Line) {
    let asked = Asked::start(line, "");
    asked.acl("DELUSER alice");
    asked.acl("SETUSER bob off");
    for name in ["alice", "bob", "Default", "Carol"] {
        asked.scene.expect_refused(name, &password_of(name), TAKEN);
        // Only to whoever has the password it is told.
        asked.scene.expect_refused(name, "wrong", WRONG);
    }
    for name in ["default", "token", "certificate"] {
        let reply = asked
            .scene
            .server
            .connect()
            .auth(name, "password-of-Default");
        assert!(reply.is_error("WRONGPASS"), "{name}: {reply}");
    }
    asked.acl(&format!("SETUSER team/svc on {RIGHTS}"));
    let mut client = asked.log_in("team/svc");
    client.run("ACL WHOAMI").expect_text("team/svc");
    asked.wait_for_sessions(1);
    asked.acl("SETUSER bob on");
    asked.log_in("bob");
}

/// `ALICE` and Alice's password are good in the directory.
fn one_spelling_of_a_name_becomes_a_user_of_the_acl(line: Line) {
    let asked = Asked::start(line, "");
    for name in ["ALICE", "Alice", "Carol", "carol"] {
        asked.acl(&format!("SETUSER {name} on {RIGHTS}"));
    }
    for name in ["ALICE", "Alice", "corp/ALICE"] {
        asked
            .scene
            .expect_refused(name, &password_of("alice"), TAKEN);
    }
    let mut carol = asked.scene.server.connect();
    carol.auth("carol", &password_of("Carol")).expect_ok();
    asked
        .scene
        .expect_refused("Carol", &password_of("Carol"), TAKEN);
    asked
        .scene
        .expect_refused("%61lice", &password_of("alice"), WRONG);
    // Found by a search, a name is spelt as its entry spells it.
    let file = by_search(&asked.slapd.url(), &password_file(&asked.authority)) + QUIET + ATTACH;
    asked.scene.authenticators.replace("10-corp.toml", file);
    eventually("the search is in force", || {
        let mut client = asked.scene.server.connect();
        client
            .auth("Carol", &password_of("Carol"))
            .is_ok()
            .then_some(())
    });
    asked.log_in("alice");
    for (name, password) in [("ALICE", "alice"), ("carol", "Carol")] {
        asked
            .scene
            .expect_refused(name, &password_of(password), "WRONGPASS");
    }
}

fn a_user_with_a_password_of_its_own_is_nobodys_but_the_servers(line: Line) {
    let asked = Asked::start(line, "");
    asked.acl("SETUSER alice >secret");
    asked.acl("SETUSER bob nopass");
    let binds = asked.slapd.counters().binds;
    let mut client = asked.scene.server.connect();
    client.auth("alice", "secret").expect_ok();
    client.whoami().field("method").expect_text("acl");
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), WRONG);
    client.auth("bob", "any").expect_ok();
    client.whoami().field("method").expect_text("acl");
    assert_eq!(asked.slapd.counters().binds, binds);
    // With the id before the name the directory is asked, and they are not to be had.
    for name in ["alice", "bob"] {
        asked
            .scene
            .expect_refused(&format!("corp/{name}"), &password_of(name), TAKEN);
    }
    asked.wait_for_sessions(0);
    let lines = by_bind(&asked.slapd.url()) + QUIET + ATTACH + "local_users = 'ask'\n";
    asked.scene.authenticators.replace("10-corp.toml", lines);
    eventually("the directory is asked", || {
        let mut client = asked.scene.server.connect();
        let reply = client.auth("alice", &password_of("alice"));
        reply
            .is_ok()
            .then(|| client.run("ACL WHOAMI").expect_text("alice"))
    });
    asked.scene.expect_refused("alice", "secret", WRONG);
}

fn what_the_operator_does_with_the_user_happens_to_the_session_as_to_any_other(line: Line) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.acl");
    std::fs::write(
        &file,
        format!("user default on >{ADMIN_PASSWORD} ~* &* +@all\n"),
    )
    .unwrap();
    let asked = Asked::with(line, "", |builder| {
        builder
            .server(warden_tests::ServerBuilder::password_by_acl_file)
            .config([("aclfile", &file.display().to_string())])
    });
    let mut client = asked.log_in("alice");
    asked.acl("SETUSER alice resetkeys ~a:* -set");
    client.run("SET a:1 x").expect_error("NOPERM");
    client.run("GET b:1").expect_error("NOPERM");
    assert!(client.run("GET a:1").is_nil());
    // As one that has authenticated at the server: off keeps others out.
    asked.acl("SETUSER alice off");
    assert!(client.run("GET a:1").is_nil());
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), TAKEN);
    asked.acl("SETUSER alice on");
    let mut listener = asked.log_in("alice");
    listener.run("SUBSCRIBE news");
    asked.acl("SETUSER alice resetchannels");
    asked.expect_closed(listener);
    asked.acl("SETUSER alice &*");
    asked.acl("SAVE");
    let mut admin = asked.scene.server.admin();
    admin.run("ACL LOAD").expect_ok();
    client.run("ACL WHOAMI").expect_text("alice");
    client.whoami().field("attach").expect_text("acl-user");
    asked.wait_for_sessions(1);
    asked.acl("SETUSER alice +set");
    client.run("SET a:1 x").expect_ok();
    asked.acl("DELUSER alice");
    asked.expect_closed(client);
    asked.wait_for_sessions(0);
    // What the file has of it comes back, and takes what it has not with it.
    admin.run("ACL LOAD").expect_ok();
    let client = asked.log_in("alice");
    let other = asked.log_in("bob");
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("user alice "))
        .collect();
    std::fs::write(&file, kept.join("\n") + "\n").unwrap();
    admin.run("ACL LOAD").expect_ok();
    asked.expect_closed(client);
    asked.wait_for_sessions(1);
    drop(other);
    asked.wait_for_sessions(0);
    asked.scene.server.expect_healthy();
}

fn such_a_session_ends_by_kill_by_its_time_and_with_its_authenticator(line: Line) {
    let asked = Asked::start(line, "lifetime_seconds = 3\ncache_seconds = 0\n");
    asked.expect_closed(asked.log_in("alice"));
    let client = asked.log_in("alice");
    let mut other = asked.log_in("bob");
    let mut native = asked.scene.server.admin();
    let killed = native.run("WARDEN.KILL USER alice");
    assert_eq!(killed.number(), 1);
    asked.expect_closed(client);
    other.run("ACL WHOAMI").expect_text("bob");
    let lasting = by_bind(&asked.slapd.url()) + QUIET + ATTACH;
    asked.scene.authenticators.replace("10-corp.toml", lasting);
    let client = eventually("sessions last", || {
        let mut client = asked.scene.server.connect();
        if !client.auth("alice", &password_of("alice")).is_ok() {
            return None;
        }
        let me = client.whoami();
        (me.field("expires").number() - me.field("since").number() > 60).then_some(client)
    });
    asked.scene.authenticators.remove("10-corp.toml");
    asked.expect_closed(client);
    asked.wait_for_sessions(0);
    native.run("ACL WHOAMI").expect_text("default");
}

fn it_is_left_by_reset_by_a_native_log_in_and_by_hanging_up(line: Line) {
    let asked = Asked::start(line, "");
    let mut reset = asked.log_in("alice");
    reset.run("RESET");
    let mut native = asked.log_in("alice");
    native.auth_alone(ADMIN_PASSWORD).expect_ok();
    native.whoami().field("method").expect_text("acl");
    drop(asked.log_in("bob"));
    asked.wait_for_sessions(0);
    native.auth("bob", &password_of("bob")).expect_ok();
    native.whoami().field("attach").expect_text("acl-user");
    asked.wait_for_sessions(1);
}

fn another_principal_on_its_connection_is_refused(line: Line) {
    let asked = Asked::with(line, "", |builder| {
        builder.server(warden_tests::ServerBuilder::protected_configs)
    });
    let mut client = asked.log_in("alice");
    client.auth("alice", &password_of("alice")).expect_ok();
    let refused = client.auth("bob", &password_of("bob"));
    refused.expect_error("WRONGPASS this connection belongs to another principal.");
    client.auth("alice", "wrong").expect_error("WRONGPASS");
    client.run("ACL WHOAMI").expect_text("alice");
    asked
        .scene
        .server
        .config_set("warden.reauthentication", "any")
        .expect_ok();
    client.auth("bob", &password_of("bob")).expect_ok();
    client.run("ACL WHOAMI").expect_text("bob");
    asked.wait_for_sessions(1);
}

fn it_is_remembered_and_taken_in_transactions(line: Line) {
    let asked = Asked::start(line, "");
    let binds = asked.slapd.counters().binds;
    for _ in 0..5 {
        asked.log_in("alice");
    }
    assert_eq!(asked.slapd.counters().binds, binds + 1);
    let mut client = asked.scene.server.admin();
    client.run("MULTI").expect_ok();
    client.call(["AUTH", "bob", &password_of("bob")]);
    client.call(["AUTH", "alice", &password_of("alice")]);
    client.run("ACL WHOAMI");
    let replies = client.run("EXEC").items();
    replies[0].expect_error("TRYAGAIN");
    replies[1].expect_ok();
    replies[2].expect_text("alice");
    // What is remembered makes nobody a user that is no more.
    asked.acl("SETUSER alice off");
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), TAKEN);
}

fn a_bound_on_every_session_and_such_a_session_never_go_together(line: Line) {
    let bounds = [("ceiling", "-@dangerous"), ("required_policies", "rbac")];
    for (name, value) in bounds {
        let authority = Authority::new("ca");
        let slapd = people().start(&authority);
        let file = by_bind(&slapd.url()) + QUIET + ATTACH;
        let failed = Scene::builder(line)
            .authenticator_file(&file)
            .module_args([name, value])
            .try_start();
        let log = failed.err().expect("it does not start").log;
        assert!(
            log.contains("makes sessions to which no policy applies"),
            "{log}"
        );
    }
    let asked = Asked::with(line, "", |builder| {
        builder.server(warden_tests::ServerBuilder::protected_configs)
    });
    let set = |name: &str, value: &str| {
        let name = format!("warden.{name}");
        asked.scene.server.config_set(&name, value)
    };
    let mut client = asked.log_in("alice");
    for (name, value) in bounds {
        let error = set(name, value).expect_error("ERR");
        assert!(
            error.contains("would not bind the sessions of corp"),
            "{error}"
        );
        set(name, "").expect_ok();
    }
    assert!(Scene::stays_open(&mut client));
    // Where it comes too late for the file, it ends the sessions.
    let policies = by_bind(&asked.slapd.url()) + QUIET;
    asked.scene.authenticators.replace("10-corp.toml", policies);
    let attach = || asked.scene.authenticators_state()[0].field("attach").text();
    eventually("policies are asked", || {
        (attach() == "policies").then_some(())
    });
    assert!(Scene::stays_open(&mut client));
    set("ceiling", "-@dangerous").expect_ok();
    asked.expect_closed(client);
    let file = by_bind(&asked.slapd.url()) + QUIET + ATTACH;
    asked.scene.authenticators.replace("10-corp.toml", file);
    eventually("the file is in error", || {
        let error = asked.scene.info(info::AUTHENTICATOR_ERROR);
        error
            .contains("makes sessions to which no policy applies")
            .then_some(())
    });
    assert_eq!(attach(), "policies");
    set("ceiling", "").expect_ok();
    eventually("it is in force", || (attach() == "acl-user").then_some(()));
    asked.log_in("alice");
}

fn an_unload_ends_it(line: Line) {
    let asked = Asked::start(line, "");
    let client = asked.log_in("alice");
    crate::unload::unload(&asked.scene);
    asked.expect_closed(client);
    asked.scene.server.admin().run("ACL DELUSER alice");
    asked.scene.server.expect_healthy();
}

fn a_question_about_it_says_who_decides(line: Line) {
    let asked = Asked::start(line, "");
    let mut admin = asked.scene.server.admin();
    let password = password_of("alice");
    let explained = admin.call(["WARDEN.EXPLAIN", "alice", &password]);
    explained.field("outcome").expect_text("granted");
    explained.field("user").expect_text("alice");
    explained.field("attach").expect_text("acl-user");
    assert!(explained.field("rules").is_nil());
    let error = admin.call(["WARDEN.DRYRUN", "alice", &password, "GET", "a"]);
    error.expect_error("ERR the session becomes the user alice of Valkey's own ACL");
    asked.acl("SETUSER alice off");
    let explained = admin.call(["WARDEN.EXPLAIN", "alice", &password]);
    explained.field("outcome").expect_text("refused");
    explained.field("reply").expect_text(TAKEN);
    asked.wait_for_sessions(0);
}

/// What the ACL's user may enter the operator knows, and warden does not.
fn who_becomes_a_user_of_the_acl_keeps_no_mode(line: Line) {
    let asked = Asked::with(line, "cache_seconds = 3600\n", |builder| {
        builder.server(warden_tests::ServerBuilder::protected_configs)
    });
    asked.acl(&format!("SETUSER bob {RIGHTS}"));
    asked.acl(&format!("SETUSER app on >secret {RIGHTS}"));
    // A subscriber cannot be made to wait: their passwords must be known.
    for name in ["alice", "bob"] {
        asked.log_in(name);
    }
    let native = |command: &str| {
        let mut client = asked.scene.server.connect();
        client.hello_auth(3, "app", "secret");
        let reply = client.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
        client.send(["AUTH", "alice", &password_of("alice")]);
        client
    };
    for command in [
        "SUBSCRIBE news",
        "PSUBSCRIBE *",
        "MONITOR",
        "CLIENT TRACKING ON",
    ] {
        asked.expect_closed(native(command));
    }
    let mut client = native("GET anything");
    client.receive().expect_ok();
    client.run("ACL WHOAMI").expect_text("alice");
    // Whoever stays who he is stays in them, and another is no such one.
    let subscribed = |command: &str| {
        let mut client = asked.scene.server.connect();
        client.hello_auth(3, "alice", &password_of("alice"));
        let reply = client.run(command);
        assert!(reply.error().is_none(), "{command}: {reply}");
        client
    };
    asked
        .scene
        .server
        .config_set("warden.reauthentication", "any")
        .expect_ok();
    for command in ["SUBSCRIBE news", "CLIENT TRACKING ON"] {
        let mut client = subscribed(command);
        client.auth("alice", &password_of("alice")).expect_ok();
        assert!(Scene::stays_open(&mut client), "{command}");
        client.send(["AUTH", "bob", &password_of("bob")]);
        asked.expect_closed(client);
    }
}

fn the_accounts_end_is_the_sessions_at_once(line: Line) {
    const DAY: u64 = 86_400;
    let asked = Asked::start(line, "");
    let file = by_search(&asked.slapd.url(), &password_file(&asked.authority))
        + QUIET
        + ATTACH
        + "refresh_seconds = 1\nlifetime_seconds = 31536000\n";
    asked.scene.authenticators.replace("10-corp.toml", file);
    let dn = user_dn("alice");
    asked.slapd.change(&format!(
        "dn: {dn}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n"
    ));
    let mut client = eventually("sessions last a year", || {
        let mut client = asked.scene.server.connect();
        client
            .auth("alice", &password_of("alice"))
            .is_ok()
            .then_some(())?;
        let me = client.whoami();
        let lasts = me.field("expires").number() - me.field("since").number();
        (lasts == 31_536_000).then_some(client)
    });
    let id = client.id();
    let mut ends_on = |day: u64| {
        asked.slapd.change(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: shadowExpire\nshadowExpire: {day}\n"
        ));
        eventually("the session has another end", || {
            let ends = client.whoami().field("expires").number().unsigned_abs();
            (ends == day * DAY).then_some(())
        });
        assert_eq!(client.id(), id, "it is the same session");
    };
    let today = unix_now() / DAY;
    ends_on(today + 9);
    ends_on(today + 5);
    ends_on(today + 7);
}
