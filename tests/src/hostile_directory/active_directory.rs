//! A domain controller's ways, as far as a client of binds and groups sees them.
//!
//! In: users and groups by name. Out: names `DOMAIN\user` and `user@domain` at a bind,
//! its refusals with their data codes, success for an empty password; no search before
//! a bind; `memberOf`, `userAccountControl`, values in ranges, entries in pages,
//! `LDAP_MATCHING_RULE_IN_CHAIN` and `LDAP_MATCHING_RULE_BIT_AND`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::answer::Answer;
use super::request::{Operation, Request, Scope};
use crate::ldap::{Entry, rdn};

/// At most so many values of an attribute come at a time (`MaxValRange`).
pub const RANGE: usize = 1500;

/// At most so many entries are found (`MaxPageSize`).
const PAGE: usize = 1000;

const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
const BIT_AND: &str = "1.2.840.113556.1.4.803";

/// `groupType` of a global group, for security and for mail alone.
const SECURITY: &str = "-2147483646";
const MAIL: &str = "2";

const ENABLED: &str = "512";
const DISABLED: &str = "514";

/// The entries of a domain.
pub struct ActiveDirectory {
    domain: String,
    short_domain: String,
    entries: Vec<Entry>,
    passwords: BTreeMap<String, String>,
    /// Who is bound, for each connection; nobody is when the name is empty.
    bound: Mutex<BTreeMap<u64, String>>,
}

