//! Module users: ACL users that only we know.
//!
//! In: a name and rules. Out: an owned user whose rules the server's own engine enforces on every client given to it.
//! Never: freed without the lock; freeing walks every client and closes those that still run as it.

use super::api::is_ok;
use super::auth;
use super::error::Error;
use super::lock::ServerLock;
use super::log::{Level, log};
use super::string::{ServerString, c_string};
use std::ffi::c_int;
use std::ptr::NonNull;
use valkey_module::raw;
use warden_core::ClientId;

/// An ACL user of ours. It has no rights and is disabled until rules are set.
#[derive(Debug)]
pub(crate) struct ModuleUser {
    // `None` only after `free`.
    raw: Option<NonNull<raw::ValkeyModuleUser>>,
    name: Box<str>,
}

impl ModuleUser {
    /// Makes a user. The server does not check that the name is free: see [`user_exists`].
    ///
    /// # Errors
    /// When the name holds a NUL, or the server gives no user.
    pub(crate) fn create(_lock: &ServerLock, name: &str) -> Result<Self, Error> {
        let create = api!(ValkeyModule_CreateModuleUser)?;
        let c_name = c_string("a user name", name.as_bytes())?;
        // SAFETY: the name is NUL-terminated, lives across the call and is copied.
        let made = unsafe { create(c_name.as_ptr()) };
        let raw = NonNull::new(made).ok_or(Error::Refused("ValkeyModule_CreateModuleUser"))?;
        Ok(Self {
            raw: Some(raw),
            name: name.into(),
        })
    }

    pub(super) fn as_ptr(&self) -> *mut raw::ValkeyModuleUser {
        self.raw.map_or(std::ptr::null_mut(), NonNull::as_ptr)
    }

    /// Applies a line of ACL rules, as `ACL SETUSER` would. It acts on the next command of every client of the user.
    ///
    /// The server answers OK and changes *nothing* when a quote is unbalanced: read [`Self::rules`] back and compare.
    ///
    /// # Errors
    /// When the rules hold a NUL or the server refuses them. It applies rules one after another to a copy, so a refusal
    /// changes nothing.
    pub(crate) fn set_rules(&self, _lock: &ServerLock, rules: &str) -> Result<(), Error> {
        const CALL: &str = "ValkeyModule_SetModuleUserACLString";
        let set = api!(ValkeyModule_SetModuleUserACLString)?;
        let rules = c_string("a rule", rules.as_bytes())?;
        let mut reason = std::ptr::null_mut();
        // SAFETY: the user is live because `self` is not freed; the rules are NUL-terminated and copied; without a context
        // the error string is left to us.
        let status = unsafe {
            set(
                std::ptr::null_mut(),
                self.as_ptr(),
                rules.as_ptr(),
                &raw mut reason,
            )
        };
        // SAFETY: the server leaves the error string, if it made one, to us.
        let reason = unsafe { ServerString::adopt(reason) };
        if is_ok(status) {
            return Ok(());
        }
        Err(
            reason.map_or(Error::Refused(CALL), |reason| Error::RefusedBecause {
                call: CALL,
                reason: String::from_utf8_lossy(reason.bytes()).into_owned(),
            }),
        )
    }

    /// The rules in force, as the server describes them.
    ///
    /// # Errors
    /// When the server gives none or they are not UTF-8.
    pub(crate) fn rules(&self, _lock: &ServerLock) -> Result<String, Error> {
        const CALL: &str = "ValkeyModule_GetModuleUserACLString";
        let ask = api!(ValkeyModule_GetModuleUserACLString)?;
        // SAFETY: the user is live because `self` is not freed.
        let answer = unsafe { ask(self.as_ptr()) };
        // SAFETY: the server hands over its reference to the string it made.
        let rules = unsafe { ServerString::adopt(answer) }.ok_or(Error::Refused(CALL))?;
        String::from_utf8(rules.bytes().to_vec()).map_err(|_bytes| Error::Refused(CALL))
    }

