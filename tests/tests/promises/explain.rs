//! `WARDEN.EXPLAIN` and `WARDEN.DRYRUN`: what they tell is what a log-in comes to, and
//! they show nobody's credential.

use warden_tests::scene::ROLES;
use warden_tests::{ADMIN_PASSWORD, Claims, Line, Reply, Scene, on_both_lines};

use crate::info;

on_both_lines!(
    a_granted_log_in_is_explained,
    a_refused_credential_is_explained_and_counts_as_an_attempt,
    a_name_that_the_server_has_itself_is_an_attempt_too,
    a_verified_token_without_a_grant_is_explained,
    a_failing_policy_is_undecided_and_named,
    what_was_dropped_is_shown_with_its_reason,
    a_name_of_a_local_user_is_explained_as_refused,
    what_is_not_ours_says_so,
    a_dry_run_tells_what_a_session_could_do,
    a_dry_run_agrees_with_the_session,
    a_dry_run_needs_a_whole_command,
    a_dry_run_looks_at_the_database,
    a_dry_run_of_a_refused_log_in_says_why,
    neither_leaves_a_session_or_a_user,
    both_are_for_administrators,
    a_question_waits_like_a_log_in,
);

fn explain(scene: &Scene, user: &str, credential: &str) -> Reply {
    scene
        .server
        .admin()
        .call(["WARDEN.EXPLAIN", user, credential])
}

fn dry_run(scene: &Scene, claims: &Claims, command: &str) -> Reply {
    let token = scene.issuer.token(claims);
    let words = ["WARDEN.DRYRUN", "token", &token];
    scene
        .server
        .admin()
        .call(words.into_iter().chain(command.split(' ')))
}

fn a_granted_log_in_is_explained(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("bob")
        .groups(&["analysts"])
        .scope("cache.read")
        .expires_in(600);
    let told = explain(&scene, "bob", &scene.issuer.token(&claims));
    let session = scene.log_in_with(&claims).whoami();
    told.field("outcome").expect_text("granted");
    told.field("reply").expect_text("OK");
    assert!(told.field("reason").is_nil());
    for field in [
        "user",
        "authenticator",
        "method",
        "groups",
        "scopes",
        "expires",
        "generation",
        "rules",
        "class",
    ] {
        assert_eq!(told.field(field), session.field(field), "{field}");
    }
    told.field("client")
        .field("address")
        .expect_text("127.0.0.1");
    let policies = told.field("policies").items();
    assert_eq!(policies.len(), 1);
    policies[0].field("name").expect_text("rbac");
    policies[0].field("outcome").expect_text("grants");
    assert_eq!(
        policies[0].field("grants").texts(),
        ["+@read ~reports:*"],
        "{told}"
    );
    let allows = told.field("allows").items();
    assert_eq!(allows.len(), 2, "the base rules and one grant");
    assert!(
        allows[0]
            .field("commands")
            .texts()
            .contains(&"ping".to_owned())
    );
    let grant = &allows[1];
    assert_eq!(grant.field("keys").texts(), ["~reports:*"]);
    let commands = grant.field("commands").texts();
    assert!(commands.contains(&"get".to_owned()) && !commands.contains(&"set".to_owned()));
}

fn a_refused_credential_is_explained_and_counts_as_an_attempt(line: Line) {
    let scene = Scene::start(line);
    let before = scene.counter(info::REFUSALS);
    let told = explain(&scene, "alice", &scene.issuer.forged(&Claims::of("alice")));
    told.field("outcome").expect_text("refused");
    assert!(told.field("reply").text().starts_with("WRONGPASS "));
    assert!(told.field("reason").text().contains("signature"), "{told}");
    assert!(told.field("user").is_nil() && told.field("rules").is_nil());
    assert!(told.field("policies").items().is_empty());
    assert_eq!(scene.counter(info::REFUSALS), before + 1);
    let expired = scene.issuer.token(&Claims::of("alice").expired_for(9000));
    let told = explain(&scene, "alice", &expired);
    told.field("reply")
        .expect_text("WRONGPASS the token has expired.");
    let log = scene.server.log();
    assert!(log.contains("would refuse \"alice\""), "{log}");
    assert!(
        format!("{:?}", scene.server.admin().run("ACL LOG")).contains("alice"),
        "an entry in ACL LOG"
    );
}

