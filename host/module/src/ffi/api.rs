//! The server's function pointers.
//!
//! In: the name of a call. Out: the pointer, or an error that names what is missing. Never: a call through a null pointer.

use super::error::Error;
use valkey_module::raw;

/// The pointer of one server call, as a `Result`.
macro_rules! api {
    ($name:ident) => {{
        // SAFETY: the pointer is a plain word, written by `Export_ValkeyModule_Init` in `entry` before any other code of
        // ours runs and never while a thread of ours lives; it is only copied here.
        let pointer = unsafe { ::valkey_module::raw::$name };
        pointer.ok_or($crate::ffi::Error::MissingCall(stringify!($name)))
    }};
}

/// Fails with the name of the first call in the list that is not there.
macro_rules! require {
    ($($name:ident),+ $(,)?) => {{
        $( api!($name)?; )+
    }};
}

/// Checks the calls without which the module cannot do its work. Called once, at load.
///
/// # Errors
/// Names the first call this server does not offer; the load must then be refused.
pub(super) fn check_mandatory() -> Result<(), Error> {
    require!(
        ValkeyModule_Alloc,
        ValkeyModule_Calloc,
        ValkeyModule_Realloc,
        ValkeyModule_Free,
        ValkeyModule_Log,
        ValkeyModule_CreateString,
        ValkeyModule_FreeString,
        ValkeyModule_StringPtrLen,
        ValkeyModule_GetContextFlags,
        ValkeyModule_GetClientId,
        ValkeyModule_GetClientInfoById,
        ValkeyModule_GetServerVersion,
        ValkeyModule_RegisterAuthCallback,
        ValkeyModule_BlockClientOnAuth,
        ValkeyModule_BlockClient,
        ValkeyModule_RedactClientCommandArgument,
        ValkeyModule_ACLCheckCommandPermissions,
        ValkeyModule_UnblockClient,
        ValkeyModule_GetBlockedClientPrivateData,
        ValkeyModule_IsBlockedReplyRequest,
        ValkeyModule_AuthenticateClientWithUser,
        ValkeyModule_DeauthenticateAndCloseClient,
        ValkeyModule_CreateModuleUser,
        ValkeyModule_FreeModuleUser,
        ValkeyModule_SetModuleUserACLString,
        ValkeyModule_GetModuleUserACLString,
        ValkeyModule_GetModuleUserFromUserName,
        ValkeyModule_ACLAddLogEntryByUserName,
        ValkeyModule_EventLoopAdd,
        ValkeyModule_EventLoopDel,
        ValkeyModule_Call,
        ValkeyModule_FreeCallReply,
        ValkeyModule_CallReplyType,
        ValkeyModule_ReplyWithError,
        ValkeyModule_CreateCommand,
        ValkeyModule_GetCommand,
        ValkeyModule_SetCommandInfo,
        ValkeyModule_SetCommandACLCategories,
        ValkeyModule_RegisterStringConfig,
        ValkeyModule_LoadConfigs,
        ValkeyModule_RegisterInfoFunc,
        ValkeyModule_SubscribeToServerEvent,
        ValkeyModule_GetThreadSafeContext,
        ValkeyModule_FreeThreadSafeContext,
    );
    Ok(())
}

/// True when the server answered `VALKEYMODULE_OK`.
pub(super) fn is_ok(status: std::ffi::c_int) -> bool {
    status as isize == raw::VALKEYMODULE_OK
}

/// The status a callback returns to the server for success.
pub(super) const OK: std::ffi::c_int = raw::VALKEYMODULE_OK as std::ffi::c_int;

/// The status a callback returns to the server for failure.
pub(super) const ERR: std::ffi::c_int = raw::VALKEYMODULE_ERR as std::ffi::c_int;
