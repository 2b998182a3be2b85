//! Every command of a server × made-up permissions: server and model agree, and
//! so does the server with rights as test files spell them out.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use warden_core::permissions::{BaseRules, Grant, Permissions, Restriction, Why};
use warden_core::server::Server as Known;
use warden_tests::{Connection, Line, Server, on_both_lines};

use crate::calls::{self, Call};
use crate::model::{Model, Rules, World};
use crate::{probe, rights};

on_both_lines!(
    servers_allow_what_the_model_allows_when_channels_are_reset,
    servers_allow_what_the_model_allows_when_channels_are_open,
);

fn servers_allow_what_the_model_allows_when_channels_are_reset(line: Line) {
    agree(line, "resetchannels");
}

fn servers_allow_what_the_model_allows_when_channels_are_open(line: Line) {
    agree(line, "allchannels");
}

const CASES: u32 = 400;

const BASES: [&str; 6] = [
    "",
    "+ping +select",
    "+@connection",
    "+ping +get +select",
    "+dbsize +publish +subscribe +select",
    "+eval +ping",
];

const COMMANDS: [&str; 38] = [
    "+@all",
    "+@read",
    "+@write",
    "+@dangerous",
    "+@pubsub",
    "+@slow",
    "+@fast",
    "+@connection",
    "+@keyspace",
    "-@all",
    "-@admin",
    "-@dangerous",
    "-@write",
    "-@connection",
    "+get",
    "-get",
    "+set",
    "+incr",
    "+copy",
    "+move",
    "+rename",
    "+sort",
    "+eval",
    "+keys",
    "+flushall",
    "+swapdb",
    "+select",
    "-select",
    "+subscribe",
    "+psubscribe",
    "+publish",
    "+config",
    "+config|get",
    "-config|set",
    "-client|kill",
    "+client",
    "+object|freq",
    "+nosuch",
];

const PLACES: [&str; 21] = [
    "~*", "~a:*", "%R~a:*", "%W~a:*", "%R~*", "%W~*", "~a:b:*", "~a:b", "~x?y", "~[ax]*", r"~c\*d",
    r"~c\*d*", "~c*d", r"~b\\", "&*", "&n.*", "&n.a", "&n.?", "&n.a*", "db=0,1", "db=2",
];

const LIMITS: [&str; 24] = [
    "-@dangerous",
    "-@admin",
    "-@write",
    "-get",
    "-config|set",
    "-client",
    "-nosuch",
    "-@nosuch",
    "~a:*",
    "~a:b:*",
    "~a:b",
    "~*",
    "%R~*",
    "%W~a:*",
    "~x1y",
    r"~c\*d*",
    r"~b\\",
    "&n.*",
    "&n.a",
    "&n.a*",
    "&*",
    "db=0,1",
    "db=1,2",
    "db=0",
];

/// Permissions as text, and the database the session is in.
#[derive(Clone, Debug)]
struct Case {
    base: String,
    grants: Vec<String>,
    restrictions: Vec<String>,
    database: u32,
}

fn some(
    pool: &'static [&'static str],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(pool, count).prop_shuffle()
}

fn case(line: Line) -> impl Strategy<Value = Case> {
    let grant =
        (some(&COMMANDS, 1..5), some(&PLACES, 0..5)).prop_map(|(c, p)| [c, p].concat().join(" "));
    // A bound on databases is refused where there are none; that is tested apart.
    let sound = move |rule: &&str| line.has_databases() || !rule.starts_with("db=");
    let limit = some(&LIMITS, 0..5)
        .prop_map(move |l| l.into_iter().filter(sound).collect::<Vec<_>>().join(" "));
    (
        prop::sample::select(&BASES[..]),
        prop::collection::vec(grant, 0..4),
        prop::collection::vec(limit, 0..3),
        0..3u32,
    )
        .prop_map(|(base, grants, restrictions, database)| Case {
            base: base.to_owned(),
            grants,
            restrictions,
            database,
        })
}

/// A server with all there is to call on it.
struct Bench {
    connection: RefCell<Connection>,
    calls: Vec<Call>,
    known: Known,
    world: World,
    line: Line,
}

/// The same cases each time, so that a change is judged by what it changes; others
/// each time in the full run.
fn seed() -> RngSeed {
    if std::env::var_os("WARDEN_NEW_CASES").is_some() {
        RngSeed::Random
    } else {
        RngSeed::Fixed(91)
    }
}

fn agree(line: Line, channels: &str) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    connection
        .call(["CONFIG", "SET", "acl-pubsub-default", channels])
        .expect_ok();
    let commands = calls::commands(&mut connection);
    let calls = calls::calls(&mut connection, &commands);
    assert!(
        commands.len() > 350 && calls.iter().filter(|call| !call.keys.is_empty()).count() > 600
    );
    let bench = Bench {
        connection: RefCell::new(connection),
        calls,
        known: calls::known(&commands, line),
        world: World {
            categories: calls::categories(&commands),
            has_databases: line.has_databases(),
        },
        line,
    };
    let config = Config {
        cases: CASES,
        rng_seed: seed(),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let judged = TestRunner::new(config).run(&case(line), |case| bench.judge(&case));
    judged.unwrap_or_else(|error| panic!("{error}"));
}

impl Bench {
    fn judge(&self, case: &Case) -> Result<(), TestCaseError> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let permissions = Permissions::compose(
            &BaseRules::parse(&case.base).expect("base rules"),
            case.grants
                .iter()
                .map(|text| Grant::parse(&words(text)).expect("a grant"))
                .collect(),
            case.restrictions
                .iter()
                .map(|text| Restriction::parse(text).expect("a restriction"))
                .collect(),
        );
        let rendered = permissions.render(&self.known).expect("renders");
        let model = Model {
            base: Rules::new(&case.base),
            grants: case.grants.iter().map(|text| Rules::new(text)).collect(),
            restrictions: case
                .restrictions
                .iter()
                .map(|text| Rules::new(text))
                .collect(),
        };
        let mut connection = self.connection.borrow_mut();
        connection
            .call(["SELECT", &case.database.to_string()])
            .expect_ok();
        probe::give(&mut connection, &rendered);
        let runnable = permissions.runnable(&self.known);
        let held = permissions.on(&self.known);
        let answers = probe::ask(&mut connection, &self.calls);
        for (call, server_allows) in self.calls.iter().zip(answers) {
            let model_allows = model.allows(&self.world, call, case.database);
            let context = format!(
                "{call:?}\nrules {}\ndropped {:?}",
                rendered.rules, rendered.dropped
            );
            prop_assert!(
                model_allows || !server_allows,
                "the server is wider: {context}"
            );
            let exact = rendered
                .dropped
                .iter()
                .all(|one| one.why == Why::UnknownHere)
                && !model.may_be_stricter(call);
            prop_assert!(
                server_allows || !model_allows || !exact,
                "the server is stricter: {context}"
            );
            let may_run = call.always || runnable.contains(call.name.as_str());
            prop_assert!(may_run || !server_allows, "said never to run: {context}");
            rights::judge(
                &held,
                call,
                case.database,
                self.line,
                server_allows,
                &context,
            )?;
        }
        Ok(())
    }
}
