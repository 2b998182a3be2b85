//! The server's own users beside the principals of authenticators.
//!
//! In: a name, or a verified principal. Out: whether the server itself lets somebody in
//! under that name, and whether the principal may be who it is to become. Everything is
//! asked of the server anew, for nobody tells when its ACL changes. Runs on the main thread.

use warden_authn::Chain;
use warden_core::{Attach, Principal, Reason, ReasonKind};

use crate::ffi::{LocalUser, ServerLock, local_user, user_exists};
use crate::inquiry::name_taken;
use crate::settings::Settings;

/// Whether the server itself lets somebody in under this name, given to AUTH: a user of
/// its ACL that is on and has a password, or needs none. In doubt it is yes; so it is where
/// it matters to no authenticator and the server is not asked, for a worker may find others
/// in force.
pub(crate) fn is_local(chain: &Chain, lock: &ServerLock, given: &[u8]) -> bool {
    !chain.spares_local_users() || lets_in(lock, given)
}

fn lets_in(lock: &ServerLock, name: &[u8]) -> bool {
    let lets_in =
        |user: Option<LocalUser>| user.is_some_and(|user| user.is_enabled && user.has_password);
    local_user(lock, name).map_or(true, lets_in)
}

/// What an outcome depends on besides the credential and its connection: for the key
/// under which it is remembered. Where the name has become a local user's since, or is one
/// no longer, nothing is found.
pub(crate) fn distinction(chain: &Chain, is_local: bool) -> Option<u8> {
    chain.spares_local_users().then_some(u8::from(is_local))
}

/// Whether a principal may become the user it is to be, here and now.
///
/// # Errors
/// When its name, or the one it was given under, is a user's of the server's own ACL that
/// it must not become, or, where it is to become one, there is none; and when policies or
/// the operator bind every session.
pub(crate) fn check(
    settings: &Settings,
    chain: &Chain,
    lock: &ServerLock,
    given: &[u8],
    principal: &Principal,
) -> Result<(), Reason> {
    let name = principal.user_name();
    let target = name.as_str().as_bytes();
    let spares = chain
        .coexistence(&principal.authenticator)
        .spares_local_users;
    if spares && lets_in(lock, given) {
        return Err(Reason::new(
            ReasonKind::Internal,
            "the name has become a local user's while the credential was verified",
        ));
    }
    match principal.attach {
        Attach::Policies if user_exists(lock, target).unwrap_or(true) => Err(name_taken(&name)),
        Attach::Policies => Ok(()),
        Attach::AclUser => {
            if let Some(why) = settings.binds_every_session() {
                return Err(Reason::new(ReasonKind::Denied, why));
            }
            let user = local_user(lock, target).ok().flatten();
            let refused = |why: &str| {
                let detail = format!("{name} cannot become a user of the server's own ACL: {why}");
                Err(Reason::new(ReasonKind::Name, detail))
            };
            match user {
                _ if target == b"default" => refused("default is everybody's"),
                None => refused("there is none of that name"),
                Some(user) if !user.is_enabled => refused("it is off"),
                Some(user) if spares && user.has_password => refused(
                    "it has a password of its own, or needs none, and local_users is \"skip\"",
                ),
                Some(_) => Ok(()),
            }
        }
    }
}
