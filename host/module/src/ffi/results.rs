//! How commands and log-ins ended: events of 9.1 and later.
//!
//! In: the kinds of result to hear of. Out: each one, with the words of the command as they were sent. The bindings do not
//! know these events yet; their numbers and structures are those of `valkeymodule.h` of 9.1.
//! Never: a word of a command that outlives its event.

use super::api::is_ok;
use super::call::is_own;
use super::context::{Context, server_version};
use super::entry::is_active;
use super::error::Error;
use super::filter::Words;
use super::guard::guard;
use std::ffi::{CStr, c_char, c_int, c_longlong, c_void};
use valkey_module::raw;
use warden_core::ClientId;

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultTopic {
    /// Log-ins, whoever decided.
    Authentication,
    /// Commands that ran.
    Success,
    /// Commands that ran and answered with an error.
    Failure,
    /// Commands refused before they ran.
    Rejected,
    /// Commands that the ACL denied.
    Denied,
}

impl ResultTopic {
    const fn id(self) -> u64 {
        match self {
            Self::Authentication => AUTHENTICATION,
            Self::Success => 20,
            Self::Failure => 21,
            Self::Rejected => 22,
            Self::Denied => 23,
        }
    }
}

const AUTHENTICATION: u64 = 18;

/// The first version with these events: 9.1.0.
const TELLING: u32 = 0x0009_0100;

/// Whether this server tells how commands and log-ins end.
pub(crate) fn tells_results() -> bool {
    server_version() >= TELLING
}

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended<'call> {
    /// It ran.
    Success,
    /// It ran and answered with an error.
    Failure,
    /// It was refused with this error.
    Rejected(&'call [u8]),
    /// The ACL denied it: 0 for want of a log-in, 1 the command, 2 a key, 3 a channel, 4 the database; and which key or
    /// channel, cut at a NUL.
    Denied(u64, Option<&'call [u8]>),
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished<'call> {
    /// The client it ran for: a script's or module's own where it was not the client's.
    pub(crate) client: ClientId,
    /// Whether a module called it.
    pub(crate) by_module: bool,
    /// Where the server keeps its full name: the same for each call of one command.
    pub(crate) name_at: usize,
    /// Its full name, `config|set`; none where there is no such command.
    pub(crate) name: Option<&'call [u8]>,
    /// Its words as they were sent.
    pub(crate) words: Words<'call>,
    /// How long it ran, in microseconds.
    pub(crate) duration_us: u64,
    /// How many keys it changed.
    pub(crate) keys_modified: u64,
    /// How it ended.
    pub(crate) ended: Ended<'call>,
}

/// A log-in that was decided.
#[derive(Debug)]
pub(crate) struct LoggedIn<'call> {
    /// Who tried.
    pub(crate) client: ClientId,
    /// The user name given, cut at a NUL.
    pub(crate) user: &'call [u8],
    /// The module that decided; none where the server's own check did.
    pub(crate) module: Option<&'call [u8]>,
    /// Whether it was let in.
    pub(crate) granted: bool,
}

/// Who wants to hear of results.
pub(crate) trait ResultHandler: 'static {
    /// A command has ended. Runs on the main thread, perhaps for every command: must be quick.
    fn finished(ctx: &Context<'_>, finished: &Finished<'_>);

    /// A log-in was decided.
    fn logged_in(ctx: &Context<'_>, attempt: &LoggedIn<'_>);
}

/// Hears of a kind of result from now on, or no longer.
///
/// # Errors
/// When the server does not know the event.
pub(crate) fn set_topic<H: ResultHandler>(
    ctx: &Context<'_>,
    topic: ResultTopic,
    wanted: bool,
) -> Result<(), Error> {
    const CALL: &str = "ValkeyModule_SubscribeToServerEvent";
    let subscribe = api!(ValkeyModule_SubscribeToServerEvent)?;
    let event = raw::ValkeyModuleEvent {
        id: topic.id(),
        dataver: 1,
    };
    let callback: raw::ValkeyModuleEventCallback = wanted.then_some(on_result::<H>);
    // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server forgets
    // it at unload; none ends the subscription.
    let status = unsafe { subscribe(ctx.as_ptr(), event, callback) };
    is_ok(status).then_some(()).ok_or(Error::Refused(CALL))
}

/// `ValkeyModuleCommandResultInfoV1`.
#[repr(C)]
struct CommandResultInfo {
    version: u64,
    command_name: *const c_char,
    duration_us: c_longlong,
    dirty: c_longlong,
    client_id: u64,
    is_module_client: c_int,
    argc: c_int,
    argv: *const *mut raw::ValkeyModuleString,
    rejection_context: *const c_char,
}

/// `ValkeyModuleAuthenticationInfoV1`.
#[repr(C)]
struct AuthenticationInfo {
    version: u64,
    client_id: u64,
    username: *const c_char,
    module_name: *const c_char,
    result: c_int,
}

unsafe extern "C" fn on_result<H: ResultHandler>(
    ctx: *mut raw::ValkeyModuleCtx,
    event: raw::ValkeyModuleEvent,
    subevent: u64,
    data: *mut c_void,
) {
    if !is_active() || data.is_null() || is_own() {
        return;
    }
    // SAFETY: the server tells of results on its main thread, with a context for the call.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return;
    };
    // Without the stopwatch: two readings of a clock would be half of what this costs.
    guard("result of a command", (), || {
        if event.id == AUTHENTICATION {
            // SAFETY: the data of this event is an `AuthenticationInfo`, live for the call.
            let info = unsafe { &*data.cast::<AuthenticationInfo>() };
            // SAFETY: the server's name is null or NUL-terminated and lives for the call.
            let user = unsafe { text(info.username) };
            // SAFETY: as above.
            let module = unsafe { text(info.module_name) };
            let attempt = LoggedIn {
                client: ClientId(info.client_id),
                user: user.unwrap_or_default(),
                module,
                granted: info.result == 0,
            };
            H::logged_in(&ctx, &attempt);
            return;
        }
        // SAFETY: the data of the other events is a `CommandResultInfo`, live for the call.
        let info = unsafe { &*data.cast::<CommandResultInfo>() };
        // SAFETY: the server's texts are null or NUL-terminated and live for the call.
        let context = unsafe { text(info.rejection_context) };
        let ended = match event.id {
            20 => Ended::Success,
            21 => Ended::Failure,
            22 => Ended::Rejected(context.unwrap_or_default()),
            _ => Ended::Denied(subevent, context),
        };
        let count = usize::try_from(info.argc).unwrap_or(0);
        // SAFETY: the vector holds `argc` strings that live for the call.
        let words = unsafe { Words::from_vector(info.argv, count) };
        // SAFETY: the name is null or NUL-terminated and lives as long as the command.
        let name = unsafe { text(info.command_name) };
        H::finished(
            &ctx,
            &Finished {
                client: ClientId(info.client_id),
                by_module: info.is_module_client != 0,
                name_at: info.command_name.addr(),
                name,
                words,
                duration_us: u64::try_from(info.duration_us).unwrap_or(0),
                keys_modified: u64::try_from(info.dirty).unwrap_or(0),
                ended,
            },
        );
    });
}

/// The bytes of a C string; none for null.
///
/// # Safety
/// `text` is null or NUL-terminated, and lives for `'a`.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller promises just this.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}
