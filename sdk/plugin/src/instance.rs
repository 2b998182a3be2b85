//! A plugin between `initialise` and `close`.
//!
//! In: the host's calls, in the order the contract fixes. Out: the author's answers. A
//! call out of order decides nothing.

use std::cell::Cell;

use crate::{Answer, Client, Credential, Plugin, Properties, bindings};

/// One instance of a component: empty until it is initialised, and again once it is
/// closed.
pub struct Instance<P> {
    /// Taken out for the time of a call: what panicked does not come back.
    initialised: Cell<Option<P>>,
}

impl<P: Plugin> Instance<P> {
    /// An instance that has not been initialised.
    pub const fn new() -> Self {
        Self {
            initialised: Cell::new(None),
        }
    }

    /// Initialises the plugin.
    ///
    /// # Errors
    /// The author's own, which leaves nothing; or that it has been initialised before,
    /// which leaves all as it was.
    pub fn initialise(&self, properties: &Properties) -> Result<(), String> {
        if let Some(plugin) = self.initialised.take() {
            self.initialised.set(Some(plugin));
            return Err("initialise was called twice".to_owned());
        }
        self.initialised.set(Some(P::initialise(properties)?));
        Ok(())
    }

    /// Asks the plugin; decides nothing where `initialise` did not succeed.
    pub fn authenticate(&self, credential: &Credential, client: &Client) -> Answer {
        let Some(mut plugin) = self.initialised.take() else {
            return Answer::unavailable("authenticate was called before initialise");
        };
        let answer = plugin.authenticate(credential, client);
        self.initialised.set(Some(plugin));
        answer
    }

    /// Closes the plugin, if there is one.
    pub fn close(&self) {
        if let Some(plugin) = self.initialised.take() {
            plugin.close();
        }
    }

    /// [`Self::initialise`] as the host calls it.
    ///
    /// # Errors
    /// As [`Self::initialise`].
    pub fn initialise_wire(&self, properties: bindings::Properties) -> Result<(), String> {
        report_panics();
        self.initialise(&properties.into())
    }

    /// [`Self::authenticate`] as the host calls it.
    pub fn authenticate_wire(
        &self,
        credential: bindings::Credential,
        client: bindings::Client,
    ) -> bindings::Answer {
        self.authenticate(&credential.into(), &client.into()).into()
    }
}

impl<P: Plugin> Default for Instance<P> {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic is a trap, and its text would be lost without this.
#[cfg(target_arch = "wasm32")]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        crate::log::error(&warden_guest::one_line(&panic.to_string()));
    }));
}

#[cfg(not(target_arch = "wasm32"))]
fn report_panics() {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, log};

    /// Counts its calls, from where the property `start` says.
    #[derive(serde::Deserialize)]
    struct Counter {
        start: u64,
    }

    impl Plugin for Counter {
        fn initialise(properties: &Properties) -> Result<Self, String> {
            Ok(properties.parse()?)
        }

        fn authenticate(&mut self, credential: &Credential, _: &Client) -> Answer {
            assert!(!credential.secret().is_empty(), "nothing to judge");
            self.start += 1;
            Answer::verified(Principal::new(self.start.to_string()))
        }

        fn close(self) {
            log::info(&format!("closed at {}", self.start));
        }
    }

    fn from(start: u64) -> Properties {
        Properties::new().with("start", start)
    }

    fn ask(instance: &Instance<Counter>) -> String {
        instance
            .authenticate(&Credential::new("x"), &Client::new())
            .to_string()
    }

    #[test]
    fn a_plugin_that_was_not_initialised_decides_nothing() {
        let instance = Instance::new();
        let undecided = r#"unavailable "authenticate was called before initialise""#;
        assert_eq!(ask(&instance), undecided);
        let error = instance.initialise(&Properties::new());
        assert_eq!(error, Err("properties: missing field `start`".to_owned()));
        assert_eq!(ask(&instance), undecided);
        instance.close();
        assert!(log::take().is_empty());
        instance.initialise(&from(0)).unwrap();
        assert_eq!(ask(&instance), "verified 1");
    }

    #[test]
    fn a_plugin_is_initialised_once_and_keeps_its_state() {
        let instance = Instance::new();
        instance.initialise(&from(5)).unwrap();
        assert_eq!(ask(&instance), "verified 6");
        assert!(instance.initialise(&from(9)).is_err());
        assert_eq!(ask(&instance), "verified 7");
    }

    #[test]
    fn a_plugin_is_closed_once() {
        let instance: Instance<Counter> = Instance::new();
        instance.initialise(&from(5)).unwrap();
        instance.close();
        instance.close();
        assert_eq!(log::take(), [(log::Level::Info, "closed at 5".to_owned())]);
        assert!(ask(&instance).starts_with("unavailable"));
    }

    #[test]
    fn what_panicked_is_not_asked_again() {
        let instance: Instance<Counter> = Instance::new();
        instance.initialise(&from(0)).unwrap();
        let empty = || instance.authenticate(&Credential::new(""), &Client::new());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(empty));
        assert!(panicked.is_err());
        assert!(ask(&instance).starts_with("unavailable"));
    }
}
