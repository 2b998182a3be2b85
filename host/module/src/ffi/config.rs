//! Settings of ours among the server's own.
//!
//! In: a table of settings and one implementor that reads and writes them. Out: `CONFIG GET`, `SET`, `REWRITE` and the
//! configuration file know `warden.NAME`. Never: a value the implementor refused; its words go back to the client.
//!
//! The callbacks are in `config_calls`; they find a setting by its place in the table, which the server carries.

use super::api::is_ok;
use super::config_calls as calls;
use super::context::Context;
use super::error::Error;
use super::lock::ServerLock;
use std::ffi::{CStr, c_int, c_uint, c_void};
use valkey_module::raw;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its name without the module's.
    pub(crate) name: &'static CStr,
    /// When and by whom it may be changed.
    pub(crate) flags: SettingFlags,
    /// Its type, default and bounds.
    pub(crate) kind: SettingKind,
}

impl Setting {
    /// Its name, for messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }
}

/// When and by whom a setting may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SettingFlags {
    /// Only while loading.
    pub(crate) immutable: bool,
    /// Only when the server's `enable-protected-configs` allows it.
    pub(crate) protected: bool,
    /// Not shown by `CONFIG GET` with a pattern.
    pub(crate) hidden: bool,
    /// Its value is a secret: redacted in SLOWLOG and its like.
    pub(crate) sensitive: bool,
}

impl SettingFlags {
    fn to_raw(self) -> u64 {
        let pairs = [
            (
                self.immutable,
                u64::from(raw::VALKEYMODULE_CONFIG_IMMUTABLE),
            ),
            (
                self.protected,
                u64::from(raw::VALKEYMODULE_CONFIG_PROTECTED),
            ),
            (self.hidden, u64::from(raw::VALKEYMODULE_CONFIG_HIDDEN)),
            (
                self.sensitive,
                u64::from(raw::VALKEYMODULE_CONFIG_SENSITIVE),
            ),
        ];
        pairs
            .iter()
            .filter(|(set, _)| *set)
            .fold(0, |flags, (_, flag)| flags | flag)
    }
}

/// The type of a setting. The server checks the bounds, the names of a choice, and `yes` or `no`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SettingKind {
    /// Any text.
    Text {
        /// Before it is set.
        default: &'static CStr,
    },
    /// A whole number.
    Number {
        /// Before it is set.
        default: i64,
        /// The lowest allowed.
        min: i64,
        /// The highest allowed.
        max: i64,
        /// Units such as `64mb` are understood.
        memory: bool,
    },
    /// `yes` or `no`.
    Switch {
        /// Before it is set.
        default: bool,
    },
    /// One of some names.
    Choice {
        /// The place of the default among the names.
        default: usize,
        /// The names.
        names: &'static [&'static CStr],
    },
}

/// The value of a setting; its variant is that of the setting's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingValue {
    /// Of [`SettingKind::Text`].
    Text(Vec<u8>),
    /// Of [`SettingKind::Number`].
    Number(i64),
    /// Of [`SettingKind::Switch`].
    Switch(bool),
    /// Of [`SettingKind::Choice`]: the place among the names.
    Choice(usize),
}

/// Who keeps the values.
pub(crate) trait Settings: 'static {
    /// All settings.
    const ALL: &'static [Setting];

    /// The value in force.
    fn read(lock: &ServerLock, setting: &'static Setting) -> SettingValue;

    /// Sets a value. Called for every setting at load, by [`load`], with the configured value or the default.
    ///
    /// # Errors
    /// What the client is told, at most 255 bytes of it; the old value must stay.
    fn write(
        lock: &ServerLock,
        setting: &'static Setting,
        value: SettingValue,
    ) -> Result<(), String>;
}

/// Registers all settings of `S`. Only while loading; [`load`] must follow.
///
/// # Errors
/// When the server refuses one.
pub(crate) fn register<S: Settings>(ctx: &Context<'_>) -> Result<(), Error> {
    S::ALL
        .iter()
        .enumerate()
        .try_for_each(|(place, setting)| register_one::<S>(ctx, place, setting))
}

