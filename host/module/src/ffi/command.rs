//! Commands of ours.
//!
//! In: a specification and a handler. Out: a command that ACL, COMMAND DOCS and clients know. Never: no reply, or two:
//! the handler returns its reply, and it is sent here.

use super::api::{OK, is_ok};
use super::context::Context;
use super::error::Error;
use super::guard::guard;
use super::reply::Reply;
use super::string::bytes_of;
use std::ffi::{CStr, c_char, c_int};
use valkey_module::raw;

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
    /// Its arguments, for COMMAND DOCS.
    pub(crate) arguments: &'static [CommandArgument],
}

/// One argument, for COMMAND DOCS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandArgument {
    /// Its name.
    pub(crate) name: &'static CStr,
    /// Its type.
    pub(crate) kind: ArgumentKind,
    /// The word before it, or the word itself for [`ArgumentKind::Token`].
    pub(crate) token: Option<&'static CStr>,
    /// It may be left out.
    pub(crate) optional: bool,
    /// It may be given several times.
    pub(crate) multiple: bool,
}

/// The type of an argument.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ArgumentKind {
    /// Any bytes.
    Text,
    /// A whole number.
    Integer,
    /// A fixed word; needs a token.
    Token,
    /// One of several.
    OneOf(&'static [CommandArgument]),
    /// Several, together.
    Block(&'static [CommandArgument]),
}

/// A command.
pub(crate) trait CommandHandler: 'static {
    /// What the server shall know about it.
    const SPEC: CommandSpec;

    /// Runs it, on the main thread. `arguments` are the words after the name.
    ///
    /// # Errors
    /// Code and text of the error reply, as in `ERR no such session`.
    fn run(ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Reply, String>;
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
    let mut lists = Vec::new();
    let arguments = list(spec.arguments, &mut lists);
    let info = raw::ValkeyModuleCommandInfo {
        version: &raw const version,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: spec.since.as_ptr(),
        history: std::ptr::null_mut(),
        tips: std::ptr::null(),
        arity: spec.arity,
        key_specs: std::ptr::null_mut(),
        args: arguments,
    };
    // SAFETY: the command is live; the structure carries the sizes of its parts; it, the version and the argument lists,
    // which `lists` keeps, live across the call, which copies them.
    let status = unsafe { set(command, &raw const info) };
    drop(lists);
    accepted(status, "ValkeyModule_SetCommandInfo")
}

type RawList = Box<[raw::ValkeyModuleCommandArg]>;

/// The arguments as the server's list, ended by an empty entry; null for none. `keep` owns what the list points to.
fn list(
    arguments: &'static [CommandArgument],
    keep: &mut Vec<RawList>,
) -> *mut raw::ValkeyModuleCommandArg {
    if arguments.is_empty() {
        return std::ptr::null_mut();
    }
    let mut built: RawList = arguments
        .iter()
        .map(|argument| raw_argument(argument, keep))
        .chain(std::iter::once(raw_end()))
        .collect();
    let start = built.as_mut_ptr();
    keep.push(built);
    start
}

fn raw_argument(
    argument: &CommandArgument,
    keep: &mut Vec<RawList>,
) -> raw::ValkeyModuleCommandArg {
    let (kind, subargs) = match argument.kind {
        ArgumentKind::Text => (
            raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_STRING,
            std::ptr::null_mut(),
        ),
        ArgumentKind::Integer => (
            raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_INTEGER,
            std::ptr::null_mut(),
        ),
        ArgumentKind::Token => (
            raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_PURE_TOKEN,
            std::ptr::null_mut(),
        ),
        ArgumentKind::OneOf(parts) => (
            raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_ONEOF,
            list(parts, keep),
        ),
        ArgumentKind::Block(parts) => (
            raw::ValkeyModuleCommandArgType_VALKEYMODULE_ARG_TYPE_BLOCK,
            list(parts, keep),
        ),
    };
    let mut flags = 0;
    if argument.optional {
        flags |= raw::VALKEYMODULE_CMD_ARG_OPTIONAL;
    }
    if argument.multiple {
        flags |= raw::VALKEYMODULE_CMD_ARG_MULTIPLE;
    }
    raw::ValkeyModuleCommandArg {
        name: argument.name.as_ptr(),
        type_: kind,
        token: argument.token.map_or(std::ptr::null(), CStr::as_ptr),
        flags: flags.cast_signed(),
        subargs,
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
    guard("command", (), || {
        let failed = Err("ERR internal error".to_owned());
        let arguments = words.get(1..).unwrap_or_default();
        let outcome = guard("command", failed, || C::run(&ctx, arguments));
        let sent = match outcome {
            Ok(reply) => ctx.reply(&reply).map_err(|error| format!("ERR {error}")),
            Err(text) => Err(text),
        };
        if let Err(text) = sent {
            ctx.reply_error(&text);
        }
    });
    OK
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
    use super::{ArgumentKind, CommandArgument, list};

    const WORD: CommandArgument = CommandArgument {
        name: c"word",
        kind: ArgumentKind::Text,
        token: None,
        optional: false,
        multiple: false,
    };

    #[test]
    fn nested_arguments_are_lists_of_their_own_each_with_an_end() {
        static ARGUMENTS: [CommandArgument; 2] = [
            WORD,
            CommandArgument {
                kind: ArgumentKind::Block(&[WORD, WORD]),
                ..WORD
            },
        ];
        let mut kept = Vec::new();
        let start = list(&ARGUMENTS, &mut kept);
        assert!(!start.is_null());
        let lengths: Vec<_> = kept.iter().map(|list| list.len()).collect();
        assert_eq!(lengths, [3, 3]);
        assert!(kept.iter().all(|list| list[2].name.is_null()));
        assert_eq!(kept[1][1].subargs.cast_const(), kept[0].as_ptr());
    }
}
