//! Whoever the authenticators depend on: whether they answer, and what time it is there.

use std::path::Path;
use std::time::Duration;

use warden_authn::{FileError, Offset, Provider, Surveyed, Visit, Visited};

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static PROVIDERS: Check = Check {
    name: "providers",
    why: "Log-ins that need the answer or the keys of somebody else wait for them, and are not let in without.",
    look: providers,
};

pub(super) static PROVIDER_CLOCKS: Check = Check {
    name: "provider-clocks",
    why: "Tokens begin and end by their issuer's clock but are held against the server's: leeway_seconds forgives only so much.",
    look: provider_clocks,
};

/// Small enough for anybody's `leeway_seconds`, unless that is shorter.
const GOOD: Duration = Duration::from_secs(5);

/// What a provider's clock can seem off for no fault of it: many keep the text of the
/// second that is over for a moment.
const UNCERTAIN: Duration = Duration::from_secs(1);

fn providers(facts: &Facts) -> Result<Outcome, Untold> {
    let mut outcome = Outcome::new();
    let mut answering = Vec::new();
    let mut unasked = Vec::new();
    // Of whom more is known than what the server has found.
    let mut judged = Vec::new();
    for surveyed in facts.providers.iter().flatten() {
        let provider = match &surveyed.outcome {
            Ok(Visited::Provider(provider)) => provider,
            Ok(Visited::Directory(directory)) => {
                judged.push(directory.id.as_str());
                continue;
            }
            Err(faults) => {
                outcome.miss(&unread(&surveyed.file, faults));
                continue;
            }
        };
        let id = provider.id.as_str();
        match &provider.visit {
            Visit::Answered(_) => answering.push(id),
            Visit::NotAsked => unasked.push(id),
            Visit::Silent(_) | Visit::Wrong(_) => judged.push(id),
        }
        judge(&mut outcome, &surveyed.file, provider);
    }
    if !unasked.is_empty()
        && let Err(untold) = &facts.authenticators
    {
        outcome.miss(untold);
    }
    add_troubles(&mut outcome, facts, |id| !judged.contains(&id));
    if let Err(untold) = &facts.providers {
        outcome.miss(untold);
    }
    Ok(
        outcome.or_good(match (answering.as_slice(), unasked.as_slice()) {
            ([], []) => "no authenticator depends on anybody else".to_owned(),
            (answering, []) => answering.join(", "),
            ([], unasked) => format!("as the server finds: {}", unasked.join(", ")),
            (answering, unasked) => format!(
                "{}; as the server finds: {}",
                answering.join(", "),
                unasked.join(", ")
            ),
        }),
    )
}

/// What the server has found of some authenticators.
pub(super) fn add_troubles(outcome: &mut Outcome, facts: &Facts, of: impl Fn(&str) -> bool) {
    let troubles = facts.authenticators.iter().flat_map(|all| &all.troubles);
    for (id, trouble) in troubles.filter(|(id, _)| of(id)) {
        outcome.warn(
            format!("{id}: the server's last question came to nothing: {trouble}"),
            "see WARDEN.AUTHENTICATORS: it shows no trouble once there was an answer",
        );
    }
}

fn judge(outcome: &mut Outcome, file: &Path, provider: &Provider) {
    let Provider { id, host, .. } = provider;
    match &provider.visit {
        Visit::Answered(_) | Visit::NotAsked => {}
        Visit::Silent(why) => outcome.object(
            format!("{id}: {why}"),
            format!(
                "see that {host} can be reached from this machine (name, route, firewall) and that endpoint.ca_file in {file:?} holds the authority of its certificate"
            ),
        ),
        Visit::Wrong(why) => outcome.object(
            format!("{id}: {why}"),
            format!(
                "ask whoever runs {host}, or correct issuer, discovery_url or jwks_url in {file:?}: what is published there must be as configured"
            ),
        ),
    }
}