fn register_one<S: Settings>(
    ctx: &Context<'_>,
    place: usize,
    setting: &'static Setting,
) -> Result<(), Error> {
    // The place in the table is what the server carries; it is a number, not an address.
    let carried = std::ptr::without_provenance_mut(place);
    let flags = setting.flags.to_raw();
    match setting.kind {
        SettingKind::Text { default } => text::<S>(ctx, setting, flags, default, carried),
        SettingKind::Number {
            default,
            min,
            max,
            memory,
        } => {
            let unit = if memory {
                u64::from(raw::VALKEYMODULE_CONFIG_MEMORY)
            } else {
                0
            };
            number::<S>(ctx, setting, flags | unit, (default, min, max), carried)
        }
        SettingKind::Switch { default } => switch::<S>(ctx, setting, flags, default, carried),
        SettingKind::Choice { default, names } => {
            choice::<S>(ctx, setting, flags, (default, names), carried)
        }
    }
}

fn text<S: Settings>(
    ctx: &Context<'_>,
    setting: &Setting,
    flags: u64,
    default: &CStr,
    carried: *mut c_void,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterStringConfig";
    let register = api!(ValkeyModule_RegisterStringConfig)?;
    // SAFETY: the context is live; the strings are NUL-terminated and copied; the callbacks are functions of this library,
    // which stays mapped; the data is a number.
    let status = unsafe {
        register(
            ctx.as_ptr(),
            setting.name.as_ptr(),
            default.as_ptr(),
            flag_word(flags),
            Some(calls::on_get_text::<S>),
            Some(calls::on_set_text::<S>),
            None,
            carried,
        )
    };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

fn number<S: Settings>(
    ctx: &Context<'_>,
    setting: &Setting,
    flags: u64,
    (default, min, max): (i64, i64, i64),
    carried: *mut c_void,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterNumericConfig";
    let register = api!(ValkeyModule_RegisterNumericConfig)?;
    // SAFETY: as in `text`.
    let status = unsafe {
        register(
            ctx.as_ptr(),
            setting.name.as_ptr(),
            default,
            flag_word(flags),
            min,
            max,
            Some(calls::on_get_number::<S>),
            Some(calls::on_set_number::<S>),
            None,
            carried,
        )
    };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

fn switch<S: Settings>(
    ctx: &Context<'_>,
    setting: &Setting,
    flags: u64,
    default: bool,
    carried: *mut c_void,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterBoolConfig";
    let register = api!(ValkeyModule_RegisterBoolConfig)?;
    // SAFETY: as in `text`.
    let status = unsafe {
        register(
            ctx.as_ptr(),
            setting.name.as_ptr(),
            c_int::from(default),
            flag_word(flags),
            Some(calls::on_get_switch::<S>),
            Some(calls::on_set_switch::<S>),
            None,
            carried,
        )
    };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

fn choice<S: Settings>(
    ctx: &Context<'_>,
    setting: &Setting,
    flags: u64,
    (default, names): (usize, &'static [&'static CStr]),
    carried: *mut c_void,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterEnumConfig";
    let register = api!(ValkeyModule_RegisterEnumConfig)?;
    let mut words: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let count = c_int::try_from(names.len()).map_err(|_many| Error::Refused(CALL))?;
    let default = c_int::try_from(default).map_err(|_large| Error::Refused(CALL))?;
    let numbers: Vec<c_int> = (0..count).collect();
    // SAFETY: as in `text`; both arrays have `count` entries and are copied with the names.
    let status = unsafe {
        register(
            ctx.as_ptr(),
            setting.name.as_ptr(),
            default,
            flag_word(flags),
            words.as_mut_ptr(),
            numbers.as_ptr(),
            count,
            Some(calls::on_get_choice::<S>),
            Some(calls::on_set_choice::<S>),
            None,
            carried,
        )
    };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

fn flag_word(flags: u64) -> c_uint {
    // All flags are below 2^9; one that did not fit would be no flag of this call.
    c_uint::try_from(flags).unwrap_or(0)
}

/// Sets every registered setting to its configured value or its default. Only while loading.
///
/// # Errors
/// When a configured value is refused; the server has logged why.
pub(crate) fn load(ctx: &Context<'_>) -> Result<(), Error> {
    let load = api!(ValkeyModule_LoadConfigs)?;
    // SAFETY: the context is live.
    let status = unsafe { load(ctx.as_ptr()) };
    is_ok(status)
        .then_some(())
        .ok_or(Error::Refused("ValkeyModule_LoadConfigs"))
}
