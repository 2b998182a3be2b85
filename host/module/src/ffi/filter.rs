//! Commands as they arrive.
//!
//! In: each command of a client, before the server looks at it, and those that other modules call. Out: its words as they
//! were sent, and perhaps another command in its place. What a script calls comes here while its caller's command runs. What was
//! queued does not when it runs, nor what was put off and runs later (CLIENT PAUSE), nor our own calls.
//! Never: while nobody needs to know: a filter costs every command something.

use super::call::is_own;
use super::context::Context;
use super::entry::is_active;
use super::error::Error;
use super::guard::guard;
use super::lock::{MainThread, ServerLock};
use super::string::{ServerString, bytes_of};
use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;
use valkey_module::raw;
use warden_core::ClientId;

/// The words of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'call> {
    source: Source,
    _call: PhantomData<&'call raw::ValkeyModuleString>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Filter(NonNull<raw::ValkeyModuleCommandFilterCtx>),
    Vector(*const *mut raw::ValkeyModuleString, usize),
}

impl<'call> Words<'call> {
    /// The words of a vector of the server's.
    ///
    /// # Safety
    /// `vector` is null or holds `length` server strings that live, unchanged, for `'call`.
    pub(super) unsafe fn from_vector(
        vector: *const *mut raw::ValkeyModuleString,
        length: usize,
    ) -> Self {
        let length = if vector.is_null() { 0 } else { length };
        Self {
            source: Source::Vector(vector, length),
            _call: PhantomData,
        }
    }

    /// How many there are, the name included.
    pub(crate) fn len(&self) -> usize {
        match self.source {
            Source::Vector(_, length) => length,
            Source::Filter(filter) => {
                let Ok(ask) = api!(ValkeyModule_CommandFilterArgsCount) else {
                    return 0;
                };
                // SAFETY: the filter's context lives for `'call`.
                let count = unsafe { ask(filter.as_ptr()) };
                usize::try_from(count).unwrap_or(0)
            }
        }
    }

    /// The word at a place; the name is at 0.
    pub(crate) fn get(&self, place: usize) -> Option<&'call [u8]> {
        let string = match self.source {
            Source::Vector(vector, length) => {
                if place >= length {
                    return None;
                }
                // SAFETY: the vector has more elements than `place`, as `from_vector` was promised.
                let element = unsafe { vector.add(place) };
                // SAFETY: as above; the element is initialised.
                unsafe { *element }
            }
            Source::Filter(filter) => {
                let ask = api!(ValkeyModule_CommandFilterArgGet).ok()?;
                let place = c_int::try_from(place).ok()?;
                // SAFETY: the filter's context lives for `'call`; a place beyond the last word is answered with null.
                unsafe { ask(filter.as_ptr(), place) }
            }
        };
        if string.is_null() {
            return None;
        }
        // SAFETY: the server keeps the words for the length of the call, which is `'call`.
        Some(unsafe { bytes_of(string) })
    }

    /// All words in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'call [u8]> {
        (0..self.len()).map_while(|place| self.get(place))
    }
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It goes on as it was sent.
    Unchanged,
    /// This command, without arguments, goes on in its place.
    Replaced(&'static str),
    /// It goes on with an argument more: EXEC, which takes none, gives its transaction up for that.
    Spoiled,
}

/// Who wants to see commands as they arrive.
pub(crate) trait CommandFilter: 'static {
    /// A command arrived. Runs on the main thread, for every command: must be quick.
    fn arrived(lock: &ServerLock, client: ClientId, words: Words<'_>) -> Passage;
}

/// The filter that is installed.
static INSTALLED: MainThread<Installed> = MainThread::new(Installed(None));

struct Installed(Option<NonNull<raw::ValkeyModuleCommandFilter>>);

// SAFETY: the pointer is opaque to us; it is only handed back to the server on the main thread, which `MainThread` ensures.
unsafe impl Send for Installed {}

