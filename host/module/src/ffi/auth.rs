//! Log-ins.
//!
//! In: the server's auth callback with the user name and password of an `AUTH` or `HELLO … AUTH`. Out: one answer.
//! Never: an answer that says yes without [`AuthContext::authenticate`], or its twin for users of the server's own ACL,
//! having given the client its user.
//!
//! ```text
//!            begin                                             finish
//! AUTH ──► Open ──► NotHandled: the next module, then passwords
//!            ├────► Refused: the reply is written here
//!            ├────► authenticate ──► Granted
//!            └────► block ──► Blocked ── Blocked::complete ──► Open ──► NotHandled | Refused | Granted
//! ```
//!
//! A refusal's text is replied by us: the server drops the text it is given through the callback when the client has
//! other replies pending, as in a pipeline or in EXEC, and the client would wait for ever.

use super::api::is_ok;
use super::blocked::{Blocked, block_log_in, payload_of};
use super::client::deauthenticate_and_close;
use super::context::Context;
use super::entry::is_active;
use super::error::Error;
use super::guard::{callback, guard, measured};
use super::lock::{MainThread, ServerLock};
use super::log::{Level, log};
use super::stopwatch::cached_microseconds;
use super::string::bytes_of;
use super::user::ModuleUser;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;
use valkey_module::raw;
use warden_core::clock::{Clock, SystemClock};
use warden_core::{ClientId, Now, Timestamp};

const HANDLED: c_int = raw::VALKEYMODULE_AUTH_HANDLED as c_int;
const NOT_HANDLED: c_int = raw::VALKEYMODULE_AUTH_NOT_HANDLED as c_int;

/// What a client is told when we failed.
const INTERNAL: &str = "TRYAGAIN authentication is not available";

/// The answer to one log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthOutcome {
    /// Not ours: the next module is asked, then the server's own password check.
    NotHandled,
    /// The client runs as the user given to [`AuthContext::authenticate`].
    Granted,
    /// Refused with this error: code and text, as in `WRONGPASS …`, without the leading minus.
    Refused(Cow<'static, str>),
    /// [`AuthContext::block`] was called; the client waits.
    Blocked,
}

/// Who decides about log-ins.
pub(crate) trait Authentication: Sized + 'static {
    /// What another thread hands from [`Blocked::complete`] to [`Self::finish`].
    type Payload: Send + 'static;

    /// A log-in arrives, now. Runs on the main thread: must not wait. The second value is called after it, with the length
    /// of the whole callback.
    fn begin(
        ctx: &AuthContext<'_, Self>,
        user: &[u8],
        password: &[u8],
        now: Now,
    ) -> (AuthOutcome, impl FnOnce(Duration) + use<Self>);

    /// A log-in that waited goes on, with the other thread's payload; without one when that gave up, which must not
    /// become a yes. Not called when the client has left: the payload is then dropped.
    fn finish(
        ctx: &AuthContext<'_, Self>,
        user: &[u8],
        password: &[u8],
        payload: Option<Self::Payload>,
    ) -> AuthOutcome;

    /// A client we authenticated has left, was reset, or runs as another user. Called at most once for each
    /// [`AuthContext::authenticate`]; not called for what our own calls change.
    fn user_changed(lock: &ServerLock, client: ClientId);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Blocked,
    Authenticated,
}

/// The context of a log-in.
#[derive(Debug)]
pub(crate) struct AuthContext<'call, A> {
    context: Context<'call>,
    state: Cell<State>,
    _authentication: PhantomData<A>,
}

impl<'call, A> Deref for AuthContext<'call, A> {
    type Target = Context<'call>;

    fn deref(&self) -> &Self::Target {
        &self.context
    }
}

