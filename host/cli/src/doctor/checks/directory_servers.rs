//! The servers of LDAP directories: whether they answer, and whether passwords are
//! protected on the way to them.

use std::path::Path;
use std::time::Duration;

use warden_authn::{LdapDirectory, ServerVisit, Surveyed, Visited, Welcome};

use super::providers::{add_troubles, unread};
use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};

pub(super) static DIRECTORY_SERVERS: Check = Check {
    name: "directory-servers",
    why: "Passwords that a directory judges are worth nothing while none of its servers answers; a second server helps only if it would.",
    look: directory_servers,
};

pub(super) static DIRECTORY_ENCRYPTION: Check = Check {
    name: "directory-encryption",
    why: "Passwords travel to a directory as they are: without TLS anybody on the way can read them, and can answer in its place.",
    look: directory_encryption,
};

fn directory_servers(facts: &Facts) -> Result<Outcome, Untold> {
    let mut outcome = Outcome::new();
    let mut welcoming = Vec::new();
    let mut failing = Vec::new();
    let mut all = Vec::new();
    for (file, directory) in directories(facts, &mut outcome)? {
        let id = directory.id.as_str();
        all.push(id);
        welcoming.push(format!("{id}: {}", took(directory)));
        if !judge(&mut outcome, file, directory) {
            failing.push(id);
        }
    }
    let is_well = |id: &str| all.contains(&id) && !failing.contains(&id);
    add_troubles(&mut outcome, facts, is_well);
    Ok(outcome.or_good(match welcoming.as_slice() {
        [] => NONE.to_owned(),
        welcoming => welcoming.join("; "),
    }))
}

fn directory_encryption(facts: &Facts) -> Result<Outcome, Untold> {
    let mut outcome = Outcome::new();
    let mut protected = Vec::new();
    for (file, directory) in directories(facts, &mut outcome)? {
        protected.push(directory.id.as_str());
        let exposed = directory
            .servers
            .iter()
            .filter(|server| server.exposes_passwords);
        for ServerVisit { host, .. } in exposed {
            outcome.warn(
                format!("{}: passwords go to {host} in clear", directory.id),
                format!(
                    "ldaps:// in servers, or use_starttls = true, in {file:?}; a server on this machine can be named by its loopback address"
                ),
            );
        }
    }
    Ok(outcome.or_good(match protected.as_slice() {
        [] => NONE.to_owned(),
        protected => protected.join(", "),
    }))
}

const NONE: &str = "no authenticator asks a directory";

/// Those that were visited, with their files; what could not be read is said.
fn directories<'a>(
    facts: &'a Facts,
    outcome: &mut Outcome,
) -> Result<Vec<(&'a Path, &'a LdapDirectory)>, Untold> {
    let all = facts.providers.as_ref().map_err(Clone::clone)?;
    let mut directories = Vec::new();
    for Surveyed { file, outcome: of } in all {
        match of {
            Ok(Visited::Directory(directory)) => directories.push((file.as_path(), directory)),
            Ok(Visited::Provider(_)) => {}
            Err(faults) => outcome.miss(&unread(file, faults)),
        }
    }
    Ok(directories)
}

/// Whether all is well with each of its servers. One that fails while another answers is no
/// problem yet.
fn judge(outcome: &mut Outcome, file: &Path, directory: &LdapDirectory) -> bool {
    let LdapDirectory { id, servers } = directory;
    let is_open = |server: &ServerVisit| matches!(server.welcome, Welcome::Open(_));
    let others_answer = servers.iter().any(is_open);
    for ServerVisit { host, welcome, .. } in servers {
        let (why, advice) = match welcome {
            Welcome::Open(_) => continue,
            Welcome::Silent(why) => (
                why,
                format!(
                    "see that {host} can be reached from this machine (name, route, firewall); with TLS also that its certificate is for that name and tls_ca_cert_path in {file:?} holds its authority"
                ),
            ),
            Welcome::Closed(why) => (
                why,
                format!(
                    "see that the directory has search_bind_dn of {file:?} and takes the password of search_bind_passwd_file for it: ldapwhoami -x -D DN -W"
                ),
            ),
        };
        if others_answer {
            outcome.warn(format!("{id}: {why}; others answer"), advice);
        } else {
            outcome.object(format!("{id}: {why}"), advice);
        }
    }
    servers.iter().all(is_open)
}

