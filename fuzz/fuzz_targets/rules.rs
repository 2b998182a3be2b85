//! Rules as text, and what is rendered of them for a server.
//!
//! In: lines. `b` begins base rules, `c` a restriction or ceiling, `g` a grant, each
//! with its rules behind it; any other line is one rule, a claim's value, and a template
//! with the value for its places behind a space.
//! Held: a rule's text round-trips; a claim's value matches itself and nothing
//! else; a filled template is one rule; the rule string, read through both layers of the server's quoting, says
//! what was composed, never more than every restriction allows, and no word that
//! is not a permission.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warden_core::permissions::{BaseRules, Grant, Permissions, Rendered, Restriction};
use warden_fuzz::said::Said;
use warden_fuzz::second_opinion::Scene;
use warden_fuzz::{glob, world};
use warden_rules::{AclRule, Pattern, Tail, Template};

fuzz_target!(|text: &str| {
    let mut base = (BaseRules::none(), Said::default());
    let mut grants = Vec::new();
    let mut restrictions = Vec::new();
    for line in text.split('\n').take(64) {
        match line.split_at_checked(2) {
            Some(("b ", rules)) => {
                if let Ok(read) = BaseRules::parse(rules) {
                    base = (read, Said::new(rules.split_ascii_whitespace()));
                }
            }
            Some(("c ", rules)) => {
                if let Ok(read) = Restriction::parse(rules) {
                    let said = Said::new(rules.split_ascii_whitespace());
                    let again = Restriction::parse(&read.to_string());
                    assert_eq!(again.as_ref(), Ok(&read), "{rules:?}");
                    restrictions.push((read, said));
                }
            }
            Some(("g ", rules)) => {
                let rules: Vec<&str> = rules.split(' ').filter(|rule| !rule.is_empty()).collect();
                if let Ok(read) = Grant::parse(&rules) {
                    grants.push((read, Said::new(rules)));
                }
            }
            _ => {
                one_rule(line);
                a_claims_value(line);
                a_template(line);
                let _ = Rendered::default().matches(line);
            }
        }
    }
    let (grants, said_grants): (Vec<_>, Vec<_>) = grants.into_iter().unzip();
    let (restrictions, said_restrictions): (Vec<_>, Vec<_>) = restrictions.into_iter().unzip();
    let permissions = Permissions::compose(&base.0, grants, restrictions);
    for has_databases in [true, false] {
        match permissions.render(&world::server(has_databases)) {
            Ok(rendered) => Scene {
                base: &base.1,
                grants: &said_grants,
                restrictions: &said_restrictions,
                has_databases,
            }
            .check(&rendered),
            Err(_) => {
                assert!(!has_databases && said_restrictions.iter().any(Said::bounds_databases))
            }
        }
    }
});

fn one_rule(text: &str) {
    let rule = match AclRule::parse(text) {
        Ok(rule) => rule,
        Err(error) => {
            let message = error.to_string();
            let one_line = !message.chars().any(char::is_control);
            assert!(one_line && message.len() < 2048, "{message:?}");
            return;
        }
    };
    let printed = rule.to_string();
    assert_eq!(AclRule::parse(&printed), Ok(rule), "{text:?}");
    let refused = |c: char| c.is_whitespace() || c.is_control() || "\"'()".contains(c);
    assert!(!printed.contains(refused), "{printed:?}");
    assert!(
        printed.starts_with(['+', '-', '~', '%', '&', 'd', 'a']),
        "{printed:?}"
    );
}

fn a_template(text: &str) {
    let Some((template, value)) = text.split_once(' ') else {
        return;
    };
    let Ok(template) = Template::parse(template) else {
        return;
    };
    assert_eq!(
        Template::parse(&template.to_string()).as_ref(),
        Ok(&template)
    );
    if let Ok(rule) = template.fill(|_| Some(value)) {
        let printed = rule.to_string();
        assert_eq!(AclRule::parse(&printed), Ok(rule), "{text:?}");
        let refused = |c: char| c.is_whitespace() || c.is_control() || "\"'()".contains(c);
        assert!(!printed.contains(refused), "{printed:?}");
    }
}

fn a_claims_value(value: &str) {
    let Ok(literal) = Pattern::literal(value) else {
        return;
    };
    let matches = |pattern: &Pattern, name: &[u8]| glob::matches(pattern.as_str().as_bytes(), name);
    let shape = literal.shape();
    assert_eq!(
        (shape.literal.as_slice(), shape.tail),
        (value.as_bytes(), Tail::Exact)
    );
    assert_eq!(
        Pattern::parse(literal.as_str()).as_ref(),
        Ok(&literal),
        "{value:?}"
    );
    assert!(matches(&literal, value.as_bytes()), "{value:?}");
    for near in glob::names_near(value.as_bytes()) {
        assert_eq!(
            matches(&literal, &near),
            near == value.as_bytes(),
            "{value:?}"
        );
        if let Ok(prefix) = Pattern::prefix(value) {
            let inside = near.starts_with(value.as_bytes());
            assert_eq!(matches(&prefix, &near), inside, "{value:?}");
        }
    }
}