fn a_name_that_the_server_has_itself_is_an_attempt_too(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut admin = scene.server.admin();
    admin.run("ACL SETUSER corp/alice on >x").expect_ok();
    let before = scene.counter(info::REFUSALS);
    let told = explain(&scene, "alice", &token);
    told.field("outcome").expect_text("refused");
    assert_eq!(scene.counter(info::REFUSALS), before + 1);
    let told = admin.call(["WARDEN.DRYRUN", "alice", &token, "GET", "reports:q1"]);
    let text = told.text();
    assert!(
        text.starts_with("the log-in is refused: ") && text.contains("corp/alice exists"),
        "{text}"
    );
    assert_eq!(scene.counter(info::REFUSALS), before + 2);
}

fn a_verified_token_without_a_grant_is_explained(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("mallory");
    let told = explain(&scene, "mallory", &token);
    told.field("outcome").expect_text("refused");
    told.field("reply")
        .expect_text("WRONGPASS no policy grants access.");
    told.field("user").expect_text("corp/mallory");
    told.field("policies").items()[0]
        .field("outcome")
        .expect_text("no opinion");
    assert!(told.field("allows").items().is_empty());
    scene.expect_refused("mallory", &token, "WRONGPASS no policy grants access.");
}

fn a_failing_policy_is_undecided_and_named(line: Line) {
    // A CPU limit no evaluation can keep.
    let scene = Scene::builder(line)
        .roles(&many_roles())
        .module_args(["policy_timeout_ms", "1000"])
        .start();
    scene
        .server
        .config_set("warden.policy_timeout_ms", "1")
        .expect_ok();
    let told = explain(&scene, "alice", &scene.token("alice"));
    told.field("outcome").expect_text("undecided");
    told.field("reply").expect_text("TRYAGAIN a policy failed.");
    let policy = &told.field("policies").items()[0];
    policy.field("outcome").expect_text("failed");
    assert!(
        policy.field("failure").text().contains("CPU time"),
        "{told}"
    );
    assert!(told.field("reason").text().contains("\"rbac\""));
}

/// So many roles that reading them takes several milliseconds.
fn many_roles() -> String {
    let keys: Vec<String> = (0..20).map(|number| format!("\"~k{number}:*\"")).collect();
    let keys = keys.join(", ");
    let role = |number| {
        format!(
            "[roles.r{number}]\nmembers = [\"user:corp/u{number}\"]\nrules = [\"+get\", {keys}]\n"
        )
    };
    ROLES.to_owned() + &(0..900).map(role).collect::<String>()
}

fn what_was_dropped_is_shown_with_its_reason(line: Line) {
    let roles = ROLES.replace(
        "\"+@read\", \"~reports:*\"",
        "\"+@read\", \"+late.read\", \"~reports:*\", \"~secrets:*\"",
    );
    let scene = Scene::builder(line)
        .roles(&roles)
        .module_args(["ceiling", "~reports:* -@dangerous"])
        .start();
    let told = explain(&scene, "alice", &scene.token("alice"));
    let dropped: Vec<(String, String)> = told
        .field("dropped")
        .items()
        .iter()
        .map(|dropped| (dropped.field("rule").text(), dropped.field("why").text()))
        .collect();
    let pairs = |rule: &str, why: &str| (rule.to_owned(), why.to_owned());
    assert!(
        dropped.contains(&pairs("~secrets:*", "outside the bounds of a restriction"))
            && dropped.contains(&pairs("+late.read", "unknown to this server")),
        "{dropped:?}"
    );
    let rules = told.field("rules").text();
    assert!(rules.contains("-@dangerous") && !rules.contains("secrets"));
}

fn a_name_of_a_local_user_is_explained_as_refused(line: Line) {
    let scene = Scene::start(line);
    scene
        .server
        .admin()
        .run("ACL SETUSER corp/alice on nopass +@all ~*")
        .expect_ok();
    let told = explain(&scene, "alice", &scene.token("alice"));
    told.field("outcome").expect_text("refused");
    assert!(told.field("reason").text().contains("own ACL"), "{told}");
    let dry = dry_run(&scene, &Claims::of("alice"), "GET reports:q1");
    assert!(dry.text().contains("own ACL"), "{dry}");
}

