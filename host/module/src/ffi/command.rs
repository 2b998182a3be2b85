//! Commands of ours.
//!
//! In: a specification and a handler. Out: a command that ACL, COMMAND DOCS and clients know. Never: no reply, or two:
//! the handler returns its reply, or who will answer later, and the reply is sent here.

use super::api::{OK, is_ok};
use super::blocked::{Blocked, block_command, payload_of};
use super::context::Context;
use super::error::Error;
use super::guard::{callback, guard};
use super::lock::ServerLock;
use super::reply::Reply;
use super::string::bytes_of;
use std::ffi::{CStr, c_char, c_int};
use valkey_module::raw;
use warden_core::ClientId;

/// What the server shall know about a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandSpec {
    /// Its name, as in `warden.whoami`.
    pub(crate) name: &'static CStr,
    /// Flags, separated by spaces, as in `readonly fast`.
    pub(crate) flags: &'static CStr,
    /// ACL categories without `@`, separated by spaces. Name them all: the flags imply none, not even `fast` or `slow`.
    pub(crate) categories: &'static CStr,
    /// Number of words with the name; `-n` for at least n. The server checks it before the handler runs.
    pub(crate) arity: c_int,
    /// One sentence for COMMAND DOCS.
    pub(crate) summary: &'static CStr,
    /// The module version that brought it.
    pub(crate) since: &'static CStr,
    /// As in `O(1)`.
    pub(crate) complexity: &'static CStr,
    /// Its arguments, for COMMAND DOCS: several lists, one behind the other.
    pub(crate) arguments: &'static [&'static [CommandArgument]],
    /// Places of words that hold a secret, counted from the name at 0: the server shows them nowhere.
    pub(crate) secrets: &'static [c_int],
}

/// One argument, for COMMAND DOCS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandArgument {
    /// Its name.
    pub(crate) name: &'static CStr,
    /// Its type.
    pub(crate) kind: ArgumentKind,
    /// The word before it.
    pub(crate) token: Option<&'static CStr>,
    /// It may be left out.
    pub(crate) optional: bool,
    /// It may be given several times.
    pub(crate) multiple: bool,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ArgumentKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// Seconds since 1970.
    UnixTime,
}

impl ArgumentKind {
    fn to_raw(self) -> raw::ValkeyModuleCommandArgType {
        match self {
            Self::Text => raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_STRING,
            Self::Integer => raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_INTEGER,
            Self::UnixTime => raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_UNIX_TIME,
        }
    }
}

impl CommandArgument {
    /// A word that must be there.
    pub(crate) const fn word(name: &'static CStr) -> Self {
        Self {
            name,
            kind: ArgumentKind::Text,
            token: None,
            optional: false,
            multiple: false,
        }
    }

    /// A value behind a word of its own, which may both be left out.
    pub(crate) const fn option(
        token: &'static CStr,
        name: &'static CStr,
        kind: ArgumentKind,
    ) -> Self {
        Self {
            name,
            kind,
            token: Some(token),
            optional: true,
            multiple: false,
        }
    }
}

/// What a handler answers.
pub(crate) enum Answer {
    /// This reply.
    Now(Reply),
    /// The client waits, and this is called with the handle that ends the wait: once, on the main thread. Where a
    /// client cannot wait (MULTI, a script) it is not called and the client reads an error.
    Later(Begin),
}

/// Takes the handle of a client that waits. Runs on the main thread.
pub(crate) type Begin = Box<dyn FnOnce(&ServerLock, Waiting)>;

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Now(reply)
    }
}

