//! docs/operating.md and docs/troubleshooting.md: the questions of somebody who has
//! only the tools, asked of a real server; and every reply that is explained.

use std::fs;

use warden_core::{Reason, ReasonKind};
use warden_tests::parts::workspace;
use warden_tests::{Claims, Line, Scene, unix_now};

use crate::markdown::{code, document, table};

#[test]
fn who_is_connected_with_which_rights_until_when() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let exp = unix_now() + 500;
        let mut bob = scene.log_in_with(&Claims::of("bob").groups(&["analysts"]).set("exp", exp));
        let mut admin = scene.server.admin();
        let session = admin
            .run("WARDEN.SESSIONS GROUP corp/analysts")
            .items()
            .remove(0);
        assert_eq!(session.field("client").number(), bob.id());
        session.field("user").expect_text("corp/bob");
        assert!(session.field("expires").number() >= i64::try_from(exp).unwrap());
        let rules = bob.whoami().field("rules").text();
        assert!(rules.contains("+@read") && rules.contains("~reports:*"));
    }
}

#[test]
fn why_somebody_was_refused_and_when() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        scene
            .attempt(&Claims::of("bob").expired_for(9000))
            .expect_error("WRONGPASS");
        let log = scene.server.log();
        let refusal = log
            .lines()
            .find(|text| text.contains("refused \"token\" from \"127.0.0.1\""))
            .unwrap_or_else(|| panic!("no such line:\n{log}"));
        assert!(refusal.contains("expired"), "{refusal}");
        // Its date and time, as the server writes them.
        let year = refusal.split_whitespace().nth(3).unwrap();
        assert!(year.parse::<u32>().is_ok(), "{refusal}");
        let entries = scene.server.admin().run("ACL LOG").items();
        let entry = entries.first().expect("an entry");
        entry.field("reason").expect_text("auth");
        entry.field("object").expect_text("warden");
        assert!(entry.field("timestamp-created").number() > 0);
        assert!(entry.field("client-info").text().contains("addr=127.0.0.1"));
    }
}

#[test]
fn which_policies_decided() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let mut alice = scene.log_in("alice");
        let generation = alice.whoami().field("generation").number();
        let state = scene.policies_state();
        assert_eq!(state.field("generation").number(), generation);
        let digest = state.field("policies").items()[0].field("digest").text();
        let line = format!("generation {generation} in force: rbac \"0.1.0\" ({digest})");
        assert!(scene.server.log().contains(&line), "{line}");
    }
}

#[test]
fn what_a_token_would_get() {
    for line in Line::BOTH {
        let scene = Scene::start(line);
        let token = scene.issuer.token(&Claims::of("bob").groups(&["analysts"]));
        let mut admin = scene.server.admin();
        let told = admin.call(["WARDEN.EXPLAIN", "bob", &token]);
        told.field("outcome").expect_text("granted");
        let grant = &told.field("allows").items()[1];
        assert_eq!(grant.field("keys").texts(), ["~reports:*"]);
        admin
            .call(["WARDEN.DRYRUN", "bob", &token, "GET", "reports:q3"])
            .expect_text("OK");
        let denied = admin.call(["WARDEN.DRYRUN", "bob", &token, "SET", "reports:q3", "x"]);
        assert!(denied.text().contains("no permissions to run 'SET'"));
    }
}

#[test]
fn whether_a_set_up_is_safe() {
    for line in Line::BOTH {
        let open = Scene::builder(line).server(|server| server.open()).start();
        assert!(open.server.log().contains("authentication is OPTIONAL"));
        let closed = Scene::start(line);
        assert!(!closed.server.log().contains("authentication is OPTIONAL"));
        assert!(closed.policies_state().field("errors").items().is_empty());
        closed
            .server
            .config_set("warden.fallback", "deny")
            .expect_error("ERR");
    }
}

#[test]
fn every_reply_to_a_log_in_is_explained() {
    use ReasonKind as K;
    let rows = table(&document("docs/troubleshooting.md"), "the client reads", 3);
    let explained: Vec<String> = rows
        .iter()
        .filter_map(|cells| code(&cells[0]).map(str::to_owned))
        .collect();
    for kind in [
        K::Credential,
        K::Expired,
        K::NotYetValid,
        K::WrongAudience,
        K::Claims,
        K::Name,
        K::NoGrant,
        K::OtherPrincipal,
        K::TimedOut,
        K::Busy,
        K::Throttled,
        K::NoPolicies,
        K::PolicyFailed,
        K::Unavailable,
        K::InTransaction,
        K::Loading,
        K::Unaudited,
        K::Internal,
    ] {
        let reply = Reason::new(kind, "").reply();
        let found = explained.iter().any(|text| {
            let beginning = text.trim_end_matches('…').trim_end();
            reply.as_str() == text || (text.ends_with('…') && reply.as_str().starts_with(beginning))
        });
        assert!(found, "not explained: {}", reply.as_str());
    }
}

#[test]
fn every_document_is_linked() {
    let readme = document("README.md");
    for entry in fs::read_dir(workspace().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_for_readers = name.ends_with(".md") && name != "plan.md";
        let linked = readme.contains(&format!("docs/{name}"))
            || document("docs/architecture.md").contains(&name)
            || document("docs/operating.md").contains(&name);
        assert!(!is_for_readers || linked, "docs/{name} is linked nowhere");
    }
}
