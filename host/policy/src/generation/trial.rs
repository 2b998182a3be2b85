//! What a generation is asked that serves nobody: tests, previews, and questions of tools.
//!
//! In: somebody made up, or a request that is weighed before the policies are in force.
//! Out: what a log-in would come to. Nothing is counted or remembered, and where the ear is
//! shut nothing that policies write is heard.

use std::collections::BTreeSet;
use std::sync::Arc;

use warden_core::permissions::{Permissions, Restriction};
use warden_core::{ClientFacts, Decision, Now, Principal, Reason};

use super::{Explanation, Frame, Generation, Occasion};
use crate::bundle::Bundle;
use crate::compose::compose;
use crate::error::Failure;
use crate::gate::{self, TestReport};
use crate::log::Ear;
use crate::request::Request;
use crate::verdict::{self, Opinion};

impl Generation {
    /// Runs the tests of its test files: every policy is asked as for a log-in, under
    /// the base rules and for this server, but not under the ceiling. The ceiling is
    /// the operator's: it changes at once and without a reload, and no test may stand
    /// in its way. Nothing is remembered or counted, and nobody is logged in.
    ///
    /// Needs 1 MiB of stack. Takes up to ten times the CPU limit per bundle and test,
    /// a minute at most before the last test. With an ear that is shut, what the policies
    /// say is dropped.
    pub fn run_tests(&self, now: Now, ear: Ear) -> TestReport {
        self.run_tests_watched(now, ear, &mut |_, _| ())
    }

    /// The same, telling the opinion of each bundle, by its name, in each test that could be
    /// decided: for tools that show what the tests brought about.
    pub fn run_tests_watched(
        &self,
        now: Now,
        ear: Ear,
        watch: &mut dyn FnMut(&str, &Opinion),
    ) -> TestReport {
        gate::run(self, now, ear, watch)
    }

    /// What somebody whom a test made up would be granted.
    pub(crate) fn rehearse(
        &self,
        principal: &Principal,
        client: &ClientFacts,
        (now, ear): (Now, Ear),
        watch: &mut dyn FnMut(&str, &Opinion),
    ) -> Result<Permissions, Reason> {
        let request = self.made_up(principal, client, now);
        let frame = Frame {
            ceiling: Restriction::default(),
            ..self.frame.clone()
        };
        let opinions = self.opinions(&request, now, Occasion::Trial(ear))?;
        for (bundle, opinion) in &opinions {
            watch(bundle, opinion);
        }
        let on = (&frame, &self.renderings);
        let composed = compose(opinions, on, request.key(), self.number, now);
        composed.answer.map(|decision| decision.permissions)
    }

    pub(crate) fn made_up(&self, principal: &Principal, client: &ClientFacts, now: Now) -> Request {
        let version = &self.frame.server.version;
        Request::made_up(self.number, &self.inputs, principal, client, version, now)
    }

    /// Every label that verdicts of one of its bundles can carry, in order: for tools
    /// that show which of them no test brings about. Needs 1 MiB of stack.
    ///
    /// # Errors
    /// When the guest fails, or names a label that no verdict could carry.
    pub fn labels_of(&self, bundle: &Bundle) -> Result<BTreeSet<(String, String)>, Failure> {
        let labels = bundle.configured(&self.machine, Ear::Open)?.labels()?;
        labels.into_iter().map(verdict::label).collect()
    }

    /// What [`decide`](Self::decide) would answer, for whoever weighs policies before they
    /// are in force: nothing is remembered or counted, and what the policies write is
    /// dropped. Needs as much stack and time.
    ///
    /// # Errors
    /// As those of [`decide`](Self::decide).
    pub fn preview(&self, request: &Request, now: Now) -> Result<Arc<Decision>, Reason> {
        let opinions = self.opinions(request, now, Occasion::Trial(Ear::Shut))?;
        let composed = compose(opinions, self.on(), request.key(), self.number, now);
        composed.answer.map(Arc::new)
    }

    /// The same about somebody whom nobody verified, as for
    /// [`explain_made_up`](Self::explain_made_up).
    ///
    /// # Errors
    /// As those of [`decide`](Self::decide).
    pub fn preview_made_up(
        &self,
        principal: &Principal,
        client: &ClientFacts,
        now: Now,
    ) -> Result<Arc<Decision>, Reason> {
        self.preview(&self.made_up(principal, client, now), now)
    }

    /// What [`explain`](Self::explain) would show of somebody whom nobody verified, for
    /// tools of policy authors. It is not
    /// counted, and no session can come of it: a session is made of a [`Verified`].
    pub fn explain_made_up(
        &self,
        principal: &Principal,
        client: &ClientFacts,
        now: Now,
    ) -> Explanation {
        let request = self.made_up(principal, client, now);
        self.explained(&request, now, Occasion::Trial(Ear::Open))
    }
}
