//! Sessions that live on while their directory changes: rights follow, and who is gone is
//! gone.

use std::time::Duration;

use serde_json::json;
use warden_tests::provider::{BASIC, Provider};
use warden_tests::slapd::{
    BASE, Group, Slapd, SlapdBuilder, User, crowd_name, password_of, user_dn,
};
use warden_tests::{Authority, Claims, Connection, Line, Scene, eventually, on_both_lines};

use crate::asked_services::{endpoint, introspection, with_secret};
use crate::ldap::{QUIET, WRONG, by_bind, by_search, password_file, people};
use crate::ldap_lookup::{Proved, ROLES as LOOKUP_ROLES, by_lookup, editors, groups_base};

on_both_lines!(
    rights_of_live_sessions_follow_their_groups,
    rights_of_sessions_by_token_follow_their_groups,
    what_is_remembered_follows_too,
    a_token_that_is_asked_about_again_outlives_other_groups_and_not_its_revocation,
    who_is_removed_disabled_or_renamed_loses_the_session,
    an_entry_of_another_person_with_the_name_is_not_taken_for_it,
    wrong_passwords_of_others_end_no_session,
    sessions_outlive_a_short_outage_of_the_directory_and_not_a_long_one,
    one_person_is_looked_up_once_for_all_sessions,
    reloads_and_other_groups_at_one_time_leave_everybody_their_own_rights,
    an_unload_while_a_directory_stalls_waits_for_nobody,
    sessions_of_a_directory_that_is_not_asked_any_more_end,
    a_password_that_is_remembered_lets_no_other_in,
);

const ROLES: &str = "[roles.writer]\nmembers = ['group:corp/editors']\n\
    rules = ['+set', '~reports:*']\n\
    [roles.reader]\nmembers = ['group:corp/readers']\nrules = ['+get', '~reports:*']\n";

const EVERY: &str = "refresh_seconds = 1\n";

/// A directory that judges passwords, and a server that asks it.
struct Asked {
    scene: Scene,
    slapd: Slapd,
    _authority: Authority,
}

impl Asked {
    fn by_search(line: Line, described: &SlapdBuilder, lines: &str) -> Self {
        Self::start(line, described, |slapd, authority| {
            by_search(&slapd.url(), &password_file(authority)) + QUIET + lines + &groups_base()
        })
    }

    fn start(
        line: Line,
        described: &SlapdBuilder,
        file: impl FnOnce(&Slapd, &Authority) -> String,
    ) -> Self {
        let authority = Authority::new("ca");
        let slapd = described.start(&authority);
        let file = file(&slapd, &authority) + "[throttle]\nexempt = ['127.0.0.0/8']\n";
        Self {
            scene: Scene::builder(line)
                .module_args(["rejection_seconds", "0", "log_level", "verbose"])
                .config([("loglevel", "verbose")])
                .roles(ROLES)
                .authenticator_file(&file)
                .start(),
            slapd,
            _authority: authority,
        }
    }

    fn log_in(&self, name: &str) -> Connection {
        let mut client = self.scene.server.connect();
        client.auth(name, &password_of(name)).expect_ok();
        client
    }
}

/// alice and bob write.
fn writers() -> SlapdBuilder {
    people()
        .group(Group::new("editors").user("alice").user("bob"))
        .group(Group::new("readers").user("bob"))
}

fn writes(client: &mut Connection) -> bool {
    client.run("SET reports:1 x").is_ok()
}

fn reads(client: &mut Connection) -> bool {
    !client.run("GET reports:1").is_error("NOPERM")
}

fn closes(client: &mut Connection) {
    assert!(client.closes_within(Duration::from_secs(30)));
}

