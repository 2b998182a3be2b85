//! Load and unload.
//!
//! A load that fails leaves nothing behind: no thread, no state. An unload ends
//! every session (the server closes the clients of a freed user), refuses whoever
//! waits, and stops the threads; the server itself refuses to unload a module
//! while a client is blocked.
//!
//! ```text
//!                   few sessions                    ┌ still some: refused, again
//! MODULE UNLOAD ──────────────────→ ended           │
//!       └─ many: refused, draining ──slices──→ MODULE UNLOAD ── none left ──→ ended
//!
//! ended ── every thread has ended ──→ unloaded
//!       └─ one has not: refused, again
//! ```
//!
//! While it drains, and when it has ended, nobody is let in, and there is no way back but
//! to load again.

mod threads;
mod unload;

use std::path::PathBuf;
use std::sync::Arc;

use crate::ffi::{self, Context, Event, EventHandler, Level, Topic, log};
use crate::login::Login;
use crate::network::Network;
use crate::settings::{self, Settings};
use crate::shared::Shared;
use crate::{audit, commands, configuration, facts, info, loader, sessions, state};
use threads::{channels, join_idle};
use unload::end;
pub(crate) use unload::unload;

/// Loads the module.
///
/// # Errors
/// A bad load argument or configured value, an authenticator file with an error,
/// a `state_dir` that is not ours alone, or a server that refuses a call.
pub(crate) fn load(ctx: &Context<'_>, arguments: Vec<Vec<u8>>) -> Result<(), String> {
    let settings = configuration::load(ctx, settings::from_load_arguments(&arguments)?)?;
    let settings = with_state_dir(ctx, settings)?;
    ffi::set_level(settings.log_level);
    register(ctx).map_err(|error| error.to_string())?;
    let server = facts::of_server(ctx).map_err(|error| error.to_string())?;

    let (network, caller) = Network::new().map_err(|error| error.to_string())?;
    let (channels, ends) = channels(network, caller);
    // The policy engine starts a thread of its own, which must take no signal either.
    let shared =
        ffi::without_signals(|| Shared::new(settings, server, channels, ends.network.handle()))
            .map_err(|error| error.to_string())??;
    let shared = Arc::new(shared);
    ffi::set_gives_back(allocates_apart(ctx)?);
    take_authenticators(ctx, &shared)?;
    let sinks = good_sinks(&shared)?;

    sessions::start(
        ctx.lock(),
        warden_session::Registry::new(shared.settings.load().of_sessions()),
    );
    state::set(Some(Arc::clone(&shared)));
    threads::start(ctx.lock(), &shared, ends).inspect_err(|_| {
        end(ctx.lock(), &shared);
        join_idle(ctx.lock());
    })?;
    loader::sinks::apply(&shared, sinks);
    audit::adopt(&shared, ctx);
    Ok(())
}

/// At start a file with an error is fatal: nobody would notice a missing sink.
fn good_sinks(shared: &Shared) -> Result<warden_audit::Read, String> {
    let read = loader::sinks::read(shared);
    for error in &read.errors {
        log(Level::Warning, &error.to_string());
    }
    match read.errors.len() {
        0 => Ok(read),
        errors => Err(format!("{errors} error(s) in audit_dir, each named above")),
    }
}

/// At start a file with an error is fatal: nobody would notice a missing authenticator. A
/// server that serves already does not wait for plugins, which are in force when they
/// are started.
fn take_authenticators(ctx: &Context<'_>, shared: &Shared) -> Result<(), String> {
    if serves(ctx)? {
        shared.plugins.serve();
    }
    let report = loader::authenticators::read(shared);
    for error in &report.errors {
        let level = if error.passes {
            Level::Notice
        } else {
            Level::Warning
        };
        log(level, &error.to_string());
    }
    let errors = report.errors.iter().filter(|error| !error.passes).count();
    if errors > 0 {
        return Err(format!(
            "{errors} error(s) in authenticator_dir, each named above"
        ));
    }
    shared.chain.store(report.chain);
    shared.plugins.serve();
    Ok(())
}

/// Whether anybody is connected: the module is being loaded by command then, and not from
/// the configuration of a server that starts.
fn serves(ctx: &Context<'_>) -> Result<bool, String> {
    let clients = info_field(ctx, "clients", "connected_clients:")?;
    Ok(clients.is_none_or(|clients| clients != "0"))
}

/// Whether the server has an allocator of its own, and the system's is nobody's but ours.
fn allocates_apart(ctx: &Context<'_>) -> Result<bool, String> {
    let allocator = info_field(ctx, "memory", "mem_allocator:")?;
    Ok(allocator.is_some_and(|allocator| allocator.starts_with("jemalloc")))
}

/// A field of the server's INFO.
fn info_field(ctx: &Context<'_>, section: &str, field: &str) -> Result<Option<String>, String> {
    let answer = ctx
        .call("INFO", &[section.as_bytes()])
        .map_err(|error| error.to_string())?;
    let text = answer.into_texts().concat();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    Ok(value.map(|value| value.trim().to_owned()))
}

fn register(ctx: &Context<'_>) -> Result<(), ffi::Error> {
    commands::register(ctx)?;
    ffi::info::register::<info::Info>(ctx)?;
    ffi::events::set_topic::<Events>(ctx, Topic::Modules, true)?;
    ffi::events::set_topic::<Events>(ctx, Topic::Shutdown, true)?;
    ffi::auth::register::<Login>(ctx)
}

/// `state_dir` defaults to `warden` in the server's own directory.
fn with_state_dir(ctx: &Context<'_>, mut settings: Settings) -> Result<Settings, String> {
    if settings.state_dir.is_none() {
        let answer = ctx
            .call("CONFIG", &[b"GET", b"dir"])
            .map_err(|error| error.to_string())?;
        let dir = answer
            .into_texts()
            .pop()
            .ok_or("the server does not tell its dir")?;
        settings.state_dir = Some(PathBuf::from(dir).join("warden"));
    }
    Ok(settings)
}

/// What the server tells us unasked.
struct Events;

impl EventHandler for Events {
    fn event(ctx: &Context<'_>, event: Event) {
        let Some(shared) = state::shared() else {
            return;
        };
        match event {
            Event::ModuleLoaded(_) | Event::ModuleUnloaded(_) => {
                shared.server_changed();
                shared.trail.commands_changed();
                audit::forget_commands(ctx.lock());
            }
            Event::ShuttingDown => shared.trail.finish(),
            _ => {}
        }
    }
}
