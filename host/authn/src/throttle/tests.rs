//! The promises of docs/threat-model.md, "Load", about who is asked how often.

use std::time::Duration;

use serde_json::json;
use warden_core::ReasonKind;

use crate::Outcome;
use crate::endpoint::Priority;
use crate::testing::asked::Asked;
use crate::testing::online::Online;
use crate::testing::web::Answer;
use crate::testing::{NOW, presented, refused, verified};

use super::*;

/// A service that knows alice, bob and carol by the password `right`, and says nothing
/// when it is asked about `mute`. Three may fail in a minute.
const SERVICE: &str = "type = 'userinfo'\nurl = '{url}/c'\nusers = ['*']\ncache_seconds = 0\n\
    [request.form]\nu = '{user}'\np = '{credential}'\n\
    [throttle]\nfailures = 3\nexempt = ['192.0.2.0/24']\n[endpoint]\nretries = 0\n";

/// An issuer to whom only the token `right` is active.
const ISSUER: &str = "type = 'introspection'\nintrospection_url = '{url}/c'\nclient_id = 'c'\n\
    client_secret_file = 'secret'\naudience = ['valkey']\n[throttle]\nfailures = 3\n";

const HERE: &str = "10.0.0.1";
const THERE: &str = "10.0.0.2";

fn corp() -> AuthenticatorId {
    AuthenticatorId::new("corp").unwrap()
}

fn service() -> Asked {
    let asked = Asked::new(SERVICE);
    asked.web.answer(|seen| {
        let (password, name) = seen.body.split_once('&').unwrap();
        let name = name.strip_prefix("u=").unwrap();
        match (name, password) {
            ("alice" | "bob" | "carol", "p=right") => {
                Answer::ok(json!({ "sub": name }).to_string())
            }
            ("alice", "p=bobs") => Answer::ok(json!({ "sub": "bob" }).to_string()),
            ("alice" | "bob" | "carol", _) => Answer::new(401, ""),
            ("mute", _) => Answer::new(503, ""),
            _ => Answer::new(404, ""),
        }
    });
    asked
}

fn issuer() -> Asked {
    let asked = Asked::new(ISSUER);
    asked.directory.write("secret", "s");
    asked.web.answer(|seen| {
        let aud = match seen.body.split('&').next() {
            Some("token=right") => "valkey",
            Some("token=elsewhere") => "other",
            _ => return Answer::ok(json!({ "active": false }).to_string()),
        };
        let answer = json!({ "active": true, "sub": "alice", "aud": aud, "exp": NOW + 600 });
        Answer::ok(answer.to_string())
    });
    asked
}

fn fails(asked: &Asked, address: &str, user: &str, times: usize) {
    for time in 0..times {
        refused(asked.ask_from(address, user, &format!("wrong-{time}")));
    }
}

