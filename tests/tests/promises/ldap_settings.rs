//! Every setting of a directory does what it says, given and not given, on a real one.

use std::thread;
use std::time::{Duration, Instant};

use warden_tests::hostile_directory::{Answer, Operation};
use warden_tests::proxy::{Flow, Proxy};
use warden_tests::slapd::{BASE, SERVICE, Slapd, User, crowd_name, password_of, user_dn};
use warden_tests::{
    Authority, Connection, HostileDirectory, Line, Scene, eventually, on_both_lines,
};

use crate::info;
use crate::ldap::{QUIET, WRONG, by_bind, by_search, password_file, people};

on_both_lines!(
    what_is_not_given_has_its_default,
    a_search_finds_whom_its_settings_mean,
    a_service_account_may_be_left_out,
    no_more_connections_are_made_than_the_pools_hold,
    requests_and_connections_have_their_time,
    servers_are_looked_after_so_often_and_not_more,
    a_changed_file_forgets_what_was_remembered,
    one_password_given_by_many_at_once_is_asked_about_once,
    log_ins_go_on_when_many_left_whose_answers_the_server_had,
);

/// The reply to whoever is known, and nothing more.
const NO_GRANT: &str = "WRONGPASS no policy grants access.";

fn scene(line: Line, file: &str) -> Scene {
    Scene::builder(line)
        .module_args(["rejection_seconds", "0"])
        .authenticator_file(&(file.to_owned() + "[throttle]\nexempt = ['127.0.0.0/8']\n"))
        .start()
}

/// Whether the directory knows a name with a password; policies know alice alone.
#[track_caller]
fn knows(scene: &Scene, name: &str, password: &str) -> bool {
    let reply = scene.server.connect().auth(name, password);
    let is_known = reply.is_ok() || reply.is_error(NO_GRANT);
    assert!(is_known || reply.is_error(WRONG), "{name}: {reply}");
    is_known
}

fn what_is_not_given_has_its_default(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people()
        .user(User::new("carol").named_by("cn"))
        .user(User::new("dave").unit("staff"))
        .anonymous_search()
        // What a search without a base is about.
        .global(&format!("defaultsearchbase {BASE}"))
        .start(&authority);
    let head = format!("type = 'ldap'\nservers = ['{}']\n", slapd.url());
    // bind_dn_prefix is cn=.
    let bind = scene(
        line,
        &format!("{head}bind_dn_suffix = ',ou=people,{BASE}'\n"),
    );
    assert!(knows(&bind, "carol", &password_of("carol")));
    assert!(!knows(&bind, "alice", &password_of("alice")));
    // Everywhere, as nobody, any entry whose uid it is, and its entryDN.
    let search = scene(line, &format!("{head}auth_mode = 'search+bind'\n"));
    for name in ["alice", "carol", "dave"] {
        assert!(knows(&search, name, &password_of(name)), "{name}");
        assert!(!knows(&search, name, "wrong"), "{name}");
    }
    let binds = search.authenticators_state()[0].field("servers").items()[0].field("binds");
    assert_eq!(binds.field("connections").number(), 2);
    // The session is one of policies.
    let mut alice = search.server.connect();
    alice.auth("alice", &password_of("alice")).expect_ok();
    alice.whoami().field("attach").expect_text("policies");
    // bind_dn_suffix is nothing; slapd has nobody at its root.
    let directory = HostileDirectory::start();
    directory.answer(Answer::success());
    let head = format!("type = 'ldap'\nservers = ['{}']\n{QUIET}", directory.url());
    let alone = scene(line, &head);
    assert!(knows(&alone, "alice", "any"));
    let expected = ("cn=alice".to_owned(), "any".to_owned());
    assert_eq!(directory.binds(), [expected]);
}

