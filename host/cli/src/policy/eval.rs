//! `warden policy eval`: what somebody may do, and which policy says so.
//!
//! In: a policy directory, and a token with the authenticators that may vouch for it, or
//! a made-up principal. Out: what `WARDEN.EXPLAIN` would tell. A token is verified by
//! the module's own chain; a refusal is an answer, not an error.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use warden_authn::{Chain, ChainSettings, Outcome, Presented};
use warden_core::client::Certificate;
use warden_core::clock::{Clock, SystemClock};
use warden_core::{Attach, ClientFacts, Credential, Now, Principal, Reason, ReasonKind};
use warden_policy::{Explanation, Generation};

use super::directory::{Directory, Release};
use super::principal::{self, Asked};
use super::record;
use super::report::{Report, Told};
use crate::error::Error;
use crate::moment;
use crate::network::Network;
use crate::output::Output;
use crate::style::Paint;
use crate::token::read_token;

/// Whose rights, under which circumstances.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("who").required(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    release: Release,
    /// Who it is: a token, verified by `--authenticators`; `-` reads it from standard input.
    #[arg(long, value_name = "TOKEN", group = "who", requires = "authenticators")]
    token: Option<String>,
    /// Who may vouch for the token, as `authenticator_dir`.
    #[arg(long, value_name = "DIR", conflicts_with = "principal")]
    authenticators: Option<PathBuf>,
    /// The user name given to AUTH with the token.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "token",
        conflicts_with = "principal"
    )]
    user: String,
    /// Who it is: a JSON document with `user`, `groups`, `scopes`, `method`, `claims`,
    /// `sole_authenticator`, `expires`, and, in place of the options of these names,
    /// `address`, `tls`, `certificate`, `role`, `now`; `-` reads it from standard input. What
    /// was recorded says with `reads` how far it goes.
    #[arg(long, value_name = "FILE", group = "who")]
    principal: Option<PathBuf>,
    /// The client's IP address, or `unix`.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// The connection is encrypted.
    #[arg(long)]
    tls: bool,
    /// The client's certificate, a PEM file; the connection is encrypted then.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Role of the server.
    #[arg(long, value_name = "ROLE", default_value = "primary", value_parser = PossibleValuesParser::new(["primary", "replica"]))]
    role: String,
    /// The time, as seconds since 1970 or `2026-11-24T09:00:00Z`; by default now.
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// Append the request to this file, for `warden policy diff`: who asks, and of claims and
    /// connection what policies of the directory read. Made with mode 0600.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Evaluate although tests of the directory do not hold.
    #[arg(long)]
    without_tests: bool,
    /// Name every command instead of categories.
    #[arg(long)]
    commands: bool,
}

/// Asks the policies; no is an answer, not an error.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let real = SystemClock.now();
    let directory = &arguments.directory;
    // Tests are of the present: the time asked about is not theirs.
    let tested = (!arguments.without_tests).then_some(real);
    let (mut client, mut now) = (client(arguments)?, asked_about(arguments, real)?);
    let mut known = None;
    let who = match &arguments.principal {
        Some(file) => {
            let asked = principal::read(file)?;
            (client, now) = united(&asked, arguments, client, now)?;
            known = asked.reads;
            unexpired(asked.principal, now)
        }
        None => match verified(arguments, &client, now)? {
            Ok(who) => who,
            Err(errors) => return directory.complain(&errors),
        },
    };
    let generation = match directory.load(&arguments.release, tested)? {
        Ok(generation) => generation,
        Err(errors) => return directory.complain(&errors),
    };
    if let Some(file) = &arguments.record {
        match &who {
            Ok(principal) => {
                let (inputs, known) = (generation.inputs(), known.as_ref());
                record::append(file, principal, &client, now, inputs, known)?;
            }
            Err(_) => writeln!(
                io::stderr(),
                "warden: nothing is recorded: nobody is there to ask policies about"
            )?,
        }
    }
    let answer = who.map(|principal| {
        let explanation = generation.explain_made_up(&principal, &client, now);
        (principal, explanation)
    });
    let report = report(&generation, &client, &answer);
    let text = if directory.json {
        format!("{:#}\n", report.json())
    } else {
        report.text(arguments.commands, Paint::of_stdout())
    };
    Ok(Output {
        text,
        is_valid: report.is_granted(),
    })
}

/// The time of `--now`, or the present.
fn asked_about(arguments: &Arguments, real: Now) -> Result<Now, Error> {
    let Some(text) = &arguments.now else {
        return Ok(real);
    };
    let wall = moment::read(text).map_err(|why| Error::Usage(format!("--now: {why}")))?;
    Ok(Now { wall, ..real })
}

