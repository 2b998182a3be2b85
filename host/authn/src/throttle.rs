//! Who has been refused so often that nobody is asked about them for a while.
//!
//! For authenticators that ask somebody about each credential. In comes what is presented;
//! out goes an [`Attempt`]: whether it may cost a call, and how that queues. What it came to
//! is told to [`Attempt::close`].
//!
//! A *pair* of address and user name that is refused `failures` times costs no more calls
//! until its bucket has filled again, at `failures` in `seconds`. Many clients of one address
//! may use a name that identifies nobody: there the pair is the address and the credential.
//! Totals, of an address or a name alone, only lower the priority of the call, that of the
//! address below that of the name. A credential that was accepted before is held back by
//! neither: so nobody locks another out.
//!
//! Never: a credential, name or address kept in clear; an answer that depends on whether a
//! name exists; more than [`CAPACITY`] of each remembered.

mod buckets;
mod settings;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use quick_cache::sync::Cache as Map;
use warden_core::{AuthenticatorId, Principal, Reason, ReasonKind, UserArgument};
use warden_settings::Section;

use crate::Error;
use crate::authenticator::{Outcome, Presented};
use crate::endpoint::{Priority, Turn};
use crate::patterns;
use crate::services::Services;
use buckets::{Buckets, Key};
use settings::Settings;

/// Most pairs, and most addresses and names, remembered. Bounds what floods of made-up ones
/// take of memory.
const CAPACITY: usize = 100_000;
/// Most accepted credentials remembered.
const ACCEPTED: usize = 10_000;
/// What stands for an address that is not known.
const NOWHERE: &str = "?";

/// The throttle of one authenticator. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Throttle(Arc<Inner>);

struct Inner {
    settings: Settings,
    digests: hmac::Key,
    pairs: Mutex<Buckets>,
    totals: Mutex<Buckets>,
    accepted: Map<Key, ()>,
    services: Services,
}

/// One credential on its way to whoever is asked. Dropped before it is closed, though it has
/// cost a call, it counts for the totals: to hang up early is no way around them.
pub(crate) struct Attempt {
    throttle: Throttle,
    /// `None` when its address is exempt.
    keys: Option<Keys>,
    /// The name given, where it identifies somebody.
    name: Option<String>,
    /// Whether it has cost a call of which nothing is noted.
    is_owing: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
struct Keys {
    pair: Key,
    address: Key,
    name: Option<Key>,
    credential: Key,
}

/// Of what a digest is: keeps them apart.
#[derive(Clone, Copy)]
enum Of {
    NamePair = 0,
    CredentialPair = 1,
    Address = 2,
    Name = 3,
    Credential = 4,
}

impl Throttle {
    /// Takes `[throttle]` out of a file; `None` when there was a fault.
    pub(crate) fn read(file: &mut Section, services: &Services) -> Option<Self> {
        let settings = Settings::read(file);
        let throttle = Self::new(settings, services);
        throttle
            .map_err(|error| file.fault("throttle", error.to_string()))
            .ok()
    }

    fn new(settings: Settings, services: &Services) -> Result<Self, Error> {
        let digests = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::Random)?;
        let buckets = || Mutex::new(Buckets::new(settings.rate, CAPACITY));
        Ok(Self(Arc::new(Inner {
            digests,
            pairs: buckets(),
            totals: buckets(),
            accepted: Map::new(ACCEPTED),
            services: services.clone(),
            settings,
        })))
    }

    /// What is presented to the authenticator of this id, about to cost a call.
    pub(crate) fn attempt(&self, id: &AuthenticatorId, presented: &Presented) -> Attempt {
        let inner = &self.0;
        let address = presented.client.address.as_deref().unwrap_or(NOWHERE);
        let name = match presented.credential.user() {
            UserArgument::Named(name) if name != "token" => Some(name.as_str()),
            UserArgument::Named(_) | UserArgument::Default => None,
        };
        let keys = (!inner.settings.exempts(address)).then(|| {
            let secret = presented.credential.secret().expose().as_slice();
            let (host, network) = whereabouts(address);
            let client = host.as_bytes();
            let given = name.unwrap_or_default().as_bytes();
            // Whoever is asked may take a name in any case for the same; it is the same with
            // and without the id.
            let folded = patterns::local(id, name.unwrap_or_default()).to_lowercase();
            let folded = folded.as_bytes();
            Keys {
                pair: match name {
                    Some(_) => inner.digest(Of::NamePair, client, folded),
                    None => inner.digest(Of::CredentialPair, client, secret),
                },
                address: inner.digest(Of::Address, network.as_bytes(), b""),
                name: name.map(|_| inner.digest(Of::Name, folded, b"")),
                credential: inner.digest(Of::Credential, given, secret),
            }
        });
        Attempt {
            throttle: self.clone(),
            keys,
            name: name.map(str::to_owned),
            is_owing: Arc::default(),
        }
    }
}

