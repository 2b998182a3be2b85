//! Permissions as the rule string of one server's ACL engine.
//!
//! ```text
//! reset on resetchannels [resetdbs] -@all BASE DENIALS
//! "(resetchannels [resetdbs] -@all COMMANDS DENIALS KEYS CHANNELS [DATABASES])" …
//! ```
//!
//! A user may do what *any* of its selectors allows, the root included, and each
//! new one starts with all databases and the server's default channels: hence
//! everything is reset, and denials repeated last, in every one of them.

use std::collections::{BTreeMap, BTreeSet};

use warden_rules::{Access, CommandName, Databases, Pattern, Sign};

use super::commands::{Allowed, Target, everything};
use super::dropped::{Dropped, Why};
use super::grant::Grant;
use super::readback::Selector;
use super::{BaseRules, Modes, PermissionError, Permissions};
use crate::server::Server;

/// Longest rule string: bounds what one session's rights cost the main thread.
const MAX_RENDERED_BYTES: usize = 1 << 20;

/// Most rules in all selectors together, for the same reason: 16,000 of them, the
/// denials of one restriction repeated in 64 selectors, took a server 180 ms.
const MAX_RENDERED_RULES: usize = 8192;

/// Permissions as text for one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// What `ValkeyModule_SetModuleUserACLString` takes.
    pub rules: String,
    /// How many grants are left. With none, the session is refused: base rules
    /// alone let nobody in.
    pub grants: usize,
    /// What of the grants is not in `rules`; sorted.
    pub dropped: Vec<Dropped>,
    /// The lasting modes a client may enter with these rules.
    pub modes: Modes,
    /// What the server must answer when asked for the rules again; the root first.
    pub selectors: Vec<Selector>,
}

impl Rendered {
    /// Whether nothing of any grant is left.
    pub fn grants_nothing(&self) -> bool {
        self.grants == 0
    }

    /// Whether the server's own description of the user
    /// (`ValkeyModule_GetModuleUserACLString`) says what was rendered: the same
    /// selectors, each with the same commands in the same order and the same
    /// keys, channels and databases; enabled, without any password.
    ///
    /// A `false` means the rules are not in force: close the session.
    pub fn matches(&self, description: &str) -> bool {
        super::readback::matches(&self.selectors, description)
    }
}

pub(super) fn render(
    permissions: &Permissions,
    server: &Server,
) -> Result<Rendered, PermissionError> {
    if permissions.limits.bounds_databases() && !server.has_databases {
        return Err(PermissionError::NoDatabases {
            version: server.version.clone(),
        });
    }
    let Rendering {
        parts,
        dropped,
        runnable,
    } = Rendering::of(permissions, server);
    // The root is there with or without a grant in it.
    let grants = parts.iter().filter(|part| part.is_grant).count();
    let selectors: Vec<Selector> = parts.iter().map(Part::selector).collect();
    let rules = text(&selectors, server);
    let modes = Modes::of(|name| runnable.contains(name));
    let count: usize = selectors
        .iter()
        .map(|selector| selector.commands.len() + selector.keys.len() + selector.channels.len())
        .sum();
    if rules.len() > MAX_RENDERED_BYTES || count > MAX_RENDERED_RULES {
        return Err(PermissionError::TooLong);
    }
    Ok(Rendered {
        rules,
        grants,
        dropped: dropped.into_iter().collect(),
        modes,
        selectors,
    })
}

/// What permissions come to on one server.
pub(super) struct Rendering<'s> {
    /// The selectors, the root first.
    pub(super) parts: Vec<Part>,
    /// What was dropped on the way.
    pub(super) dropped: BTreeSet<Dropped>,
    /// The commands that may run with some keys, channels and databases.
    pub(super) runnable: Allowed<'s>,
}

