//! The server's questions about a setting: two callbacks for each type.
//!
//! In: the place of the setting in its table, and a value. Out: the value in force, or the outcome of setting it.
//! Never: a string the server must free: what it was shown is kept here until the next time.

use super::api::{ERR, OK};
use super::config::{Setting, SettingValue, Settings};
use super::guard::guard;
use super::lock::{MainThread, ServerLock};
use super::string::{ServerString, bytes_of};
use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_longlong, c_void};
use valkey_module::raw;

/// The string last shown for each text setting: the server reads it after the callback and does not free it.
static SHOWN: MainThread<Option<HashMap<usize, ServerString>>> = MainThread::new(None);

/// Frees what was shown. Called at load and unload.
pub(super) fn forget_shown(lock: &ServerLock) {
    // Bound to a name so that the strings are dropped after the cell is closed.
    let _shown = SHOWN.with(lock, Option::take);
}

fn setting<S: Settings>(carried: *mut c_void) -> Option<&'static Setting> {
    S::ALL.get(carried.addr())
}

/// The value in force, or `None` when the place is wrong or the implementor panicked.
fn value<S: Settings>(lock: &ServerLock, carried: *mut c_void) -> Option<SettingValue> {
    guard("reading of a setting", None, || {
        setting::<S>(carried).map(|setting| S::read(lock, setting))
    })
}

/// Sets a value and leaves the reason of a refusal in `error`, which the server frees.
///
/// # Safety
/// `error` is null or a place for a string.
unsafe fn set<S: Settings>(
    carried: *mut c_void,
    new: SettingValue,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: the server sets and reads settings on its main thread, inside the callback that called this.
    let lock = unsafe { ServerLock::assume_held() };
    let internal = Err("internal error".to_owned());
    let outcome = guard("writing of a setting", internal, || {
        match setting::<S>(carried) {
            Some(setting) => S::write(&lock, setting, new),
            None => Err("unknown setting".to_owned()),
        }
    });
    let Err(reason) = outcome else {
        return OK;
    };
    let reason: String = reason
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if let Ok(reason) = ServerString::new(&lock, reason.as_bytes())
        && !error.is_null()
    {
        // SAFETY: the caller promises a place; the server takes over the string.
        unsafe { error.write(reason.into_raw()) };
    }
    ERR
}

pub(super) unsafe extern "C" fn on_get_text<S: Settings>(
    _name: *const c_char,
    carried: *mut c_void,
) -> *mut raw::ValkeyModuleString {
    // SAFETY: the server reads settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    let shown = guard("showing of a setting", None, || {
        let Some(SettingValue::Text(text)) = value::<S>(&lock, carried) else {
            return None;
        };
        let string = ServerString::new(&lock, &text).ok()?;
        let shown = string.as_ptr();
        SHOWN.with(&lock, |all| {
            all.get_or_insert_with(HashMap::new)
                .insert(carried.addr(), string);
        })?;
        Some(shown)
    });
    shown.unwrap_or(std::ptr::null_mut())
}

pub(super) unsafe extern "C" fn on_set_text<S: Settings>(
    _name: *const c_char,
    new: *mut raw::ValkeyModuleString,
    carried: *mut c_void,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: the server keeps the string for the length of the callback.
    let text = unsafe { bytes_of(new) };
    // SAFETY: the server gives a place for the error.
    unsafe { set::<S>(carried, SettingValue::Text(text.to_vec()), error) }
}

pub(super) unsafe extern "C" fn on_get_number<S: Settings>(
    _name: *const c_char,
    carried: *mut c_void,
) -> c_longlong {
    // SAFETY: the server reads settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    match value::<S>(&lock, carried) {
        Some(SettingValue::Number(number)) => number,
        _ => 0,
    }
}

pub(super) unsafe extern "C" fn on_set_number<S: Settings>(
    _name: *const c_char,
    new: c_longlong,
    carried: *mut c_void,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: the server gives a place for the error.
    unsafe { set::<S>(carried, SettingValue::Number(new), error) }
}

pub(super) unsafe extern "C" fn on_get_switch<S: Settings>(
    _name: *const c_char,
    carried: *mut c_void,
) -> c_int {
    // SAFETY: the server reads settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    match value::<S>(&lock, carried) {
        Some(SettingValue::Switch(yes)) => c_int::from(yes),
        _ => 0,
    }
}

pub(super) unsafe extern "C" fn on_set_switch<S: Settings>(
    _name: *const c_char,
    new: c_int,
    carried: *mut c_void,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: the server gives a place for the error.
    unsafe { set::<S>(carried, SettingValue::Switch(new != 0), error) }
}

pub(super) unsafe extern "C" fn on_get_choice<S: Settings>(
    _name: *const c_char,
    carried: *mut c_void,
) -> c_int {
    // SAFETY: the server reads settings on its main thread.
    let lock = unsafe { ServerLock::assume_held() };
    match value::<S>(&lock, carried) {
        Some(SettingValue::Choice(place)) => c_int::try_from(place).unwrap_or(0),
        _ => 0,
    }
}

pub(super) unsafe extern "C" fn on_set_choice<S: Settings>(
    _name: *const c_char,
    new: c_int,
    carried: *mut c_void,
    error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // A place that is no place is left to the implementor, who knows the names, to refuse.
    let place = usize::try_from(new).unwrap_or(usize::MAX);
    // SAFETY: the server gives a place for the error.
    unsafe { set::<S>(carried, SettingValue::Choice(place), error) }
}
