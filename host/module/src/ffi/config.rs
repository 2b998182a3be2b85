//! Settings of ours among the server's own.
//!
//! In: an implementor that names its settings, reads and writes them, as text. Out: `CONFIG GET`, `SET`, `REWRITE` and
//! the configuration file know `warden.NAME`. Never: a value the implementor refused, whose words go back to the client;
//! a string the server must free: what it was shown is kept here until the next time.
//!
//! To the server every setting is a text: types, bounds and their messages are in one place, the implementor's table. The
//! server carries a setting's place in that table, a number, and hands it to the two callbacks.

use super::api::{ERR, OK, is_ok};
use super::context::Context;
use super::error::Error;
use super::guard::callback;
use super::lock::{MainThread, ServerLock};
use super::string::{ServerString, bytes_of, c_string};
use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_uint, c_void};
use valkey_module::raw;

/// When and by whom a setting may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SettingFlags {
    /// Only while loading.
    pub(crate) immutable: bool,
    /// Only when the server's `enable-protected-configs` allows it.
    pub(crate) protected: bool,
}

impl SettingFlags {
    fn to_raw(self) -> c_uint {
        let mut flags = raw::VALKEYMODULE_CONFIG_DEFAULT as c_uint;
        if self.immutable {
            flags |= raw::VALKEYMODULE_CONFIG_IMMUTABLE as c_uint;
        }
        if self.protected {
            flags |= raw::VALKEYMODULE_CONFIG_PROTECTED as c_uint;
        }
        flags
    }
}

/// Who keeps the values. Settings are known by their place, from 0.
pub(crate) trait Configuration: 'static {
    /// How many settings there are.
    fn count() -> usize;

    /// Name, without the module's, and flags; `None` beyond the last.
    fn setting(place: usize) -> Option<(&'static str, SettingFlags)>;

    /// The value in force. What it is while registering becomes the server's default.
    fn read(lock: &ServerLock, place: usize) -> String;

    /// Sets a value. Called for every setting by [`load`], with the configured value or the default.
    ///
    /// # Errors
    /// What the client is told, at most 255 bytes of it; the old value must stay.
    fn write(lock: &ServerLock, place: usize, value: &str) -> Result<(), String>;
}

/// Registers all settings of `C`. Only while loading; [`load`] must follow.
///
/// # Errors
/// When the server refuses one, or a default holds a NUL.
pub(crate) fn register<C: Configuration>(ctx: &Context<'_>) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterStringConfig";
    let register = api!(ValkeyModule_RegisterStringConfig)?;
    for place in 0..C::count() {
        let (name, flags) = C::setting(place).ok_or(Error::Refused(CALL))?;
        let name = c_string("the name of a setting", name.as_bytes())?;
        let default = c_string("a default", C::read(ctx.lock(), place).as_bytes())?;
        // SAFETY: the context is live; the strings are NUL-terminated and copied; the callbacks are functions of this
        // library, which stays mapped, and the server forgets them at unload; the data is a number and never followed.
        let status = unsafe {
            register(
                ctx.as_ptr(),
                name.as_ptr(),
                default.as_ptr(),
                flags.to_raw(),
                Some(on_get::<C>),
                Some(on_set::<C>),
                None,
                std::ptr::without_provenance_mut(place),
            )
        };
        is_ok(status).then_some(()).ok_or(Error::Refused(CALL))?;
    }
    Ok(())
}

/// Sets every registered setting to its configured value or its default. Only while loading.
///
/// # Errors
/// When a configured value is refused; the server has logged why.
pub(crate) fn load(ctx: &Context<'_>) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_LoadConfigs";
    let load = api!(ValkeyModule_LoadConfigs)?;
    // SAFETY: the context is live.
    let status = unsafe { load(ctx.as_ptr()) };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

/// The string last shown for each setting: the server reads it after the callback and does not free it.
static SHOWN: MainThread<Option<HashMap<usize, ServerString>>> = MainThread::new(None);

/// Frees what was shown. Called at load and unload.
pub(super) fn forget_shown(lock: &ServerLock) {
    // Bound to a name so that the strings are dropped after the cell is closed.
    let _shown = SHOWN.with(lock, Option::take);
}

unsafe extern "C" fn on_get<C: Configuration>(
    _name: *const c_char,
    carried: *mut c_void,
) -> *mut raw::ValkeyModuleString {
    // SAFETY: the server reads settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    let place = carried.addr();
    let shown = callback("reading of a setting", None, || {
        let string = ServerString::new(&lock, C::read(&lock, place).as_bytes()).ok()?;
        let shown = string.as_ptr();
        SHOWN.with(&lock, |all| {
            all.get_or_insert_with(HashMap::new).insert(place, string);
        })?;
        Some(shown)
    });
    shown.unwrap_or(std::ptr::null_mut())
}

unsafe extern "C" fn on_set<C: Configuration>(
    _name: *const c_char,
    new: *mut raw::ValkeyModuleString,
    carried: *mut c_void,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: the server sets settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    // SAFETY: the server keeps the string for the length of the callback.
    let value = unsafe { bytes_of(new) };
    let internal = Err("internal error".to_owned());
    let outcome = callback(
        "writing of a setting",
        internal,
        || match std::str::from_utf8(value) {
            Ok(value) => C::write(&lock, carried.addr(), value),
            Err(_) => Err("the value is not UTF-8".to_owned()),
        },
    );
    let Err(reason) = outcome else {
        return OK;
    };
    if let Ok(reason) = ServerString::new(&lock, one_line(&reason).as_bytes())
        && !error.is_null()
    {
        // SAFETY: the server gives a place for the reason and takes over the string.
        unsafe { error.write(reason.into_raw()) };
    }
    ERR
}

/// The reason without line breaks and NULs.
fn one_line(reason: &str) -> String {
    let line = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    reason.chars().map(line).collect()
}
