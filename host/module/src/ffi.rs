//! The border to Valkey: every unsafe line of the product is in this folder.
//!
//! In: the server's C callbacks. Out: safe Rust types for the rest of this crate: a [`Context`] for the running call, a
//! [`ServerLock`] that proves we hold the server, traits to implement for log-ins, commands, settings, INFO and events.
//! Never: a decision about who may do what; a panic that crosses into C; a pointer handed to safe code.
//!
//! Every callback follows one path:
//!
//! ```text
//! server ── extern "C" fn ── callback (catches panics, takes the time) ── ServerLock, Context ── trait method of safe code
//! ```

#[macro_use]
mod api;

mod allocator;
pub(crate) mod auth;
mod blocked;
mod call;
mod client;
pub(crate) mod command;
pub(crate) mod config;
mod context;
mod entry;
mod error;
mod event_loop;
pub(crate) mod events;
pub(crate) mod filter;
mod guard;
pub(crate) mod info;
mod lock;
mod log;
pub(crate) mod mailbox;
mod reply;
pub(crate) mod results;
mod stopwatch;
mod string;
mod thread;
mod tickets;
mod user;

pub(crate) use allocator::{apart, apart_bytes, give_back, set_gives_back};
pub(crate) use auth::{AuthContext, AuthOutcome, Authentication};
pub(crate) use blocked::{Blocked, came_round, under_way};
pub(crate) use client::{ClientInfo, Entered, deauthenticate_and_close};
pub(crate) use command::{
    Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Waiting,
};
pub(crate) use config::{Configuration, SettingFlags};
pub(crate) use context::{Connection, Context, Detached, as_module, server_version};
pub(crate) use error::Error;
pub(crate) use event_loop::post;
pub(crate) use events::{Event, EventHandler, Topic};
pub(crate) use filter::{CommandFilter, Passage, Words};
pub(crate) use guard::{guard, panics};
pub(crate) use info::{InfoContext, InfoHandler};
pub(crate) use lock::{MainThread, ServerLock};
pub(crate) use log::{Level, log, set_level};
pub(crate) use reply::Reply;
pub(crate) use results::{Ended, Finished, LoggedIn, ResultHandler, ResultTopic};
pub(crate) use stopwatch::{cached_microseconds, slices, wall_microseconds as microseconds};
pub(crate) use thread::{Priority, rest_if_crashing, spawn, without_signals};
pub(crate) use user::{LocalUser, ModuleUser, Permission, local_rules, local_user, user_exists};
