//! The harness of the integration tests: real servers, real connections, real
//! tokens.
//!
//! In: the built parts (see [`parts`]), found by environment or beside the test
//! binary. Out: servers that end with the value that started them, connections
//! with a time limit on every wait, and issuers of good and broken tokens.
//!
//! It never skips: a missing part, a server that does not start and a wait that
//! runs out each fail the test that needed them, with the server's log. It never
//! mocks, and it ends only processes it started.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test, and waiting on a real server needs real time"
)]

pub mod asked;
pub mod audited;
pub mod authority;
pub mod collector;
pub mod connection;
pub mod directory;
pub mod domain_controller;
pub mod hostile_directory;
pub mod hostile_provider;
mod http;
pub mod https;
pub mod issuer;
pub mod ldap;
pub mod native;
pub mod parts;
pub mod patience;
pub mod ports;
pub mod provider;
pub mod proxy;
pub mod reply;
pub mod rsyslog;
pub mod scene;
pub mod server;
pub mod signer;
pub mod slapd;
mod stalled;
pub mod tls;

pub use audited::{AuditRecord, Audited};
pub use authority::{Authority, Identity, Leaf};
pub use collector::Collector;
pub use connection::{Connection, Ended};
pub use directory::Directory;
pub use domain_controller::DomainController;
pub use hostile_directory::HostileDirectory;
pub use issuer::{Algorithm, Claims, Issuer, SigningKey};
pub use native::WallClock;
pub use parts::Line;
pub use patience::{eventually, unix_now};
pub use provider::Provider;
pub use proxy::Proxy;
pub use reply::Reply;
pub use rsyslog::Rsyslog;
pub use scene::{Scene, SceneBuilder};
pub use server::{ADMIN_PASSWORD, Server, ServerBuilder, StartFailure};
pub use signer::Signer;
pub use slapd::Slapd;

/// Makes each named `fn(Line)` a test on both server lines:
/// `on_8_0::NAME` and `on_9_1::NAME`.
///
/// Once per module. A function left out of the list is an unused function, and
/// the lints say so.
///
/// ```text
/// on_both_lines!(a_reader_reads_what_it_was_granted);
///
/// fn a_reader_reads_what_it_was_granted(line: Line) { … }
/// ```
#[macro_export]
macro_rules! on_both_lines {
    ($($name:ident),+ $(,)?) => {
        mod on_8_0 {
            $(#[test] fn $name() { super::$name($crate::Line::V8_0); })+
        }
        mod on_9_1 {
            $(#[test] fn $name() { super::$name($crate::Line::V9_1); })+
        }
    };
}
