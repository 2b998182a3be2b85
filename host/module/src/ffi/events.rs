//! What happens to the server.
//!
//! In: the topics we want to hear of. Out: an [`Event`] each time. Never: a name or number that outlives its event in the
//! server's memory: all is copied.

use super::api::is_ok;
use super::context::Context;
use super::error::Error;
use super::guard::callback;
use std::ffi::{CStr, c_void};
use valkey_module::raw;

/// A kind of event to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Modules come and go, and commands with them.
    Modules,
}

impl Topic {
    fn to_raw(self) -> u64 {
        match self {
            Self::Modules => raw::VALKEYMODULE_EVENT_MODULE_CHANGE,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A module of this name was loaded. Not told of ours.
    ModuleLoaded(String),
    /// A module of this name was unloaded.
    ModuleUnloaded(String),
}

/// Who wants to hear of events.
pub(crate) trait EventHandler: 'static {
    /// Something happened. Runs on the main thread.
    fn event(ctx: &Context<'_>, event: Event);
}

/// Subscribes `E` to topics.
///
/// # Errors
/// When the server does not know a topic.
pub(crate) fn subscribe<E: EventHandler>(ctx: &Context<'_>, topics: &[Topic]) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_SubscribeToServerEvent";
    let subscribe = api!(ValkeyModule_SubscribeToServerEvent)?;
    for topic in topics {
        let event = raw::ValkeyModuleEvent {
            id: topic.to_raw(),
            dataver: 1,
        };
        // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server
        // forgets it at unload.
        let status = unsafe { subscribe(ctx.as_ptr(), event, Some(on_event::<E>)) };
        is_ok(status).then_some(()).ok_or(Error::Refused(CALL))?;
    }
    Ok(())
}

unsafe extern "C" fn on_event<E: EventHandler>(
    ctx: *mut raw::ValkeyModuleCtx,
    event: raw::ValkeyModuleEvent,
    subevent: u64,
    data: *mut c_void,
) {
    // SAFETY: the server tells of events on its main thread, with a context for the call.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return;
    };
    callback("event", (), || {
        // SAFETY: event, subevent and data are those of one call of the server.
        let event = unsafe { read(event.id, subevent, data) };
        if let Some(event) = event {
            E::event(&ctx, event);
        }
    });
}

/// The event as a value; `None` for one we did not ask for or cannot read.
///
/// # Safety
/// The three belong together, as the server gave them; `data` is null or the structure of that event, live for the call.
unsafe fn read(id: u64, subevent: u64, data: *mut c_void) -> Option<Event> {
    if id != raw::VALKEYMODULE_EVENT_MODULE_CHANGE {
        return None;
    }
    // SAFETY: the data of this event is a `ModuleChange` or null, by the contract above.
    let change = unsafe { data.cast::<raw::ValkeyModuleModuleChangeV1>().as_ref() }?;
    if change.module_name.is_null() {
        return None;
    }
    // SAFETY: the server's module names are NUL-terminated and live for the call.
    let name = unsafe { CStr::from_ptr(change.module_name) };
    let name = name.to_string_lossy().into_owned();
    match subevent {
        raw::VALKEYMODULE_SUBEVENT_MODULE_LOADED => Some(Event::ModuleLoaded(name)),
        raw::VALKEYMODULE_SUBEVENT_MODULE_UNLOADED => Some(Event::ModuleUnloaded(name)),
        _ => None,
    }
}
