//! Our part of INFO.
//!
//! In: the server asks for INFO, also while it writes a crash report, and in forked children. Out: sections and fields.
//! Never: memory of our own here, and no lock in hand: the implementor gets none and must use atomics and `try_lock`.

use super::api::is_ok;
use super::context::Context;
use super::error::Error;
use super::guard::callback;
use super::thread::let_threads_rest;
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;
use valkey_module::raw;

/// The longest section name, field name or text, in bytes; more is cut.
const MAX_BYTES: usize = 512;

/// The INFO the server is writing right now.
#[derive(Debug)]
pub(crate) struct InfoContext<'call> {
    raw: NonNull<raw::ValkeyModuleInfoCtx>,
    crash_report: bool,
    _call: PhantomData<&'call raw::ValkeyModuleInfoCtx>,
}

/// Who has something to say in INFO.
pub(crate) trait InfoHandler: 'static {
    /// Writes sections and fields. May run in a crash report, on any thread, and in a forked child: take no lock that
    /// could be held, allocate nothing when [`InfoContext::is_crash_report`].
    fn info(info: &InfoContext<'_>);
}

impl InfoContext<'_> {
    /// The server is writing a crash report: its memory may be damaged.
    pub(crate) fn is_crash_report(&self) -> bool {
        self.crash_report
    }

    /// Begins a section, `warden_NAME`; an empty name begins `warden`. False when the section was not asked for: its
    /// fields are then ignored and need not be computed.
    pub(crate) fn section(&self, name: &str) -> bool {
        let Ok(add) = api!(ValkeyModule_InfoAddSection) else {
            return false;
        };
        let name = ShortText::new(name);
        // SAFETY: the context is live for `self`; the name is NUL-terminated and copied.
        is_ok(unsafe { add(self.raw.as_ptr(), name.as_ptr()) })
    }

    /// Adds the field `warden_NAME` with a text, without line breaks and at most 511 bytes long.
    pub(crate) fn text(&self, name: &str, value: &str) {
        if let Ok(add) = api!(ValkeyModule_InfoAddFieldCString) {
            let (name, value) = (ShortText::new(name), ShortText::new(value));
            // SAFETY: the context is live for `self`; name and value are NUL-terminated and copied.
            unsafe { add(self.raw.as_ptr(), name.as_ptr(), value.as_ptr()) };
        }
    }

    /// Adds the field `warden_NAME` with a number.
    pub(crate) fn number(&self, name: &str, value: u64) {
        if let Ok(add) = api!(ValkeyModule_InfoAddFieldULongLong) {
            let name = ShortText::new(name);
            // SAFETY: the context is live for `self`; the name is NUL-terminated and copied.
            unsafe { add(self.raw.as_ptr(), name.as_ptr(), value) };
        }
    }
}

/// A C string on the stack.
struct ShortText([u8; MAX_BYTES]);

impl ShortText {
    fn new(text: &str) -> Self {
        let mut bytes = [0; MAX_BYTES];
        // The last byte stays zero.
        let end = text.floor_char_boundary(MAX_BYTES - 1);
        for (place, byte) in bytes.iter_mut().zip(text.bytes().take(end)) {
            *place = if byte < b' ' || byte == 0x7f {
                b' '
            } else {
                byte
            };
        }
        Self(bytes)
    }

    fn as_ptr(&self) -> *const c_char {
        CStr::from_bytes_until_nul(&self.0).map_or(c"".as_ptr(), CStr::as_ptr)
    }
}

/// Registers `I`.
///
/// # Errors
/// When the server refuses.
pub(crate) fn register<I: InfoHandler>(ctx: &Context<'_>) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterInfoFunc";
    let register = api!(ValkeyModule_RegisterInfoFunc)?;
    // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server forgets
    // it at unload.
    let status = unsafe { register(ctx.as_ptr(), Some(on_info::<I>)) };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

unsafe extern "C" fn on_info<I: InfoHandler>(
    ctx: *mut raw::ValkeyModuleInfoCtx,
    for_crash_report: c_int,
) {
    let Some(raw) = NonNull::new(ctx) else {
        return;
    };
    if for_crash_report != 0 {
        let_threads_rest();
    }
    let info = InfoContext {
        raw,
        crash_report: for_crash_report != 0,
        _call: PhantomData,
    };
    callback("info", (), || I::info(&info));
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, ShortText};
    use std::ffi::CStr;

    fn written(text: &str) -> Vec<u8> {
        let short = ShortText::new(text);
        CStr::from_bytes_until_nul(&short.0)
            .expect("always ended")
            .to_bytes()
            .to_vec()
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_always_ended() {
        assert_eq!(written("abc"), b"abc");
        let cut = written(&"é".repeat(MAX_BYTES));
        assert_eq!(cut.len(), MAX_BYTES - 2);
        assert!(std::str::from_utf8(&cut).is_ok());
    }

    #[test]
    fn a_text_cannot_begin_a_line_of_its_own() {
        assert_eq!(written("a\r\nb\0c"), b"a  b c");
    }
}
