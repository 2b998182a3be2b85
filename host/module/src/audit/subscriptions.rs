//! What the server is asked to tell: no more than some sink wants.
//!
//! In: the sinks in force. Out: subscriptions begun and ended. Where a command filter, a
//! listener or an event is wanted by nobody the server does not even call us.

use warden_audit::{Category, Roster};

use super::observer;
use super::refusing;
use crate::ffi::events::set_topic as set_event;
use crate::ffi::filter::set_filter;
use crate::ffi::results::{set_topic, tells_results};
use crate::ffi::{
    CommandFilter, Context, Error, Event, EventHandler, Finished, LoggedIn, MainThread, Passage,
    ResultHandler, ResultTopic, ServerLock, Topic, Words,
};
use warden_core::ClientId;

/// What is wanted of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// Clients that come and go.
    clients: bool,
    /// Commands as they arrive.
    filter: bool,
    /// Commands that end well.
    successes: bool,
    /// Commands that do not.
    failures: bool,
    /// Log-ins that others decide.
    logins: bool,
    /// Changes of settings.
    pub(super) settings: bool,
    /// Changes of the ACL's users.
    pub(super) acl: bool,
}

/// What these sinks want.
pub(super) fn wants(roster: &Roster) -> Wants {
    let is_wanted = |category| !roster.interest.of_category(category).is_empty();
    let always_config = !roster.interest.always_config().is_empty();
    let commands = [
        Category::Config,
        Category::Acl,
        Category::Admin,
        Category::Keys,
        Category::Other,
    ];
    let commands = commands.into_iter().any(is_wanted) || always_config;
    // Those of CONFIG, ACL and WARDEN are recorded when they succeed, too.
    let changes = [Category::Config, Category::Acl, Category::Admin];
    let successes = !roster.interest.successes().is_empty()
        && [Category::Keys, Category::Other].into_iter().any(is_wanted)
        || changes.into_iter().any(is_wanted)
        || always_config;
    Wants {
        // Also to forget those that are gone.
        clients: is_wanted(Category::Connections) || commands || is_wanted(Category::Auth),
        filter: commands || is_wanted(Category::Auth) || roster.may_refuse(),
        successes: successes && tells_results(),
        failures: commands && tells_results(),
        logins: is_wanted(Category::Auth) && tells_results(),
        settings: is_wanted(Category::Config) || always_config,
        acl: is_wanted(Category::Acl),
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
});

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
        if refusing::refuses(lock, &words) {
            return Passage::Replaced(refusing::COMMAND);
        }
        observer::with(lock, |observer| observer.arrived(lock, client, &words));
        Passage::Unchanged
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