/// Installs the filter, or takes it away; what is so already stays.
///
/// # Errors
/// When the server does not do it.
pub(crate) fn set_filter<F: CommandFilter>(ctx: &Context<'_>, wanted: bool) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_RegisterCommandFilter";
    let installed = INSTALLED
        .with(ctx.lock(), |installed| installed.0)
        .flatten();
    match (installed, wanted) {
        (None, true) => {
            let register = api!(ValkeyModule_RegisterCommandFilter)?;
            let flags = raw::VALKEYMODULE_CMDFILTER_NOSELF as c_int;
            // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server
            // forgets it at unload.
            let made = unsafe { register(ctx.as_ptr(), Some(on_command::<F>), flags) };
            let made = NonNull::new(made).ok_or(Error::Refused(CALL))?;
            INSTALLED.with(ctx.lock(), |installed| installed.0 = Some(made));
        }
        (Some(filter), false) => {
            let unregister = api!(ValkeyModule_UnregisterCommandFilter)?;
            INSTALLED.with(ctx.lock(), |installed| installed.0 = None);
            // SAFETY: the context is live; the filter is the one that was registered, and is given up here, once.
            unsafe { unregister(ctx.as_ptr(), filter.as_ptr()) };
        }
        (None, false) | (Some(_), true) => {}
    }
    Ok(())
}

/// The server has forgotten the filter of a module that was unloaded.
pub(super) fn forget_filter(lock: &ServerLock) {
    INSTALLED.with(lock, |installed| installed.0 = None);
}

unsafe extern "C" fn on_command<F: CommandFilter>(filter: *mut raw::ValkeyModuleCommandFilterCtx) {
    let Some(filter) = NonNull::new(filter) else {
        return;
    };
    if !is_active() || is_own() {
        return;
    }
    // Without the stopwatch: two readings of a clock would be half of what this costs.
    guard("command filter", (), || {
        let Ok(client) = api!(ValkeyModule_CommandFilterGetClientId) else {
            return;
        };
        // SAFETY: the server calls filters on its main thread, or on one that holds its lock.
        let lock = unsafe { ServerLock::assume_held() };
        // SAFETY: the filter's context is live for this call.
        let client = ClientId(unsafe { client(filter.as_ptr()) });
        let words = Words {
            source: Source::Filter(filter),
            _call: PhantomData,
        };
        match F::arrived(&lock, client, words) {
            Passage::Unchanged => {}
            Passage::Replaced(command) => replace(&lock, filter, command),
            Passage::Spoiled => spoil(&lock, filter),
        }
    });
}

/// Puts an argument behind the command's name.
fn spoil(lock: &ServerLock, filter: NonNull<raw::ValkeyModuleCommandFilterCtx>) {
    let (Ok(insert), Ok(word)) = (
        api!(ValkeyModule_CommandFilterArgInsert),
        ServerString::new(lock, b"refused"),
    ) else {
        return;
    };
    // SAFETY: the filter's context is live; the server takes the reference to the string over.
    unsafe { insert(filter.as_ptr(), 1, word.into_raw()) };
}

/// Puts another command in the place of the one that arrived.
fn replace(lock: &ServerLock, filter: NonNull<raw::ValkeyModuleCommandFilterCtx>, command: &str) {
    let (Ok(count), Ok(delete), Ok(put)) = (
        api!(ValkeyModule_CommandFilterArgsCount),
        api!(ValkeyModule_CommandFilterArgDelete),
        api!(ValkeyModule_CommandFilterArgReplace),
    ) else {
        return;
    };
    let Ok(name) = ServerString::new(lock, command.as_bytes()) else {
        return;
    };
    // SAFETY: the filter's context is live.
    let words = unsafe { count(filter.as_ptr()) };
    for place in (1..words).rev() {
        // SAFETY: the filter's context is live and has a word at this place, the last one.
        unsafe { delete(filter.as_ptr(), place) };
    }
    // SAFETY: the filter's context is live; the server takes the reference to the string over.
    unsafe { put(filter.as_ptr(), 0, name.into_raw()) };
}
