//! Which records: `events`, `custom_category`, `command_result_mode` and what is excluded.

use toml::Value;
use warden_settings::{Section, quoted};

use super::table;
use crate::event::Category;
use crate::wishes::{CommandList, Exclusion, Wishes};

/// Longest name of a custom category, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Most custom categories.
const MAX_CATEGORIES: usize = 100;

/// Most commands of one of them.
const MAX_COMMANDS: usize = 1000;

/// Reads what the file says of it. After a fault the wishes are not to be used.
pub(super) fn read(section: &mut Section) -> Wishes {
    let names = names(section);
    let custom = custom(section, &names);
    let (events, commands) = events(section, &names, custom);
    Wishes {
        events,
        commands,
        successes: table::word(section, "command_result_mode") == "all",
        exclude: exclude(section),
        exclude_commands: exclude_commands(section),
        always_audit_config: table::flag(section, "always_audit_config"),
        ignore_internal_clients: table::flag(section, "ignore_internal_clients"),
    }
}

/// `custom_category`: names with commands.
fn custom(section: &mut Section, events: &[String]) -> Vec<(String, CommandList)> {
    const KEY: &str = "custom_category";
    if !section.has(KEY) {
        return Vec::new();
    }
    let mut inner = section.section(KEY);
    let entries = inner.rest();
    if entries.is_empty() || entries.len() > MAX_CATEGORIES {
        section.fault(KEY, format!("takes 1 to {MAX_CATEGORIES} names"));
    }
    let mut custom = Vec::new();
    for (name, value) in entries.into_iter().take(MAX_CATEGORIES) {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if is_taken(&name) {
            inner.fault(&name, "is a category of events already: take another name");
        } else if name.len() > MAX_NAME_BYTES || !name.bytes().all(is_allowed) {
            inner.fault(
                &name,
                "takes at most 64 characters of a-z, A-Z, 0-9, '-' and '_'",
            );
        } else if !events.contains(&name) {
            inner.fault(&name, "is of no use: events does not name it");
        }
        custom.push((name.clone(), commands(&mut inner, &name, value)));
    }
    section.close(inner);
    custom
}

fn is_taken(name: &str) -> bool {
    let reserved = ["all", "none", Category::Audit.as_str()];
    name.is_empty() || Category::named(name).is_some() || reserved.contains(&name)
}

fn commands(inner: &mut Section, name: &str, value: Value) -> CommandList {
    let mut list = CommandList::default();
    let names: Result<Vec<String>, _> = value.try_into();
    match names {
        Ok(names) if (1..=MAX_COMMANDS).contains(&names.len()) => {
            for command in names {
                if let Err(why) = list.add(&command) {
                    inner.fault(name, format!("{} {why}", quoted(&command)));
                }
            }
        }
        _ => inner.fault(
            name,
            format!("must be a list of 1 to {MAX_COMMANDS} commands"),
        ),
    }
    list
}

/// `events`: the categories, and the commands of the custom ones among them.
fn events(
    section: &mut Section,
    names: &[String],
    mut custom: Vec<(String, CommandList)>,
) -> (Vec<Category>, CommandList) {
    let mut events = Vec::new();
    let mut commands = CommandList::default();
    for name in names {
        if let Some(place) = custom.iter().position(|(one, _)| one == name) {
            commands.extend(custom.swap_remove(place).1);
        } else if name == "all" {
            events.extend(Category::CHOSEN);
        } else if name == "none" && names.len() == 1 {
            return (Vec::new(), commands);
        } else if let Some(category) = Category::named(name) {
            events.push(category);
        } else {
            section.fault("events", unknown(name));
        }
    }
    // Each once, in the order of the categories.
    let all = Category::CHOSEN.into_iter();
    (all.filter(|one| events.contains(one)).collect(), commands)
}

/// A list, or one word.
fn names(section: &mut Section) -> Vec<String> {
    const KEY: &str = "events";
    if !section.has(KEY) {
        return vec!["all".to_owned()];
    }
    if section.is_string(KEY) {
        let name: Option<String> = section.optional(KEY, "a list of strings");
        return name.into_iter().collect();
    }
    section.strings(KEY).unwrap_or_default()
}

fn unknown(name: &str) -> String {
    if name == "none" {
        return "holds \"none\" and something else".to_owned();
    }
    let known = Category::CHOSEN.map(Category::as_str).join(", ");
    format!(
        "{} is none of {known}, all, and no name in custom_category",
        quoted(name)
    )
}

fn exclude(section: &mut Section) -> Vec<Exclusion> {
    const KEY: &str = "exclude";
    let mut exclusions = Vec::new();
    for entry in section.strings(KEY).unwrap_or_default() {
        match Exclusion::parse(&entry) {
            Ok(exclusion) => exclusions.push(exclusion),
            Err(why) => section.fault(KEY, format!("{} {why}", quoted(&entry))),
        }
    }
    exclusions
}

fn exclude_commands(section: &mut Section) -> CommandList {
    let mut list = CommandList::default();
    for (key, add) in [
        (
            "exclude_commands",
            CommandList::add as fn(&mut CommandList, &str) -> Result<(), &'static str>,
        ),
        ("prefix_filter", CommandList::add_prefix),
    ] {
        for entry in section.strings(key).unwrap_or_default() {
            if let Err(why) = add(&mut list, &entry) {
                section.fault(key, format!("{} {why}", quoted(&entry)));
            }
        }
    }
    list
}