fn provider_clocks(facts: &Facts) -> Result<Outcome, Untold> {
    let all = facts.providers.as_ref().map_err(Clone::clone)?;
    let mut outcome = Outcome::new();
    let mut compared = Vec::new();
    for Surveyed { file, outcome: of } in all {
        let provider = match of {
            Ok(Visited::Provider(provider)) => provider,
            Ok(Visited::Directory(_)) => continue,
            Err(faults) => {
                outcome.miss(&unread(file, faults));
                continue;
            }
        };
        let id = &provider.id;
        match provider.visit {
            Visit::Answered(Some(offset)) => {
                compared.push(id.as_str());
                compare(&mut outcome, provider, offset);
            }
            Visit::Answered(None) => {
                let advice = "compare the clocks by hand: date -u";
                outcome.miss(&Untold::new(
                    format!("{id}: the answer has no date"),
                    advice,
                ));
            }
            Visit::Silent(_) | Visit::Wrong(_) => {
                let advice = "mend what `providers` found";
                outcome.miss(&Untold::new(format!("{id}: no good answer"), advice));
            }
            Visit::NotAsked => {}
        }
    }
    Ok(outcome.or_good(match compared.as_slice() {
        [] => "there is none to compare with".to_owned(),
        compared => format!("as this machine's: {}", compared.join(", ")),
    }))
}

fn compare(outcome: &mut Outcome, provider: &Provider, offset: Offset) {
    let off = offset.size();
    let leeway = provider.leeway.map(|leeway| leeway.max(UNCERTAIN));
    if off <= leeway.map_or(GOOD, |leeway| leeway.min(GOOD)) {
        return;
    }
    let direction = match offset {
        Offset::Ahead(_) => "ahead of",
        Offset::Behind(_) => "behind",
    };
    let seen = format!(
        "{}: the clock of {} is {}.{:03} s {direction} this machine's",
        provider.id,
        provider.host,
        off.as_secs(),
        off.subsec_millis()
    );
    let advice = "find out which of the two is wrong (timedatectl), and run a time service there";
    match (provider.leeway, leeway) {
        (Some(configured), Some(leeway)) if off > leeway => outcome.object(
            format!("{seen}, and leeway_seconds is {}", configured.as_secs()),
            advice,
        ),
        _ => outcome.warn(seen, advice),
    }
}

