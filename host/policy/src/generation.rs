//! A generation: all policies of one moment, complete, unchanging.
//!
//! In comes a projected request, out goes the composed decision. A decision
//! belongs to the generation that made it, which remembers it as long as its
//! policies stand by it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use warden_core::permissions::{BaseRules, Permissions, Restriction};
use warden_core::server::Server;
use warden_core::{ClientFacts, Decision, Now, Principal, Reason, ReasonKind, Verified};

use crate::answers::Answers;
use crate::budget;
use crate::bundle::Bundle;
use crate::compose::{Composed, compose};
use crate::engine::Machine;
use crate::error::Failure;
use crate::gate::{self, Rehearsal, TestFile, TestReport};
use crate::instance::Instance;
use crate::log::Ear;
use crate::manifest::SignedManifest;
use crate::renderings::Renderings;
use crate::request::{Inputs, Request};
use crate::verdict::{self, Opinion};

/// What is laid over the policies' verdicts, from the server and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Keyless rights of every session.
    pub base: BaseRules,
    /// The restriction above all.
    pub ceiling: Restriction,
    /// What the server understands.
    pub server: Arc<Server>,
    /// Bundles without which no generation is valid: a restriction whose bundle is
    /// missing or renamed must not widen rights.
    pub required: BTreeSet<String>,
}

/// All policies of one moment.
pub struct Generation {
    pub(crate) number: u64,
    pub(crate) frame: Frame,
    pub(crate) bundles: Vec<Arc<Bundle>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) tests: Vec<Arc<TestFile>>,
    pub(crate) signed: Option<Arc<SignedManifest>>,
    inputs: Inputs,
    pub(crate) machine: Arc<Machine>,
    answers: Answers,
    renderings: Renderings,
}

/// What every policy answered to one request, and the decision made of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Each bundle with its checked verdict, or how it failed.
    pub opinions: Vec<(Arc<Bundle>, Result<Opinion, Failure>)>,
    /// What [`Generation::decide`] would answer.
    pub answer: Result<Arc<Decision>, Reason>,
}

/// Why the policies are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// For a session: it is counted.
    LogIn,
    /// About somebody made up, or to see what they would answer if they were in force.
    Trial(Ear),
}

impl Generation {
    pub(crate) fn new(
        number: u64,
        machine: Arc<Machine>,
        frame: Frame,
        bundles: Vec<Arc<Bundle>>,
        warnings: Vec<String>,
        tests: Vec<Arc<TestFile>>,
        signed: Option<Arc<SignedManifest>>,
    ) -> Self {
        Self {
            number,
            inputs: bundles
                .iter()
                .fold(Inputs::default(), |all, bundle| all.or(bundle.inputs())),
            answers: Answers::new(machine.remembered_decisions),
            renderings: Renderings::default(),
            machine,
            frame,
            bundles,
            warnings,
            tests,
            signed,
        }
    }

    /// The same bundles under another frame, or decided anew under the same: the
    /// generation after `number`. Reads nothing and compiles nothing.
    #[must_use]
    pub fn reframed(&self, frame: Frame, number: u64) -> Self {
        Self::new(
            number.saturating_add(1),
            Arc::clone(&self.machine),
            frame,
            self.bundles.clone(),
            self.warnings.clone(),
            self.tests.clone(),
            self.signed.clone(),
        )
    }

    /// What is laid over its verdicts.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Its number: one more than that of the generation before.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The signed list of its files; `None` where nothing needed to be signed.
    pub fn signed(&self) -> Option<&Arc<SignedManifest>> {
        self.signed.as_ref()
    }

    /// Its bundles, by name.
    pub fn bundles(&self) -> &[Arc<Bundle>] {
        &self.bundles
    }

    /// What loaded but should be looked at: data without a bundle, an artefact in doubt,
    /// a ceiling that names what the server does not have.
    pub fn warnings(&self) -> Vec<String> {
        let unknown = self.frame.ceiling.unknown_to(&self.frame.server);
        let unknown = unknown.map(|denial| {
            format!(
                "the ceiling's {denial} denies nothing: the server has no such command or category"
            )
        });
        self.warnings.iter().cloned().chain(unknown).collect()
    }

    /// How many tests the test file of a bundle holds; 0 without one.
    pub fn tests_of(&self, bundle: &str) -> usize {
        let files = self.tests.iter().filter(|file| *file.bundle == *bundle);
        files.map(|file| file.tests.len()).sum()
    }

