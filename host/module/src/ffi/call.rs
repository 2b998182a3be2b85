//! Commands of the server, called by us.
//!
//! In: a command and its arguments, any bytes. Out: its reply as an owned value; an error reply is a value too.
//! Never: as the client's user: the call is the server's own, with all rights, so nothing of a client goes into it.

use super::context::Context;
use super::error::Error;
use super::reply::{MAX_DEPTH, Reply};
use super::string::{ServerString, c_string};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use valkey_module::raw;

const CALL: &str = "ValkeyModule_Call";

impl Context<'_> {
    /// Calls a command of the server and waits for its reply, which is RESP3.
    ///
    /// # Errors
    /// When the call cannot be made or its reply is nested too deep. What the command itself refuses is
    /// [`Reply::Error`].
    pub(crate) fn call(&self, command: &str, arguments: &[&[u8]]) -> Result<Reply, Error> {
        let call = api!(ValkeyModule_Call)?;
        let command = c_string("a command", command.as_bytes())?;
        let strings = arguments
            .iter()
            .map(|argument| ServerString::new(self.lock(), argument))
            .collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<_> = strings.iter().map(ServerString::as_ptr).collect();
        let _ours = OwnCall::begin();
        // SAFETY: the context is live; `v` takes an array of server strings and its length, `3` and `E` take nothing; the
        // server takes references of its own to the strings, which live across the call.
        let reply = unsafe {
            call(
                self.as_ptr(),
                command.as_ptr(),
                c"3Ev".as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len(),
            )
        };
        let reply = OwnedReply(NonNull::new(reply).ok_or(Error::Refused(CALL))?);
        read(reply.0, MAX_DEPTH)
    }
}

/// How many calls of ours the server is in.
static OWN_CALLS: AtomicU32 = AtomicU32::new(0);

/// Whether the server is in a call of ours: what it tells of commands is then no news.
pub(super) fn is_own() -> bool {
    OWN_CALLS.load(Ordering::Relaxed) > 0
}

/// A call of ours.
struct OwnCall;