type Finish = Box<dyn FnOnce(&Context<'_>) -> Result<Reply, String> + Send>;

/// A client that waits for the reply to a command of ours. Dropped, it reads an error.
pub(crate) struct Waiting {
    blocked: Blocked<Finish>,
    client: ClientId,
}

impl Waiting {
    /// Ends the wait, from any thread: `finish` runs on the main thread and says what is replied. It is dropped unrun when the
    /// client has left.
    pub(crate) fn complete(
        self,
        finish: impl FnOnce(&Context<'_>) -> Result<Reply, String> + Send + 'static,
    ) {
        self.blocked.complete(Box::new(finish));
    }

    /// Who waits.
    pub(crate) fn client(&self) -> ClientId {
        self.client
    }
}

/// A command.
pub(crate) trait CommandHandler: 'static {
    /// What the server shall know about it.
    const SPEC: CommandSpec;

    /// Runs it, on the main thread. `arguments` are the words after the name.
    ///
    /// # Errors
    /// Code and text of the error reply, as in `ERR no such session`.
    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String>;
}

/// Registers a command. Only while loading.
///
/// # Errors
/// When the server refuses the name, the flags, the categories or the description.
pub(crate) fn register<C: CommandHandler>(ctx: &Context<'_>) -> Result<(), Error> {
    let create = api!(ValkeyModule_CreateCommand)?;
    let find = api!(ValkeyModule_GetCommand)?;
    let spec = C::SPEC;
    // SAFETY: the context is live; the strings are NUL-terminated and copied; the callback is a function of this library,
    // which stays mapped, and the server forgets the command at unload.
    let status = unsafe {
        create(
            ctx.as_ptr(),
            spec.name.as_ptr(),
            Some(on_command::<C>),
            spec.flags.as_ptr(),
            0,
            0,
            0,
        )
    };
    accepted(status, "ValkeyModule_CreateCommand")?;
    // SAFETY: context and name as above.
    let command = unsafe { find(ctx.as_ptr(), spec.name.as_ptr()) };
    if command.is_null() {
        return Err(Error::Refused("ValkeyModule_GetCommand"));
    }
    if !spec.categories.is_empty() {
        let set = api!(ValkeyModule_SetCommandACLCategories)?;
        // SAFETY: the server has just given the command; the string is NUL-terminated and only read.
        let status = unsafe { set(command, spec.categories.as_ptr()) };
        accepted(status, "ValkeyModule_SetCommandACLCategories")?;
    }
    describe(command, &spec)
}

fn accepted(status: c_int, call: &'static str) -> Result<(), Error> {
    is_ok(status).then_some(()).ok_or(Error::Refused(call))
}

fn describe(command: *mut raw::ValkeyModuleCommand, spec: &CommandSpec) -> Result<(), Error> {
    let set = api!(ValkeyModule_SetCommandInfo)?;
    let version = raw::ValkeyModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::ValkeyModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::ValkeyModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::ValkeyModuleCommandArg>(),
    };
    let mut arguments = raw_list(spec.arguments);
    let info = raw::ValkeyModuleCommandInfo {
        version: &raw const version,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: spec.since.as_ptr(),
        history: std::ptr::null_mut(),
        tips: std::ptr::null(),
        arity: spec.arity,
        key_specs: std::ptr::null_mut(),
        args: arguments.as_mut_ptr(),
    };
    // SAFETY: the command is live; the structure carries the sizes of its parts; it, the version and the
    // arguments live across the call, which copies them.
    let status = unsafe { set(command, &raw const info) };
    accepted(status, "ValkeyModule_SetCommandInfo")
}

/// The arguments as the server's list, ended by an empty entry.
fn raw_list(arguments: &[&[CommandArgument]]) -> Vec<raw::ValkeyModuleCommandArg> {
    arguments
        .iter()
        .copied()
        .flatten()
        .map(raw_argument)
        .chain(std::iter::once(raw_end()))
        .collect()
}

fn raw_argument(argument: &CommandArgument) -> raw::ValkeyModuleCommandArg {
    let mut flags = 0;
    if argument.optional {
        flags |= raw::VALKEYMODULE_CMD_ARG_OPTIONAL;
    }
    if argument.multiple {
        flags |= raw::VALKEYMODULE_CMD_ARG_MULTIPLE;
    }
    raw::ValkeyModuleCommandArg {
        name: argument.name.as_ptr(),
        type_: argument.kind.to_raw(),
        token: argument.token.map_or(std::ptr::null(), CStr::as_ptr),
        flags: flags.cast_signed(),
        ..raw_end()
    }
}

