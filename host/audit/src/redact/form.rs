//! How the arguments of a command are laid out, as far as secrets go.
//!
//! In: a command's arguments as they were sent, its name among them. Out: which of them may be
//! seen. It reads them as the server does; where they are not as the server wants them, what
//! follows is hidden. Never an allocation.

use super::hidden::Hidden;
use super::names::{is_digest, is_name, is_number, is_sensitive, is_word_of, mentions_sensitive};
use super::rules;

/// How arguments are laid out. Places count from 0, which is the command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing in them is a secret.
    Plain,
    /// Everything from a place on.
    From(usize),
    /// Names of users from a place on.
    UserNames(usize),
    /// ACL SETUSER name rule …
    UserRules,
    /// Name and value, in turn, from a place on.
    Settings(usize),
    /// Whatever follows a word that names a secret, from a place on.
    Words(usize),
    /// HELLO version AUTH user password SETNAME name.
    Hello,
    /// MIGRATE host port key db timeout … AUTH password, AUTH2 user password, KEYS key …
    Migrate,
    /// MODULE LOADEX path CONFIG name value … ARGS argument …
    ModuleLoadEx,
    /// SENTINEL CONFIG SET name value …, SENTINEL CONFIG GET name …
    SentinelConfig,
    /// EVAL script numkeys key … argument …
    Script,
    /// EVALSHA digest numkeys key … argument …
    ScriptDigest,
    /// FCALL function numkeys key … argument …
    Function,
    /// FUNCTION LOAD REPLACE code.
    FunctionLoad,
    /// FUNCTION RESTORE code policy.
    FunctionRestore,
    /// Digests of scripts from a place on.
    Digests(usize),
    /// DEBUG subcommand …
    Debug,
    /// Another command from a place on.
    Inner(usize),
    /// WARDEN.DRYRUN user credential DB n command …
    DryRun,
}

impl Form {
    /// Hides what must not be seen. Of [`Form::Inner`] and [`Form::DryRun`] that outside
    /// the other command.
    pub(super) fn hide(self, argv: &[&[u8]], hidden: &mut Hidden) {
        match self {
            Self::Plain | Self::Inner(_) => {}
            Self::From(first) => hidden.hide_from(first),
            Self::UserNames(first) => rules::names(argv, first, hidden),
            Self::UserRules => rules::rules(argv, hidden),
            Self::Settings(first) => settings(argv, first, hidden),
            Self::Words(first) => words(argv, first, hidden),
            Self::Hello => hello(argv, hidden),
            Self::Migrate => migrate(argv, hidden),
            Self::ModuleLoadEx => module_load_ex(argv, hidden),
            Self::SentinelConfig => sentinel_config(argv, hidden),
            Self::Script => script(argv, |_| false, hidden),
            Self::ScriptDigest => script(argv, is_digest, hidden),
            Self::Function => script(argv, is_name, hidden),
            Self::FunctionLoad => {
                let replaces = argv.len() > 3 && is_at(argv, 2, "REPLACE");
                hidden.hide_from(if replaces { 3 } else { 2 });
            }
            Self::FunctionRestore => {
                hidden.hide(2);
                let policies = ["FLUSH", "APPEND", "REPLACE"];
                let is_policy = policies.iter().any(|policy| is_at(argv, 3, policy));
                hidden.hide_from(if is_policy { 4 } else { 3 });
            }
            Self::Digests(first) => {
                let arguments = argv.iter().enumerate().skip(first);
                for (place, _) in arguments.filter(|(_, argument)| !is_digest(argument)) {
                    hidden.hide(place);
                }
            }
            Self::Debug => {
                let subcommand = argv.get(1).copied().unwrap_or_default();
                hidden.hide_from(if is_word_of(DEBUG, subcommand) { 2 } else { 1 });
            }
            Self::DryRun => {
                hidden.hide(1);
                hidden.hide(2);
            }
        }
    }

    /// Where the other command begins that the arguments hold.
    pub(super) fn inner(self, argv: &[&[u8]]) -> Option<usize> {
        match self {
            Self::Inner(first) => Some(first),
            Self::DryRun => {
                let has_database =
                    is_at(argv, 3, "DB") && argv.get(4).copied().is_some_and(is_number);
                Some(if has_database { 5 } else { 3 })
            }
            _ => None,
        }
    }
}

/// Subcommands of DEBUG.
const DEBUG: &str = "help segfault panic restart crash-and-recover oom assert log leak reload \
    loadaof drop-cluster-packet-filter close-cluster-link-on-packet-drop \
    disable-cluster-random-ping disable-cluster-reconnection slotmigration object sdslen \
    listpack quicklist populate digest digest-value protocol sleep set-active-expire \
    quicklist-packed-threshold set-skip-checksum-validation aof-flush-sleep replicate error \
    structsize htstats htstats-key change-repl-id stringmatch-test set-disable-deny-scripts \
    config-rewrite-force-all client-eviction mallctl mallctl-str pause-cron replybuffer \
    pause-after-fork delay-rdb-client-free-seconds dict-resizing hashtable-can-abort-shrink \
    client-enforce-reply-list force-free-primary-async protect-client force-tls-write-error";

fn is_at(argv: &[&[u8]], place: usize, word: &str) -> bool {
    argv.get(place)
        .is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
}