fn rights_of_live_sessions_follow_their_groups(line: Line) {
    let anonymous = writers().anonymous_search();
    let found = Asked::by_search(line, &writers(), EVERY);
    let bound = Asked::start(line, &anonymous, |slapd, _| {
        by_bind(&slapd.url()) + QUIET + EVERY + &groups_base()
    });
    for asked in [found, bound] {
        let mut alice = asked.log_in("alice");
        let mut other = asked.log_in("alice");
        let id = alice.id();
        assert!(writes(&mut alice) && !reads(&mut alice));
        asked.slapd.leave("editors", &user_dn("alice"));
        asked.slapd.join("readers", &user_dn("alice"));
        eventually("she reads and writes no more", || {
            (!writes(&mut alice) && reads(&mut alice)).then_some(())
        });
        assert!(!writes(&mut other) && reads(&mut other));
        asked.slapd.join("editors", &user_dn("alice"));
        eventually("she writes again", || writes(&mut alice).then_some(()));
        assert_eq!(alice.id(), id, "the session is the same");
        let groups = alice.run("WARDEN.WHOAMI").field("groups").texts();
        assert_eq!(groups, ["corp/editors", "corp/readers"]);
        // Nothing changes: nothing is done.
        let changes = || asked.scene.server.log().matches("are decided anew").count();
        let (looked, changed) = (asked.scene.counter("warden_refreshes"), changes());
        assert!(changed > 0);
        eventually("looked up again", || {
            (asked.scene.counter("warden_refreshes") > looked + 2).then_some(())
        });
        assert_eq!(changes(), changed);
        assert!(writes(&mut alice));
        // Without a group there is no right to anything.
        asked.slapd.leave("editors", &user_dn("alice"));
        asked.slapd.leave("readers", &user_dn("alice"));
        closes(&mut alice);
        closes(&mut other);
    }
}

fn rights_of_sessions_by_token_follow_their_groups(line: Line) {
    let described = people()
        .group(Group::new("editors").user("alice").user("bob"))
        .group(Group::new("readers").user("bob"));
    let proved = Proved::start(line, &described, "", &(EVERY.to_owned() + &groups_base()));
    let log_in = |id: u32| {
        let claims = Claims::of("bob").groups(&["analysts"]).id(id);
        proved.scene.log_in_with(&claims)
    };
    let mut sessions = [log_in(1), log_in(2), log_in(3)];
    assert!(sessions.iter_mut().all(writes));
    proved.slapd.leave("editors", &user_dn("bob"));
    for session in &mut sessions {
        eventually("he writes no more", || (!writes(session)).then_some(()));
        assert!(reads(session));
        let groups = session.run("WARDEN.WHOAMI").field("groups").texts();
        assert_eq!(groups, ["corp/analysts", "dir/readers"]);
    }
    proved
        .slapd
        .replace(&user_dn("bob"), "userAccountControl", &["514"]);
    sessions.iter_mut().for_each(closes);
}

fn a_token_that_is_asked_about_again_outlives_other_groups_and_not_its_revocation(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let slapd = editors().start(&authority);
    let client = with_secret(&authority, "client.secret", BASIC);
    let lines = "cache_seconds = 0\nrecheck_seconds = 1\ngroups_from = 'dir'\n";
    let file = introspection(provider.issuer(), &client, lines) + &endpoint(&authority);
    let directory = by_lookup(&slapd.url(), &password_file(&authority)) + EVERY + &groups_base();
    let scene = Scene::builder(line).roles(LOOKUP_ROLES).start();
    scene.authenticators.replace("10-corp.toml", file);
    scene.authenticators.replace("20-dir.toml", directory);
    scene.server.admin().call(["WARDEN.RELOAD"]);
    let token = provider.opaque("alice", json!({}));
    let mut alice = scene.server.connect();
    alice.auth("token", &token).expect_ok();
    assert!(writes(&mut alice));
    slapd.join("editors", &user_dn("bob"));
    slapd.leave("editors", &user_dn("alice"));
    eventually("she writes no more", || (!writes(&mut alice)).then_some(()));
    let rechecked = scene.counter("warden_rechecks");
    eventually("her token is asked about again", || {
        (scene.counter("warden_rechecks") > rechecked + 2).then_some(())
    });
    assert!(reads(&mut alice), "by name");
    provider.revoke(&token);
    closes(&mut alice);
}

