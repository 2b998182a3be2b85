//! A plugin for the tests: misbehaves where it is told to.
//!
//! In: the property `mood`, and secrets that are words of a table. Out: what the word
//! says. A secret is `WORD` or `WORD.ANYTHING`, so that there can be many of one word.
//!
//! | `mood` | what happens |
//! |---|---|
//! | `good`, or none | nothing out of the way |
//! | `initialise-refuse`, `-panic`, `-loop`, `-allocate` | so does `initialise` |
//! | `close-log`, `close-panic`, `close-loop` | so does `close` |
//!
//! Other properties, and files, are taken whatever they are: the word `properties`
//! answers with them.

#![forbid(unsafe_code)]

mod misdeed;
mod word;

use serde::Deserialize;
use warden_plugin::{Answer, Client, Credential, Plugin, Properties, log, plugin};

use crate::word::Call;

/// What it was initialised with, and how often it was asked since.
#[derive(Debug)]
pub struct Moody {
    mood: Mood,
    properties: Properties,
    calls: u64,
}

/// At which step it misbehaves, and how.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Mood {
    #[default]
    Good,
    InitialiseRefuse,
    InitialisePanic,
    InitialiseLoop,
    InitialiseAllocate,
    CloseLog,
    ClosePanic,
    CloseLoop,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    mood: Mood,
}

#[plugin(
    name = "moody",
    summary = "For tests: misbehaves where it is told to.",
    inputs(client_address, client_tls, client_certificate)
)]
impl Plugin for Moody {
    fn initialise(properties: &Properties) -> Result<Self, String> {
        let Settings { mood } = properties.parse()?;
        match mood {
            Mood::InitialiseRefuse => return Err("moody does not want to".to_owned()),
            Mood::InitialisePanic => misdeed::panic("initialise"),
            Mood::InitialiseLoop => misdeed::endless_loop(),
            Mood::InitialiseAllocate => misdeed::allocate_without_end(),
            Mood::Good | Mood::CloseLog | Mood::ClosePanic | Mood::CloseLoop => {}
        }
        Ok(Self {
            mood,
            properties: properties.clone(),
            calls: 0,
        })
    }

    fn authenticate(&mut self, credential: &Credential, client: &Client) -> Answer {
        self.calls += 1;
        word::answer(&Call {
            credential,
            client,
            properties: &self.properties,
            calls: self.calls,
        })
    }

    fn close(self) {
        match self.mood {
            Mood::CloseLog => log::warning(&format!("moody closes after {} calls", self.calls)),
            Mood::ClosePanic => misdeed::panic("close"),
            Mood::CloseLoop => misdeed::endless_loop(),
            _ => {}
        }
    }
}