/// Name and value, in turn. A name where a value belongs may be somebody's mistake, with the
/// secret where the next name would be: what follows is hidden.
fn settings(argv: &[&[u8]], first: usize, hidden: &mut Hidden) {
    let count = argv.len().saturating_sub(first);
    let mut is_for_name = false;
    for (place, argument) in argv.iter().enumerate().skip(first) {
        is_for_name = !is_for_name;
        let names_secret = is_name(argument) && is_sensitive(argument);
        if is_for_name && !is_name(argument) {
            hidden.hide(place);
            hidden.hide(place + 1);
        } else if is_for_name && argument.eq_ignore_ascii_case(b"rename-command") {
            // Two values, and the second is a secret.
            return hidden.hide_from(place + 1);
        } else if names_secret && is_for_name && count.is_multiple_of(2) {
            hidden.hide(place + 1);
        } else if names_secret {
            return hidden.hide_from(place + 1);
        } else if !is_for_name && mentions_sensitive(argument) {
            hidden.hide(place);
        }
    }
    if !count.is_multiple_of(2) {
        hidden.hide(argv.len() - 1);
    }
}

/// Names and values of settings, where `CONFIG SET` is what was sent or what is inside it, and of
/// `MODULE LOADEX`: one that there is not may be a secret one mistyped, or its value written onto
/// it.
pub(super) fn unknown_settings(
    name: &[u8],
    argv: &[&[u8]],
    is_known: impl Fn(&[u8]) -> bool,
    hidden: &mut Hidden,
) {
    let mut judge = |place: usize| {
        if argv.get(place).is_some_and(|name| !is_known(name)) {
            hidden.hide(place);
            hidden.hide(place + 1);
        }
    };
    if name == b"config|set" {
        return (2..argv.len()).step_by(2).for_each(judge);
    }
    for config in (0..argv.len()).filter(|place| is_at(argv, *place, "CONFIG")) {
        if is_at(argv, config + 1, "SET") {
            return (config + 2..argv.len()).step_by(2).for_each(judge);
        }
        if name == b"module|loadex" {
            judge(config + 1);
        }
    }
}

/// What follows a word that names a secret; a word that holds such a name and a value.
fn words(argv: &[&[u8]], first: usize, hidden: &mut Hidden) {
    for (place, argument) in argv.iter().enumerate().skip(first) {
        if is_name(argument) && is_sensitive(argument) {
            return hidden.hide_from(place + 1);
        }
        if mentions_sensitive(argument) {
            return hidden.hide_from(place);
        }
    }
}

/// The user is hidden with the password: who mixes them up shows neither. A record of the
/// authentication tells the user.
fn hello(argv: &[&[u8]], hidden: &mut Hidden) {
    if argv.get(1).is_some_and(|version| !is_number(version)) {
        return hidden.hide_from(1);
    }
    let mut place = 2;
    while place < argv.len() {
        let behind = argv.len() - 1 - place;
        if is_at(argv, place, "AUTH") && behind >= 2 {
            hidden.hide(place + 1);
            hidden.hide(place + 2);
            place += 3;
        } else if is_at(argv, place, "SETNAME") && behind >= 1 {
            place += 2;
        } else {
            let is_option = is_at(argv, place, "AUTH") || is_at(argv, place, "SETNAME");
            return hidden.hide_from(if is_option { place + 1 } else { place });
        }
    }
}

fn migrate(argv: &[&[u8]], hidden: &mut Hidden) {
    let numbers = [2, 4, 5];
    for place in 1..argv.len().min(6) {
        let is_auth = is_at(argv, place, "AUTH") || is_at(argv, place, "AUTH2");
        if is_auth && place != 3 {
            return hidden.hide_from(place + 1);
        }
        let is_wrong = argv.get(place).is_some_and(|argument| !is_number(argument));
        if numbers.contains(&place) && is_wrong {
            return hidden.hide_from(place);
        }
    }
    let mut place = 6;
    while place < argv.len() {
        if is_at(argv, place, "COPY") || is_at(argv, place, "REPLACE") {
            place += 1;
        } else if is_at(argv, place, "AUTH") {
            hidden.hide(place + 1);
            place += 2;
        } else if is_at(argv, place, "AUTH2") {
            hidden.hide(place + 1);
            hidden.hide(place + 2);
            place += 3;
        } else if is_at(argv, place, "KEYS") && argv.get(3).is_some_and(|key| key.is_empty()) {
            return;
        } else {
            return hidden.hide_from(place);
        }
    }
}

fn module_load_ex(argv: &[&[u8]], hidden: &mut Hidden) {
    let mut place = 3;
    while place < argv.len() {
        if !is_at(argv, place, "CONFIG") {
            let is_args = is_at(argv, place, "ARGS");
            return hidden.hide_from(if is_args { place + 1 } else { place });
        }
        let name = argv.get(place + 1).copied().unwrap_or_default();
        if !is_name(name) || argv.len() < place + 3 {
            return hidden.hide_from(place + 1);
        }
        let value = argv.get(place + 2).copied().unwrap_or_default();
        if is_sensitive(value) {
            return hidden.hide_from(place + 2);
        }
        if is_sensitive(name) || mentions_sensitive(value) {
            hidden.hide(place + 2);
        }
        place += 3;
    }
}

fn sentinel_config(argv: &[&[u8]], hidden: &mut Hidden) {
    if is_at(argv, 2, "SET") {
        settings(argv, 3, hidden);
    } else if is_at(argv, 2, "GET") {
        words(argv, 3, hidden);
    } else {
        hidden.hide_from(2);
    }
}

/// Keys are shown; what a script is given besides, and the script itself, may be anything.
fn script(argv: &[&[u8]], is_shown: fn(&[u8]) -> bool, hidden: &mut Hidden) {
    if !argv.get(1).is_some_and(|script| is_shown(script)) {
        hidden.hide(1);
    }
    let count = argv.get(2).copied().filter(|count| is_number(count));
    let count = count.and_then(|count| std::str::from_utf8(count).ok()?.parse::<usize>().ok());
    match count {
        Some(keys) if keys <= argv.len().saturating_sub(3) => hidden.hide_from(3 + keys),
        Some(_) => hidden.hide_from(3),
        None => hidden.hide_from(2),
    }
}