/// What the document and the options say together of connection and time: of each only one
/// may speak.
fn united(
    asked: &Asked,
    arguments: &Arguments,
    given: ClientFacts,
    now: Now,
) -> Result<(ClientFacts, Now), Error> {
    let doubled = [
        ("address", asked.address.is_some(), given.address.is_some()),
        ("tls", asked.tls.is_some(), arguments.tls),
        (
            "certificate",
            asked.certificate.is_some(),
            given.certificate.is_some(),
        ),
        ("role", asked.replica.is_some(), given.replica),
        ("now", asked.now.is_some(), arguments.now.is_some()),
    ];
    if let Some((name, ..)) = doubled.iter().find(|(_, said, option)| *said && *option) {
        return Err(Error::Usage(format!(
            "--{name}: the document of --principal says it, too"
        )));
    }
    let said = asked.client();
    let client = ClientFacts {
        address: said.address.or(given.address),
        tls: said.tls || given.tls,
        certificate: said.certificate.or(given.certificate),
        replica: said.replica || given.replica,
    };
    if asked.tls == Some(false) && client.certificate.is_some() {
        return Err(Error::Usage(
            "--certificate: there are no certificates without TLS".to_owned(),
        ));
    }
    let wall = asked.now.unwrap_or(now.wall);
    Ok((client, Now { wall, ..now }))
}

fn report<'a>(
    generation: &'a Generation,
    client: &'a ClientFacts,
    answer: &'a Result<(Principal, Explanation), Refusal>,
) -> Report<'a> {
    let told = answer.as_ref().map(|(principal, explanation)| Told {
        principal,
        generation: generation.number(),
        explanation,
    });
    let reason = match answer {
        Ok((_, explanation)) => explanation.answer.as_ref().err(),
        Err(refusal) => Some(&refusal.reason),
    };
    Report {
        server: &generation.frame().server,
        reason: reason.cloned(),
        is_unclaimed: answer.as_ref().is_err_and(|refusal| refusal.is_unclaimed),
        told: told.ok(),
        client,
    }
}

/// The chain refuses whose proof has ended; so it is for who is made up.
fn unexpired(principal: Principal, now: Now) -> Who {
    let ended = principal.expires.is_some_and(|expires| now.wall >= expires);
    if ended {
        return Err(Refusal {
            reason: Reason::new(ReasonKind::Expired, "the credential has expired"),
            is_unclaimed: false,
        });
    }
    Ok(principal)
}

/// Nobody that policies could be asked about.
struct Refusal {
    reason: Reason,
    is_unclaimed: bool,
}

type Who = Result<Principal, Refusal>;

/// Whose the token is. `Err` in it: what is wrong with the authenticators' directory.
fn verified(
    arguments: &Arguments,
    client: &ClientFacts,
    now: Now,
) -> Result<Result<Who, Vec<String>>, Error> {
    let (Some(token), Some(directory)) = (&arguments.token, &arguments.authenticators) else {
        return Err(Error::Usage(
            "give --token with --authenticators, or --principal".to_owned(),
        ));
    };
    let token = read_token(token)?;
    let network = Network::new(arguments.directory.engine()?)?;
    let settings = ChainSettings::default();
    let report = Chain::load(directory, &settings, network.services(), None);
    if !report.errors.is_empty() {
        return Ok(Err(report.errors.iter().map(ToString::to_string).collect()));
    }
    let unclaimed = || Refusal {
        reason: Reason::new(
            ReasonKind::Credential,
            "no authenticator claims this credential: the setting fallback decides",
        ),
        is_unclaimed: true,
    };
    let refused = |reason| Refusal {
        reason,
        is_unclaimed: false,
    };
    let credential = Credential::new(arguments.user.as_bytes(), token.as_bytes());
    let Some(credential) =
        credential.filter(|credential| report.chain.claims(credential, false).is_some())
    else {
        return Ok(Ok(Err(unclaimed())));
    };
    let presented = Presented {
        credential,
        client: client.clone(),
        is_local: false,
    };
    Ok(Ok(
        match network.wait(report.chain.authenticate(&presented, &now)) {
            Outcome::Verified(principal) => {
                let principal = principal.get().clone();
                if principal.attach == Attach::AclUser {
                    return Err(Error::Usage(format!(
                        "no policy is asked: the session becomes the user {} of the server's own ACL (attach)",
                        principal.user_name()
                    )));
                }
                let bound = principal.check_binding(&presented.client);
                bound.map(|()| principal).map_err(refused)
            }
            Outcome::Refused(reason) | Outcome::Unavailable(reason) => Err(refused(reason)),
            Outcome::NotMine => Err(unclaimed()),
        },
    ))
}

/// The certificate of a file, read as a client's is.
fn certificate(file: &Path) -> Result<Certificate, Error> {
    let pem = std::fs::read_to_string(file).map_err(Error::file(file))?;
    let certificate = warden_authn::parse_certificate(pem.trim());
    certificate.map_err(|error| Error::Usage(format!("{file:?}: it {error}")))
}

fn client(arguments: &Arguments) -> Result<ClientFacts, Error> {
    let address = arguments.address.as_deref();
    if address.is_some_and(|text| text != "unix" && text.parse::<IpAddr>().is_err()) {
        return Err(Error::Usage(
            "--address: write an IP address without port, or unix".to_owned(),
        ));
    }
    let certificate = arguments.certificate.as_deref().map(certificate);
    let certificate = certificate.transpose()?;
    Ok(ClientFacts {
        address: arguments.address.clone(),
        tls: arguments.tls || certificate.is_some(),
        certificate,
        replica: arguments.role == "replica",
    })
}