fn what_is_remembered_follows_too(line: Line) {
    let lines = "cache_seconds = 3600\n".to_owned() + EVERY;
    let asked = Asked::by_search(line, &writers(), &lines);
    let mut bob = asked.log_in("bob");
    assert!(writes(&mut bob));
    asked.slapd.leave("editors", &user_dn("bob"));
    eventually("he writes no more", || (!writes(&mut bob)).then_some(()));
    assert!(!writes(&mut asked.log_in("bob")));
    bob.auth("bob", &password_of("bob")).expect_ok();
    assert!(!writes(&mut bob) && reads(&mut bob));
    asked.slapd.remove(&user_dn("bob"));
    closes(&mut bob);
    asked
        .scene
        .expect_refused("bob", &password_of("bob"), WRONG);
}

fn who_is_removed_disabled_or_renamed_loses_the_session(line: Line) {
    let described = people().users(["carol", "dave"]).group(
        ["alice", "carol", "dave", "bob"]
            .into_iter()
            .fold(Group::new("editors"), Group::user),
    );
    let asked = Asked::by_search(line, &described, EVERY);
    let [mut alice, mut bob, mut carol, mut dave] =
        ["alice", "bob", "carol", "dave"].map(|name| asked.log_in(name));
    asked.slapd.remove(&user_dn("alice"));
    asked
        .slapd
        .replace(&user_dn("bob"), "userAccountControl", &["514"]);
    let carols = user_dn("carol");
    asked.slapd.change(&format!(
        "dn: {carols}\nchangetype: modrdn\nnewrdn: uid=caroline\ndeleteoldrdn: 1\n"
    ));
    for client in [&mut alice, &mut bob, &mut carol] {
        closes(client);
    }
    assert!(writes(&mut dave));
    let log = asked.scene.server.log();
    for name in ["alice", "bob", "carol"] {
        let line = format!("sessions of corp/{name} end, for their account was looked up again");
        assert!(log.contains(&line), "{log}");
    }
    // Moved, he is who he was.
    let daves = user_dn("dave");
    asked.slapd.change(&format!(
        "dn: {daves}\nchangetype: modrdn\nnewrdn: uid=dave\ndeleteoldrdn: 1\n\
         newsuperior: ou=services,{BASE}\n"
    ));
    let looked = asked.scene.counter("warden_refreshes");
    eventually("looked up again", || {
        (asked.scene.counter("warden_refreshes") > looked + 2).then_some(())
    });
    assert!(dave.is_open());
}

fn an_entry_of_another_person_with_the_name_is_not_taken_for_it(line: Line) {
    let asked = Asked::by_search(line, &writers(), EVERY);
    let mut alice = asked.log_in("alice");
    let looked = asked.scene.counter("warden_refreshes");
    eventually("looked up", || {
        (asked.scene.counter("warden_refreshes") > looked).then_some(())
    });
    let dn = user_dn("alice");
    asked.slapd.change(&format!(
        "dn: {dn}\nchangetype: delete\n\ndn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\n\
         uid: alice\ncn: alice\nsn: alice\nuserPassword: {}\n",
        password_of("alice")
    ));
    asked.slapd.join("editors", &dn);
    closes(&mut alice);
    assert!(writes(&mut asked.log_in("alice")));
}

