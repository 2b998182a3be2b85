//! A plugin at work.
//!
//! Its instance is initialised once. After a failure there is none, and the next
//! credential has another one initialised first; so that a credential that makes a
//! plugin fail costs no more than a share of a processor, all these take at most a tenth
//! of the time that passes.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use warden_core::plugin::{Answer, Plugin, Question, Reads, Setup};
use zeroize::Zeroize;

use super::instance::Instance;
use super::{Prepared, wire};
use crate::bindings::plugin::warden::plugin::types::{Credential, Properties};
use crate::engine::Machine;
use crate::error::{Failure, Fault, gist};
use crate::log::Level;

/// How much longer than it took to initialise a failed plugin is left alone.
const REST_FACTOR: u32 = 9;

/// An initialised plugin, or one that failed and waits to be initialised again.
pub(super) struct Running {
    machine: Arc<Machine>,
    id: Arc<str>,
    prepared: Prepared,
    properties: Properties,
    /// `None` after a failure.
    instance: Option<Instance>,
    /// Until when none is initialised.
    rest: Duration,
}

impl Running {
    /// Initialises the first instance.
    ///
    /// # Errors
    /// When the plugin refuses its properties, or fails.
    pub(super) fn start(
        machine: Arc<Machine>,
        prepared: Prepared,
        setup: Setup,
    ) -> Result<Self, Fault> {
        let mut running = Self {
            machine,
            id: setup.id.as_str().into(),
            prepared,
            properties: wire::properties(setup),
            instance: None,
            rest: Duration::ZERO,
        };
        running.instance = Some(running.initialise()?);
        Ok(running)
    }

    fn initialise(&mut self) -> Result<Instance, Fault> {
        let failed = |failure| Fault::Failed {
            function: "initialise",
            failure,
        };
        let machine = &*self.machine;
        let limits = machine.load_limits();
        let begun = monotonic();
        let started = Instance::start(
            machine,
            Arc::clone(&self.id),
            &self.prepared.component,
            limits,
        );
        let result = started.map_err(failed).and_then(|mut instance| {
            match instance.initialise(machine, &self.properties) {
                Ok(Ok(())) => {
                    instance.end();
                    Ok(instance)
                }
                Ok(Err(refusal)) => Err(Fault::Properties(gist(&refusal))),
                Err(failure) => Err(failed(failure)),
            }
        });
        let ended = monotonic();
        self.rest = ended.saturating_add(ended.saturating_sub(begun).saturating_mul(REST_FACTOR));
        result
    }

    /// Asks the instance that there is.
    fn ask(
        instance: &mut Instance,
        machine: &Machine,
        reads: Reads,
        question: &Question<'_>,
    ) -> Result<Answer, Failure> {
        let mut credential = Credential {
            user: question.user.map(str::to_owned),
            secret: question.secret.to_vec(),
        };
        let client = wire::client(question.client, reads);
        let answer = instance.authenticate(machine, &credential, &client);
        credential.secret.zeroize();
        let answer =
            answer.map(|answer| wire::answer(answer, question.secret, instance.notebook()));
        instance.end();
        answer
    }
}

impl Plugin for Running {
    fn title(&self) -> &str {
        &self.prepared.title
    }

    fn reads(&self) -> Reads {
        self.prepared.reads
    }

    fn authenticate(&mut self, question: &Question<'_>) -> Result<Answer, String> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None if monotonic() < self.rest => {
                return Err("it failed before, and is about to be initialised again".to_owned());
            }
            None => self.initialise().map_err(|fault| fault.to_string())?,
        };
        let answer = Self::ask(&mut instance, &self.machine, self.prepared.reads, question);
        match answer {
            Ok(answer) => {
                self.instance = Some(instance);
                Ok(answer)
            }
            Err(failure) => Err(format!("authenticate failed: {failure}")),
        }
    }

    fn close(mut self: Box<Self>) {
        if let Some(mut instance) = self.instance.take()
            && let Err(failure) = instance.close(&self.machine)
        {
            instance.write(Level::Warning, &format!("close failed: {failure}"));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for file in &mut self.properties.files {
            file.bytes.zeroize();
        }
    }
}

/// Measures how long something took; never enters an answer.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // Never negative, nor its nanoseconds over a thousand million.
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}