impl Attempt {
    /// Whether it may cost a call.
    ///
    /// # Errors
    /// `ReasonKind::Throttled` when its pair has been refused too often.
    pub(crate) fn check(&self) -> Result<(), Reason> {
        if self.throttle.0.may_call(self.keys.as_ref()) {
            return Ok(());
        }
        Err(held_back())
    }

    /// How its call queues. When its turn comes, others of its pair may have been refused.
    pub(crate) fn turn(&self) -> Turn {
        let (throttle, keys) = (self.throttle.clone(), self.keys);
        let is_owing = Arc::clone(&self.is_owing);
        Turn {
            priority: self.priority(),
            is_wanted: Box::new(move || {
                let may_call = throttle.0.may_call(keys.as_ref());
                is_owing.store(may_call, Ordering::Relaxed);
                may_call
            }),
        }
    }

    /// Notes what it came to, and says it. Undecided does not count; nor does a token for
    /// another audience, which may be the next authenticator's.
    pub(crate) fn close(
        self,
        id: &AuthenticatorId,
        result: Result<Principal, Reason>,
    ) -> Outcome<Box<Principal>> {
        self.is_owing.store(false, Ordering::Relaxed);
        match &result {
            // Whoever proves to be somebody else has not guessed this name's credential.
            Ok(principal) => match self.name.as_deref() {
                Some(given) if !patterns::is_name_of(given, id, &principal.name) => self.fail(),
                _ => self.succeed(),
            },
            Err(reason) if reason.kind() == ReasonKind::WrongAudience => {}
            Err(reason) if reason.reply().is_about_the_credential() => self.fail(),
            Err(_) => {}
        }
        match result {
            Ok(principal) => Outcome::Verified(Box::new(principal)),
            Err(reason) => Outcome::against(reason),
        }
    }

    fn priority(&self) -> Priority {
        let Some(keys) = &self.keys else {
            return Priority::Normal;
        };
        let inner = &self.throttle.0;
        let now = inner.now();
        let totals = lock(&inner.totals);
        let from_address = totals.is_spent(&keys.address, now);
        let against_name = keys.name.is_some_and(|name| totals.is_spent(&name, now));
        drop(totals);
        match (from_address, against_name) {
            (false, false) => Priority::Normal,
            _ if inner.has_accepted(keys) => Priority::Normal,
            // Whoever has the name waits for no flood that comes from one address, were it
            // the one that was against the name.
            (false, true) => Priority::Low,
            (true, _) => Priority::Lowest,
        }
    }

    fn fail(&self) {
        let Some(keys) = &self.keys else { return };
        let inner = &self.throttle.0;
        let now = inner.now();
        inner.accepted.remove(&keys.credential);
        lock(&inner.pairs).fail(keys.pair, now);
        inner.fail_totals(keys, now);
    }

    fn succeed(&self) {
        let Some(keys) = &self.keys else { return };
        let inner = &self.throttle.0;
        inner.accepted.insert(keys.credential, ());
        lock(&inner.pairs).remove(&keys.pair);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let inner = &self.throttle.0;
        if let Some(keys) = &self.keys
            && self.is_owing.load(Ordering::Relaxed)
            && !inner.has_accepted(keys)
        {
            inner.fail_totals(keys, inner.now());
        }
    }
}

impl Inner {
    fn now(&self) -> Duration {
        self.services.now().monotonic
    }

    fn may_call(&self, keys: Option<&Keys>) -> bool {
        keys.is_none_or(|keys| {
            let is_spent = lock(&self.pairs).is_spent(&keys.pair, self.now());
            !is_spent || self.has_accepted(keys)
        })
    }

    fn fail_totals(&self, keys: &Keys, now: Duration) {
        let mut totals = lock(&self.totals);
        for key in [Some(keys.address), keys.name].into_iter().flatten() {
            totals.fail(key, now);
        }
    }

    fn has_accepted(&self, keys: &Keys) -> bool {
        self.accepted.get(&keys.credential).is_some()
    }

    fn digest(&self, of: Of, first: &[u8], second: &[u8]) -> Key {
        let length = u64::try_from(first.len()).unwrap_or(u64::MAX).to_be_bytes();
        let mut context = hmac::Context::with_key(&self.digests);
        context.update(&[of as u8]);
        context.update(&length);
        context.update(first);
        context.update(second);
        let mut key = Key::default();
        for (to, from) in key.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        key
    }
}

/// Why nobody is asked: the same, whether the name exists or not.
pub(crate) fn held_back() -> Reason {
    Reason::new(
        ReasonKind::Throttled,
        "refused too often from this address: nobody is asked for a while",
    )
}

/// An address in one spelling, and whose it is: who has one of IPv6 has its /64.
fn whereabouts(address: &str) -> (String, String) {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(ip)) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64));
            (ip.to_string(), network.to_string())
        }
        Ok(IpAddr::V4(ip)) => (ip.to_string(), ip.to_string()),
        Err(_) => (address.to_owned(), address.to_owned()),
    }
}

fn lock(buckets: &Mutex<Buckets>) -> MutexGuard<'_, Buckets> {
    buckets.lock().unwrap_or_else(PoisonError::into_inner)
}
