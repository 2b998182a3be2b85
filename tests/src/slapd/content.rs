//! What a directory is filled with: people, groups, and what carries them.
//!
//! In: users and groups by name. Out: entries, parents first, with the `memberOf` that
//! the server's overlay keeps from then on but does not make while a tree is loaded.

use std::collections::{BTreeMap, BTreeSet};

use crate::ldap::{Entry, rdn};

/// The root of the tree.
pub const BASE: &str = "dc=example,dc=org";

/// Who may do everything, with [`ADMIN_PASSWORD`].
pub const ADMIN: &str = "cn=admin,dc=example,dc=org";

/// The password of [`ADMIN`].
pub const ADMIN_PASSWORD: &str = "admin-of-the-directory";

/// A service account that may search, with [`SERVICE_PASSWORD`].
pub const SERVICE: &str = "cn=warden,ou=services,dc=example,dc=org";

/// The password of [`SERVICE`].
pub const SERVICE_PASSWORD: &str = "secret-of-the-service";

/// The only member of groups that have none: the schema wants one.
pub const NOBODY: &str = "cn=nobody,dc=example,dc=org";

/// The policy by which an account can be locked.
pub(super) const LOCKING_POLICY: &str = "cn=locking,ou=policies,dc=example,dc=org";

/// The name of a user of [`User::new`] in unit `people`.
pub fn user_dn(name: &str) -> String {
    User::new(name).dn()
}

/// The name of a group of [`Group::new`].
pub fn group_dn(name: &str) -> String {
    Group::new(name).dn()
}

/// The password a user has who was given no other.
pub fn password_of(name: &str) -> String {
    format!("password-of-{name}")
}

/// Somebody who can log in: `uid=NAME,ou=people,dc=example,dc=org`, with the password
/// of [`password_of`].
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    named_by: String,
    unit: String,
    password: String,
    locked: bool,
    attributes: Vec<(String, String)>,
}

impl User {
    /// A user whose `uid`, `cn` and `sn` are this.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            named_by: "uid".to_owned(),
            unit: "people".to_owned(),
            password: password_of(name),
            locked: false,
            attributes: Vec::new(),
        }
    }

    /// Named by another of its attributes: `cn=NAME,…`.
    #[must_use]
    pub fn named_by(mut self, attribute: &str) -> Self {
        attribute.clone_into(&mut self.named_by);
        self
    }

    /// In another `ou` below the base.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// With another password; with none when it is empty.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Adds a value of an attribute of `inetOrgPerson`, or `userAccountControl` or
    /// `sAMAccountName`.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Disabled as Active Directory writes it. The server itself does not care.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.attribute("userAccountControl", "514")
    }

    /// Locked by the password policy: the server refuses every bind.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// Its name.
    pub fn dn(&self) -> String {
        format!(
            "{},{},{BASE}",
            rdn(&self.named_by, &self.name),
            rdn("ou", &self.unit)
        )
    }

    fn entry(&self) -> Entry {
        let mut entry = Entry::new(&self.dn())
            .with("objectClass", "inetOrgPerson")
            .with("objectClass", "warden-test-account")
            .with("uid", self.name.as_str())
            .with("cn", self.name.as_str())
            .with("sn", self.name.as_str());
        if !self.password.is_empty() {
            entry = entry.with("userPassword", self.password.as_str());
        }
        if self.locked {
            entry = entry.with("pwdAccountLockedTime", "000001010000Z");
        }
        for (name, value) in &self.attributes {
            entry = entry.with(name, value.as_str());
        }
        entry
    }
}

/// A `groupOfNames`: `cn=NAME,ou=groups,dc=example,dc=org`.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    members: Vec<String>,
}

impl Group {
    /// A group without members.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            members: Vec::new(),
        }
    }

    /// Adds a user of [`User::new`] in unit `people`.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.member(&user_dn(name))
    }

    /// Adds a group of [`Group::new`], there or not: loops are possible.
    #[must_use]
    pub fn group(self, name: &str) -> Self {
        self.member(&group_dn(name))
    }

    /// Adds whoever has this name.
    #[must_use]
    pub fn member(mut self, dn: &str) -> Self {
        self.members.push(dn.to_owned());
        self
    }

    /// Its name.
    pub fn dn(&self) -> String {
        format!("{},ou=groups,{BASE}", rdn("cn", &self.name))
    }

    fn entry(&self) -> Entry {
        let entry = Entry::new(&self.dn())
            .with("objectClass", "groupOfNames")
            .with("cn", self.name.as_str());
        if self.members.is_empty() {
            return entry.with("member", NOBODY);
        }
        entry.with_all("member", self.members.iter().map(String::as_str))
    }
}

/// All that a directory is filled with.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) users: Vec<User>,
    pub(super) groups: Vec<Group>,
    pub(super) entries: Vec<Entry>,
}

impl Content {
    /// Whether somebody is locked, for which the server needs its overlay.
    pub(super) fn locks_somebody(&self) -> bool {
        self.users.iter().any(|user| user.locked)
    }

    /// The whole tree as LDIF.
    pub(super) fn ldif(&self) -> String {
        let memberships = self.memberships();
        let people = self.users.iter().map(User::entry);
        let groups = self.groups.iter().map(Group::entry);
        let members = people
            .chain(groups)
            .map(|entry| match memberships.get(entry.dn.as_str()) {
                Some(groups) => entry.with_all("memberOf", groups.iter().map(String::as_str)),
                None => entry,
            });
        let all = self.frame().into_iter().chain(members);
        let all = all.chain(self.entries.iter().cloned());
        all.map(|entry| entry.ldif()).collect()
    }

    /// What carries the others.
    fn frame(&self) -> Vec<Entry> {
        let mut entries = vec![
            Entry::new(BASE)
                .with("objectClass", "organization")
                .with("objectClass", "dcObject")
                .with("o", "Example")
                .with("dc", "example"),
        ];
        let fixed = ["people", "groups", "services", "policies"];
        let units = self.users.iter().map(|user| user.unit.as_str());
        let units: BTreeSet<&str> = units.chain(fixed).collect();
        for unit in units {
            let dn = format!("{},{BASE}", rdn("ou", unit));
            entries.push(
                Entry::new(&dn)
                    .with("objectClass", "organizationalUnit")
                    .with("ou", unit),
            );
        }
        entries.push(
            Entry::new(SERVICE)
                .with("objectClass", "organizationalRole")
                .with("objectClass", "simpleSecurityObject")
                .with("cn", "warden")
                .with("userPassword", SERVICE_PASSWORD),
        );
        if self.locks_somebody() {
            entries.push(
                Entry::new(LOCKING_POLICY)
                    .with("objectClass", "organizationalRole")
                    .with("objectClass", "pwdPolicy")
                    .with("cn", "locking")
                    .with("pwdAttribute", "userPassword")
                    .with("pwdLockout", "TRUE"),
            );
        }
        entries
    }

    /// The groups of each member.
    fn memberships(&self) -> BTreeMap<&str, Vec<String>> {
        let mut memberships: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for group in &self.groups {
            for member in &group.members {
                memberships.entry(member).or_default().push(group.dn());
            }
        }
        memberships
    }
}
