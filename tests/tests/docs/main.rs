//! What the documentation says, held against what is really so.
//!
//! In: README.md and the files of docs/, and what they are about: real servers
//! with the built module, the command line, the standard policies, the sources.
//! A document that is wrong fails a test that names its line.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test, and waiting on a real server needs real time"
)]

mod audit;
mod c;
mod cli;
mod clients;
mod commands;
mod configuration;
mod demo;
mod first_hour;
mod guardrails;
mod languages;
mod ldap;
mod ldap_groups;
mod links;
mod markdown;
mod migrating;
mod operating;
mod plugins;
mod policies;
mod policy_tests;
mod production;
mod providers;
mod rbac;
mod readme;
mod scopes;
mod session;
mod signing;
mod tenant;
mod threat_model;
