//! Verdicts of several policies, checked, composed and rendered.
//!
//! In: up to four answers, a ceiling and base rules, built from a vocabulary and
//! from free text.
//! Held: a verdict with anything malformed is taken by nobody; any denial refuses;
//! without a grant there is no decision; times are the shortest; the order of the
//! answers is without meaning; what is rendered is granted, and inside every
//! restriction and the ceiling.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use warden_core::permissions::{BaseRules, Restriction};
use warden_core::server::Server;
use warden_core::{Now, ReasonKind, Timestamp};
use warden_fuzz::said::Said;
use warden_fuzz::second_opinion::Scene;
use warden_fuzz::world;
use warden_policy::Frame;
use warden_policy::fuzzing::{Answer, contract, decide};
use warden_rules::AclRule;

/// Rules worth combining; most are good.
const VOCABULARY: [&str; 48] = [
    "+@all",
    "-@all",
    "+@read",
    "+@write",
    "-@dangerous",
    "-@admin",
    "+@pubsub",
    "+@connection",
    "+get",
    "-get",
    "+set",
    "+eval",
    "+keys",
    "-keys",
    "+flushall",
    "+select",
    "-select",
    "+config",
    "+config|get",
    "-config|set",
    "+client",
    "-client|kill",
    "+monitor",
    "+mod.get",
    "+nosuch",
    "+subscribe",
    "+publish",
    "~*",
    "~a:*",
    "%R~a:*",
    "%W~a:*",
    "~a:b:*",
    "~a:b",
    "~x?y",
    "~[ax]*",
    r"~c\*d",
    r"~c\*d*",
    r"~b\\",
    "&*",
    "&n.*",
    "&n.a",
    "db=0",
    "db=0,1",
    "alldbs",
    "nopass",
    ">pw",
    "(+get)",
    "~a b",
];
const CEILINGS: [&str; 6] = [
    "",
    "-@dangerous -@admin",
    "~a:*",
    "&n.* -set",
    "db=0,1",
    r"%R~* ~c\*d*",
];
const BASES: [&str; 4] = ["", BaseRules::DEFAULT, "+ping +select +get", "+@connection"];

static SERVERS: LazyLock<[Arc<Server>; 2]> =
    LazyLock::new(|| [false, true].map(|databases| Arc::new(world::server(databases))));

#[derive(Arbitrary, Debug)]
enum Word {
    Known(u8),
    Free(String),
}

#[derive(Arbitrary, Debug)]
struct Bounds {
    denials: Vec<Word>,
    keys: Option<Vec<Word>>,
    channels: Option<Vec<Word>>,
    databases: Option<Vec<u8>>,
}

#[derive(Arbitrary, Debug)]
struct Policy {
    grants: Vec<Vec<Word>>,
    restrictions: Vec<Bounds>,
    denial: Option<(Option<String>, Option<String>)>,
    valid_for: Option<u16>,
    session_ttl: Option<u16>,
    labels: Vec<(String, String)>,
    reads_clock: bool,
}

#[derive(Arbitrary, Debug)]
struct Scenario {
    policies: [Option<Policy>; 4],
    ceiling: u8,
    base: u8,
    has_databases: bool,
    turn: u8,
}

fuzz_target!(|scenario: Scenario| {
    let frame = frame(&scenario);
    let mut answers: Vec<Answer> = ["a", "b", "c", "d"]
        .into_iter()
        .zip(&scenario.policies)
        .filter_map(|(name, policy)| Some(answer(name, policy.as_ref()?)))
        .collect();
    let decided = decide(&answers, &frame, now());
    let turn = usize::from(scenario.turn) % answers.len().max(1);
    answers.rotate_left(turn);
    let again = decide(&answers, &frame, now());
    match (&decided, &again) {
        (Ok(one), Ok(other)) => assert_eq!(one, other, "the order of policies has a meaning"),
        (one, other) => assert_eq!(one.is_err(), other.is_err()),
    }
    let Ok(decided) = decided else {
        assert!(!answers.iter().all(is_sound), "a sound verdict is refused");
        return;
    };
    assert!(
        answers.iter().all(takes_only_permissions),
        "a rule that is none is taken"
    );
    let denied = answers.iter().any(|answer| answer.verdict.denial.is_some());
    let granted = answers
        .iter()
        .any(|answer| !answer.verdict.grants.is_empty());
    let decision = match decided {
        Ok(decision) => decision,
        Err(reason) => {
            assert_eq!(denied, reason.kind() == ReasonKind::Denied);
            let (told, reply) = (reason.detail(), reason.reply());
            let one_line = |text: &str| !text.chars().any(char::is_control);
            assert!(one_line(told) && one_line(reply.as_str()), "{reason:?}");
            return;
        }
    };
    assert!(granted && !denied && !decision.rendered.grants_nothing());
    let shortest = |seconds: fn(&Answer) -> Option<u64>| answers.iter().filter_map(seconds).min();
    let valid_for = shortest(|answer| answer.verdict.valid_for).map(Duration::from_secs);
    assert_eq!(
        decision.valid_until,
        valid_for.map(|held| now().wall.plus(held))
    );
    let session_ttl = shortest(|answer| answer.verdict.session_ttl).map(Duration::from_secs);
    assert_eq!(decision.session_ttl, session_ttl);
    let reads_clock = answers.iter().any(|answer| answer.reads_clock);
    assert!(
        !reads_clock || decision.valid_until.is_some(),
        "it holds for ever"
    );
    let grants: Vec<Said> = answers
        .iter()
        .flat_map(|answer| &answer.verdict.grants)
        .map(|grant| Said::new(grant.rules.iter().map(String::as_str)))
        .collect();
    let ceiling =
        Said::new(CEILINGS[index(scenario.ceiling, CEILINGS.len())].split_ascii_whitespace());
    let restrictions: Vec<Said> = answers
        .iter()
        .flat_map(|answer| &answer.verdict.restrictions)
        .map(restriction)
        .chain([ceiling])
        .collect();
    Scene {
        base: &Said::new(BASES[index(scenario.base, BASES.len())].split_ascii_whitespace()),
        grants: &grants,
        restrictions: &restrictions,
        has_databases: scenario.has_databases,
    }
    .check(&decision.rendered);
});

