//! A policy that is set up to be copied, and what its memories hold.
//!
//! In comes an instrumented policy; out goes its component with the state it has now.
//! Its answer about nobody is dropped, and nothing of it is decided.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{self, ComponentType, Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use crate::bindings::policy::PolicyPre;
use crate::bindings::policy::warden::policy::types as wit;
use crate::bundle::Bundle;
use crate::engine::{Limits, Machine};
use crate::error::{Failure, gist};
use crate::instance::Instance;
use crate::request::Inputs;
use crate::sandbox::{Guest, PARTS};

/// What reading takes of a guest's memory besides its own: two pages of each memory.
const READING_BYTES: usize = 2 * PARTS * (64 << 10);

/// One instance, and the part of it that gives out its state.
pub(super) struct Reader<'b> {
    limits: Limits,
    inputs: &'b Inputs,
    instance: Instance,
    state: component::Instance,
    /// How large the image of each memory is, by what gives it out.
    images: BTreeMap<String, usize>,
    failure: Option<String>,
}

/// A component that begins where another has come to.
pub(super) struct Image {
    /// Its bytes.
    pub(super) component: Vec<u8>,
    /// The image of its largest memory: from the first byte that is not zero to the last.
    pub(super) memory_bytes: usize,
}

impl<'b> Reader<'b> {
    /// A policy that has read its data.
    ///
    /// # Errors
    /// When it fails or refuses them.
    pub(super) fn configured(
        machine: &Machine,
        bundle: &'b Bundle,
        policy: &PolicyPre<Guest>,
    ) -> Result<Self, String> {
        let limits = machine.load_limits();
        let told = |failure: Failure| failure.to_string();
        let name = Arc::clone(&bundle.name);
        let (mut instance, state) =
            Instance::start_open(machine, name, policy, limits).map_err(told)?;
        instance
            .configure(&bundle.files)
            .map_err(told)?
            .map_err(|refusal| gist(&refusal))?;
        Ok(Self {
            limits,
            inputs: bundle.inputs(),
            instance,
            state,
            images: BTreeMap::new(),
            failure: None,
        })
    }

    /// Asks it about nobody, so that what it sets up at its first question is there.
    ///
    /// # Errors
    /// When it fails: then its state is not to be used.
    pub(super) fn warm_up(&mut self) -> Result<(), Failure> {
        self.instance.evaluate(&nobody(self.inputs)).map(drop)
    }

    /// The component with the state it has now.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub(super) fn read_out(
        mut self,
        wizer: &Wizer,
        context: &ComponentContext<'_>,
    ) -> Result<Image, String> {
        let limits = Limits {
            memory_bytes: self.limits.memory_bytes.saturating_add(READING_BYTES),
            ..self.limits
        };
        self.instance.begin(limits);
        let image = at_once(wizer.snapshot_component(context, &mut self))
            .unwrap_or_else(|| Err(wasmtime::format_err!("its state is not there at once")));
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Image {
                component: image.map_err(|error| gist(&format!("{error:#}")))?,
                memory_bytes: self.images.into_values().max().unwrap_or_default(),
            }),
        }
    }

    fn global<T>(&mut self, interface: &str, name: &str) -> T
    where
        T: ComponentType + Lift + Default + 'static,
    {
        let value = self.instance.call(&self.state, (interface, name));
        value.unwrap_or_else(|error| {
            self.failure.get_or_insert(error);
            T::default()
        })
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        interface: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.instance.call(&self.state, (interface, name)) {
            Ok(list) => {
                let memory = WasmList::<u8>::as_le_slice(&list, self.instance.store());
                // It is read more than once, and each time leaves a trace behind its end.
                self.images
                    .entry(name.to_owned())
                    .or_insert_with(|| written(memory));
                contents(memory);
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, name: &str) -> i32 {
        self.global(interface, name)
    }

    async fn call_func_ret_s64(&mut self, interface: &str, name: &str) -> i64 {
        self.global(interface, name)
    }

    async fn call_func_ret_f32(&mut self, interface: &str, name: &str) -> u32 {
        self.global::<f32>(interface, name).to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, name: &str) -> u64 {
        self.global::<f64>(interface, name).to_bits()
    }
}

/// From the first byte that is not zero to the last.
fn written(memory: &[u8]) -> usize {
    let first = memory.iter().position(|byte| *byte != 0);
    let last = memory.iter().rposition(|byte| *byte != 0);
    first.zip(last).map_or(0, |(first, last)| last - first + 1)
}

/// What a future comes to that waits for nobody.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A request about somebody who does not exist, the same at all times: what a policy
/// makes of it is part of what is kept.
fn nobody(inputs: &Inputs) -> wit::Request {
    wit::Request {
        principal: wit::Principal {
            name: "nobody".to_owned(),
            authenticator: "warden".to_owned(),
            method: "jwt".to_owned(),
            groups: vec!["warden/nobody".to_owned()],
            scopes: vec!["warden/none".to_owned()],
            sole_authenticator: true,
        },
        claims: Vec::new(),
        client_address: None,
        client_tls: inputs.client_tls.then_some(true),
        client_certificate: None,
        now: inputs.clock.then_some(0),
        server_role: inputs.server_role.then_some(wit::ServerRole::Primary),
        server_version: None,
    }
}