fn wrong_passwords_of_others_end_no_session(line: Line) {
    let described = writers().user(User::new("carol").locked());
    let asked = Asked::by_search(line, &described, EVERY);
    let proved = Proved::start(
        line,
        &editors().user(User::new("carol").locked()),
        "",
        &(EVERY.to_owned() + &groups_base()),
    );
    let mut by_token = proved.scene.log_in("alice");
    let mut by_password = asked.log_in("alice");
    for slapd in [&asked.slapd, &proved.slapd] {
        slapd.replace(
            &format!("cn=locking,ou=policies,{BASE}"),
            "pwdMaxFailure",
            &["2"],
        );
        for _ in 0..3 {
            let guess = slapd.client().binding(&user_dn("alice"), "guess");
            let _ = guess.search(BASE, "(uid=alice)", &["uid"]);
        }
    }
    // The directory judges her password no more, whoever else proved her.
    closes(&mut by_token);
    let looked = asked.scene.counter("warden_refreshes");
    eventually("looked up again", || {
        (asked.scene.counter("warden_refreshes") > looked + 2).then_some(())
    });
    assert!(writes(&mut by_password));
}

fn sessions_outlive_a_short_outage_of_the_directory_and_not_a_long_one(line: Line) {
    let lines = EVERY.to_owned() + "refresh_grace_seconds = 600\n";
    let asked = Asked::by_search(line, &writers(), &lines);
    let mut alice = asked.log_in("alice");
    let mut bob = asked.log_in("bob");
    asked.slapd.stop();
    let looked = asked.scene.counter("warden_refreshes");
    eventually("nobody answers", || {
        (asked.scene.counter("warden_refreshes") > looked + 4).then_some(())
    });
    assert!(writes(&mut alice) && writes(&mut bob));
    asked.slapd.start_again();
    asked.slapd.leave("editors", &user_dn("bob"));
    eventually("what changed meanwhile is seen", || {
        (!writes(&mut bob)).then_some(())
    });
    assert!(writes(&mut alice));
    let lines = EVERY.to_owned() + "refresh_grace_seconds = 2\n";
    let asked = Asked::by_search(line, &writers(), &lines);
    let mut alice = asked.log_in("alice");
    asked.slapd.stop();
    closes(&mut alice);
    let log = asked.scene.server.log();
    assert!(log.contains("refresh_grace_seconds"), "{log}");
}

fn one_person_is_looked_up_once_for_all_sessions(line: Line) {
    let lines = "refresh_seconds = 2\n".to_owned() + &groups_base();
    let proved = Proved::start(line, &editors(), "", &lines);
    let sessions: Vec<_> = (0..50)
        .map(|id| proved.scene.log_in_with(&Claims::of("alice").id(id)))
        .collect();
    assert_eq!(proved.scene.counter("warden_refresh_pending"), 1);
    let before = proved.slapd.counters().searches;
    let looked = proved.scene.counter("warden_refreshes");
    eventually("looked up again", || {
        (proved.scene.counter("warden_refreshes") > looked + 1).then_some(())
    });
    let searches = proved.slapd.counters().searches - before;
    assert!(searches < 12, "{searches}");
    proved.slapd.join("editors", &user_dn("bob"));
    proved.slapd.leave("editors", &user_dn("alice"));
    let mut sessions = sessions;
    for session in &mut sessions {
        eventually("she writes no more", || (!writes(session)).then_some(()));
        assert!(reads(session), "by name she reads");
    }
}

