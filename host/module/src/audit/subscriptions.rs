//! What the server is asked to tell: no more than some sink wants.
//!
//! In: the sinks in force. Out: subscriptions begun and ended. Where a command filter, a
//! listener or an event is wanted by nobody the server does not even call us.

use warden_audit::Roster;

use super::observer;
use super::refusing;
use crate::ffi::events::set_topic as set_event;
use crate::ffi::filter::set_filter;
use crate::ffi::results::{set_topic, tells_results};
use crate::ffi::{
    CommandFilter, Context, Error, Event, EventHandler, Finished, Level, LoggedIn, MainThread,
    Passage, ResultHandler, ResultTopic, ServerLock, Topic, Words, as_module, log,
};
use warden_core::ClientId;

/// What is wanted of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// Clients that come and go.
    pub(super) clients: bool,
    /// Commands as they arrive.
    filter: bool,
    /// Commands that end well.
    pub(super) successes: bool,
    /// Commands that do not.
    failures: bool,
    /// Log-ins that others decide.
    logins: bool,
    /// Changes of settings.
    pub(super) settings: bool,
    /// Changes of the ACL's users.
    pub(super) acl: bool,
    /// Commands of administrators that end well.
    pub(super) administration: bool,
}

/// What these sinks want.
pub(super) fn wants(roster: &Roster) -> Wants {
    let heard = roster.interest.subscriptions();
    let commands = heard.failures || heard.successes || heard.administration;
    let tells = tells_results();
    Wants {
        // Also to forget those that are gone, and to refuse log-ins by certificate.
        clients: heard.connections
            || commands
            || heard.auth
            || heard.session
            || roster.may_refuse(),
        filter: commands || heard.auth || roster.may_refuse(),
        successes: heard.successes && tells,
        failures: heard.failures && tells,
        // Also to know who runs the next command.
        logins: (heard.auth || commands) && tells,
        settings: heard.settings,
        acl: heard.acl,
        administration: heard.administration && tells,
    }
}

/// What the server was last asked to tell.
static ASKED: MainThread<Wants> = MainThread::new(Wants {
    clients: false,
    filter: false,
    successes: false,
    failures: false,
    logins: false,
    settings: false,
    acl: false,
    administration: false,
});

/// Hears of commands that end well until [`end_successes`], for the one that arrives now. To
/// hear of every command costs each of them; of those of administrators there are few.
pub(super) fn begin_successes(lock: &ServerLock) {
    hear_successes(lock, true);
}

/// No longer.
pub(super) fn end_successes(lock: &ServerLock) {
    hear_successes(lock, false);
}

fn hear_successes(lock: &ServerLock, wanted: bool) {
    let done = as_module(lock, |ctx| {
        set_topic::<Hooks>(ctx, ResultTopic::Success, wanted)
    });
    if let Some(Err(error)) = done {
        log(
            Level::Warning,
            &format!("audit: the server does not tell how commands end: {error}"),
        );
    }
}

/// Asks the server for exactly this from now on.
///
/// # Errors
/// When the server refuses a part of it; the rest is asked for.
pub(super) fn set(ctx: &Context<'_>, wants: Wants) -> Result<(), Error> {
    let asked = ASKED.with(ctx.lock(), |asked| std::mem::replace(asked, wants));
    let asked = asked.unwrap_or_default();
    let mut first = Ok(());
    let mut note = |done: Result<(), Error>| {
        if first.is_ok() {
            first = done;
        }
    };
    if asked.filter != wants.filter {
        note(set_filter::<Hooks>(ctx, wants.filter));
    }
    for (topic, before, now) in [
        (Topic::Clients, asked.clients, wants.clients),
        (Topic::Settings, asked.settings, wants.settings),
    ] {
        if before != now {
            note(set_event::<Hooks>(ctx, topic, now));
        }
    }
    for (topic, before, now) in [
        (ResultTopic::Success, asked.successes, wants.successes),
        (ResultTopic::Failure, asked.failures, wants.failures),
        (ResultTopic::Rejected, asked.failures, wants.failures),
        (ResultTopic::Denied, asked.failures, wants.failures),
        (ResultTopic::Authentication, asked.logins, wants.logins),
    ] {
        if before != now {
            note(set_topic::<Hooks>(ctx, topic, now));
        }
    }
    first
}

/// The server has forgotten everything with the module.
pub(super) fn forget(lock: &ServerLock) {
    ASKED.with(lock, |asked| *asked = Wants::default());
}

/// What the server calls.
struct Hooks;

impl CommandFilter for Hooks {
    fn arrived(lock: &ServerLock, client: ClientId, words: Words<'_>) -> Passage {
        let passage = observer::with(lock, |observer| {
            let passage = refusing::passage(observer, lock, client, &words);
            match passage {
                Passage::Unchanged => observer.arrived(lock, client, &words),
                Passage::Replaced(_) => observer.refused(lock, client, &words),
                Passage::Spoiled => observer.spoiled(lock, client, &words),
            }
            passage
        });
        passage.unwrap_or(Passage::Unchanged)
    }
}

impl ResultHandler for Hooks {
    fn finished(ctx: &Context<'_>, finished: &Finished<'_>) {
        observer::with(ctx.lock(), |observer| observer.finished(ctx, finished));
    }

    fn logged_in(ctx: &Context<'_>, attempt: &LoggedIn<'_>) {
        super::authentication::decided_by_others(ctx, attempt);
    }
}

impl EventHandler for Hooks {
    fn event(ctx: &Context<'_>, event: Event) {
        observer::with(ctx.lock(), |observer| match event {
            Event::Connected(client, info) => {
                observer.connection(ctx, client, &info, warden_audit::Event::Opened);
            }
            Event::Disconnected(client, info) => {
                observer.connection(ctx, client, &info, warden_audit::Event::Closed);
            }
            Event::SettingsChanged(names) => observer.settings_changed(ctx, &names),
            _ => {}
        });
    }
}