impl ActiveDirectory {
    /// An empty domain, for example `example.org` alias `EXAMPLE`.
    pub fn new(domain: &str, short_domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            short_domain: short_domain.to_owned(),
            entries: Vec::new(),
            passwords: BTreeMap::new(),
            bound: Mutex::default(),
        }
    }

    /// The root of its tree: `DC=example,DC=org`.
    pub fn base(&self) -> String {
        let parts: Vec<String> = self.domain.split('.').map(|part| rdn("DC", part)).collect();
        parts.join(",")
    }

    /// The name of a user: `CN=NAME,CN=Users,…`.
    pub fn user_dn(&self, name: &str) -> String {
        format!("{},CN=Users,{}", rdn("CN", name), self.base())
    }

    /// The name of a group: `CN=NAME,OU=Groups,…`.
    pub fn group_dn(&self, name: &str) -> String {
        format!("{},OU=Groups,{}", rdn("CN", name), self.base())
    }

    /// Adds a user whose `cn` and `sAMAccountName` are this.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        self.account(name, password, ENABLED)
    }

    /// Adds a user who is disabled by `userAccountControl`.
    #[must_use]
    pub fn disabled_user(self, name: &str, password: &str) -> Self {
        self.account(name, password, DISABLED)
    }

    fn account(mut self, name: &str, password: &str, control: &str) -> Self {
        let dn = self.user_dn(name);
        let principal = format!("{name}@{}", self.domain);
        self.passwords.insert(dn.clone(), password.to_owned());
        self.entries.push(
            Entry::new(&dn)
                .with_all(
                    "objectClass",
                    ["top", "person", "organizationalPerson", "user"],
                )
                .with("cn", name)
                .with("sAMAccountName", name)
                .with("userPrincipalName", principal)
                .with("userAccountControl", control)
                .with("distinguishedName", dn.as_str()),
        );
        self
    }

    /// Adds a group of these, by their distinguished names. `memberOf` of those that are
    /// there already follows.
    #[must_use]
    pub fn group<M: AsRef<str>>(self, name: &str, members: impl IntoIterator<Item = M>) -> Self {
        self.group_of_type(name, SECURITY, members)
    }

    /// As [`Self::group`], for mail alone.
    #[must_use]
    pub fn distribution_list<M: AsRef<str>>(
        self,
        name: &str,
        members: impl IntoIterator<Item = M>,
    ) -> Self {
        self.group_of_type(name, MAIL, members)
    }

    fn group_of_type<M: AsRef<str>>(
        mut self,
        name: &str,
        group_type: &str,
        members: impl IntoIterator<Item = M>,
    ) -> Self {
        let dn = self.group_dn(name);
        let members: Vec<String> = members.into_iter().map(|m| m.as_ref().to_owned()).collect();
        let theirs: BTreeSet<&str> = members.iter().map(String::as_str).collect();
        for entry in &mut self.entries {
            if theirs.contains(entry.dn.as_str()) {
                *entry = entry.clone().with("memberOf", dn.as_str());
            }
        }
        self.entries.push(
            Entry::new(&dn)
                .with_all("objectClass", ["top", "group"])
                .with("cn", name)
                .with("sAMAccountName", name)
                .with("groupType", group_type)
                .with("distinguishedName", dn.as_str())
                .with_all("member", members),
        );
        self
    }

    /// What it answers to a request.
    pub fn answer(&self, request: &Request) -> Answer {
        match &request.operation {
            Operation::Bind { name, password } => self.bind(request.connection, name, password),
            Operation::Search {
                base,
                scope,
                size_limit,
                filter,
                attributes,
                ..
            } => {
                if self
                    .bound()
                    .get(&request.connection)
                    .is_none_or(String::is_empty)
                {
                    return Answer::result(1, NOT_BOUND);
                }
                let rule = |entry: &Entry, name: &str, rule: &str, value: &str| {
                    self.holds(entry, name, rule, value)
                };
                let found = self.entries.iter().filter(|entry| {
                    lies_in(&entry.dn, base, *scope) && filter.is_true_of(entry, &rule)
                });
                let limit = match *size_limit {
                    0 => PAGE,
                    limit => PAGE.min(limit as usize),
                };
                let found: Vec<&Entry> = found.take(limit + 1).collect();
                let code = if found.len() > limit { 4 } else { 0 };
                let shown = found.iter().take(limit);
                Answer::result(code, "").entries(shown.map(|entry| selected(entry, attributes)))
            }
            _ => Answer::result(2, "not here"),
        }
    }

    fn bind(&self, connection: u64, name: &str, password: &str) -> Answer {
        // Whatever the name: this is why nobody may send an empty password.
        if password.is_empty() {
            self.bound().insert(connection, String::new());
            return Answer::success();
        }
        self.bound().remove(&connection);
        let entry = self.entries.iter().find(|entry| self.is_named(entry, name));
        let Some(entry) = entry else {
            return refused("525");
        };
        if self
            .passwords
            .get(&entry.dn)
            .is_none_or(|one| one != password)
        {
            return refused("52e");
        }
        if entry.values("userAccountControl") == [DISABLED] {
            return refused("533");
        }
        self.bound().insert(connection, entry.dn.clone());
        Answer::success()
    }

    fn is_named(&self, entry: &Entry, name: &str) -> bool {
        let of = |attribute| {
            let values = entry.values(attribute);
            values.first().cloned().unwrap_or_default()
        };
        let short = format!("{}\\{}", self.short_domain, of("sAMAccountName"));
        let names = [entry.dn.clone(), of("userPrincipalName"), short];
        names.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    /// Whether a rule holds; of unknown ones none does.
    fn holds(&self, entry: &Entry, attribute: &str, rule: &str, value: &str) -> bool {
        match rule {
            BIT_AND => {
                let (Ok(mask), [held]) = (value.parse::<u32>(), &entry.values(attribute)[..])
                else {
                    return false;
                };
                // 32 bits, of which the highest makes the number negative.
                held.parse::<i32>()
                    .is_ok_and(|held| held.cast_unsigned() & mask == mask)
            }
            IN_CHAIN => self
                .reached(entry, attribute)
                .contains(&value.to_lowercase()),
            _ => false,
        }
    }

    /// All that an attribute of names leads to, in lower case.
    fn reached(&self, entry: &Entry, attribute: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut ahead = entry.values(attribute);
        while let Some(dn) = ahead.pop() {
            if !reached.insert(dn.to_lowercase()) {
                continue;
            }
            let mut entries = self.entries.iter();
            if let Some(next) = entries.find(|one| one.dn.eq_ignore_ascii_case(&dn)) {
                ahead.extend(next.values(attribute));
            }
        }
        reached
    }

    fn bound(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, String>> {
        self.bound.lock().expect("nobody panicked here")
    }
}

const NOT_BOUND: &str = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this \
     operation a successful bind must be completed on the connection., data 0, v4563";

fn refused(data: &str) -> Answer {
    let text = format!(
        "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563"
    );
    Answer::result(49, &text)
}

fn lies_in(dn: &str, base: &str, scope: Scope) -> bool {
    let [dn, base] = [dn, base].map(str::to_lowercase);
    let above = dn
        .strip_suffix(&base)
        .and_then(|rest| rest.strip_suffix(','));
    match scope {
        Scope::Base => dn == base,
        Scope::One => above.is_some_and(|rest| !rest.contains(',')),
        Scope::Tree => dn == base || above.is_some(),
    }
}

/// The wanted attributes; long ones in part, under a name that says which.
fn selected(entry: &Entry, wanted: &[String]) -> Entry {
    let mut shown = Entry::new(&entry.dn);
    for (name, values) in &entry.attributes {
        let all = wanted.is_empty() || wanted.iter().any(|one| one == "*");
        let by_name = wanted.iter().find_map(|one| start_of(one, name));
        let Some(start) = by_name.or(all.then_some(0)) else {
            continue;
        };
        let values: &[Vec<u8>] = values.get(start..).unwrap_or_default();
        if start == 0 && values.len() <= RANGE {
            shown = shown.with_all(name, values.to_vec());
        } else if values.len() <= RANGE {
            shown = shown.with_all(&format!("{name};range={start}-*"), values.to_vec());
        } else {
            let none: [Vec<u8>; 0] = [];
            let end = start + RANGE - 1;
            let piece = values[..RANGE].to_vec();
            shown = shown
                .with_all(name, none)
                .with_all(&format!("{name};range={start}-{end}"), piece);
        }
    }
    shown
}

/// From which value on `member` or `member;range=1500-*` wants an attribute.
fn start_of(wanted: &str, name: &str) -> Option<usize> {
    let (wanted, option) = wanted.split_once(';').unwrap_or((wanted, "range=0-*"));
    if !wanted.eq_ignore_ascii_case(name) {
        return None;
    }
    let range = option.strip_prefix("range=")?;
    range.split('-').next()?.parse().ok()
}