fn held_back(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Unavailable(reason) if reason.kind() == ReasonKind::Throttled => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_that_fails_too_often_costs_no_more_calls() {
    let asked = service();
    fails(&asked, HERE, "alice", 3);
    for secret in ["wrong", "right"] {
        held_back(asked.ask_from(HERE, "alice", secret));
    }
    assert_eq!(asked.web.requests("/c"), 3);
    let status = asked.chain().authenticators().next().unwrap();
    assert_eq!((status.refused, status.unavailable), (3, 2));
    assert_eq!(status.throttled, 2);
}

#[test]
fn a_name_in_another_case_is_the_same_pair() {
    let asked = service();
    for name in ["alice", "ALICE", "Alice"] {
        fails(&asked, HERE, name, 1);
    }
    held_back(asked.ask_from(HERE, "alice", "right"));
    assert_eq!(asked.web.requests("/c"), 3);
}

#[test]
fn a_name_with_the_authenticators_id_is_the_same_pair() {
    let asked = service();
    fails(&asked, HERE, "alice", 2);
    fails(&asked, HERE, "corp/alice", 1);
    held_back(asked.ask_from(HERE, "alice", "right"));
    assert_eq!(asked.web.requests("/c"), 3);
}

#[test]
fn another_address_with_the_same_name_is_still_served() {
    let asked = service();
    fails(&asked, HERE, "alice", 3);
    verified(asked.ask_from(THERE, "alice", "right"));
    verified(asked.ask_from("unix", "alice", "right"));
    verified(asked.ask("alice", "right"));
}

#[test]
fn another_name_of_the_same_address_is_still_served() {
    let asked = service();
    fails(&asked, HERE, "alice", 3);
    verified(asked.ask_from(HERE, "bob", "right"));
    held_back(asked.ask_from(HERE, "alice", "right"));
}

#[test]
fn a_success_clears_the_pair() {
    let asked = service();
    for _ in 0..3 {
        fails(&asked, HERE, "alice", 2);
        verified(asked.ask_from(HERE, "alice", "right"));
    }
}

#[test]
fn to_prove_to_be_somebody_else_clears_nothing() {
    let asked = service();
    fails(&asked, HERE, "alice", 2);
    assert_eq!(
        refused(asked.ask_from(HERE, "alice", "bobs")).kind(),
        ReasonKind::Name
    );
    held_back(asked.ask_from(HERE, "alice", "right"));
}

#[test]
fn a_credential_accepted_before_is_locked_out_by_nobody() {
    let asked = service();
    verified(asked.ask_from(HERE, "alice", "right"));
    fails(&asked, HERE, "alice", 3);
    held_back(asked.ask_from(HERE, "alice", "wrong"));
    verified(asked.ask_from(HERE, "alice", "right"));
    // Withdrawn, it is one of those refused.
    asked.says(Answer::new(401, ""));
    refused(asked.ask_from(HERE, "alice", "right"));
    fails(&asked, HERE, "alice", 2);
    let calls = asked.web.requests("/c");
    held_back(asked.ask_from(HERE, "alice", "right"));
    assert_eq!(asked.web.requests("/c"), calls);
}

#[test]
fn exempt_networks_are_never_held_back() {
    let asked = service();
    fails(&asked, "192.0.2.9", "alice", 10);
    verified(asked.ask_from("192.0.2.9", "alice", "right"));
    assert_eq!(asked.web.requests("/c"), 11);
}

#[test]
fn tokens_of_one_address_do_not_lock_out_another_token_of_it() {
    for user in ["token", "default"] {
        let asked = issuer();
        let token = |number| match user {
            "token" => format!("bad{number}"),
            _ => format!("eyJhbGciOiJSUzI1NiJ9.e30.bad{number}"),
        };
        for number in 0..10 {
            refused(asked.ask_from(HERE, user, &token(number)));
        }
        verified(asked.ask_from(HERE, "token", "right"));
        for _ in 0..2 {
            refused(asked.ask_from(HERE, user, &token(0)));
        }
        held_back(asked.ask_from(HERE, user, &token(0)));
        refused(asked.ask_from(THERE, user, &token(0)));
    }
}

#[test]
fn a_token_for_another_audience_does_not_count() {
    let asked = issuer();
    for _ in 0..10 {
        let reason = refused(asked.ask_from(HERE, "token", "elsewhere"));
        assert_eq!(reason.kind(), ReasonKind::WrongAudience);
    }
    assert_eq!(asked.web.requests("/c"), 10);
}

#[test]
fn a_flooding_address_is_served_last_and_its_good_log_in_succeeds() {
    let asked = service();
    for name in ["x1", "x2", "x3", "x4", "x5"] {
        fails(&asked, HERE, name, 3);
    }
    verified(asked.ask_from(HERE, "carol", "right"));
}

#[test]
fn what_could_not_be_decided_does_not_count() {
    let asked = service();
    for _ in 0..10 {
        let outcome = asked.ask_from(HERE, "mute", "x");
        assert!(
            matches!(&outcome, Outcome::Unavailable(reason) if reason.kind() == ReasonKind::Unavailable),
            "{outcome:?}"
        );
    }
    assert_eq!(asked.web.requests("/c"), 10);
}

#[test]
fn a_pair_is_asked_about_again_as_its_window_passes() {
    let asked = service();
    fails(&asked, HERE, "alice", 3);
    asked.online.pass(Duration::from_secs(19));
    held_back(asked.ask_from(HERE, "alice", "right"));
    asked.online.pass(Duration::from_secs(1));
    fails(&asked, HERE, "alice", 1);
    held_back(asked.ask_from(HERE, "alice", "right"));
    asked.online.pass(Duration::from_secs(60));
    fails(&asked, HERE, "alice", 3);
    held_back(asked.ask_from(HERE, "alice", "right"));
}

#[test]
fn an_unknown_name_reads_as_a_wrong_credential_also_when_throttled() {
    let asked = service();
    let told = |user: &str| {
        let mut told = Vec::new();
        for number in 0..4 {
            told.push(match asked.ask_from(HERE, user, &format!("w{number}")) {
                Outcome::Refused(reason) | Outcome::Unavailable(reason) => (
                    reason.reply().as_str().to_owned(),
                    reason.detail().to_owned(),
                ),
                other => panic!("{other:?}"),
            });
        }
        told
    };
    let known = told("alice");
    assert_eq!(known, told("nobody"));
    assert!(known[0].0.starts_with("WRONGPASS"), "{known:?}");
    assert!(known[3].0.starts_with("TRYAGAIN"), "{known:?}");
}

#[test]
fn those_who_ask_at_once_are_turned_away_at_their_turn() {
    let asked = Asked::new(&format!("{SERVICE}max_in_flight = 1\n"));
    asked
        .web
        .answer(|_| Answer::new(401, "").after(Duration::from_millis(20)));
    let chain = asked.chain();
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let (chain, clock) = (chain.clone(), asked.online.clock.clone());
            asked.online.runtime.spawn(async move {
                let mut presented = presented("alice", format!("wrong-{number}"));
                presented.client.address = Some(HERE.to_owned());
                chain.authenticate(&presented, clock.as_ref()).await
            })
        })
        .collect();
    let outcomes: Vec<_> = tasks
        .into_iter()
        .map(|task| asked.online.wait(task).unwrap())
        .collect();
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Refused(_)));
    // The place is free a moment before the refusal is noted.
    assert!((3..=4).contains(&refused.count()), "{outcomes:?}");
    assert!((3..=4).contains(&asked.web.requests("/c")));
    let status = chain.authenticators().next().unwrap();
    assert_eq!(status.trouble, None);
    assert_eq!(status.throttled, 12 - status.refused);
}

