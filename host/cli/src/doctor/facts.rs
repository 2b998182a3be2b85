//! All that the checks look at, asked once.
//!
//! In: a server. Out: values, each told or not told; a check that needs one which
//! was not told says so. Password hashes that `ACL LIST` shows are not kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use redis::Value;
use warden_authn::Surveyed;
use warden_core::clock::{Clock, SystemClock};

use super::finding::Untold;
use super::machine::{self, Machine};
use super::providers;
use super::server::{Server, Told};
use super::user::User;
use crate::error::Error;

/// Names with values, of INFO or CONFIG GET.
pub(crate) type Fields = BTreeMap<String, String>;

/// What is known about a server.
pub(crate) struct Facts {
    /// INFO server.
    pub(crate) server: Told<Fields>,
    /// INFO warden; empty when warden is not loaded.
    pub(crate) warden: Told<Fields>,
    /// MODULE LIST.
    pub(crate) modules: Told<Vec<Module>>,
    /// The lines of CONFIG GET that the checks need, `warden.*` among them.
    pub(crate) config: Told<Fields>,
    /// ACL LIST.
    pub(crate) users: Told<Vec<User>>,
    /// WARDEN.AUTHENTICATORS.
    pub(crate) authenticators: Told<Loaded>,
    /// WARDEN.POLICIES.
    pub(crate) policies: Told<Loaded>,
    /// TIME.
    pub(crate) clock: Told<ClockReading>,
    /// What asking whoever the authenticators depend on came to.
    pub(crate) providers: Told<Vec<Surveyed>>,
    /// Where the server's files are.
    pub(crate) machine: Machine,
}

/// One loaded module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// How many command filters it has; each sees every command with its arguments.
    pub(crate) filters: u64,
}

/// What warden has in force, and what it could not load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) names: Vec<String>,
    pub(crate) errors: Vec<String>,
    /// Absent for authenticators, of which there are none.
    pub(crate) warnings: Vec<String>,
    /// By name, what keeps authenticators from their work just now.
    pub(crate) troubles: BTreeMap<String, String>,
}

/// The server's clock beside this machine's, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockReading {
    pub(crate) server_ms: u64,
    /// In the middle between question and answer.
    pub(crate) here_ms: u64,
    /// From question to answer.
    pub(crate) round_trip_ms: u64,
}

/// Settings of the server that the checks look at.
const SETTINGS: [&str; 6] = [
    "dir",
    "enable-protected-configs",
    "enable-debug-command",
    "enable-module-command",
    "hide-user-data-from-log",
    "acl-pubsub-default",
];

/// Asks for everything.
///
/// # Errors
/// When the connection breaks, or the server wants a log-in first.
pub(crate) fn gather(server: &mut Server) -> Result<Facts, Error> {
    let info = server.ask(&["INFO", "server"], "+info")?;
    let info = info.map(|value| fields_of_info(&text(&value)));
    let modules_info = server.ask(&["INFO", "modules"], "+info")?;
    let modules_info = modules_info.map(|value| text(&value));
    let warden = modules_info.clone().map(|text| {
        let mut fields = fields_of_info(&text);
        fields.retain(|name, _| name.starts_with("warden_"));
        fields
    });
    let mut config_get = vec!["CONFIG", "GET", "warden.*"];
    config_get.extend(SETTINGS);
    let config = server.ask(&config_get, "+config|get")?;
    let modules = server.ask(&["MODULE", "LIST"], "+module|list")?;
    let users = server.ask(&["ACL", "LIST"], "+acl|list")?;
    let is_loaded = !matches!(&warden, Ok(fields) if fields.is_empty());
    let machine = machine::find(server.is_here(), &info);
    let mut facts = Facts {
        server: info,
        warden,
        modules: modules.map(|value| modules_of(&value, &modules_info.unwrap_or_default())),
        config: config.map(|value| map(&value).collect()),
        users: users.map(|value| {
            let lines = items(&value).iter().map(text);
            lines.filter_map(|line| User::parse(&line)).collect()
        }),
        authenticators: loaded(server, is_loaded, "authenticators", "id")?,
        policies: loaded(server, is_loaded, "policies", "name")?,
        clock: clock(server)?,
        providers: Ok(Vec::new()),
        machine,
    };
    facts.providers = providers::ask(facts.warden_setting("authenticator_dir"), &facts.machine);
    Ok(facts)
}

