//! The attributes `#[policy]` of `warden-sdk` and `#[plugin]` of `warden-plugin`.
//!
//! In: an `impl Policy for …` or `impl Plugin for …` and what the type says about
//! itself. Out: the same `impl`, its description, and on wasm32 the component's
//! exports. It never reads a file, and what it emits holds no unsafe code an author
//! could see.

#![forbid(unsafe_code)]

mod arguments;
mod attribute;
mod expand;

use proc_macro::TokenStream;

/// Makes an `impl Policy for …` the policy of this crate.
///
/// Once per crate. The crate's version becomes the policy's version.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = "…"` | the policy's name: `a-z`, `0-9`, `-`, `_` | mandatory |
/// | `summary = "…"` | one line for operators | mandatory |
/// | `claims = ["/department", …]` | the claims it reads, as JSON Pointers | none |
/// | `claims = all` | it reads every claim | |
/// | `inputs(clock, …)` | what else it reads: `client_address`, `client_tls`, `client_certificate`, `clock`, `server_role`, `server_version` | none |
/// | `schema = "schema.json"` | the JSON Schema of its data files, a path relative to the crate's `Cargo.toml` | none |
///
/// A request carries nothing that was not named here. Everything named makes
/// decisions more particular, so name little: a policy that reads the clock or
/// all claims is evaluated far more often than one that reads groups.
///
/// The schema goes into the component, where `warden policy check` and `warden policy
/// inspect --schema` find it: every `*.toml` data file must satisfy it. It is for authors
/// and their editors; a server never looks at it, so `configure` still refuses whatever
/// is wrong.
///
/// The exports are made for `wasm32` only; elsewhere the type is an ordinary one,
/// so unit tests call `configure` and `evaluate` directly.
#[proc_macro_attribute]
pub fn policy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::policy(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an `impl Plugin for …` the authenticator plugin of this crate.
///
/// Once per crate. The crate's version becomes the plugin's version.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = "…"` | the plugin's name: `a-z`, `0-9`, `-`, `_` | mandatory |
/// | `summary = "…"` | one line for operators | mandatory |
/// | `inputs(client_address, …)` | what it reads of the connection: `client_address`, `client_tls`, `client_certificate` | none |
///
/// The plugin is told nothing of a connection that was not named here. An answer is
/// remembered for every connection that looks the same to it, so name little.
///
/// The exports are made for `wasm32` only; elsewhere the type is an ordinary one,
/// so unit tests call `initialise` and `authenticate` directly.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::plugin(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