/// Neither what was presented nor what another throttle would make of it.
#[test]
fn what_is_remembered_holds_no_credential_name_or_address() {
    let online = Online::new();
    let throttle = || {
        let mut file = Section::parse(b"").unwrap();
        Throttle::read(&mut file, &online.services).unwrap()
    };
    let keys = |throttle: &Throttle| {
        let mut presented = presented("canary-name-0123", "canary-secret-4567");
        presented.client.address = Some("canary-address-89".to_owned());
        let keys = throttle.attempt(&corp(), &presented).keys.unwrap();
        [keys.pair, keys.address, keys.name.unwrap(), keys.credential]
    };
    let (one, other) = (throttle(), throttle());
    let found = keys(&one);
    assert_eq!(found, keys(&one));
    for (index, key) in found.iter().enumerate() {
        assert!(!found[..index].contains(key) && !keys(&other).contains(key));
        let text = String::from_utf8_lossy(key);
        assert!(!text.contains("canary") && !text.contains("0123"), "{text}");
    }
}

mod priorities {
    //! What totals do, without a service.

    use super::*;

    fn throttle(online: &Online) -> Throttle {
        let mut file = Section::parse(b"[throttle]\nfailures = 3\nexempt = ['unix']").unwrap();
        Throttle::read(&mut file, &online.services).unwrap()
    }

    fn attempt(throttle: &Throttle, address: &str, user: &str, secret: &str) -> Attempt {
        let mut presented = presented(user, secret);
        presented.client.address = Some(address.to_owned());
        throttle.attempt(&corp(), &presented)
    }

    fn priority(throttle: &Throttle, address: &str, user: &str) -> Priority {
        let attempt = attempt(throttle, address, user, "new");
        assert!(attempt.check().is_ok());
        attempt.priority()
    }

