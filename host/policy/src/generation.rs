//! A generation: all policies of one moment, complete, unchanging.
//!
//! In comes a projected request, out goes the composed decision. A decision
//! belongs to the generation that made it, which remembers it as long as its
//! policies stand by it.

mod trial;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use warden_core::permissions::{BaseRules, Restriction};
use warden_core::server::Server;
use warden_core::{ClientFacts, Decision, Now, Principal, Reason, ReasonKind, Verified};

use crate::answers::Answers;
use crate::budget;
use crate::bundle::Bundle;
use crate::compose::{Composed, compose};
use crate::digest::{Digest, Digester};
use crate::engine::Machine;
use crate::error::Failure;
use crate::gate::{Rehearsal, TestFile};
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
    digest: OnceLock<Digest>,
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
            answers: Answers::new(machine.remembered_decisions()),
            renderings: Renderings::default(),
            machine,
            frame,
            bundles,
            warnings,
            tests,
            signed,
            digest: OnceLock::new(),
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

    /// The digest of its bundles: their names and digests, in order. Equal where the same
    /// policies with the same data are in force, on any server.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| {
            let mut digest = Digester::new("generation");
            for bundle in &self.bundles {
                digest.bytes(bundle.name().as_bytes());
                digest.bytes(bundle.digest().as_bytes());
            }
            digest.finish()
        })
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

    /// Takes the next snapshot that its decisions are to start from, and says of which
    /// bundle; `None` when all were taken or tried. Needs 1 MiB of stack, and two
    /// compilations unless this node has done them before.
    pub fn take_snapshot(&self) -> Option<&Bundle> {
        let mut bundles = self.bundles.iter();
        let taken = bundles.find(|bundle| bundle.snapshot.take(&self.machine, bundle));
        taken.map(|bundle| &**bundle)
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

    /// The answer this generation gave to an equal request, while it holds. For threads that
    /// must not wait: where a worker is putting something in, nothing is remembered.
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

    /// Asks every policy and shows what each answers and what that comes to. For a
    /// worker, as [`decide`](Self::decide); the answer is not remembered.
    pub fn explain(&self, request: &Request, now: Now) -> Explanation {
        self.explained(request, now, Occasion::LogIn)
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
