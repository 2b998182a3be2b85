//! `CONFIG GET`, `SET` and `REWRITE` of `warden.*`, and what a change sets in
//! motion.
//!
//! While the module is loading, the server asks for every setting once: values of
//! the configuration file arrive here and are collected in a draft. Later a change
//! is checked, takes the place of the old settings in one store, and wakes whoever
//! must act on it. Nothing here reads a file.

use warden_core::{Attach, Reason, ReasonKind};

use crate::ffi::{self, Context, MainThread, ServerLock, SettingFlags};
use crate::loader::Load;
use crate::settings::{SETTINGS, Settings};
use crate::shared::Shared;

/// The settings of a load under way.
static DRAFT: MainThread<Option<Settings>> = MainThread::new(None);

/// The server's view of the table of settings.
struct Configuration;

impl ffi::Configuration for Configuration {
    fn count() -> usize {
        SETTINGS.len()
    }

    fn setting(place: usize) -> Option<(&'static str, SettingFlags)> {
        let setting = SETTINGS.get(place)?;
        let flags = SettingFlags {
            immutable: setting.load_only,
            protected: setting.protected,
        };
        Some((setting.name, flags))
    }

    fn read(lock: &ServerLock, place: usize) -> String {
        match crate::state::shared() {
            Some(shared) => shared.settings.load().text(place).to_owned(),
            None => draft(lock).text(place).to_owned(),
        }
    }

    fn write(lock: &ServerLock, place: usize, value: &str) -> Result<(), String> {
        let name = SETTINGS.get(place).map_or("", |setting| setting.name);
        match crate::state::shared() {
            Some(shared) => {
                let old = shared.settings.load_full();
                let new = old.with(name, value).map_err(|error| error.to_string())?;
                may_bind_every_session(&shared, &old, &new)?;
                shared.adopt(new)?;
                act_on_change(lock, name);
            }
            None => {
                let new = draft(lock)
                    .with(name, value)
                    .map_err(|error| error.to_string())?;
                DRAFT.with(lock, |draft| *draft = Some(new));
            }
        }
        Ok(())
    }
}

/// A bound on every session is not taken while an authenticator makes sessions that it
/// would not bind.
fn may_bind_every_session(shared: &Shared, old: &Settings, new: &Settings) -> Result<(), String> {
    if old.binds_every_session().is_some() || new.binds_every_session().is_none() {
        return Ok(());
    }
    let chain = shared.chain.load();
    let attaches = chain
        .authenticators()
        .find(|status| status.coexistence.attach == Attach::AclUser);
    attaches.map_or(Ok(()), |status| {
        Err(format!(
            "it would not bind the sessions of {}, which has attach = \"acl-user\": change that file first",
            status.id
        ))
    })
}

/// Registers every setting, with the load arguments as defaults, and collects
/// what the configuration file says.
///
/// # Errors
/// When a value of the configuration file is refused; the server's log says which.
pub(crate) fn load(ctx: &Context<'_>, arguments: Settings) -> Result<Settings, String> {
    DRAFT.with(ctx.lock(), |draft| *draft = Some(arguments));
    let registered =
        ffi::config::register::<Configuration>(ctx).and_then(|()| ffi::config::load(ctx));
    let settings = draft(ctx.lock());
    DRAFT.with(ctx.lock(), Option::take);
    registered.map_err(|error| format!("configuration: {error}"))?;
    Ok(settings)
}

fn draft(lock: &ServerLock) -> Settings {
    DRAFT
        .with(lock, |draft| draft.clone())
        .flatten()
        .unwrap_or_else(Settings::defaults)
}

/// Wakes whoever must act on a new value.
fn act_on_change(lock: &ServerLock, name: &str) {
    let Some(shared) = crate::state::shared() else {
        return;
    };
    let settings = shared.settings.load();
    match name {
        // The channels are closed only at unload.
        "policy_dir" | "policy_keys" | "policy_memory_mb" => {
            let _ = shared.policy_loads.send(Load::Now);
        }
        "required_policies" => {
            let _ = shared.policy_loads.send(Load::Now);
            bind_every_session(&shared, lock);
        }
        "authenticator_dir" | "require_expiry" | "max_pending" => {
            let _ = shared.authenticator_loads.send(Load::Now);
        }
        "audit_dir" => {
            let _ = shared.sink_loads.send(Load::Now);
        }
        "audit_enabled" if shared.trail.enable(settings.audit_enabled) => shared.wake_clock(),
        "ceiling" => {
            shared.publish(None);
            bind_every_session(&shared, lock);
        }
        "base_rules" => shared.publish(None),
        "log_level" => ffi::set_level(settings.log_level),
        "session_max_seconds" | "reauthentication" => {
            crate::sessions::with_registry(lock, |registry| {
                registry.set_settings(settings.of_sessions())
            });
            // Deciding anew reckons the ends of live sessions anew.
            shared.publish(None);
        }
        _ => {}
    }
}

/// What binds every session has been set or taken back: sessions that it does not bind end,
/// those whose authenticator has changed since; and files that say `attach` are judged anew.
fn bind_every_session(shared: &Shared, lock: &ServerLock) {
    if let Some(why) = shared.settings.load().binds_every_session() {
        let why = Reason::new(ReasonKind::Denied, why);
        crate::sessions::with_registry(lock, |registry| registry.end_acl_users(why));
        shared.wake_clock();
    }
    let _ = shared.authenticator_loads.send(Load::Now);
}