fn raw_end() -> raw::ValkeyModuleCommandArg {
    const NONE: *const c_char = std::ptr::null();
    raw::ValkeyModuleCommandArg {
        name: NONE,
        type_: raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_STRING,
        key_spec_index: -1,
        token: NONE,
        summary: NONE,
        since: NONE,
        flags: 0,
        deprecated_since: NONE,
        subargs: std::ptr::null_mut(),
        display_text: NONE,
    }
}

unsafe extern "C" fn on_command<C: CommandHandler>(
    ctx: *mut raw::ValkeyModuleCtx,
    words: *mut *mut raw::ValkeyModuleString,
    count: c_int,
) -> c_int {
    // SAFETY: this is the server's command callback, on the main thread, with the context it gave.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return OK;
    };
    // SAFETY: the server gives its argument vector and its length.
    let words = unsafe { words_of(words, count) };
    callback("command", (), || {
        for place in C::SPEC.secrets {
            ctx.redact(*place);
        }
        let arguments = words.get(1..).unwrap_or_default();
        let outcome = guard("command", failed(), || C::run(&ctx, arguments));
        match outcome {
            Ok(Answer::Now(reply)) => ctx.reply_outcome(Ok(reply)),
            Ok(Answer::Later(begin)) => match block_command(&ctx, Some(on_reply)) {
                Ok((blocked, client)) => {
                    let waiting = Waiting { blocked, client };
                    guard("command", (), || begin(ctx.lock(), waiting));
                }
                Err(_) => ctx.reply_error(
                    "ERR this takes longer than one turn of the server: not inside MULTI, a script or a subscription",
                ),
            },
            Err(text) => ctx.reply_error(&text),
        }
    });
    OK
}

/// The second half of a command whose client waited.
unsafe extern "C" fn on_reply(
    ctx: *mut raw::ValkeyModuleCtx,
    _words: *mut *mut raw::ValkeyModuleString,
    _count: c_int,
) -> c_int {
    // SAFETY: this is the server's reply callback, on the main thread, with the context it gave.
    let Some(ctx) = (unsafe { Context::from_callback(ctx) }) else {
        return OK;
    };
    callback("reply of a command", (), || {
        let outcome = guard("reply of a command", failed(), || {
            match payload_of::<Finish>(&ctx) {
                Some(finish) => finish(&ctx),
                None => failed(),
            }
        });
        ctx.reply_outcome(outcome);
    });
    OK
}

fn failed<T>() -> Result<T, String> {
    Err("ERR internal error".to_owned())
}

impl Context<'_> {
    fn reply_outcome(&self, outcome: Result<Reply, String>) {
        let sent =
            outcome.and_then(|reply| self.reply(&reply).map_err(|error| format!("ERR {error}")));
        if let Err(text) = sent {
            self.reply_error(&text);
        }
    }

    /// Has the server show `(redacted)` for a word of this command, wherever it shows commands.
    fn redact(&self, place: c_int) {
        if let Ok(redact) = api!(ValkeyModule_RedactClientCommandArgument) {
            // SAFETY: the context is live; a place outside the command is refused.
            unsafe { redact(self.as_ptr(), place) };
        }
    }
}

/// The words of an argument vector.
///
/// # Safety
/// `words` is null or the start of `count` server strings, which live, unchanged, for `'call`.
pub(super) unsafe fn words_of<'call>(
    words: *mut *mut raw::ValkeyModuleString,
    count: c_int,
) -> Vec<&'call [u8]> {
    let count = usize::try_from(count).unwrap_or(0);
    if words.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: the caller promises just this.
    let words = unsafe { std::slice::from_raw_parts(words, count) };
    words
        .iter()
        .map(|word| {
            // SAFETY: the caller promises that each is a live server string.
            unsafe { bytes_of(*word) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ArgumentKind, CommandArgument, raw_list};

    #[test]
    fn a_list_of_arguments_has_an_end() {
        let count = CommandArgument::option(c"COUNT", c"count", ArgumentKind::Integer);
        let list = raw_list(&[&[count]]);
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].name, count.name.as_ptr());
        assert!(list[1].name.is_null());
        assert_eq!(raw_list(&[]).len(), 1);
    }
}