    /// Frees the user and has the server close the clients that still run as it.
    ///
    /// Costs a walk over every client: free a few at a time. Answers the clients whose sessions ended inside this call;
    /// `Authentication::user_changed` is not called for those.
    pub(crate) fn free(mut self, lock: &ServerLock) -> Vec<ClientId> {
        let Some(raw) = self.raw.take() else {
            return Vec::new();
        };
        let Ok(free) = api!(ValkeyModule_FreeModuleUser) else {
            return Vec::new();
        };
        let ((), changed) = auth::collect_changes(lock, || {
            // SAFETY: the user was live and is given up here, once; the lock proves the main thread.
            unsafe { free(raw.as_ptr()) };
        });
        changed.into_vec()
    }
}

/// What the server says about a command and a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// It may run.
    Granted,
    /// It may not; a verb phrase says what is missing, as in `run`.
    Denied(&'static str),
    /// The server has no database of this number.
    NoDatabase,
}

type CheckWithDatabase = unsafe extern "C" fn(
    *mut raw::ValkeyModuleUser,
    *mut *mut raw::ValkeyModuleString,
    c_int,
    c_int,
    *mut raw::ValkeyModuleACLLogEntryReason,
) -> c_int;

/// The call of 9.1 that knows of databases. The bindings do not have it yet.
fn check_with_database() -> Option<CheckWithDatabase> {
    let find = api!(ValkeyModule_GetApi).ok()?;
    let mut found: Option<CheckWithDatabase> = None;
    // SAFETY: the name is NUL-terminated; the server writes a pointer of that name's type, or leaves the null there.
    let status = unsafe {
        find(
            c"ValkeyModule_ACLCheckPermissions".as_ptr(),
            (&raw mut found).cast(),
        )
    };
    found.filter(|_| is_ok(status))
}

impl ModuleUser {
    /// Whether the user may run this command in this database.
    ///
    /// The server reads the places of keys without looking whether the arguments are there: the caller has checked that
    /// the command exists and takes so many. A server without bounds on databases does not look at the number.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub(crate) fn may_run(
        &self,
        lock: &ServerLock,
        database: c_int,
        words: &[Vec<u8>],
    ) -> Result<Permission, Error> {
        const CALL: &str = "ValkeyModule_ACLCheckCommandPermissions";
        let words = words
            .iter()
            .map(|word| ServerString::new(lock, word))
            .collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<_> = words.iter().map(ServerString::as_ptr).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_large| Error::Refused(CALL))?;
        let mut why = raw::ValkeyModuleACLLogEntryReason_VALKEYMODULE_ACL_LOG_CMD;
        let status = match check_with_database() {
            Some(check) => {
                // SAFETY: the user is live; the strings and the reason live across the call, which only reads the first.
                unsafe {
                    check(
                        self.as_ptr(),
                        pointers.as_mut_ptr(),
                        count,
                        database,
                        &raw mut why,
                    )
                }
            }
            None => {
                let check = api!(ValkeyModule_ACLCheckCommandPermissions)?;
                // SAFETY: the user is live; the strings live across the call, which only reads them.
                unsafe { check(self.as_ptr(), pointers.as_mut_ptr(), count) }
            }
        };
        if is_ok(status) {
            return Ok(Permission::Granted);
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EACCES) => Ok(Permission::Denied(missing(why))),
            Some(libc::EINVAL) => Ok(Permission::NoDatabase),
            _ => Err(Error::Refused(CALL)),
        }
    }
}

fn missing(why: raw::ValkeyModuleACLLogEntryReason) -> &'static str {
    match why {
        raw::ValkeyModuleACLLogEntryReason_VALKEYMODULE_ACL_LOG_KEY => "access a key named by",
        raw::ValkeyModuleACLLogEntryReason_VALKEYMODULE_ACL_LOG_CHANNEL => {
            "access a channel named by"
        }
        raw::ValkeyModuleACLLogEntryReason_VALKEYMODULE_ACL_LOG_CMD => "run",
        // Newer than the bindings; the only one there is.
        _ => "access the database of",
    }
}

impl Drop for ModuleUser {
    fn drop(&mut self) {
        if self.raw.is_some() {
            log(
                Level::Warning,
                &format!(
                    "internal error: user {:?} was dropped without being freed",
                    self.name
                ),
            );
        }
    }
}