/// Its servers with the time each took.
fn took(directory: &LdapDirectory) -> String {
    let words = directory.servers.iter().filter_map(|server| {
        let Welcome::Open(took) = server.welcome else {
            return None;
        };
        Some(format!("{} in {}", server.host, millis(took)))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn millis(took: Duration) -> String {
    let micros = took.as_micros();
    format!("{}.{} ms", micros / 1000, micros / 100 % 10)
}

#[cfg(test)]
mod tests {
    use warden_core::AuthenticatorId;

    use super::super::providers::PROVIDERS;
    use super::super::tests::{expect, outcome};
    use super::*;
    use crate::doctor::finding::Rank;

    fn server(host: &str, welcome: Welcome) -> ServerVisit {
        ServerVisit {
            host: host.to_owned(),
            exposes_passwords: false,
            welcome,
        }
    }

    fn open() -> Welcome {
        Welcome::Open(Duration::from_micros(2_345))
    }

    fn silent() -> Welcome {
        Welcome::Silent("b:636 cannot be reached: refused".to_owned())
    }

    fn closed() -> Welcome {
        Welcome::Closed("b:636 answered that it cannot: 49".to_owned())
    }

    fn facts(servers: Vec<ServerVisit>) -> Facts {
        let directory = LdapDirectory {
            id: AuthenticatorId::new("corp").unwrap(),
            servers,
        };
        Facts {
            providers: Ok(vec![Surveyed {
                file: "10-corp.toml".into(),
                outcome: Ok(Visited::Directory(directory)),
            }]),
            ..Facts::sound()
        }
    }

    #[test]
    fn servers_that_answer_are_told_with_the_time_they_took() {
        let both = facts(vec![server("a:636", open()), server("b:636", open())]);
        let expected = "corp: a:636 in 2.3 ms, b:636 in 2.3 ms";
        assert_eq!(outcome(&DIRECTORY_SERVERS, &both).seen, [expected]);
        expect(&DIRECTORY_SERVERS, &both, Rank::Ok, expected);
        expect(&DIRECTORY_ENCRYPTION, &both, Rank::Ok, "corp");
        let nobody = Facts {
            providers: Ok(Vec::new()),
            ..Facts::sound()
        };
        for check in [&DIRECTORY_SERVERS, &DIRECTORY_ENCRYPTION] {
            expect(check, &nobody, Rank::Ok, NONE);
        }
    }

    #[test]
    fn a_server_that_fails_is_a_problem_unless_another_answers() {
        for (welcome, words) in [(silent(), "cannot be reached"), (closed(), "cannot: 49")] {
            let alone = facts(vec![server("b:636", welcome.clone())]);
            expect(&DIRECTORY_SERVERS, &alone, Rank::Problem, words);
            let beside = facts(vec![
                server("a:636", open()),
                server("b:636", welcome.clone()),
            ]);
            expect(
                &DIRECTORY_SERVERS,
                &beside,
                Rank::Warning,
                "; others answer",
            );
            let all = facts(vec![server("a:636", silent()), server("b:636", welcome)]);
            expect(&DIRECTORY_SERVERS, &all, Rank::Problem, words);
            assert_eq!(outcome(&DIRECTORY_SERVERS, &all).seen.len(), 2);
        }
    }

    #[test]
    fn passwords_in_clear_are_a_warning_whoever_answers() {
        for welcome in [open(), silent()] {
            let exposed = ServerVisit {
                exposes_passwords: true,
                ..server("b:389", welcome)
            };
            let facts = facts(vec![server("a:636", open()), exposed]);
            expect(
                &DIRECTORY_ENCRYPTION,
                &facts,
                Rank::Warning,
                "corp: passwords go to b:389 in clear",
            );
        }
    }

    #[test]
    fn what_the_server_has_found_is_said_once_and_where_it_belongs() {
        let with_trouble = |mut facts: Facts| {
            let trouble = ("corp".to_owned(), "too slow".to_owned());
            let authenticators = facts.authenticators.as_mut().expect("told");
            authenticators.troubles.extend([trouble]);
            facts
        };
        let troubled = with_trouble(facts(vec![server("a:636", open())]));
        expect(&DIRECTORY_SERVERS, &troubled, Rank::Warning, "too slow");
        assert_eq!(outcome(&PROVIDERS, &troubled).rank, Rank::Ok);
        let failing = with_trouble(facts(vec![server("b:636", silent())]));
        let seen = outcome(&DIRECTORY_SERVERS, &failing).seen;
        assert_eq!(seen, ["corp: b:636 cannot be reached: refused"]);
        assert_eq!(outcome(&PROVIDERS, &failing).rank, Rank::Ok);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_good() {
        let facts = Facts {
            providers: Ok(vec![Surveyed {
                file: "20-b.toml".into(),
                outcome: Err(Vec::new()),
            }]),
            ..Facts::sound()
        };
        for check in [&DIRECTORY_SERVERS, &DIRECTORY_ENCRYPTION] {
            expect(check, &facts, Rank::Warning, "not checked: ");
        }
    }
}
