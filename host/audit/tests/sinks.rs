//! Sinks over the network, against a real syslog server and collectors that misbehave.
//!
//! In: lines with their heads. Out: what arrived, to the byte. The servers are those of the
//! integration tests, by their files: as a dependency they would bring the policy engine, which takes
//! minutes to build.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code: a failed expectation is a failed test, and waiting on a real server needs real time"
)]

#[path = "../../../tests/src"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "not every test needs all that the servers can do"
)]
mod servers {
    pub mod authority;
    pub mod collector;
    pub mod patience;
    pub mod ports;
    pub mod rsyslog;
    pub mod stalled;
    pub mod tls;
}

mod sinks {
    mod ends;
    mod feed;
    mod house;
    mod syslog;
    mod tcp;
    mod tls;
}

use servers::{authority, patience, ports, stalled};

/// Where the server lies, for those files.
mod parts {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::OnceLock;

    /// What `WARDEN_RSYSLOG` names, else what `scripts/rsyslog` prints.
    pub(crate) fn rsyslog() -> &'static Path {
        static PATH: OnceLock<PathBuf> = OnceLock::new();
        PATH.get_or_init(|| {
            std::env::var_os("WARDEN_RSYSLOG").map_or_else(by_script, PathBuf::from)
        })
    }

    fn by_script() -> PathBuf {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/rsyslog");
        let output = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .expect("scripts/rsyslog runs");
        assert!(output.status.success(), "scripts/rsyslog found no rsyslog");
        String::from_utf8(output.stdout).unwrap().trim().into()
    }
}

/// Certificates as PEM, for those files.
mod issuer {
    pub(crate) fn pem(label: &str, der: &[u8]) -> String {
        pem::encode(&pem::Pem::new(label, der))
    }
}
