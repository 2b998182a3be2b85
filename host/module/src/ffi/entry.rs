//! Load and unload.
//!
//! In: `ValkeyModule_OnLoad` and `ValkeyModule_OnUnload`, the two symbols the server looks for. Out: `crate::load` with
//! the load arguments, `crate::unload`. Never: an allocation before the server's allocator is there.
//!
//! The library stays mapped after an unload (it is linked with `-z nodelete`), so its statics survive a reload: all that
//! this folder keeps in statics is emptied at both ends.

use super::allocator::check_alignment;
use super::api::{ERR, OK, check_mandatory, is_ok};
use super::blocked::forget_payloads;
use super::command::words_of;
use super::config::forget_shown;
use super::context::{Context, forget_module_context, keep_module_context};
use super::error::Error;
use super::event_loop::{forget_posts, watch_posts};
use super::filter::forget_filter;
use super::guard::{guard, install_panic_log};
use super::log::{Level, log, set_level};
use super::stopwatch;
use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use valkey_module::raw;

/// The module's name, which prefixes its settings, INFO sections and commands.
const NAME: &CStr = c"warden";

/// The module's version, as MODULE LIST shows it: major, minor, patch in two decimal digits each.
const VERSION: c_int = 100;

/// Whether the module is loaded; callbacks the server still makes after an unload look at it.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// True from the start of a load to the end of an unload.
pub(super) fn is_active() -> bool {
    ACTIVE.load(Ordering::Acquire)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ValkeyModule_OnLoad(
    ctx: *mut raw::ValkeyModuleCtx,
    words: *mut *mut raw::ValkeyModuleString,
    count: c_int,
) -> c_int {
    let api_version = raw::VALKEYMODULE_APIVER_1 as c_int;
    // SAFETY: this is the server's load callback with its context; the name is NUL-terminated and copied. Nothing has been
    // allocated before.
    let status = unsafe { raw::Export_ValkeyModule_Init(ctx, NAME.as_ptr(), VERSION, api_version) };
    if !is_ok(status) {
        return ERR;
    }
    // SAFETY: this is the server's load callback, on the main thread, with its context.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return ERR;
    };
    set_level(Level::Notice);
    guard("load", ERR, || {
        // SAFETY: the server gives its argument vector and its length, which live for the callback.
        let words = unsafe { words_of(words, count) };
        let words = words.into_iter().map(<[u8]>::to_vec).collect();
        match load(&ctx, words) {
            Ok(()) => OK,
            Err(reason) => {
                log(Level::Warning, &format!("not loaded: {reason}"));
                reset(&ctx);
                ERR
            }
        }
    })
}

fn load(ctx: &Context<'_>, words: Vec<Vec<u8>>) -> Result<(), String> {
    if !check_alignment() {
        return Err(Error::Alignment.to_string());
    }
    check_mandatory().map_err(|error| error.to_string())?;
    install_panic_log();
    reset(ctx);
    stopwatch::reset();
    ACTIVE.store(true, Ordering::Release);
    declare_options(ctx);
    keep_module_context(ctx).map_err(|error| error.to_string())?;
    watch_posts(ctx.lock()).map_err(|error| error.to_string())?;
    guard("load", Err("internal error".to_owned()), || {
        crate::load(ctx, words)
    })
}

/// Tells the server that a module without keys of its own stands in the way of nothing: without these options a replica
/// loads its data the slow way, and slots cannot be migrated atomically. A server ignores those it does not know.
fn declare_options(ctx: &Context<'_>) {
    let options = raw::VALKEYMODULE_OPTIONS_HANDLE_IO_ERRORS
        | raw::VALKEYMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
        | raw::VALKEYMODULE_OPTIONS_HANDLE_ATOMIC_SLOT_MIGRATION;
    if let Ok(set) = api!(ValkeyModule_SetModuleOptions) {
        // SAFETY: the context is live.
        unsafe { set(ctx.as_ptr(), options.cast_signed()) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ValkeyModule_OnUnload(ctx: *mut raw::ValkeyModuleCtx) -> c_int {
    // SAFETY: this is the server's unload callback, on the main thread, with its context.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return ERR;
    };
    guard("unload", ERR, || match crate::unload(&ctx) {
        Ok(()) => {
            reset(&ctx);
            OK
        }
        Err(reason) => {
            log(Level::Warning, &format!("not unloaded: {reason}"));
            ERR
        }
    })
}

/// Empties the statics of this folder.
fn reset(ctx: &Context<'_>) {
    ACTIVE.store(false, Ordering::Release);
    forget_posts(ctx.lock());
    forget_payloads();
    forget_shown(ctx.lock());
    forget_filter(ctx.lock());
    forget_module_context(ctx.lock());
}
