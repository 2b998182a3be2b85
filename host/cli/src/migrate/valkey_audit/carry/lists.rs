//! Settings that are lists: which events, which clients and commands not.

use toml::{Table, Value};
use warden_audit::event::Category;
use warden_audit::wishes::{CommandList, Exclusion};

use super::Work;
use crate::migrate::report::Outcome;
use crate::migrate::valkey_audit::given::Given;
use crate::migrate::valkey_audit::settings::Setting;

/// The categories of ValkeyAudit.
const CATEGORIES: [&str; 5] = ["connections", "auth", "config", "keys", "other"];

impl Work<'_> {
    pub(super) fn list(&mut self, setting: &Setting, given: &Given, all: &[Given]) {
        let entries = entries(&given.text);
        if entries.is_empty() {
            return self.found(given, Outcome::Taken, "empty: as if it were not given");
        }
        match setting.name {
            "events" => self.events(given, &entries, all),
            "custom_category" => self.custom_category(given, all),
            "excluderules" => self.exclude(given, &entries),
            "prefix_filter" => self.prefix_filter(given, &entries),
            _ => self.exclude_commands(given, &entries),
        }
    }

    fn events(&mut self, given: &Given, entries: &[&str], all: &[Given]) {
        let own = custom(all);
        let mut events: Vec<String> = Vec::new();
        for entry in entries {
            let word = entry.to_ascii_lowercase();
            let is_own = own.iter().any(|(name, _)| name == entry);
            if is_own {
                events.push((*entry).to_owned());
            } else if word == "all" || CATEGORIES.contains(&word.as_str()) {
                events.push(word);
            } else if word == "none" && entries.len() == 1 {
                let value = Value::String(word);
                return self.add("events", value, given, Outcome::Taken, "as events");
            } else {
                let why = format!(
                    "{entry:?} is no category, and audit.custom_category defines none of that name"
                );
                return self.error(given, &why);
            }
        }
        let mut says = "as events; sessions, reloads and WARDEN commands are categories of their own here: session, policy, admin";
        let has = |events: &[String], word: &str| events.iter().any(|one| one == word);
        let mut outcome = Outcome::Taken;
        if has(&events, "all") {
            events.retain(|one| one == "all" || Category::named(one).is_none());
            says = "as events";
        } else if has(&events, "config") && !has(&events, Category::Acl.as_str()) {
            events.push(Category::Acl.as_str().to_owned());
            says = "as events, and acl: ACL commands are a category of their own here, as are sessions, reloads and WARDEN commands: session, policy, admin";
            outcome = Outcome::Changed;
        }
        events.dedup();
        let value = strings(events);
        self.add("events", value, given, outcome, says);
    }

    fn custom_category(&mut self, given: &Given, all: &[Given]) {
        let named = all.iter().find(|one| one.name == "events");
        let named: Vec<&str> = named.map_or(Vec::new(), |one| super::lists::entries(&one.text));
        let mut table = Table::new();
        let defined = custom(all);
        if defined.is_empty() {
            return self.error(given, "ValkeyAudit takes NAME:COMMAND,COMMAND");
        }
        for (name, commands) in defined {
            if commands.is_empty() {
                return self.error(given, "ValkeyAudit takes NAME:COMMAND,COMMAND");
            }
            let mut list = CommandList::default();
            if let Some(why) = commands.iter().find_map(|one| list.add(one).err()) {
                return self.error(given, &format!("{name}: a command {why}"));
            }
            if named.contains(&name.as_str()) {
                table.insert(name, strings(commands));
            }
        }
        if table.is_empty() {
            let says = "of no use: audit.events does not name it";
            return self.found(given, Outcome::Left, says);
        }
        let says = "as [custom_category]; command_result_mode counts for its commands too";
        let value = Value::Table(table);
        self.add("custom_category", value, given, Outcome::Taken, says);
    }

    fn exclude(&mut self, given: &Given, entries: &[&str]) {
        for entry in entries {
            if let Err(why) = Exclusion::parse(entry) {
                return self.error(given, &format!("{entry:?} {why}"));
            }
        }
        let says = "as exclude";
        self.add("exclude", owned(entries), given, Outcome::Taken, says);
    }

    fn exclude_commands(&mut self, given: &Given, entries: &[&str]) {
        let (prefixes, names): (Vec<&str>, Vec<&str>) =
            entries.iter().partition(|entry| entry.starts_with('!'));
        let mut list = CommandList::default();
        for name in &names {
            if let Err(why) = list.add(name) {
                return self.error(given, &format!("{name:?} {why}"));
            }
        }
        if prefixes.is_empty() {
            let value = owned(&names);
            return self.add(
                "exclude_commands",
                value,
                given,
                Outcome::Taken,
                "as exclude_commands",
            );
        }
        let why = "a beginning of names, !FT*, belongs into audit.prefix_filter";
        self.error(given, why);
    }

    fn prefix_filter(&mut self, given: &Given, entries: &[&str]) {
        let mut filters = Vec::new();
        let mut is_changed = false;
        for entry in entries {
            if !entry.starts_with('!') {
                is_changed = true;
                continue;
            }
            let filter = if entry.ends_with('*') {
                (*entry).to_owned()
            } else {
                is_changed = true;
                format!("{entry}*")
            };
            if let Err(why) = CommandList::default().add_prefix(&filter) {
                return self.error(given, &format!("{entry:?} {why}"));
            }
            filters.push(filter);
        }
        if filters.is_empty() {
            let says = "without effect: only what begins with ! excludes";
            return self.found(given, Outcome::Left, says);
        }
        let (outcome, says) = if is_changed {
            let says = "as prefix_filter, written !NAME*; what does not begin with ! excludes nothing and is left out";
            (Outcome::Changed, says)
        } else {
            (Outcome::Taken, "as prefix_filter")
        };
        self.add("prefix_filter", strings(filters), given, outcome, says);
    }
}

/// What stands between commas.
fn entries(text: &str) -> Vec<&str> {
    let entries = text.split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).collect()
}

/// `name:COMMAND,COMMAND`, several of them with `;` between them.
fn custom(all: &[Given]) -> Vec<(String, Vec<String>)> {
    let given = all.iter().find(|given| given.name == "custom_category");
    let text = given.map_or("", |given| given.text.as_str());
    let parts = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .filter_map(|part| {
            // `CONFIG SET` of early releases takes a space there.
            let (name, commands) = part.split_once([':', ' '])?;
            let commands = entries(commands).into_iter().map(str::to_ascii_lowercase);
            Some((name.trim().to_owned(), commands.collect()))
        })
        .collect()
}

fn owned(entries: &[&str]) -> Value {
    strings(entries.iter().map(|entry| (*entry).to_owned()).collect())
}

fn strings(entries: Vec<String>) -> Value {
    Value::Array(entries.into_iter().map(Value::String).collect())
}
