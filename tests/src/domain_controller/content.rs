//! What a domain is filled with: people and groups beside those it has from the start.
//!
//! In: users and groups by name. Out: entries as a domain controller takes them over
//! LDAP; what else belongs to one (`memberOf`, `objectSid`, a primary group) it adds itself.

use crate::ldap::{Entry, rdn};
use crate::slapd::{SERVICE_PASSWORD, password_of};

/// The root of the tree.
pub const BASE: &str = "DC=corp,DC=example,DC=com";

/// Behind the `@` of a principal's name.
pub const DOMAIN: &str = "corp.example.com";

/// Before the `\` of the older form.
pub const SHORT_DOMAIN: &str = "CORP";

/// Who may do everything.
pub const ADMIN: &str = "CN=Administrator,CN=Users,DC=corp,DC=example,DC=com";

/// As tests/domain-controller/provision.py has it.
pub(super) const ADMIN_PASSWORD: &str = "Admin-of-the-domain-1";

/// A service account, an account like any other, with [`SERVICE_PASSWORD`].
pub const SERVICE: &str = "CN=valkey,OU=Services,DC=corp,DC=example,DC=com";

const UNITS: [&str; 3] = ["People", "Groups", "Services"];

/// `userAccountControl` ([MS-ADTS] §2.2.16).
const NORMAL_ACCOUNT: u32 = 0x200;
pub(super) const ENABLED: u32 = NORMAL_ACCOUNT;
pub(super) const DISABLED: u32 = NORMAL_ACCOUNT | 0x2;

/// The first second of 2020, in tenths of microseconds since 1601.
pub(super) const LONG_AGO: &str = "132223104000000000";

/// The name of a user of [`User::new`].
pub fn user_dn(name: &str) -> String {
    User::new(name).dn()
}

/// The name of a group of [`Group::new`].
pub fn group_dn(name: &str) -> String {
    Group::new(name).dn()
}

/// Somebody who can log in: `CN=NAME,OU=People,…`, also `CORP\NAME` and
/// `NAME@corp.example.com`, with the password of [`password_of`].
#[derive(Clone, Debug)]
pub struct User {
    account: String,
    common_name: String,
    principal_name: String,
    unit: &'static str,
    password: String,
    control: u32,
    attributes: Vec<(String, String)>,
}

impl User {
    /// A user of this account name, which is its common name, too.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            common_name: account.to_owned(),
            principal_name: format!("{account}@{DOMAIN}"),
            unit: "People",
            password: password_of(account),
            control: ENABLED,
            attributes: Vec::new(),
        }
    }

    pub(super) fn service() -> Self {
        Self {
            unit: "Services",
            password: SERVICE_PASSWORD.to_owned(),
            ..Self::new("valkey")
        }
    }

    /// With another common name: `Smith, Alice (dev)`.
    #[must_use]
    pub fn common_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.common_name);
        self
    }

    /// With another `userPrincipalName`; the other form names the account as before.
    #[must_use]
    pub fn principal_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.principal_name);
        self
    }

    /// Adds a value of an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Disabled.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.control = DISABLED;
        self
    }

    /// Expired, years ago.
    #[must_use]
    pub fn expired(self) -> Self {
        self.attribute("accountExpires", LONG_AGO)
    }

    /// Whose password must be changed before anything else.
    #[must_use]
    pub fn must_change_password(self) -> Self {
        self.attribute("pwdLastSet", "0")
    }

    /// Its distinguished name.
    pub fn dn(&self) -> String {
        below(self.unit, &self.common_name)
    }

    pub(super) fn entry(&self) -> Entry {
        let entry = Entry::new(&self.dn())
            .with("objectClass", "user")
            .with("sAMAccountName", self.account.as_str())
            .with("userPrincipalName", self.principal_name.as_str())
            .with("userAccountControl", self.control.to_string())
            .with("unicodePwd", as_password(&self.password));
        self.attributes.iter().fold(entry, |entry, (name, value)| {
            entry.with(name, value.as_str())
        })
    }
}

/// A global group: `CN=NAME,OU=Groups,…`. Its account name lacks what none may have.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    kind: i32,
    members: Vec<String>,
}

/// `groupType` ([MS-ADTS] §2.2.12): global, with the highest bit one that grants rights.
const SECURITY: i32 = i32::MIN | DISTRIBUTION;
const DISTRIBUTION: i32 = 0x2;

/// No part of an account name ([MS-SAMR] §3.1.1.6).
const FORBIDDEN: [char; 15] = [
    '"', '/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>',
];

impl Group {
    /// A security group without members.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: SECURITY,
            members: Vec::new(),
        }
    }

    /// A list for mail, which is no matter of security.
    #[must_use]
    pub fn distribution(mut self) -> Self {
        self.kind = DISTRIBUTION;
        self
    }

    /// Adds a user of [`User::new`].
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.member(&user_dn(name))
    }

    /// Adds a group of [`Group::new`] that was described before it.
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

    /// Its distinguished name.
    pub fn dn(&self) -> String {
        below("Groups", &self.name)
    }

    fn entry(&self) -> Entry {
        let account: String = self.name.split(FORBIDDEN).collect();
        Entry::new(&self.dn())
            .with("objectClass", "group")
            .with("sAMAccountName", account)
            .with("groupType", self.kind.to_string())
            .with_all("member", self.members.iter().map(String::as_str))
    }
}

/// What is added to an empty domain.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) users: Vec<User>,
    pub(super) groups: Vec<Group>,
}

impl Content {
    /// Everything, whatever another belongs to first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let units = UNITS.map(|unit| {
            Entry::new(&format!("{},{BASE}", rdn("OU", unit)))
                .with("objectClass", "organizationalUnit")
        });
        let service = User::service();
        let users = self.users.iter().chain([&service]).map(User::entry);
        let groups = self.groups.iter().map(Group::entry);
        units.into_iter().chain(users).chain(groups).collect()
    }
}

fn below(unit: &str, common_name: &str) -> String {
    format!("{},{},{BASE}", rdn("CN", common_name), rdn("OU", unit))
}

/// As `unicodePwd` takes it: in quotes and UTF-16.
pub(super) fn as_password(password: &str) -> Vec<u8> {
    let quoted = format!("\"{password}\"");
    quoted.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
