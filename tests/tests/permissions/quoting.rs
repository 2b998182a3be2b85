//! Values of claims on their way through both layers of quoting.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use warden_core::permissions::{BaseRules, Grant, PermissionError, Permissions, Restriction};
use warden_core::rules::Pattern;
use warden_tests::{Line, Server, on_both_lines};

use crate::{calls, probe};

on_both_lines!(
    a_claims_value_is_a_name_and_nothing_else,
    an_unbalanced_quote_is_noticed,
    databases_are_bounded_or_refused,
);

fn a_claims_value_is_a_name_and_nothing_else(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    let known = calls::known(&calls::commands(&mut connection), line);
    let connection = RefCell::new(connection);
    let may_get = |key: &str| {
        let reply = connection
            .borrow_mut()
            .call(["ACL", "DRYRUN", "probe", "GET", key]);
        reply.as_text().as_deref() == Some("OK")
    };
    let config = Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let value = r"([!-~]|é|\*|\\|\[|\]|\?|\^|-|x[0-9a-f]{2}|n){1,12}";
    let judged = TestRunner::new(config).run(&(value, any::<bool>()), |(value, several)| {
        let (Ok(literal), Ok(prefix)) = (Pattern::literal(&value), Pattern::prefix(&value)) else {
            prop_assert!(
                value.contains(['"', '\'', '(', ')']),
                "refused without need: {value:?}"
            );
            return Ok(());
        };
        let mut grants =
            vec![Grant::parse(&["+get".to_owned(), format!("~{literal}")]).expect("a grant")];
        if several {
            grants.push(Grant::parse(&["+set".to_owned(), format!("~{prefix}")]).expect("a grant"));
        }
        let rendered = Permissions::compose(&BaseRules::default(), grants, vec![])
            .render(&known)
            .expect("renders");
        probe::give(&mut connection.borrow_mut(), &rendered);
        prop_assert!(
            may_get(&value),
            "{value:?} is granted by {}",
            rendered.rules
        );
        for other in [
            format!("{value}x"),
            format!("x{value}"),
            value.replace('*', "z"),
            value.replace('\\', ""),
        ] {
            prop_assert!(
                other == value || !may_get(&other),
                "{other:?} is not {value:?}"
            );
        }
        Ok(())
    });
    judged.unwrap_or_else(|error| panic!("{error}"));
}

fn an_unbalanced_quote_is_noticed(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    let known = calls::known(&calls::commands(&mut connection), line);
    let grants = |commands: &str| vec![Grant::parse(&[commands, "~a"]).expect("a grant")];
    let base = BaseRules::default();
    let before = Permissions::compose(&base, grants("+@all"), vec![])
        .render(&known)
        .expect("renders");
    let after = Permissions::compose(&base, grants("+get"), vec![])
        .render(&known)
        .expect("renders");
    probe::give(&mut connection, &before);
    // The module's call would answer OK here and leave everything as it was.
    assert!(!after.matches(&probe::description(&mut connection)));
    probe::give(&mut connection, &after);
    assert!(!before.matches(&probe::description(&mut connection)));
}

fn databases_are_bounded_or_refused(line: Line) {
    let server = Server::builder(line).open().start();
    let mut connection = server.connect();
    let known = calls::known(&calls::commands(&mut connection), line);
    let grant = Grant::parse(&["+get", "~*"]).expect("a grant");
    let bound = Restriction::parse("db=1").expect("a restriction");
    let rendered =
        Permissions::compose(&BaseRules::default(), vec![grant], vec![bound]).render(&known);
    if !line.has_databases() {
        assert!(matches!(rendered, Err(PermissionError::NoDatabases { .. })));
        return;
    }
    probe::give(&mut connection, &rendered.expect("renders"));
    for (database, allowed) in [(0, false), (1, true), (2, false)] {
        connection
            .call(["SELECT", &database.to_string()])
            .expect_ok();
        let reply = connection.run("ACL DRYRUN probe GET a").text();
        assert_eq!(reply == "OK", allowed, "database {database}: {reply}");
        let reply = connection
            .call(["ACL", "DRYRUN", "probe", "SELECT", &database.to_string()])
            .text();
        assert_eq!(reply == "OK", allowed, "database {database}: {reply}");
    }
}
