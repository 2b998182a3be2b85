//! Each department works on its own keys.
//!
//! In: `__NAME__.toml`, which says who comes in and with which commands, and the claim
//! `department` of whoever logs in. Out: these commands, on keys that begin with the
//! department's name and a colon.

use serde::Deserialize;
use warden_sdk::{AclRule, File, Member, Policy, Request, Template, Verdict, data, policy};

/// The shape of the data file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    members: Vec<String>,
    commands: Vec<String>,
}

/// The policy, once it has read its data.
pub struct Departments {
    members: Vec<Member>,
    commands: Vec<AclRule>,
    keys: Template,
}

#[policy(
    name = "__NAME__",
    summary = "Each department works on its own keys.",
    claims = ["/department"]
)]
impl Policy for Departments {
    fn configure(files: &[File]) -> Result<Self, String> {
        // What is in doubt is refused: the last good policies then stay in force, and the
        // operator reads these words.
        let [file] = files else {
            return Err("needs its data file, __NAME__.toml, and no other".to_owned());
        };
        let data: Data = data::parse(file).map_err(|error| error.to_string())?;
        let members = data.members.iter().map(|text| Member::parse(text));
        let members: Result<_, _> = members.collect();
        let commands = data.commands.iter().map(|text| command(text));
        let commands: Result<_, _> = commands.collect();
        let keys = Template::parse("~{department}:*").map_err(|error| error.to_string())?;
        Ok(Self {
            keys,
            members: members.map_err(|error| format!("{:?} members: {error}", file.name()))?,
            commands: commands.map_err(|error| format!("{:?} commands: {error}", file.name()))?,
        })
    }

    fn evaluate(&self, request: &Request) -> Verdict {
        let is_member = |member: &Member| member.is(request.principal());
        let Some(department) = request.claim_str("/department") else {
            return Verdict::new(); // no opinion: another policy may grant something
        };
        if !self.members.iter().any(is_member) {
            return Verdict::new();
        }
        // A claim is outside text: its place in the template escapes what would be a wildcard
        // and refuses what would break out of the rule, or hold a colon and so live inside
        // another department.
        let Ok(keys) = self.keys.fill(|_| Some(department.as_str())) else {
            return Verdict::new();
        };
        let mut rules = self.commands.clone();
        rules.push(keys);
        Verdict::new().grant(rules)
    }
}

/// A rule about commands; keys come from the claim.
fn command(text: &str) -> Result<AclRule, String> {
    match AclRule::parse(text).map_err(|error| error.to_string())? {
        rule @ (AclRule::Command(..) | AclRule::Category(..)) => Ok(rule),
        rule => Err(format!("{rule} is no command: write +get, +@read or -del")),
    }
}