fn a_search_finds_whom_its_settings_mean(line: Line) {
    let authority = Authority::new("ca");
    let elsewhere = user_dn("bob");
    let slapd = people()
        .user(
            User::new("carol")
                .unit("staff")
                .attribute("mail", "carol@example.org")
                .attribute("employeeType", "active")
                .attribute("seeAlso", &elsewhere),
        )
        .start(&authority);
    let file = by_search(&slapd.url(), &password_file(&authority)) + QUIET;
    let alice = user_dn("alice");
    let (people, staff) = (format!("ou=people,{BASE}"), format!("ou=staff,{BASE}"));
    for (base, lines, found, not_found) in [
        (
            BASE,
            "",
            &["alice", "carol"][..],
            &["carol@example.org"][..],
        ),
        (&people, "", &["alice", "bob"], &["carol"]),
        (&staff, "search_scope = 'one'\n", &["carol"], &["alice"]),
        (BASE, "search_scope = 'one'\n", &[], &["alice", "carol"]),
        (&alice, "search_scope = 'base'\n", &["alice"], &["bob"]),
        (
            BASE,
            "search_filter = '(&(employeeType=active)(!(uid=bob)))'\n",
            &["carol"],
            &["alice", "bob"],
        ),
        (
            BASE,
            "search_filter = 'employeeType=active'\n",
            &["carol"],
            &["alice"],
        ),
        (
            BASE,
            "search_attribute = 'mail'\n",
            &["carol@example.org"],
            &["carol", "CAROL@example.org"],
        ),
    ] {
        let base = format!("search_base = '{base}'\n");
        let file = file.replace(&format!("search_base = '{BASE}'\n"), &base) + lines;
        let scene = scene(line, &file);
        for (names, is_found) in [(found, true), (not_found, false)] {
            for name in names {
                let user = name.split('@').next().unwrap_or(name).to_lowercase();
                let knows = knows(&scene, name, &password_of(&user));
                assert_eq!(knows, is_found, "{name}: {base}{lines}");
            }
        }
    }
    // The name to bind with is what the entry says.
    let scene = scene(line, &(file + "search_dn_attribute = 'seeAlso'\n"));
    assert!(knows(&scene, "carol", &password_of("bob")));
    assert!(!knows(&scene, "carol", &password_of("carol")));
    assert!(
        !knows(&scene, "alice", &password_of("alice")),
        "it says none"
    );
}

fn a_service_account_may_be_left_out(line: Line) {
    let authority = Authority::new("ca");
    let [open, closed] = [people().anonymous_search(), people()];
    for (described, is_open) in [(open, true), (closed, false)] {
        let slapd = described.logging_operations().start(&authority);
        let file = format!(
            "type = 'ldap'\nservers = ['{}']\nauth_mode = 'search+bind'\nsearch_base = '{BASE}'\n{QUIET}",
            slapd.url()
        );
        let scene = scene(line, &file);
        if is_open {
            assert!(knows(&scene, "alice", &password_of("alice")));
            assert!(!knows(&scene, "alice", "wrong"));
        } else {
            // To whoever may see nothing the base itself is not there.
            scene.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
        }
        let log = slapd.log();
        assert!(
            log.contains("SRCH base=") && !log.contains(SERVICE),
            "{log}"
        );
    }
}

fn no_more_connections_are_made_than_the_pools_hold(line: Line) {
    const PEOPLE: usize = 20;
    for (lines, size) in [("", 2), ("connection_pool_size = 5\n", 5)] {
        let authority = Authority::new("ca");
        let slapd = Slapd::builder().crowd(PEOPLE).start(&authority);
        let file = by_search(&slapd.url(), &password_file(&authority)) + QUIET + lines;
        let scene = scene(line, &(file + "cache_seconds = 0\n"));
        thread::scope(|scope| {
            for name in (0..PEOPLE).map(crowd_name) {
                let scene = &scene;
                scope.spawn(move || {
                    for _ in 0..5 {
                        assert!(knows(scene, &name, &password_of(&name)));
                    }
                });
            }
        });
        let counters = slapd.counters();
        assert!(counters.binds >= 5 * PEOPLE as u64, "{counters:?}");
        // For binds, for searches, and one to look after it. How many of them are needed at
        // once depends on how fast the directory is: more than a smaller pool has.
        let some = size + 1..=2 * size + 1;
        assert!(some.contains(&counters.connections), "{counters:?}");
    }
}

