//! What is asked about a credential before anybody judges it.
//!
//! In: what `AUTH` was given. Out: whether some authenticator wants it, and under what it is remembered. Never: a
//! question to the server that no authenticator in force has a use for.

use warden_authn::{Cache, CacheKey, Chain, Claim, Presented};
use warden_core::{Credential, UserArgument};

use crate::ffi::Context;
use crate::local;
use crate::shared::Shared;

/// A credential that some authenticator wants, and how it is judged.
pub(crate) fn claimed(
    chain: &Chain,
    (user, secret): (&[u8], &[u8]),
    is_local: bool,
) -> Option<(Claim, Credential)> {
    let credential = Credential::new(user, secret)?;
    let claim = chain.claims(&credential, is_local)?;
    Some((claim, credential))
}

/// What the outcome depends on besides the credential. Mostly nothing, and then nothing is
/// asked of the server.
pub(crate) fn seen(chain: &Chain, ctx: &Context<'_>, secret: &[u8], is_local: bool) -> Vec<u8> {
    let mut seen = Vec::from_iter(local::distinction(chain, is_local));
    let reads = chain.reads(secret);
    if reads.anything() {
        seen.extend(reads.seen(&crate::facts::read_of_client(ctx, reads)));
    }
    seen
}

/// Under what a credential is remembered by the chain in force.
pub(crate) fn cache_key(shared: &Shared, cache: &Cache, presented: &Presented) -> CacheKey {
    let credential = &presented.credential;
    let user = match credential.user() {
        UserArgument::Default => b"default",
        UserArgument::Named(name) => name.as_bytes(),
    };
    let chain = shared.chain.load();
    let secret = credential.secret().expose();
    let mut seen = Vec::from_iter(local::distinction(&chain, presented.is_local));
    seen.extend(chain.reads(secret).seen(&presented.client));
    cache.key(chain.generation(), user, secret, &seen)
}