impl Facts {
    /// A setting of the server; `None` where this server has no such setting.
    pub(crate) fn setting(&self, name: &str) -> Told<Option<&str>> {
        let config = self.config.as_ref().map_err(Clone::clone)?;
        Ok(config.get(name).map(String::as_str))
    }

    /// A setting of warden's, by its name without the prefix.
    pub(crate) fn warden_setting(&self, name: &str) -> Told<&str> {
        self.setting(&format!("warden.{name}"))?
            .ok_or_else(not_loaded)
    }

    /// A setting of warden's that is a list of words.
    pub(crate) fn warden_words(&self, name: &str) -> Told<Vec<&str>> {
        Ok(self.warden_setting(name)?.split_whitespace().collect())
    }

    /// The users of `ACL LIST`.
    pub(crate) fn users(&self) -> Told<&[User]> {
        self.users.as_deref().map_err(Clone::clone)
    }
}

/// What cannot be known of a server without warden.
pub(crate) fn not_loaded() -> Untold {
    Untold::new("warden is not loaded", "")
}

/// One of warden's lists with its errors.
fn loaded(
    server: &mut Server,
    is_loaded: bool,
    list: &str,
    name: &str,
) -> Result<Told<Loaded>, Error> {
    if !is_loaded {
        return Ok(Err(not_loaded()));
    }
    let command = format!("warden.{list}");
    let answer = server.ask(&[&command], &format!("+{command}"))?;
    Ok(answer.map(|answer| {
        let mut loaded = Loaded::default();
        for (field, value) in pairs(&answer) {
            if field == list {
                for mut entry in items(value)
                    .iter()
                    .map(|entry| map(entry).collect::<Fields>())
                {
                    let name = entry.remove(name).unwrap_or_default();
                    let trouble = entry.remove("trouble").filter(|text| !text.is_empty());
                    loaded
                        .troubles
                        .extend(trouble.map(|trouble| (name.clone(), trouble)));
                    loaded.names.push(name);
                }
            } else if field == "errors" {
                loaded.errors = items(value).iter().map(text).collect();
            } else if field == "warnings" {
                loaded.warnings = items(value).iter().map(text).collect();
            }
        }
        loaded
    }))
}

