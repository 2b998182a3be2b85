//! The nouns every room of warden shares.
//!
//! In comes what the module hands over (a credential, facts about a client);
//! out go values whose types are proofs: a [`Verified`] principal was
//! authenticated, a [`Decision`] was composed from every policy. Nothing here
//! opens a socket or a file, and nothing reads the clock except [`clock`].

pub mod claims;
pub mod class;
pub mod client;
pub mod clock;
pub mod credential;
pub mod decision;
pub mod latency;
pub mod line;
pub mod name;
pub mod permissions;
pub mod plugin;
pub mod principal;
pub mod reason;
pub mod secret;
pub mod server;
pub mod walk;

pub use claims::Claims;
pub use class::ClassKey;
pub use client::{ClientFacts, ClientId};
pub use clock::{Clock, Now, Timestamp};
pub use credential::{Credential, UserArgument};
pub use decision::Decision;
pub use latency::Latency;
pub use line::line_at;
pub use name::{AuthenticatorId, NameError, PrincipalName, UserName};
pub use principal::{Account, Attach, Method, Principal, Recheck, Verified};
pub use reason::{Reason, ReasonKind, Reply};
pub use secret::Secret;
pub use server::Server;
pub use walk::Walk;
pub use warden_rules as rules;
