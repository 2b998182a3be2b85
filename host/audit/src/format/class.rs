//! What the Elastic Common Schema calls what happened.
//!
//! In: an event. Out: `event.category` and `event.type`, of the values that the schema allows
//! together (ECS 8.17, "Categorization Fields"). They say nothing that the other fields do not
//! say, so only JSON has them.

use crate::event::{Attempt, Category, Change, Command, CommandResult, Event};

/// The fields that only JSON has, each with its meaning.
pub const ECS_FIELDS: [(&str, &str); 5] = [
    (
        "ecs.version",
        "The version of the Elastic Common Schema: `8.17.0`.",
    ),
    ("service.type", "`valkey`."),
    ("event.kind", "`event`."),
    (
        "event.category",
        "What the schema calls it: a list of one of its words.",
    ),
    (
        "event.type",
        "What the schema calls what happened: a list of its words.",
    ),
];

/// Those of [`ECS_FIELDS`] that are the same in each record, with the comma before them.
pub(super) const CONSTANT: &str =
    r#","ecs.version":"8.17.0","service.type":"valkey","event.kind":"event""#;

/// `event.category` and `event.type`, with the comma before them.
pub(super) fn class(event: &Event<'_>) -> &'static str {
    match event {
        Event::Opened => r#","event.category":["network"],"event.type":["connection","start"]"#,
        Event::Closed => r#","event.category":["network"],"event.type":["connection","end"]"#,
        Event::Authentication(told) => match told.attempt {
            Attempt::Begun => r#","event.category":["authentication"],"event.type":["info"]"#,
            _ => r#","event.category":["authentication"],"event.type":["start"]"#,
        },
        Event::SessionEnd(_) => r#","event.category":["session"],"event.type":["end"]"#,
        Event::Command(command) => class_of_command(command),
        Event::Setting(_) | Event::Reload(_) => {
            r#","event.category":["configuration"],"event.type":["change"]"#
        }
        Event::AclUser(change) => class_of_acl(change),
        Event::Start(_) => r#","event.category":["process"],"event.type":["start"]"#,
        Event::Stop => r#","event.category":["process"],"event.type":["end"]"#,
        Event::Loss(_) | Event::Checkpoint(_) => {
            r#","event.category":["process"],"event.type":["info"]"#
        }
    }
}

fn class_of_command(command: &Command<'_>) -> &'static str {
    match command.category {
        Category::Config | Category::Admin => {
            r#","event.category":["configuration"],"event.type":["access"]"#
        }
        Category::Acl => r#","event.category":["iam"],"event.type":["admin"]"#,
        _ => match command.result {
            CommandResult::Unknown | CommandResult::Success => {
                if command.keys_modified.is_some_and(|keys| keys > 0) {
                    r#","event.category":["database"],"event.type":["change"]"#
                } else {
                    r#","event.category":["database"],"event.type":["access"]"#
                }
            }
            CommandResult::Failure | CommandResult::Rejected(_) | CommandResult::Denied(..) => {
                r#","event.category":["database"],"event.type":["access","error"]"#
            }
        },
    }
}

fn class_of_acl(change: &Change<'_>) -> &'static str {
    match (change.before, change.after) {
        (None, _) => r#","event.category":["iam"],"event.type":["user","creation"]"#,
        (Some(_), Some(_)) => r#","event.category":["iam"],"event.type":["user","change"]"#,
        (Some(_), None) => r#","event.category":["iam"],"event.type":["user","deletion"]"#,
    }
}