fn clock(server: &mut Server) -> Result<Told<ClockReading>, Error> {
    let clock = SystemClock;
    let before = clock.now();
    let answer = server.ask(&["TIME"], "+time")?;
    let took = clock.now().monotonic.saturating_sub(before.monotonic);
    Ok(answer.and_then(|answer| {
        let numbers: Vec<u64> = items(&answer)
            .iter()
            .filter_map(|number| text(number).parse().ok())
            .collect();
        let [seconds, microseconds] = numbers.as_slice() else {
            return Err(Untold::new("TIME answered something else", ""));
        };
        Ok(ClockReading {
            server_ms: seconds
                .saturating_mul(1000)
                .saturating_add(microseconds / 1000),
            here_ms: before.wall.plus(took / 2).as_unix_millis(),
            round_trip_ms: millis(took),
        })
    }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn modules_of(list: &Value, info: &str) -> Vec<Module> {
    items(list)
        .iter()
        .map(|entry| {
            let fields: Fields = map(entry).collect();
            let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
            Module {
                filters: filters_of(info, &field("name")),
                name: field("name"),
                path: PathBuf::from(field("path")),
            }
        })
        .collect()
}

/// `module:name=NAME,…,filters=N,…` of INFO modules.
fn filters_of(info: &str, module: &str) -> u64 {
    let line = info.lines().find_map(|line| {
        let rest = line.strip_prefix("module:name=")?;
        rest.strip_prefix(module)?.strip_prefix(',')
    });
    let number = line
        .and_then(|line| {
            line.split(',')
                .find_map(|part| part.strip_prefix("filters="))
        })
        .and_then(|number| number.trim().parse().ok());
    number.unwrap_or_default()
}

/// `name:value` lines.
fn fields_of_info(text: &str) -> Fields {
    text.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The elements of an array; of anything else none.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// Names and values of a map, or of the flat array it is in RESP2.
fn pairs(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| (text(key), value))
            .collect(),
        _ => items(value)
            .chunks_exact(2)
            .filter_map(|pair| Some((text(pair.first()?), pair.last()?)))
            .collect(),
    }
}

fn map(value: &Value) -> impl Iterator<Item = (String, String)> {
    pairs(value)
        .into_iter()
        .map(|(name, value)| (name, text(value)))
}

/// The text of a reply; of what has none, nothing.
fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::VerbatimString { text, .. } => text.clone(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
impl Facts {
    /// A server that is set up as it should be, not on this machine.
    pub(crate) fn sound() -> Self {
        let fields = |pairs: &[(&str, &str)]| -> Fields {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let module = |name: &str, path: &str| Module {
            name: name.to_owned(),
            path: PathBuf::from(path),
            filters: 0,
        };
        let loaded = |name: &str| Loaded {
            names: vec![name.to_owned()],
            ..Loaded::default()
        };
        let users = [
            "user default off -@all",
            "user breakglass on #ab ~* &* +@all",
        ];
        Self {
            server: Ok(fields(&[("valkey_version", "9.1.2")])),
            warden: Ok(fields(&[
                ("warden_version", env!("CARGO_PKG_VERSION")),
                ("warden_status", "ok"),
                ("warden_generation", "3"),
            ])),
            modules: Ok(vec![
                module("warden", "/usr/lib/valkey/libwarden.so"),
                module("lua", "lua"),
            ]),
            config: Ok(fields(&[
                ("dir", "/var/lib/valkey"),
                ("enable-protected-configs", "no"),
                ("enable-debug-command", "no"),
                ("enable-module-command", "no"),
                ("hide-user-data-from-log", "yes"),
                ("acl-pubsub-default", "resetchannels"),
                ("warden.policy_dir", "/etc/valkey/policies"),
                ("warden.authenticator_dir", "/etc/valkey/authenticators"),
                ("warden.state_dir", ""),
                ("warden.native_users", "breakglass"),
                ("warden.fallback", "acl"),
                ("warden.require_expiry", "yes"),
                ("warden.session_max_seconds", "0"),
                ("warden.ceiling", "-@dangerous"),
                (
                    "warden.policy_keys",
                    "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
                ),
            ])),
            users: Ok(users.iter().filter_map(|line| User::parse(line)).collect()),
            authenticators: Ok(loaded("corp")),
            policies: Ok(loaded("rbac")),
            clock: Ok(ClockReading {
                server_ms: 1_700_000_000_100,
                here_ms: 1_700_000_000_000,
                round_trip_ms: 10,
            }),
            providers: Err(Untold::new("not on this machine: elsewhere", "go there")),
            machine: Machine::Elsewhere("its address is not one of this machine's".to_owned()),
        }
    }

    /// The same with another setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let config = self.config.as_mut().expect("told");
        config.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with these lines of ACL LIST.
    pub(crate) fn with_users(mut self, lines: &[&str]) -> Self {
        self.users = Ok(lines.iter().filter_map(|line| User::parse(line)).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn maps_are_read_in_both_protocols() {
        let flat = Value::Array(vec![bulk("a"), bulk("1"), bulk("b"), Value::Int(2)]);
        let map3 = Value::Map(vec![(bulk("a"), bulk("1")), (bulk("b"), Value::Int(2))]);
        let expected = [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(map(&flat).collect::<Vec<_>>(), expected);
        assert_eq!(map(&map3).collect::<Vec<_>>(), expected);
        assert_eq!(map(&Value::Nil).count(), 0);
    }

    #[test]
    fn filters_are_found_by_the_whole_name_of_a_module() {
        let info = "# Modules\r\nmodule:name=auditor,ver=1,api=1,filters=3,usedby=[]\r\nmodule:name=audit,ver=1,api=1,filters=1,usedby=[]\r\n";
        assert_eq!(filters_of(info, "audit"), 1);
        assert_eq!(filters_of(info, "auditor"), 3);
        assert_eq!(filters_of(info, "aud"), 0);
    }
}
