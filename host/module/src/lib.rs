//! `libwarden.so`: the Valkey module.
//!
//! In: the server's callbacks, made safe by [`ffi`]. Out: sessions, refusals,
//! replies. This crate carries values between the rooms and decides nothing about
//! rights itself. On the main thread it never waits: [`login`] hands credentials to
//! [`workers`] or the [`network`]'s thread, [`loader`] reads directories, and [`slices`] does a bounded part of
//! the rest at a time.

mod answers;
mod audit;
mod commands;
mod compilations;
mod configuration;
mod counters;
mod default_user;
mod facts;
mod ffi;
mod guest_lines;
mod info;
mod inquiry;
mod latencies;
mod lifecycle;
mod loader;
mod local;
mod login;
mod modes;
mod network;
mod pending;
mod plugins;
mod previews;
mod queue;
mod quota;
mod rechecks;
mod refreshes;
mod refusals;
mod review;
mod searches;
mod sessions;
mod settings;
mod shared;
mod slices;
mod snapshots;
mod spread;
mod state;
mod users;
mod verification;
mod waiter;
mod watch;
mod workers;

pub(crate) use lifecycle::{load, unload};