impl<A: Authentication> AuthContext<'_, A> {
    /// Makes the client wait, and hands out what ends the wait. Answer [`AuthOutcome::Blocked`] after it.
    ///
    /// # Errors
    /// In MULTI, in a script, in [`Authentication::finish`], or after another answer; then the client does not wait.
    pub(crate) fn block(&self) -> Result<Blocked<A::Payload>, Error> {
        if self.state.get() != State::Open {
            return Err(Error::AlreadyAnswered);
        }
        let blocked = block_log_in(&self.context, Some(on_finish::<A>))?;
        self.state.set(State::Blocked);
        Ok(blocked)
    }

    /// Makes the client run as `user`. Answer [`AuthOutcome::Granted`] after it. A session of ours that the client had ends
    /// with it; [`Authentication::user_changed`] is not called for that.
    ///
    /// # Errors
    /// When the log-in has another answer, there is no client, or the user is not `on`; then the client's identity is
    /// what it was.
    pub(crate) fn authenticate(&self, user: &ModuleUser) -> Result<(), Error> {
        if self.state.get() != State::Open {
            return Err(Error::AlreadyAnswered);
        }
        let authenticate = api!(ValkeyModule_AuthenticateClientWithUser)?;
        let (status, _replaced) = collect_changes(self.lock(), || {
            // SAFETY: context and user are live; the callback is a function of this library, which stays mapped; the
            // client's number is not asked for.
            unsafe {
                authenticate(
                    self.as_ptr(),
                    user.as_ptr(),
                    Some(on_user_changed::<A>),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            }
        });
        if !is_ok(status) {
            return Err(Error::Refused("ValkeyModule_AuthenticateClientWithUser"));
        }
        self.state.set(State::Authenticated);
        Ok(())
    }

    /// Makes the client run as a user of the server's own ACL. Otherwise as [`Self::authenticate`].
    ///
    /// # Errors
    /// As there; and when there is no such user.
    pub(crate) fn authenticate_as_local(&self, name: &str) -> Result<(), Error> {
        const CALL: &str = "ValkeyModule_AuthenticateClientWithACLUser";
        if self.state.get() != State::Open {
            return Err(Error::AlreadyAnswered);
        }
        let authenticate = api!(ValkeyModule_AuthenticateClientWithACLUser)?;
        let (status, _replaced) = collect_changes(self.lock(), || {
            // SAFETY: the context is live; the name is given with its length and only read; the callback is a function of
            // this library, which stays mapped; the client's number is not asked for.
            unsafe {
                authenticate(
                    self.as_ptr(),
                    name.as_ptr().cast(),
                    name.len(),
                    Some(on_user_changed::<A>),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            }
        });
        if !is_ok(status) {
            return Err(Error::Refused(CALL));
        }
        self.state.set(State::Authenticated);
        Ok(())
    }

    /// Turns the outcome into what the server wants, and closes where the two do not fit.
    fn conclude(&self, outcome: &AuthOutcome) -> c_int {
        match (self.state.get(), outcome) {
            (State::Open, AuthOutcome::NotHandled) => return NOT_HANDLED,
            (State::Open, AuthOutcome::Refused(text)) => self.reply_error(text),
            (State::Blocked, AuthOutcome::Blocked)
            | (State::Authenticated, AuthOutcome::Granted) => {}
            (State::Blocked, _) => {
                // The server asserts that a client that waits was handled. The wait ends with a refusal or by the other thread.
                log(
                    Level::Warning,
                    "internal error: a log-in was answered while it waits",
                );
            }
            (State::Authenticated, _) => {
                log(
                    Level::Warning,
                    "internal error: a log-in was refused after it was granted",
                );
                if let Some(client) = self.client() {
                    deauthenticate_and_close(self.lock(), client);
                }
                self.reply_error(INTERNAL);
            }
            (State::Open, AuthOutcome::Granted | AuthOutcome::Blocked) => {
                log(
                    Level::Warning,
                    "internal error: a log-in was granted without a user",
                );
                self.reply_error(INTERNAL);
            }
        }
        HANDLED
    }
}

/// Registers `A` for every `AUTH` and `HELLO … AUTH`. The callback registered last is asked first.
///
/// # Errors
/// When the server does not offer the call.
pub(crate) fn register<A: Authentication>(ctx: &Context<'_>) -> Result<(), Error> {
    let register = api!(ValkeyModule_RegisterAuthCallback)?;
    // SAFETY: the context is live; the callback is a function of this library, which stays mapped, and the server forgets
    // it at unload.
    unsafe { register(ctx.as_ptr(), Some(on_begin::<A>)) };
    Ok(())
}

unsafe extern "C" fn on_begin<A: Authentication>(
    ctx: *mut raw::ValkeyModuleCtx,
    user: *mut raw::ValkeyModuleString,
    password: *mut raw::ValkeyModuleString,
    _error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: this is the server's auth callback, on the main thread, with the context it gave.
    let context = unsafe { Context::from_callback(ctx) };
    // SAFETY: the server keeps the string for the length of the callback.
    let user = unsafe { bytes_of(user) };
    // SAFETY: as above.
    let password = unsafe { bytes_of(password) };
    answer::<A, _>("begin of a log-in", context, |ctx, began| {
        A::begin(ctx, user, password, now(ctx, began))
    })
}

unsafe extern "C" fn on_finish<A: Authentication>(
    ctx: *mut raw::ValkeyModuleCtx,
    user: *mut raw::ValkeyModuleString,
    password: *mut raw::ValkeyModuleString,
    _error: *mut *mut raw::ValkeyModuleString,
) -> c_int {
    // SAFETY: this is the server's auth reply callback, on the main thread, with the context it gave.
    let context = unsafe { Context::from_callback(ctx) };
    // SAFETY: the server keeps the string for the length of the callback.
    let user = unsafe { bytes_of(user) };
    // SAFETY: as above.
    let password = unsafe { bytes_of(password) };
    answer::<A, _>("end of a log-in", context, |ctx, _| {
        let outcome = A::finish(ctx, user, password, payload_of::<A::Payload>(ctx));
        (outcome, |_| ())
    })
}

/// Both clocks as a command's callback begins: the server has just read the one on the wall, unless the command is of a
/// transaction, for which it read it once.
fn now(ctx: &Context<'_>, began: Duration) -> Now {
    match cached_microseconds() {
        0 => SystemClock.now(),
        _ if ctx.denies_blocking() => SystemClock.now(),
        microseconds => Now {
            wall: Timestamp::from_unix_millis(microseconds / 1000),
            monotonic: began,
        },
    }
}

fn answer<A: Authentication, T: FnOnce(Duration)>(
    name: &'static str,
    context: Option<Context<'_>>,
    decide: impl FnOnce(&AuthContext<'_, A>, Duration) -> (AuthOutcome, T),
) -> c_int {
    let Some(context) = context else {
        return HANDLED;
    };
    let ctx = AuthContext::<A> {
        context,
        state: Cell::new(State::Open),
        _authentication: PhantomData,
    };
    let ((status, wants_time), took) = measured(name, (HANDLED, None), |began| {
        let refusal = (AuthOutcome::Refused(Cow::Borrowed(INTERNAL)), None);
        let (outcome, wants_time) = guard(name, refusal, || {
            let (outcome, wants_time) = decide(&ctx, began);
            (outcome, Some(wants_time))
        });
        (ctx.conclude(&outcome), wants_time)
    });
    guard(name, (), || wants_time.map_or((), |tell| tell(took)));
    status
}

/// Where changes caused by our own calls are collected; `None` while no such call runs.
static CHANGES: MainThread<Option<Changes>> = MainThread::new(None);

/// Mostly the one client of a log-in.
pub(super) type Changes = SmallVec<[ClientId; 2]>;

/// Runs a call that may end sessions, and answers their clients instead of telling `user_changed`, whose implementor
/// is in the middle of making that call.
pub(super) fn collect_changes<R>(lock: &ServerLock, call: impl FnOnce() -> R) -> (R, Changes) {
    CHANGES.with(lock, |changes| *changes = Some(SmallVec::new()));
    let answer = call();
    let changes = CHANGES.with(lock, Option::take).flatten();
    (answer, changes.unwrap_or_default())
}

unsafe extern "C" fn on_user_changed<A: Authentication>(client: u64, _private: *mut c_void) {
    // After an unload the server still tells of the sessions it then closes.
    if !is_active() {
        return;
    }
    // SAFETY: the server tells of changed users on its main thread, inside whatever changed them.
    let lock = unsafe { ServerLock::assume_held() };
    let client = ClientId(client);
    callback("change of a client's user", (), || {
        let collected = CHANGES.with(&lock, |changes| match changes {
            Some(changes) => {
                changes.push(client);
                true
            }
            None => false,
        });
        if collected != Some(true) {
            A::user_changed(&lock, client);
        }
    });
}