fn restriction(written: &contract::Restriction) -> Said {
    let lists = [
        Some(&written.denials),
        written.keys.as_ref(),
        written.channels.as_ref(),
    ];
    let words: Vec<String> = lists
        .into_iter()
        .flatten()
        .flatten()
        .cloned()
        .chain(
            written
                .databases
                .iter()
                .flatten()
                .map(|number| format!("db={number}")),
        )
        .collect();
    Said::new(words.iter().map(String::as_str)).with_empty_bounds(
        written.keys.is_some(),
        written.channels.is_some(),
        written.databases.is_some(),
    )
}

fn frame(scenario: &Scenario) -> Frame {
    let ceiling = CEILINGS[index(scenario.ceiling, CEILINGS.len())];
    let base = BASES[index(scenario.base, BASES.len())];
    Frame {
        base: BaseRules::parse(base).expect("base rules are sound"),
        ceiling: Restriction::parse(ceiling).expect("ceilings are sound"),
        server: Arc::clone(&SERVERS[usize::from(scenario.has_databases)]),
        required: Default::default(),
    }
}

fn answer(name: &str, policy: &Policy) -> Answer {
    let grants = policy.grants.iter().map(|rules| contract::Grant {
        rules: words(rules),
    });
    let restrictions = policy
        .restrictions
        .iter()
        .map(|bounds| contract::Restriction {
            denials: words(&bounds.denials),
            keys: bounds.keys.as_deref().map(words),
            channels: bounds.channels.as_deref().map(words),
            databases: bounds
                .databases
                .as_ref()
                .map(|all| all.iter().map(|n| u32::from(*n)).collect()),
        });
    let denial = policy
        .denial
        .as_ref()
        .map(|(public, internal)| contract::Denial {
            public: public.clone(),
            internal: internal.clone(),
        });
    Answer {
        bundle: name.to_owned(),
        reads_clock: policy.reads_clock,
        verdict: contract::Verdict {
            grants: grants.collect(),
            restrictions: restrictions.collect(),
            denial,
            valid_for: policy.valid_for.map(u64::from),
            session_ttl: policy.session_ttl.map(u64::from),
            labels: policy.labels.clone(),
        },
    }
}

fn words(words: &[Word]) -> Vec<String> {
    let text = |word: &Word| match word {
        Word::Known(number) => VOCABULARY[index(*number, VOCABULARY.len())].to_owned(),
        Word::Free(text) => text.clone(),
    };
    words.iter().map(text).collect()
}

/// Every word of the rules is one permission.
fn takes_only_permissions(answer: &Answer) -> bool {
    let grants = answer.verdict.grants.iter().flat_map(|grant| &grant.rules);
    let restrictions = &answer.verdict.restrictions;
    let denials = restrictions.iter().flat_map(|one| &one.denials);
    let keys = restrictions
        .iter()
        .flat_map(|one| one.keys.iter().flatten());
    let channels = restrictions
        .iter()
        .flat_map(|one| one.channels.iter().flatten());
    let is_rule = |rule: &String| AclRule::parse(rule).is_ok();
    grants
        .chain(denials.clone())
        .chain(keys.clone())
        .chain(channels.clone())
        .all(is_rule)
        && denials.into_iter().all(|rule| rule.starts_with('-'))
        && keys.into_iter().all(|rule| rule.starts_with(['~', '%']))
        && channels.into_iter().all(|rule| rule.starts_with('&'))
}

/// Nothing is wrong with it, for sure; some that this says no to are sound too.
fn is_sound(answer: &Answer) -> bool {
    let verdict = &answer.verdict;
    let few = verdict.grants.len() <= 64 && verdict.restrictions.len() <= 64;
    let small = verdict.grants.iter().all(|grant| grant.rules.len() <= 1024);
    takes_only_permissions(answer)
        && few
        && small
        && verdict.labels.is_empty()
        && (!answer.reads_clock || verdict.valid_for.is_some())
        && verdict
            .restrictions
            .iter()
            .all(|one| one.keys.is_none() && one.channels.is_none())
        && verdict
            .restrictions
            .iter()
            .all(|one| one.denials.len() <= 1024)
        && verdict
            .restrictions
            .iter()
            .all(|one| one.databases.is_none())
}

fn index(number: u8, length: usize) -> usize {
    usize::from(number) % length
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_800_000_000),
        monotonic: Duration::from_secs(1000),
    }
}