    #[test]
    fn totals_of_an_address_and_of_a_name_lower_the_priority_and_nothing_else() {
        let online = Online::new();
        let throttle = throttle(&online);
        attempt(&throttle, "10.0.0.1", "carol", "right").succeed();
        for number in 0..3 {
            attempt(&throttle, "10.0.0.1", &format!("x{number}"), "w").fail();
            attempt(&throttle, &format!("10.0.1.{number}"), "alice", "w").fail();
            attempt(&throttle, "unix", "bob", "w").fail();
        }
        let lowest = Priority::Lowest;
        assert_eq!(priority(&throttle, "10.0.0.1", "bob"), lowest);
        assert_eq!(priority(&throttle, "::ffff:10.0.0.1", "bob"), lowest);
        assert_eq!(priority(&throttle, "10.0.0.1", "token"), lowest);
        assert_eq!(priority(&throttle, "10.0.0.1", "alice"), lowest);
        assert_eq!(priority(&throttle, "10.0.0.2", "alice"), Priority::Low);
        assert_eq!(priority(&throttle, "10.0.0.2", "bob"), Priority::Normal);
        assert_eq!(priority(&throttle, "unix", "alice"), Priority::Normal);
        let accepted = attempt(&throttle, "10.0.0.1", "carol", "right");
        assert_eq!(accepted.priority(), Priority::Normal);
        online.pass(Duration::from_secs(20));
        assert_eq!(priority(&throttle, "10.0.0.1", "bob"), Priority::Normal);
    }

    /// One address alone could otherwise spend the total of her name and keep her waiting
    /// behind all that it asks about others.
    #[test]
    fn who_has_a_name_waits_for_no_flood_of_the_address_that_spent_its_total() {
        let online = Online::new();
        let throttle = throttle(&online);
        for number in 0..3 {
            attempt(&throttle, "10.0.0.1", "alice", &format!("w{number}")).fail();
        }
        let flood = attempt(&throttle, "10.0.0.1", "x", "w").priority();
        assert_eq!(flood, Priority::Lowest);
        assert_eq!(priority(&throttle, "10.0.0.2", "alice"), Priority::Low);
    }

    #[test]
    fn whoever_hangs_up_early_counts_for_the_totals_once_a_call_was_made() {
        let online = Online::new();
        let throttle = throttle(&online);
        for _ in 0..9 {
            drop(attempt(&throttle, "10.0.0.1", "alice", "w").turn());
        }
        assert_eq!(priority(&throttle, "10.0.0.1", "alice"), Priority::Normal);
        for _ in 0..3 {
            let attempt = attempt(&throttle, "10.0.0.1", "alice", "w");
            assert!((attempt.turn().is_wanted)());
        }
        assert_eq!(priority(&throttle, "10.0.0.1", "alice"), Priority::Lowest);
        let undecided = || Reason::new(ReasonKind::Unavailable, "nobody there");
        for _ in 0..3 {
            let attempt = attempt(&throttle, "10.0.0.2", "bob", "w");
            assert!((attempt.turn().is_wanted)());
            attempt.close(&AuthenticatorId::new("corp").unwrap(), Err(undecided()));
        }
        assert_eq!(priority(&throttle, "10.0.0.2", "bob"), Priority::Normal);
    }

    #[test]
    fn the_total_of_an_ipv6_address_is_that_of_its_network() {
        let online = Online::new();
        let throttle = throttle(&online);
        for number in 0..3 {
            attempt(
                &throttle,
                &format!("2001:db8::{number}"),
                &format!("x{number}"),
                "w",
            )
            .fail();
        }
        assert_eq!(priority(&throttle, "2001:db8::9", "bob"), Priority::Lowest);
        assert_eq!(
            priority(&throttle, "2001:db8:0:1::9", "bob"),
            Priority::Normal
        );
    }

    #[test]
    fn tokens_under_no_name_share_no_total_but_the_addresses() {
        let online = Online::new();
        let throttle = throttle(&online);
        for number in 0..9 {
            attempt(&throttle, &format!("10.0.1.{number}"), "token", "w").fail();
        }
        assert_eq!(priority(&throttle, "10.0.0.2", "token"), Priority::Normal);
    }
}