    /// Whom its tests are about, in the order in which they are run.
    pub fn rehearsals(&self) -> impl Iterator<Item = Rehearsal<'_>> {
        self.tests.iter().flat_map(|file| file.rehearsals())
    }

    pub(crate) fn test_files(&self) -> &[Arc<TestFile>] {
        &self.tests
    }

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

    /// Takes the next snapshot that its decisions are to start from, and says of which
    /// bundle; `None` when all were taken or tried. Needs 1 MiB of stack, and two
    /// compilations unless this node has done them before.
    pub fn take_snapshot(&self) -> Option<&Bundle> {
        let mut bundles = self.bundles.iter();
        let taken = bundles.find(|bundle| bundle.snapshot.take(&self.machine, bundle));
        taken.map(|bundle| &**bundle)
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

    /// What any of its bundles reads.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Projects a log-in to what these policies read. For the main thread: no
    /// I/O and no guest code.
    pub fn project(
        &self,
        principal: &Arc<Verified<Principal>>,
        client: &ClientFacts,
        now: Now,
    ) -> Request {
        Request::project(
            self.number,
            &self.inputs,
            principal,
            client,
            &self.frame.server.version,
            now,
        )
    }

    /// The answer this generation gave to an equal request, while it holds. For the main
    /// thread: where a worker is putting something in, nothing is remembered.
    pub fn remembered(&self, request: &Request) -> Option<Result<Arc<Decision>, Reason>> {
        (request.generation() == self.number)
            .then(|| self.answers.glance(&request.key(), request.now()))?
    }

    /// Asks every policy and composes their verdicts. For a worker with at least
    /// 1 MiB of stack; takes up to ten times the CPU limit and a minute per bundle.
    ///
    /// # Errors
    /// A refusal: a policy denies, none grants, one failed, or the request was
    /// projected for another generation.
    pub fn decide(&self, request: &Request, now: Now) -> Result<Arc<Decision>, Reason> {
        if request.generation() != self.number {
            return Err(Reason::new(
                ReasonKind::Internal,
                format!(
                    "a request of generation {} came to generation {}",
                    request.generation(),
                    self.number
                ),
            ));
        }
        if let Some(answer) = self.answers.get(&request.key(), now) {
            return answer;
        }
        let (answer, valid_for) = match self.opinions(request, now, Occasion::LogIn) {
            Ok(opinions) => {
                let Composed { answer, valid_for } =
                    compose(opinions, self.on(), request.key(), self.number, now);
                (answer.map(Arc::new), valid_for)
            }
            Err(reason) => (Err(reason), Some(Duration::ZERO)),
        };
        self.answers
            .put(request.key(), answer.clone(), valid_for, now);
        answer
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

    /// Asks every policy and shows what each answers and what that comes to. For a
    /// worker, as [`decide`](Self::decide); the answer is not remembered.
    pub fn explain(&self, request: &Request, now: Now) -> Explanation {
        self.explained(request, now, Occasion::LogIn)
    }

    /// The same for somebody whom nobody verified, for tools of policy authors. It is not
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

    fn explained(&self, request: &Request, now: Now, occasion: Occasion) -> Explanation {
        let opinions: Vec<_> = self
            .bundles
            .iter()
            .map(|bundle| (Arc::clone(bundle), self.ask(bundle, request, now, occasion)))
            .collect();
        let composed = opinions
            .iter()
            .map(|(bundle, opinion)| usable(bundle, opinion.clone()))
            .collect::<Result<Vec<_>, _>>();
        let answer = composed.and_then(|opinions| {
            compose(opinions, self.on(), request.key(), self.number, now)
                .answer
                .map(Arc::new)
        });
        Explanation { opinions, answer }
    }

    /// Where decisions are to hold.
    pub(crate) fn on(&self) -> (&Frame, &Renderings) {
        (&self.frame, &self.renderings)
    }

    fn opinions(
        &self,
        request: &Request,
        now: Now,
        occasion: Occasion,
    ) -> Result<Vec<(&str, Opinion)>, Reason> {
        self.bundles
            .iter()
            .map(|bundle| usable(bundle, self.ask(bundle, request, now, occasion)))
            .collect()
    }

    /// Asks one policy, and counts it where that is for a session.
    fn ask(
        &self,
        bundle: &Bundle,
        request: &Request,
        now: Now,
        occasion: Occasion,
    ) -> Result<Opinion, Failure> {
        let ear = match occasion {
            Occasion::LogIn => Ear::Open,
            Occasion::Trial(ear) => ear,
        };
        let (took, opinion) = self.evaluate(bundle, request, now, ear, |_| {});
        if occasion == Occasion::LogIn {
            bundle.statistics.record(took, opinion.is_err());
        }
        opinion
    }

    /// One evaluation: a fresh instance, configured, asked, looked at, dropped; and what
    /// it took on the wall clock.
    pub(crate) fn evaluate(
        &self,
        bundle: &Bundle,
        request: &Request,
        now: Now,
        ear: Ear,
        look: impl FnOnce(&Instance),
    ) -> (Duration, Result<Opinion, Failure>) {
        let told = request.for_policy(bundle.inputs(), now);
        let started = budget::now();
        let instance = bundle.configured(&self.machine, ear);
        let opinion = instance.and_then(|mut instance| {
            let verdict = instance.evaluate(&told);
            look(&instance);
            verdict::check(verdict?, bundle.inputs().clock)
        });
        (budget::now().saturating_sub(started), opinion)
    }
}

/// A failure refuses the request, and names the bundle.
pub(crate) fn usable(
    bundle: &Bundle,
    opinion: Result<Opinion, Failure>,
) -> Result<(&str, Opinion), Reason> {
    match opinion {
        Ok(opinion) => Ok((bundle.name(), opinion)),
        Err(failure) => Err(Reason::new(
            ReasonKind::PolicyFailed,
            format!("policy {:?} {failure}", bundle.name()),
        )),
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .field("bundles", &self.bundles)
            .finish_non_exhaustive()
    }
}