impl OwnCall {
    fn begin() -> Self {
        OWN_CALLS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for OwnCall {
    fn drop(&mut self) {
        OWN_CALLS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The root of a reply tree, freed with its owner; the branches belong to it.
struct OwnedReply(NonNull<raw::ValkeyModuleCallReply>);

impl Drop for OwnedReply {
    fn drop(&mut self) {
        if let Ok(free) = api!(ValkeyModule_FreeCallReply) {
            // SAFETY: the root is ours and given up here, once.
            unsafe { free(self.0.as_ptr()) };
        }
    }
}

type Node = NonNull<raw::ValkeyModuleCallReply>;

/// Reads a node of a reply tree, whose root must live across this call.
fn read(node: Node, levels: usize) -> Result<Reply, Error> {
    let Some(below) = levels.checked_sub(1) else {
        return Err(Error::TooDeep(MAX_DEPTH));
    };
    let ask = api!(ValkeyModule_CallReplyType)?;
    // SAFETY: the node is part of a live tree.
    let kind = unsafe { ask(node.as_ptr()) } as isize;
    Ok(match kind {
        raw::VALKEYMODULE_REPLY_NULL => Reply::Null,
        raw::VALKEYMODULE_REPLY_INTEGER => Reply::Integer(integer(node)?),
        raw::VALKEYMODULE_REPLY_DOUBLE => Reply::Double(double(node)?),
        raw::VALKEYMODULE_REPLY_BOOL => Reply::Bool(boolean(node)?),
        raw::VALKEYMODULE_REPLY_STRING => Reply::Bulk(string(node)?),
        raw::VALKEYMODULE_REPLY_ERROR => {
            Reply::Error(String::from_utf8_lossy(&string(node)?).into_owned())
        }
        raw::VALKEYMODULE_REPLY_BIG_NUMBER => Reply::Bulk(big_number(node)?),
        raw::VALKEYMODULE_REPLY_VERBATIM_STRING => Reply::Bulk(verbatim(node)?),
        raw::VALKEYMODULE_REPLY_ARRAY => Reply::Array(elements(
            node,
            api!(ValkeyModule_CallReplyArrayElement)?,
            below,
        )?),
        raw::VALKEYMODULE_REPLY_SET => Reply::Set(elements(
            node,
            api!(ValkeyModule_CallReplySetElement)?,
            below,
        )?),
        raw::VALKEYMODULE_REPLY_MAP => Reply::Map(pairs(node, below)?),
        _ => return Err(Error::Refused("ValkeyModule_CallReplyType")),
    })
}

fn integer(node: Node) -> Result<i64, Error> {
    let ask = api!(ValkeyModule_CallReplyInteger)?;
    // SAFETY: the node is part of a live tree.
    Ok(unsafe { ask(node.as_ptr()) })
}

fn double(node: Node) -> Result<f64, Error> {
    let ask = api!(ValkeyModule_CallReplyDouble)?;
    // SAFETY: the node is part of a live tree.
    Ok(unsafe { ask(node.as_ptr()) })
}

fn boolean(node: Node) -> Result<bool, Error> {
    let ask = api!(ValkeyModule_CallReplyBool)?;
    // SAFETY: the node is part of a live tree.
    Ok(unsafe { ask(node.as_ptr()) } != 0)
}

fn string(node: Node) -> Result<Vec<u8>, Error> {
    let ask = api!(ValkeyModule_CallReplyStringPtr)?;
    let mut length = 0_usize;
    // SAFETY: the node is part of a live tree; the length is a local.
    let start = unsafe { ask(node.as_ptr(), &raw mut length) };
    // SAFETY: the server answers start and length of bytes that the tree keeps.
    Ok(unsafe { copy(start, length) })
}

fn big_number(node: Node) -> Result<Vec<u8>, Error> {
    let ask = api!(ValkeyModule_CallReplyBigNumber)?;
    let mut length = 0_usize;
    // SAFETY: the node is part of a live tree; the length is a local.
    let start = unsafe { ask(node.as_ptr(), &raw mut length) };
    // SAFETY: the server answers start and length of bytes that the tree keeps.
    Ok(unsafe { copy(start, length) })
}

fn verbatim(node: Node) -> Result<Vec<u8>, Error> {
    let ask = api!(ValkeyModule_CallReplyVerbatim)?;
    let mut length = 0_usize;
    let mut format = std::ptr::null();
    // SAFETY: the node is part of a live tree; length and format are locals.
    let start = unsafe { ask(node.as_ptr(), &raw mut length, &raw mut format) };
    // SAFETY: the server answers start and length of bytes that the tree keeps.
    Ok(unsafe { copy(start, length) })
}

/// Copies bytes of a reply; none for null.
///
/// # Safety
/// `start` is null or the start of `length` readable bytes.
unsafe fn copy(start: *const std::ffi::c_char, length: usize) -> Vec<u8> {
    if start.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller promises just this.
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }.to_vec()
}

fn length(node: Node) -> Result<usize, Error> {
    let ask = api!(ValkeyModule_CallReplyLength)?;
    // SAFETY: the node is part of a live tree.
    Ok(unsafe { ask(node.as_ptr()) })
}

fn elements(
    node: Node,
    element: unsafe extern "C" fn(
        *mut raw::ValkeyModuleCallReply,
        usize,
    ) -> *mut raw::ValkeyModuleCallReply,
    levels: usize,
) -> Result<Vec<Reply>, Error> {
    (0..length(node)?)
        .map(|index| {
            // SAFETY: the node is a collection of the kind `element` reads, part of a live tree; the index is in range.
            let child = unsafe { element(node.as_ptr(), index) };
            read(NonNull::new(child).ok_or(Error::Refused(CALL))?, levels)
        })
        .collect()
}

fn pairs(node: Node, levels: usize) -> Result<Vec<(Reply, Reply)>, Error> {
    let ask = api!(ValkeyModule_CallReplyMapElement)?;
    (0..length(node)?)
        .map(|index| {
            let mut key = std::ptr::null_mut();
            let mut value = std::ptr::null_mut();
            // SAFETY: the node is a map, part of a live tree; the index is in range; key and value are locals.
            unsafe { ask(node.as_ptr(), index, &raw mut key, &raw mut value) };
            let key = NonNull::new(key).ok_or(Error::Refused(CALL))?;
            let value = NonNull::new(value).ok_or(Error::Refused(CALL))?;
            Ok((read(key, levels)?, read(value, levels)?))
        })
        .collect()
}