impl<'s> Rendering<'s> {
    pub(super) fn of(permissions: &Permissions, server: &'s Server) -> Self {
        let writer = Writer::new(permissions, server);
        let mut dropped = permissions.dropped.clone();
        let mut runnable = writer.base_commands();
        let mut grants = Vec::new();
        for grant in &permissions.grants {
            if let Some((commands, allowed)) = writer.commands_of(grant, &mut dropped) {
                runnable.unite(&allowed);
                grants.push((grant, commands));
            }
        }
        let parts = match grants.as_slice() {
            [(grant, commands)] if writer.base_is_plain() => {
                vec![writer.root_with(grant, commands)]
            }
            several => std::iter::once(writer.root())
                .chain(
                    several
                        .iter()
                        .map(|(grant, commands)| writer.selector(grant, commands)),
                )
                .collect(),
        };
        Self {
            parts,
            dropped,
            runnable,
        }
    }
}

/// Rules about commands that this server knows.
type Commands = Vec<(Sign, Target)>;

pub(super) struct Writer<'a> {
    server: &'a Server,
    base: Commands,
    denials: Commands,
    /// The commands that the denials take away.
    denied: Allowed<'a>,
    /// The commands of the base rules that are not denied.
    base_commands: Allowed<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(permissions: &Permissions, server: &'a Server) -> Self {
        let known = |target: &Target| target.known_to(server);
        let base = permissions.base.targets().cloned();
        let denials = permissions.limits.all_denials().into_iter().filter(known);
        let denials: Vec<Target> = denials.collect();
        let mut denied = Allowed::nothing(server);
        for target in &denials {
            denied.apply(Sign::Allow, target);
        }
        let base: Commands = base
            .filter(known)
            .map(|target| (Sign::Allow, target))
            .collect();
        Self {
            server,
            base_commands: allowed(server, &base, &denied),
            base,
            denials: denials
                .into_iter()
                .map(|target| (Sign::Deny, target))
                .collect(),
            denied,
        }
    }

    /// The commands of the base rules that are not denied.
    pub(super) fn base_commands(&self) -> Allowed<'a> {
        self.base_commands.clone()
    }

    /// The commands of a grant that are not denied; `None` when nothing of it is left.
    pub(super) fn grant_commands(
        &self,
        grant: &Grant,
        dropped: &mut BTreeSet<Dropped>,
    ) -> Option<Allowed<'a>> {
        let (_, allowed) = self.commands_of(grant, dropped)?;
        Some(allowed)
    }

    /// A grant's rules in the words of this server, and the commands they allow; `None` when
    /// nothing is left.
    fn commands_of(
        &self,
        grant: &Grant,
        dropped: &mut BTreeSet<Dropped>,
    ) -> Option<(Commands, Allowed<'a>)> {
        if grant.databases != Databases::All && !self.server.has_databases {
            dropped.insert(Dropped::new(grant, Why::NoDatabases));
            return None;
        }
        let mut commands = Vec::new();
        for (sign, target) in grant.commands.iter() {
            if !target.known_to(self.server) {
                dropped.insert(Dropped::new(
                    format_args!("{sign}{target}"),
                    Why::UnknownHere,
                ));
            } else if sign == Sign::Allow && target.is_all() {
                commands.extend(everything(self.server));
            } else {
                commands.push((sign, target.clone()));
            }
        }
        let allowed = allowed(self.server, &commands, &self.denied);
        if allowed.is_empty() {
            dropped.insert(Dropped::new(grant, Why::NothingLeft));
            return None;
        }
        Some((commands, allowed))
    }

    /// Whether no base command touches keys, channels or databases' content, so
    /// that base rules and a grant in one selector cannot lend each other anything.
    ///
    /// Known of the default rules and of what only concerns the connection;
    /// doubted of everything else.
    fn base_is_plain(&self) -> bool {
        let touches = ["keyspace", "read", "write", "pubsub", "scripting"];
        self.base_commands.names().all(|name| {
            let categories = self.server.commands.get(name);
            let has =
                |category: &str| categories.is_some_and(|categories| categories.contains(category));
            BaseRules::is_default_command(name)
                || (has("connection") && !touches.into_iter().any(has))
        })
    }

    /// The root with the base rules alone: no keys, no channels, no database.
    fn root(&self) -> Part {
        let databases = if self.server.has_databases {
            Databases::Only(BTreeSet::new())
        } else {
            Databases::All
        };
        Part {
            is_grant: false,
            commands: joined([&self.base, &self.denials]),
            keys: BTreeMap::new(),
            channels: BTreeSet::new(),
            databases,
        }
    }

    /// The root with the only grant. Its rules come first: what it takes away,
    /// it takes away from itself and not from the base rules.
    fn root_with(&self, grant: &Grant, commands: &Commands) -> Part {
        Part::of(grant, joined([commands, &self.base, &self.denials]))
    }

    /// A grant as a selector of its own. Where selectors have databases, SELECT is
    /// checked against them: the base rules' right to it goes along.
    fn selector(&self, grant: &Grant, commands: &Commands) -> Part {
        let select = CommandName::new("select").map(|name| (Sign::Allow, Target::Command(name)));
        let may_select = self.server.has_databases && self.base_commands.contains("select");
        let select: Commands = select.filter(|_| may_select).into_iter().collect();
        Part::of(grant, joined([commands, &select, &self.denials]))
    }
}