fn what_is_not_ours_says_so(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["native_users", "breakglass"])
        .start();
    explain(&scene, "default", ADMIN_PASSWORD).expect_error("ERR no authenticator claims");
    explain(&scene, "breakglass", &scene.token("alice"))
        .expect_error("ERR the user is one of native_users");
    let token = scene.token("alice");
    let error = explain(&scene, &token, "x").expect_error("ERR ");
    assert!(!error.contains(&token));
}

fn a_dry_run_tells_what_a_session_could_do(line: Line) {
    let scene = Scene::start(line);
    let alice = Claims::of("alice");
    for allowed in [
        "GET reports:q1",
        "PING",
        "get reports:q1",
        "CLIENT ID",
        "EXEC",
    ] {
        dry_run(&scene, &alice, allowed).expect_text("OK");
    }
    for denied in [
        "GET secrets:q1",
        "SET reports:q1 x",
        "CONFIG GET dir",
        "SUBSCRIBE news.eu",
        "MGET reports:q1 secrets:q1",
        "WARDEN.SESSIONS",
    ] {
        let reply = dry_run(&scene, &alice, denied).text();
        assert!(
            reply.starts_with("User corp/alice has no permissions to "),
            "{denied}: {reply}"
        );
    }
    let listener = Claims::of("lis").groups(&["listeners"]);
    dry_run(&scene, &listener, "SUBSCRIBE news.eu").expect_text("OK");
    let reply = dry_run(&scene, &listener, "SUBSCRIBE other").text();
    assert!(reply.contains("no permissions"), "{reply}");
    // Nothing was run.
    assert!(scene.server.admin().run("GET reports:q1").is_nil());
}

fn a_dry_run_agrees_with_the_session(line: Line) {
    let scene = Scene::start(line);
    let claims = Claims::of("eve").groups(&["editors", "listeners"]);
    let mut eve = scene.log_in_with(&claims);
    for command in [
        "GET reports:q1",
        "SET reports:q1 x",
        "DEL reports:q1",
        "DEL secrets:q1",
        "LPUSH reports:q1 x",
        "KEYS *",
        "CONFIG GET dir",
        "PUBLISH news.eu x",
        "OBJECT ENCODING reports:q1",
        "OBJECT ENCODING secrets:q1",
        "EVAL return 0",
        "COMMAND COUNT",
        "SELECT 1",
    ] {
        let said = dry_run(&scene, &claims, command);
        let done = eve.run(command);
        match said.error() {
            Some(error) => assert!(done.is_error(&error[..8]), "{command}: {said}, {done}"),
            None => assert_eq!(
                said.text() == "OK",
                !done.is_error("NOPERM"),
                "{command}: {said}, {done}"
            ),
        }
    }
}

fn a_dry_run_needs_a_whole_command(line: Line) {
    let scene = Scene::start(line);
    let alice = Claims::of("alice");
    for short in [
        "GET",
        "GET a b",
        "SET a",
        "CONFIG",
        "EVAL",
        "OBJECT ENCODING",
        "XREAD",
        "MSET",
    ] {
        dry_run(&scene, &alice, short).expect_error("ERR wrong number of arguments");
    }
    for unknown in ["NOSUCH", "CONFIG NOSUCH", "config|get x", "\0 x"] {
        dry_run(&scene, &alice, unknown).expect_error("ERR unknown command");
    }
    // Counts and places of keys that are no numbers, or beyond the end: as the server itself has it.
    let mut session = scene.log_in("alice");
    for odd in [
        "EVAL x 99 a",
        "EVAL x -1 a",
        "XREAD STREAMS s t u",
        "SORT a STORE",
        "ZUNION 9 a",
        "MIGRATE a b c d e f KEYS",
    ] {
        let said = dry_run(&scene, &alice, odd).text();
        let done = session.run(odd);
        assert_eq!(
            said == "OK",
            !done.is_error("NOPERM"),
            "{odd}: {said}, {done}"
        );
    }
    scene.server.expect_healthy();
    let mut admin = scene.server.admin();
    let token = scene.token("alice");
    admin
        .call(["WARDEN.DRYRUN", "alice", &token, "DB", "1"])
        .expect_error("ERR syntax error");
    admin
        .call(["WARDEN.DRYRUN", "alice", &token])
        .expect_error("ERR wrong number of arguments");
}

