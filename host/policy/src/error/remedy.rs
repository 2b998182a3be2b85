//! What to do about a fault, for tools that say it beside the fault.

use super::{Failure, Fault};

impl Fault {
    /// What to do, in words that fit every case of it; `None` where the fault says it
    /// itself, or the policy does.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreadable(_) => "let the server's user read it",
            Self::Changing => "wait until it is written, and look again",
            Self::NotRegular => "put a regular file in its place",
            Self::Escapes => "copy into the directory what it leads to",
            Self::TooLarge { .. } | Self::TooMany { .. } => {
                "make it smaller: docs/policies/bounds.md has every bound"
            }
            Self::Required => "put it there, or take its name out of required_policies",
            Self::Name => "rename it",
            Self::SameName => "rename one of the two, or leave one out",
            Self::NotComponent(_) => {
                "build it as a component of the contract: with an SDK, or from sdk/wit"
            }
            Self::Imports(_) => "take out what needs them, and build for wasm32-unknown-unknown",
            Self::Contract { .. } => "build it against the contract of this release, sdk/wit",
            Self::Schema(_) => "build it with one schema, as docs/policies/schema.md says",
            Self::Failed { failure, .. } => failure.remedy(),
            Self::Failing(_) => "correct the data or the policy; or the test, if it is mistaken",
            Self::TestsTooSlow(_) => "leave tests out, or make the policies faster",
            Self::Slow { .. } => {
                "read less in configure, raise policy_timeout_ms, or let a snapshot be taken: \
                 docs/policies/bounds.md says of what"
            }
            _ => return None,
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
