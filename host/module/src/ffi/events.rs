//! What happens to the server.
//!
//! In: the topics we want to hear of. Out: an [`Event`] each time. Never: a name or number that outlives its event in the
//! server's memory: all is copied.

use super::api::is_ok;
use super::client::ClientInfo;
use super::context::Context;
use super::error::Error;
use super::guard::callback;
use std::ffi::{CStr, c_void};
use valkey_module::raw;
use warden_core::ClientId;

/// A kind of event to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Modules come and go, and commands with them.
    Modules,
    /// Clients come and go.
    Clients,
    /// Settings of the server change.
    Settings,
    /// The server ends.
    Shutdown,
}

impl Topic {
    fn to_raw(self) -> u64 {
        match self {
            Self::Modules => raw::VALKEYMODULE_EVENT_MODULE_CHANGE,
            Self::Clients => raw::VALKEYMODULE_EVENT_CLIENT_CHANGE,
            Self::Settings => raw::VALKEYMODULE_EVENT_CONFIG,
            Self::Shutdown => raw::VALKEYMODULE_EVENT_SHUTDOWN,
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
    /// A client has connected.
    Connected(ClientId, ClientInfo),
    /// A client is about to be gone.
    Disconnected(ClientId, ClientInfo),
    /// Settings of these names were changed.
    SettingsChanged(Vec<String>),
    /// The server ends as soon as everybody has been told.
    ShuttingDown,
}

/// Who wants to hear of events.
pub(crate) trait EventHandler: 'static {
    /// Something happened. Runs on the main thread.
    fn event(ctx: &Context<'_>, event: Event);
}

/// Subscribes `E` to a topic, or ends that.
///
/// # Errors
/// When the server does not know the topic.
pub(crate) fn set_topic<E: EventHandler>(
    ctx: &Context<'_>,
    topic: Topic,
    wanted: bool,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_SubscribeToServerEvent";
    let subscribe = api!(ValkeyModule_SubscribeToServerEvent)?;
    let event = raw::ValkeyModuleEvent {
        id: topic.to_raw(),
        dataver: 1,
    };
    let callback: raw::ValkeyModuleEventCallback = wanted.then_some(on_event::<E>);
    // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server
    // forgets it at unload; none ends the subscription.
    let status = unsafe { subscribe(ctx.as_ptr(), event, callback) };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
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
    match id {
        // SAFETY: as promised by the caller.
        raw::VALKEYMODULE_EVENT_MODULE_CHANGE => unsafe { module_change(subevent, data) },
        // SAFETY: as promised by the caller.
        raw::VALKEYMODULE_EVENT_CLIENT_CHANGE => unsafe { client_change(subevent, data) },
        // SAFETY: as promised by the caller.
        raw::VALKEYMODULE_EVENT_CONFIG => unsafe { settings_change(data) },
        raw::VALKEYMODULE_EVENT_SHUTDOWN => Some(Event::ShuttingDown),
        _ => None,
    }
}

/// # Safety
/// `data` is null or the structure of a client's change, live for the call.
unsafe fn client_change(subevent: u64, data: *mut c_void) -> Option<Event> {
    // SAFETY: the data of this event is a `ClientInfo` or null, by the contract above.
    let info = unsafe { data.cast::<raw::ValkeyModuleClientInfoV1>().as_ref() }?;
    let client = ClientId(info.id);
    let info = ClientInfo::from_raw(info);
    match subevent {
        raw::VALKEYMODULE_SUBEVENT_CLIENT_CHANGE_CONNECTED => Some(Event::Connected(client, info)),
        raw::VALKEYMODULE_SUBEVENT_CLIENT_CHANGE_DISCONNECTED => {
            Some(Event::Disconnected(client, info))
        }
        _ => None,
    }
}

/// # Safety
/// `data` is null or the structure of changed settings, live for the call.
unsafe fn settings_change(data: *mut c_void) -> Option<Event> {
    // SAFETY: the data of this event is a `ConfigChange` or null, by the contract above.
    let change = unsafe { data.cast::<raw::ValkeyModuleConfigChangeV1>().as_ref() }?;
    let count = usize::try_from(change.num_changes).ok()?;
    if change.config_names.is_null() {
        return None;
    }
    // SAFETY: the server gives as many names as it says.
    let names = unsafe { std::slice::from_raw_parts(change.config_names, count) };
    let names = names.iter().filter(|name| !name.is_null()).map(|name| {
        // SAFETY: each name is NUL-terminated and lives for the call.
        let name = unsafe { CStr::from_ptr(*name) };
        name.to_string_lossy().into_owned()
    });
    Some(Event::SettingsChanged(names.collect()))
}

/// # Safety
/// `data` is null or the structure of a module's change, live for the call.
unsafe fn module_change(subevent: u64, data: *mut c_void) -> Option<Event> {
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