/// What the server's own ACL says about a user of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalUser {
    /// It is `on`.
    pub(crate) is_enabled: bool,
    /// It has a password, or needs none.
    pub(crate) has_password: bool,
}

impl LocalUser {
    /// Reads the beginning of the server's description: flags, then digests of passwords, then the rights.
    fn of(description: &[u8]) -> Self {
        let mut user = Self {
            is_enabled: false,
            has_password: false,
        };
        for word in description.split(u8::is_ascii_whitespace) {
            match word {
                b"on" => user.is_enabled = true,
                b"nopass" => user.has_password = true,
                _ if word.starts_with(b"#") => user.has_password = true,
                // Of flags; rights are words of other kinds.
                _ if word.first().is_some_and(u8::is_ascii_alphabetic) => {}
                _ => break,
            }
        }
        user
    }
}

/// The user of this name in the server's own ACL; `None` when there is none. Asked anew each time: the server hands out
/// a description that it keeps.
///
/// # Errors
/// When the server cannot be asked, or does not describe a user it has.
pub(crate) fn local_user(lock: &ServerLock, name: &[u8]) -> Result<Option<LocalUser>, Error> {
    let description = local_rules(lock, name)?;
    Ok(description.map(|description| LocalUser::of(&description)))
}

/// How the server describes the user of this name in its own ACL: flags, digests of passwords, rights. `None` when there
/// is none.
///
/// # Errors
/// When the server cannot be asked, or does not describe a user it has.
pub(crate) fn local_rules(lock: &ServerLock, name: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    const CALL: &str = "ValkeyModule_GetModuleUserACLString";
    let find = api!(ValkeyModule_GetModuleUserFromUserName)?;
    let free = api!(ValkeyModule_FreeModuleUser)?;
    let ask = api!(ValkeyModule_GetModuleUserACLString)?;
    let name = ServerString::new(lock, name)?;
    // SAFETY: the string lives across the call, which only reads it.
    let found = unsafe { find(name.as_ptr()) };
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: the handle is live until it is freed below.
    let answer = unsafe { ask(found) };
    // SAFETY: the server hands over its reference to the string it made.
    let description = unsafe { ServerString::adopt(answer) };
    // SAFETY: the handle is ours; freeing one made by name leaves the ACL user itself alone.
    unsafe { free(found) };
    let description = description.ok_or(Error::Refused(CALL))?;
    Ok(Some(description.bytes().to_vec()))
}

/// True when the server's own ACL knows a user of this name, enabled or not.
///
/// # Errors
/// When the server cannot be asked; take that as a yes.
pub(crate) fn user_exists(lock: &ServerLock, name: &[u8]) -> Result<bool, Error> {
    let find = api!(ValkeyModule_GetModuleUserFromUserName)?;
    let free = api!(ValkeyModule_FreeModuleUser)?;
    let name = ServerString::new(lock, name)?;
    // SAFETY: the string lives across the call, which only reads it.
    let found = unsafe { find(name.as_ptr()) };
    if found.is_null() {
        return Ok(false);
    }
    // SAFETY: the handle is ours; freeing one made by name leaves the ACL user itself alone.
    unsafe { free(found) };
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_tells_whether_the_server_lets_somebody_in() {
        let read = |description: &str| {
            let user = LocalUser::of(description.as_bytes());
            (user.is_enabled, user.has_password)
        };
        for (description, expected) in [
            ("on nopass sanitize-payload ~* &* +@all", (true, true)),
            (
                "on sanitize-payload #5e88 #1234 ~* resetchannels -@all",
                (true, true),
            ),
            (
                "off skip-sanitize-payload #5e88 resetchannels -@all",
                (false, true),
            ),
            ("on sanitize-payload resetchannels -@all", (true, false)),
            ("on ~#a %R~#b &#c -@all +get (~nopass #5e88)", (true, false)),
            ("off ~on &nopass +@all", (false, false)),
            ("", (false, false)),
        ] {
            assert_eq!(read(description), expected, "{description}");
        }
    }
}