/// The commands rules allow once everything denied is taken away.
fn allowed<'s>(server: &'s Server, rules: &[(Sign, Target)], denied: &Allowed<'s>) -> Allowed<'s> {
    let mut allowed = Allowed::nothing(server);
    for (sign, target) in rules {
        allowed.apply(*sign, target);
    }
    allowed.take(denied);
    allowed
}

/// One selector before it is text. Denials stand last in its commands.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) is_grant: bool,
    pub(super) commands: Vec<(Sign, Target)>,
    pub(super) keys: BTreeMap<Pattern, Access>,
    pub(super) channels: BTreeSet<Pattern>,
    pub(super) databases: Databases,
}

impl Part {
    fn of(grant: &Grant, commands: Commands) -> Self {
        Self {
            is_grant: true,
            commands,
            keys: grant.keys.clone(),
            channels: grant.channels.clone(),
            databases: grant.databases.clone(),
        }
    }

    fn selector(&self) -> Selector {
        let commands = self.commands.iter();
        let keys = self.keys.iter();
        let channels = self.channels.iter();
        Selector {
            commands: commands
                .map(|(sign, target)| format!("{sign}{target}"))
                .collect(),
            keys: keys
                .map(|(pattern, access)| format!("{access}{pattern}"))
                .collect(),
            channels: channels.map(|pattern| format!("&{pattern}")).collect(),
            databases: self.databases.clone(),
        }
    }
}

fn joined<const N: usize>(commands: [&Commands; N]) -> Commands {
    commands.into_iter().flatten().cloned().collect()
}

fn text(selectors: &[Selector], server: &Server) -> String {
    let mut text = String::from("reset on");
    for (place, selector) in selectors.iter().enumerate() {
        let words = words(selector, server);
        if place == 0 {
            text.push(' ');
            text.push_str(&words);
        } else {
            // Inside double quotes, and only there, a backslash is an escape.
            text.push_str(" \"(");
            text.push_str(&words.replace('\\', "\\\\"));
            text.push_str(")\"");
        }
    }
    text
}

fn words(selector: &Selector, server: &Server) -> String {
    let mut words = vec!["resetchannels"];
    words.extend(server.has_databases.then_some("resetdbs"));
    words.push("-@all");
    words.extend(selector.commands.iter().map(String::as_str));
    words.extend(selector.keys.iter().map(String::as_str));
    words.extend(selector.channels.iter().map(String::as_str));
    let databases = selector.databases.to_string();
    words.extend(
        (server.has_databases && !selector.databases.is_empty()).then_some(databases.as_str()),
    );
    words.join(" ")
}
