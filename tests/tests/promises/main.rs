//! What must hold, on real servers of both lines: one module per promise, each
//! with its refusal twin.
//!
//! In: the built module, policy and servers (see `warden_tests::parts`). A test
//! waits for effects with a deadline and never takes a pause for a proof.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test, and waiting on a real server needs real time"
)]

mod acl_users;
mod anywhere;
mod api_keys;
mod asked_services;
mod audit;
mod audit_attribution;
mod audit_bad_input;
mod audit_beside;
mod audit_changes;
mod audit_losses;
mod audit_network;
mod audit_secrets;
mod audit_settings;
mod authenticator_reload;
mod authoring;
mod beside_ldap;
mod c_policies;
mod cedar;
mod certificates;
mod clock;
mod cluster;
mod commands;
mod configuration;
mod doctor;
mod domain_controller;
mod expiry;
mod explain;
mod generations;
mod guardrails;
mod hostile;
mod hostile_keys;
mod info;
mod kill;
mod languages;
mod ldap;
mod ldap_groups;
mod ldap_lookup;
mod ldap_refresh;
mod ldap_servers;
mod ldap_settings;
mod ldap_tls;
mod life;
mod limits;
mod local_acl;
mod local_users;
mod log_in;
mod migrate;
mod minisign;
mod modes;
mod module_changes;
mod mounted;
mod names;
mod native_users;
mod offline;
mod pipelines;
mod plugins;
mod policy_reload;
mod policy_tests;
mod preview;
mod published_keys;
mod reauthentication;
mod rego;
mod reload;
mod replication;
mod restrictions;
mod rights;
mod scopes;
mod secrets;
mod signed_policies;
mod snapshots;
mod soak;
mod throttle;
mod tokens;
mod transactions;
mod unload;
mod waiting;