fn a_dry_run_looks_at_the_database(line: Line) {
    let roles = "[roles.one]\nmembers = [\"user:corp/alice\"]\nrules = [\"+get\", \"~*\", \"db=1\"]\n\
                 [roles.all]\nmembers = [\"user:corp/bob\"]\nrules = [\"+get\", \"~*\"]\n";
    let scene = Scene::builder(line).roles(roles).start();
    let bob = Claims::of("bob");
    dry_run(&scene, &bob, "DB 3 GET a").expect_text("OK");
    dry_run(&scene, &bob, "DB x GET a").expect_error("ERR DB");
    if !line.has_databases() {
        return;
    }
    let alice = Claims::of("alice");
    dry_run(&scene, &alice, "DB 1 GET a").expect_text("OK");
    let reply = dry_run(&scene, &alice, "GET a").text();
    assert!(
        reply.contains("no permissions to access the database"),
        "{reply}"
    );
    dry_run(&scene, &alice, "DB 9999 GET a").expect_error("ERR DB index is out of range");
}

fn a_dry_run_of_a_refused_log_in_says_why(line: Line) {
    let scene = Scene::start(line);
    let reply = dry_run(&scene, &Claims::of("mallory"), "PING").text();
    assert!(reply.contains("no policy grants"), "{reply}");
    let reply = dry_run(&scene, &Claims::of("alice").expired_for(9000), "PING").text();
    assert!(reply.contains("expired"), "{reply}");
}

fn neither_leaves_a_session_or_a_user(line: Line) {
    let scene = Scene::start(line);
    for number in 0..20 {
        let claims = Claims::of("alice").id(number);
        explain(&scene, "alice", &scene.issuer.token(&claims))
            .field("outcome")
            .expect_text("granted");
        dry_run(&scene, &claims, "GET reports:q1").expect_text("OK");
    }
    scene.wait_for_info(info::SESSIONS, "0");
    assert_eq!(scene.counter(info::CLASSES), 0);
    assert!(
        scene
            .server
            .admin()
            .run("WARDEN.SESSIONS")
            .items()
            .is_empty()
    );
}

fn both_are_for_administrators(line: Line) {
    let scene = Scene::start(line);
    let token = scene.token("alice");
    let mut alice = scene.log_in("alice");
    alice
        .call(["WARDEN.EXPLAIN", "alice", &token])
        .expect_error("NOPERM");
    alice
        .call(["WARDEN.DRYRUN", "alice", &token, "PING"])
        .expect_error("NOPERM");
    let mut admin = scene.server.admin();
    admin
        .call([
            "EVAL",
            "return server.call('WARDEN.EXPLAIN', 'a', 'b')",
            "0",
        ])
        .expect_error("ERR ");
    admin.run("MULTI").expect_ok();
    admin
        .call(["WARDEN.EXPLAIN", "alice", &token])
        .expect_text("QUEUED");
    admin.run("EXEC").items()[0].expect_error("ERR ");
}

fn a_question_waits_like_a_log_in(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["max_pending", "1", "workers", "1"])
        .start();
    let tokens: Vec<String> = (0..40)
        .map(|n| scene.issuer.token(&Claims::of("alice").id(n)))
        .collect();
    let mut clients: Vec<_> = tokens.iter().map(|_| scene.server.admin()).collect();
    for (client, token) in clients.iter_mut().zip(&tokens) {
        client.send(["WARDEN.EXPLAIN", "alice", token]);
    }
    let replies: Vec<Reply> = clients.iter_mut().map(|c| c.receive()).collect();
    for reply in &replies {
        if let Some(error) = reply.error() {
            assert!(error.starts_with("TRYAGAIN "), "{error}");
        }
    }
    assert!(replies.iter().any(|reply| reply.error().is_none()));
}