fn reloads_and_other_groups_at_one_time_leave_everybody_their_own_rights(line: Line) {
    const PEOPLE: usize = 60;
    let members = |remainder: usize| (0..PEOPLE).filter(move |n| n % 3 == remainder);
    let editors = members(0).fold(Group::new("editors").user("alice"), |group, n| {
        group.user(&crowd_name(n))
    });
    let readers = (0..PEOPLE).fold(Group::new("readers"), |group, n| group.user(&crowd_name(n)));
    let described = people().crowd(PEOPLE).groups([editors, readers]);
    let lines = |grace: usize| format!("refresh_seconds = 1\nrefresh_grace_seconds = {grace}\n");
    let lines = |grace: usize| lines(grace) + &groups_base();
    let proved = Proved::start(line, &described, "", &lines(100));
    let mut sessions: Vec<_> = (0..PEOPLE)
        .map(|n| proved.scene.log_in_with(&Claims::of(&crowd_name(n))))
        .collect();
    for grace in 101..104 {
        for n in members(0) {
            proved.slapd.leave("editors", &user_dn(&crowd_name(n)));
        }
        let errors = proved.replace("", Some(&lines(grace)));
        assert!(errors.is_empty(), "{errors:?}");
        for n in members(1) {
            proved.slapd.join("editors", &user_dn(&crowd_name(n)));
        }
        let roles = format!("# {grace}\n{LOOKUP_ROLES}");
        proved.scene.policies.replace("rbac.toml", roles);
        proved.scene.server.admin().call(["WARDEN.RELOAD"]);
        for (n, session) in sessions.iter_mut().enumerate() {
            eventually("everybody has what their groups give", || {
                (writes(session) == (n % 3 == 1) && reads(session)).then_some(())
            });
        }
        for n in members(1) {
            proved.slapd.leave("editors", &user_dn(&crowd_name(n)));
        }
        for n in members(0) {
            proved.slapd.join("editors", &user_dn(&crowd_name(n)));
        }
        for (n, session) in sessions.iter_mut().enumerate() {
            eventually("everybody has what their groups give", || {
                (writes(session) == (n % 3 == 0)).then_some(())
            });
        }
    }
}

fn an_unload_while_a_directory_stalls_waits_for_nobody(line: Line) {
    let asked = Asked::by_search(line, &writers(), EVERY);
    let mut clients: Vec<_> = ["alice", "bob"].map(|name| asked.log_in(name)).into();
    asked.slapd.stall();
    let looked = asked.scene.counter("warden_refreshes");
    let log = asked.scene.server.log();
    assert!(!log.contains("panic"), "{looked}");
    // Somebody is being asked about, or will be.
    assert!(asked.scene.counter("warden_refresh_pending") > 0);
    let mut admin = asked.scene.server.admin();
    eventually("the module is gone", || {
        admin.run("MODULE UNLOAD warden").is_ok().then_some(())
    });
    clients.iter_mut().for_each(closes);
    asked.slapd.resume();
    asked.scene.server.expect_healthy();
}

fn sessions_of_a_directory_that_is_not_asked_any_more_end(line: Line) {
    let lines = "refresh_seconds = 3600\n".to_owned() + &groups_base();
    let proved = Proved::start(line, &editors(), "", &lines);
    let mut alice = proved.scene.log_in("alice");
    // Other settings: asked at once.
    let looked = proved.scene.counter("warden_refreshes");
    let errors = proved.replace(
        "",
        Some(&("refresh_seconds = 1800\n".to_owned() + &groups_base())),
    );
    assert!(errors.is_empty(), "{errors:?}");
    eventually("looked up at once", || {
        (proved.scene.counter("warden_refreshes") > looked).then_some(())
    });
    assert!(writes(&mut alice));
    let head = warden_tests::scene::authenticator(
        &proved.scene.issuer,
        &proved.scene.keys.file_text("corp.jwks"),
    );
    proved.scene.authenticators.replace("10-corp.toml", head);
    proved.scene.server.admin().call(["WARDEN.RELOAD"]);
    closes(&mut alice);
}

fn a_password_that_is_remembered_lets_no_other_in(line: Line) {
    let asked = Asked::by_search(line, &writers(), "cache_seconds = 2\n");
    asked.log_in("alice");
    for wrong in [
        "guess",
        &password_of("bob"),
        "",
        &(password_of("alice") + " "),
    ] {
        asked.scene.expect_refused("alice", wrong, "WRONGPASS");
    }
    asked.log_in("alice");
    asked
        .slapd
        .replace(&user_dn("alice"), "userPassword", &["another"]);
    eventually("the former password is no longer taken", || {
        let mut client = asked.scene.server.connect();
        let reply = client.auth("alice", &password_of("alice"));
        reply.is_error("WRONGPASS").then_some(())
    });
    let mut client = asked.scene.server.connect();
    client.auth("alice", "another").expect_ok();
}
