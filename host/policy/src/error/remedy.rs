//! What to do about a fault: told behind it, or beside it where a tool has a place for that.

use std::io::ErrorKind;

use rustix::io::Errno;

use super::{Failure, Fault};
use crate::manifest::Distrust;

impl Fault {
    /// What to do, in words that fit every case of it; `None` where the fault says it
    /// itself, or the policy does.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreadable(error) if error.kind() == ErrorKind::NotFound => {
                "put it there, or correct the path"
            }
            Self::Unreadable(error) if error.kind() == ErrorKind::NotADirectory => {
                "make it a directory, or give it another name"
            }
            // A socket cannot even be opened.
            Self::Unreadable(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                "put a regular file in its place"
            }
            Self::Unreadable(_) => "let the server's user read it",
            Self::Changing => {
                "wait until all of it is written: a server then looks again by itself"
            }
            Self::NotRegular => "put a regular file in its place",
            Self::Escapes => "copy into the directory what it leads to",
            Self::TooLarge { .. } | Self::TooMany { .. } => {
                "make it smaller: docs/policies/bounds.md has every bound"
            }
            Self::Required => "put it there, or take its name out of required_policies",
            Self::Name | Self::Reserved => "rename it",
            Self::Untrusted(distrust) => return distrust.remedy(),
            Self::SameName => "rename one of the two, or leave one out",
            Self::NotComponent(_) => {
                "build it as a component of the contract: with an SDK, or from sdk/wit"
            }
            Self::Imports(_) => "take out what needs them, and build for wasm32-unknown-unknown",
            Self::Contract { .. } => "build it against the contract of this release, sdk/wit",
            Self::Schema(_) => "build it with one schema, as docs/policies/schema.md says",
            Self::Failed { failure, .. } | Self::Unread { failure, .. } => failure.remedy(),
            Self::Failing(_) => "correct the data or the policy, or the test if it is mistaken",
            Self::MoreFailing(_) => "run `warden policy test`, which shows every test",
            Self::Tests(_) => "correct it: docs/policies/tests.md says what a test holds",
            Self::TestsTooSlow(_) => "leave tests out, or make the policies faster",
            Self::Slow { .. } => {
                "read less in configure, raise policy_timeout_ms, or let a snapshot be taken: \
                 docs/policies/bounds.md says of what"
            }
            // In its own words.
            Self::Data(_) | Self::Properties(_) => return None,
        })
    }
}

impl Distrust {
    fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownKey(_) => {
                "sign with a key that it names, or, where you trust whoever has signed, name theirs"
            }
            Self::Wrong(_) => "copy list and signature together, or sign the directory again",
            Self::Manifest(_) => "sign the directory again, with `warden policy sign`",
            Self::Missing => "put it back, or sign the directory again",
            Self::Altered { .. } => {
                "put the file back that was signed, or sign the directory again"
            }
            Self::More(_) => "copy all of the directory, or sign it again",
            Self::KeysChanged => "wait: a server loads them again by itself",
            // They say it themselves.
            Self::Unsigned
            | Self::Malformed
            | Self::Legacy
            | Self::Unlisted
            | Self::Older { .. }
            | Self::Another(_)
            | Self::Memory(_) => return None,
        })
    }
}

impl Failure {
    fn remedy(&self) -> &'static str {
        match self {
            Self::CpuLimit(_) | Self::WallLimit(_) => "do less there, or raise policy_timeout_ms",
            Self::MemoryLimit(_) => "hold less in memory, or raise policy_memory_mb",
            Self::TableLimit(_) => "use fewer entries of tables",
            Self::StackOverflow => "recurse less deeply",
            Self::Trap(_) => "call the function in a native test: most traps are panics",
            Self::Answer(_) | Self::Rule(_) | Self::NoValidFor => {
                "correct the answer: docs/policies/bounds.md has every bound"
            }
        }
    }
}