/// A file from which nothing can be made, so that nobody is known whom it means.
pub(super) fn unread(file: &Path, faults: &[FileError]) -> Untold {
    let why = match faults.first() {
        Some(fault) => fault.to_string(),
        None => format!("{file:?} is in error"),
    };
    Untold::new(
        why,
        "run warden doctor as root or as the server's user; then mend what is left",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;
    use warden_core::AuthenticatorId;

    fn surveyed(leeway_seconds: Option<u64>, visit: Visit) -> Surveyed {
        Surveyed {
            file: "10-corp.toml".into(),
            outcome: Ok(Visited::Provider(Provider {
                id: AuthenticatorId::new("corp").unwrap(),
                host: "login.example.com".to_owned(),
                leeway: leeway_seconds.map(Duration::from_secs),
                visit,
            })),
        }
    }

    fn facts(visit: Visit) -> Facts {
        Facts {
            providers: Ok(vec![surveyed(Some(30), visit)]),
            ..Facts::sound()
        }
    }

    fn off(leeway_seconds: Option<u64>, offset: Offset) -> Facts {
        let visit = Visit::Answered(Some(offset));
        Facts {
            providers: Ok(vec![surveyed(leeway_seconds, visit)]),
            ..Facts::sound()
        }
    }

    fn with_trouble(mut facts: Facts) -> Facts {
        let trouble = ("corp".to_owned(), "too slow".to_owned());
        let authenticators = facts.authenticators.as_mut().expect("told");
        authenticators.troubles.extend([trouble]);
        facts
    }

    #[test]
    fn who_does_not_answer_is_a_problem_with_what_to_do() {
        expect(
            &PROVIDERS,
            &facts(Visit::Silent("x cannot be reached: refused".to_owned())),
            Rank::Problem,
            "corp: x cannot be reached: refused",
        );
        let wrong = facts(Visit::Wrong("x: status 404".to_owned()));
        expect(&PROVIDERS, &wrong, Rank::Problem, "corp: x: status 404");
        for check in [&PROVIDERS, &PROVIDER_CLOCKS] {
            let nobody = Facts {
                providers: Ok(Vec::new()),
                ..Facts::sound()
            };
            assert_eq!(super::super::tests::outcome(check, &nobody).rank, Rank::Ok);
            expect(
                check,
                &facts(Visit::Answered(Some(Offset::Ahead(GOOD)))),
                Rank::Ok,
                "corp",
            );
        }
        expect(&PROVIDER_CLOCKS, &wrong, Rank::Warning, "not checked: corp");
    }

    #[test]
    fn what_the_server_has_found_is_told_where_nobody_could_ask() {
        let unasked = || facts(Visit::NotAsked);
        expect(
            &PROVIDERS,
            &unasked(),
            Rank::Ok,
            "as the server finds: corp",
        );
        let troubled = with_trouble(unasked());
        expect(&PROVIDERS, &troubled, Rank::Warning, "too slow");
        let elsewhere = with_trouble(Facts::sound());
        expect(
            &PROVIDERS,
            &elsewhere,
            Rank::Warning,
            "too slow\nnot checked: not on this machine",
        );
        let blind = Facts {
            authenticators: Err(Untold::new("nobody says", "ask")),
            ..unasked()
        };
        expect(
            &PROVIDERS,
            &blind,
            Rank::Warning,
            "not checked: nobody says",
        );
        let silent = with_trouble(facts(Visit::Silent("gone".to_owned())));
        let seen = super::super::tests::outcome(&PROVIDERS, &silent).seen;
        assert_eq!(seen, ["corp: gone"], "said once");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_good() {
        let fault = FileError {
            file: "20-b.toml".into(),
            key: "client_secret_file".to_owned(),
            passes: false,
            message: "cannot be read".to_owned(),
        };
        let facts = Facts {
            providers: Ok(vec![Surveyed {
                file: "20-b.toml".into(),
                outcome: Err(vec![fault]),
            }]),
            ..Facts::sound()
        };
        for check in [&PROVIDERS, &PROVIDER_CLOCKS] {
            expect(
                check,
                &facts,
                Rank::Warning,
                "not checked: \"20-b.toml\": client_secret_file",
            );
        }
    }

    #[test]
    fn a_clock_is_judged_by_the_leeway_of_its_authenticator() {
        let seconds = Duration::from_secs;
        let ahead = |length| Offset::Ahead(seconds(length));
        let behind = |length| Offset::Behind(seconds(length));
        for (leeway, offset, rank, words) in [
            (Some(30), ahead(5), Rank::Ok, "corp"),
            (Some(30), behind(6), Rank::Warning, "6.000 s behind"),
            (Some(30), ahead(30), Rank::Warning, "30.000 s ahead"),
            (Some(30), ahead(31), Rank::Problem, "leeway_seconds is 30"),
            (Some(300), ahead(31), Rank::Warning, "ahead of"),
            (Some(2), behind(2), Rank::Ok, "corp"),
            (Some(2), behind(3), Rank::Problem, "leeway_seconds is 2"),
            (Some(0), ahead(1), Rank::Ok, "corp"),
            (Some(0), ahead(2), Rank::Problem, "leeway_seconds is 0"),
            (None, behind(5), Rank::Ok, "corp"),
            (None, behind(500), Rank::Warning, "500.000 s behind"),
        ] {
            expect(&PROVIDER_CLOCKS, &off(leeway, offset), rank, words);
        }
        expect(
            &PROVIDER_CLOCKS,
            &facts(Visit::Answered(None)),
            Rank::Warning,
            "has no date",
        );
    }
}