fn requests_and_connections_have_their_time(line: Line) {
    let error = |scene: &Scene| {
        let servers = scene.authenticators_state()[0].field("servers").items();
        servers[0].field("error").text()
    };
    let directory = HostileDirectory::start();
    directory.answer_by(|request| match &request.operation {
        Operation::Bind { .. } => Answer::never(),
        _ => Answer::success(),
    });
    let file = by_bind(&directory.url()) + QUIET + "timeout_ldap_operation = 1\n";
    let slow = scene(line, &file);
    slow.expect_refused("alice", "any", "TRYAGAIN");
    let told = error(&slow);
    assert!(told.ends_with("did not answer within 1 s"), "{told}");
    // A connection is made when TLS is.
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let proxy = Proxy::to(slapd.tls_address());
    proxy.flow(Flow::Stalled);
    let file = by_bind(&format!("ldaps://{}", proxy.address()))
        + QUIET
        + &format!(
            "tls_ca_cert_path = '{}'\ntimeout_connection = 1\ntimeout_ldap_operation = 600\n",
            authority.ca_file().display()
        );
    let slow = scene(line, &file);
    slow.expect_refused("alice", &password_of("alice"), "TRYAGAIN");
    let told = error(&slow);
    assert!(told.ends_with("no connection within 1 s"), "{told}");
}

fn servers_are_looked_after_so_often_and_not_more(line: Line) {
    for (lines, seconds) in [("", 1), ("failure_detector_interval = 3\n", 3)] {
        let authority = Authority::new("ca");
        let slapd = people().start(&authority);
        let began = Instant::now();
        let _scene = scene(line, &(by_bind(&slapd.url()) + lines));
        let looks = || slapd.counters().searches;
        eventually("it is looked after again and again", || {
            (looks() > 3).then_some(())
        });
        let looked = looks();
        let most = 1 + began.elapsed().as_secs() / seconds;
        assert!(looked <= most, "{looked} times, and at most {most} are due");
    }
}

fn a_changed_file_forgets_what_was_remembered(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let file = by_bind(&slapd.url()) + QUIET + "cache_seconds = 3600\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let log_in = || scene.server.connect().auth("alice", &password_of("alice"));
    log_in().expect_ok();
    slapd.replace(&user_dn("alice"), "userPassword", &["another"]);
    let binds = slapd.counters().binds;
    log_in().expect_ok();
    assert_eq!(slapd.counters().binds, binds);
    scene.reload_after(|| {
        let file = file + "lifetime_seconds = 600\n";
        scene.authenticators.replace("10-corp.toml", file);
    });
    log_in().expect_error(WRONG);
    assert_eq!(slapd.counters().binds, binds + 1);
}

/// So many who give the same password and wait: their directory stands still.
fn waiting(scene: &Scene, many: u64) -> Vec<Connection> {
    let clients = (0..many).map(|_| {
        let mut client = scene.server.connect();
        client.send(["AUTH", "alice", &password_of("alice")]);
        client
    });
    let clients = clients.collect();
    eventually("all of them wait", || {
        (scene.counter(info::PENDING) == many).then_some(())
    });
    clients
}

fn one_password_given_by_many_at_once_is_asked_about_once(line: Line) {
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let file = by_bind(&slapd.url()) + QUIET + "timeout_ldap_operation = 600\n";
    // Nobody is told to try again before the last of them has come, on however busy a machine.
    let scene = Scene::builder(line)
        .module_args(["auth_timeout_ms", "600000"])
        .authenticator_file(&file)
        .start();
    let binds = slapd.counters().binds;
    slapd.stall();
    let mut crowd = waiting(&scene, 200);
    slapd.resume();
    for client in &mut crowd {
        client.receive().expect_ok();
    }
    assert_eq!(slapd.counters().binds, binds + 1);
    drop(crowd);
}

/// The server loses the answers of clients that go while they are paused: more than it is given in a turn.
fn log_ins_go_on_when_many_left_whose_answers_the_server_had(line: Line) {
    const MANY: u64 = 60;
    let authority = Authority::new("ca");
    let slapd = people().start(&authority);
    let file = by_bind(&slapd.url()) + QUIET + "timeout_ldap_operation = 600\ncache_seconds = 0\n";
    let scene = Scene::builder(line)
        .module_args(["auth_timeout_ms", "600000"])
        .authenticator_file(&file)
        .start();
    let mut admin = scene.server.admin();
    let log_in = || scene.server.connect().auth("alice", &password_of("alice"));
    log_in().expect_ok();
    let binds = slapd.counters().binds;
    slapd.stall();
    let crowd = waiting(&scene, MANY);
    // The server answers nobody meanwhile.
    admin.run("CLIENT PAUSE 3000 ALL").expect_ok();
    slapd.resume();
    eventually("the directory has judged", || {
        (slapd.counters().binds > binds).then_some(())
    });
    thread::sleep(Duration::from_secs(1));
    drop(crowd);
    for _ in 0..3 {
        log_in().expect_ok();
    }
}
