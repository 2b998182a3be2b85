//! Policies come into force: for everybody at once, under the frame of that moment.
//!
//! In: a generation from the loader, or a change of what is laid over those in force. Out: the next generation, and a
//! review of every session. Never: an older one in force again; a file read.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use warden_core::ClientFacts;
use warden_policy::{Frame, Generation, SignedManifest};

use super::Shared;
use crate::loader::policies::announce;
use crate::workers::Job;

impl Shared {
    /// What is laid over the policies' verdicts.
    pub(crate) fn frame(&self) -> Frame {
        let settings = self.settings.load();
        Frame {
            base: settings.base_rules.clone(),
            ceiling: settings.ceiling.clone(),
            server: self.server.load_full(),
            required: settings.required_policies.clone(),
        }
    }

    /// The names of the policies of a generation, with commas, and the digest of all of them;
    /// nothing when another one is in force.
    pub(crate) fn policies_in_short(&self, number: u64) -> (String, String) {
        let generation = self.generation.load();
        let of_it = generation.as_ref().filter(|one| one.number() == number);
        let Some(generation) = of_it else {
            return Default::default();
        };
        let names: Vec<&str> = generation
            .bundles()
            .iter()
            .map(|bundle| bundle.name())
            .collect();
        (names.join(","), generation.digest().to_string())
    }

    /// Whether somebody signed who may sign now.
    pub(crate) fn trusts(&self, signed: &SignedManifest) -> bool {
        self.settings.load().policy_keys.contains(signed.key())
    }

    /// Puts a generation of policies in force, under the frame of this moment. With
    /// `None`, those in force are decided anew: a ceiling tightened while a bundle is
    /// broken, or while one is being compiled, must hold at once. Reads no file.
    pub(crate) fn publish(&self, next: Option<Arc<Generation>>) {
        // Held for a few moves of pointers, by the loader or the main thread.
        let _turn = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = self.generation.load_full();
        let number = current.as_ref().map_or(0, |current| current.number());
        let is_new = next.is_some();
        let Some(bundles) = next.or(current) else {
            return;
        };
        let frame = self.frame();
        // While they were compiled others may have taken their very number.
        let fits = is_new && bundles.number() > number && *bundles.frame() == frame;
        let next = if fits {
            bundles
        } else {
            let next = Arc::new(bundles.reframed(frame, number));
            drop(bundles);
            next
        };
        announce(&next);
        self.reviews.begin(next.number(), self.monotonic());
        // The decisions it remembers, one for each class, are not freed on the main thread.
        if let Some(old) = self.generation.swap(Some(next)) {
            self.hand_over(Job::Forget(Box::new(old)));
        }
        self.wake_snapshots();
        self.wake_clock();
    }

    /// This server has become a primary or a replica.
    pub(crate) fn set_replica(&self, replica: bool) {
        if self.replica.swap(replica, Ordering::AcqRel) != replica
            && self
                .generation
                .load()
                .as_ref()
                .is_some_and(|generation| generation.inputs().server_role)
        {
            self.publish(None);
        }
    }

    /// The policies in force, and the facts about a connection [as they are now](Self::facts_now). In this order: a
    /// change of the server's role brings a generation of its own, and whoever decides under that one must not do so by
    /// the role before, for nobody would review it.
    pub(crate) fn in_force(&self, facts: ClientFacts) -> (Option<Arc<Generation>>, ClientFacts) {
        let generation = self.generation.load_full();
        (generation, self.facts_now(facts))
    }

    /// Facts about a connection as they are now: its server may have changed its
    /// role since they were gathered. To be read after the generation that decides: see [`Self::in_force`].
    pub(crate) fn facts_now(&self, facts: ClientFacts) -> ClientFacts {
        ClientFacts {
            replica: self.replica.load(Ordering::Acquire),
            ..facts
        }
    }
}
