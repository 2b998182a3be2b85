//! The server's strings.
//!
//! In: bytes, any bytes. Out: a server string that is freed with its owner, or a view of the bytes of one.
//! Never: a C string in between, which would stop at a NUL.

use super::error::Error;
use super::lock::ServerLock;
use std::ffi::CString;
use std::ptr::NonNull;
use valkey_module::raw;

/// A server string of ours.
#[derive(Debug)]
pub(super) struct ServerString {
    raw: NonNull<raw::ValkeyModuleString>,
}

impl ServerString {
    /// Copies `bytes` into a new server string.
    ///
    /// # Errors
    /// Only when the server gives none.
    pub(super) fn new(_lock: &ServerLock, bytes: &[u8]) -> Result<Self, Error> {
        let create = api!(ValkeyModule_CreateString)?;
        // SAFETY: the pointer and length are of one slice that lives across the call; the call takes a null context and
        // copies.
        let made = unsafe { create(std::ptr::null_mut(), bytes.as_ptr().cast(), bytes.len()) };
        let raw = NonNull::new(made).ok_or(Error::Refused("ValkeyModule_CreateString"))?;
        Ok(Self { raw })
    }

    /// Takes over a string that the server left us to free; `None` for null.
    ///
    /// # Safety
    /// `raw` is null or a live server string whose reference belongs to the caller and to nobody else from now on.
    pub(super) unsafe fn adopt(raw: *mut raw::ValkeyModuleString) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw })
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: we hold a reference to the string, so it lives and stays unchanged as long as `self`.
        unsafe { bytes_of(self.raw.as_ptr()) }
    }

    /// The pointer, still ours.
    pub(super) fn as_ptr(&self) -> *mut raw::ValkeyModuleString {
        self.raw.as_ptr()
    }

    /// Gives the reference to the server, which will free it.
    pub(super) fn into_raw(self) -> *mut raw::ValkeyModuleString {
        let raw = self.raw.as_ptr();
        std::mem::forget(self);
        raw
    }
}

impl Drop for ServerString {
    fn drop(&mut self) {
        if let Ok(free) = api!(ValkeyModule_FreeString) {
            // SAFETY: the reference is ours and given up here, once; the type cannot leave the main thread; a null
            // context is allowed.
            unsafe { free(std::ptr::null_mut(), self.raw.as_ptr()) };
        }
    }
}

/// The bytes of a server string; empty for null.
///
/// # Safety
/// `string` is null or a server string that lives, unchanged, for `'a`.
pub(super) unsafe fn bytes_of<'a>(string: *const raw::ValkeyModuleString) -> &'a [u8] {
    let Ok(pointer_and_length) = api!(ValkeyModule_StringPtrLen) else {
        return &[];
    };
    if string.is_null() {
        return &[];
    }
    let mut length = 0_usize;
    // SAFETY: the string is live by the contract of this function, and the length is written to a local.
    let start = unsafe { pointer_and_length(string, &raw mut length) };
    if start.is_null() {
        return &[];
    }
    // SAFETY: the server answered the start and length of the string's bytes, which live for `'a` by the contract above.
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }
}

/// A C string for a call that takes no other kind.
///
/// # Errors
/// When `text` holds a NUL; `what` names it.
pub(super) fn c_string(what: &'static str, text: &[u8]) -> Result<CString, Error> {
    CString::new(text).map_err(|_nul| Error::HoldsNul(what))
}
