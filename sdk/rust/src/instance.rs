//! A policy between `configure` and `evaluate`.
//!
//! In: the host's calls, in the order the contract fixes. Out: the author's
//! answers. A call out of order is a refusal, never a guess.

use std::cell::OnceCell;

use crate::{Describe, File, Policy, Request, Verdict, bindings, memory};

/// One instance of a component: empty until it is configured, once.
#[derive(Debug)]
pub struct Instance<P> {
    configured: OnceCell<P>,
}

impl<P: Policy> Instance<P> {
    /// An instance that has not been configured.
    pub const fn new() -> Self {
        Self {
            configured: OnceCell::new(),
        }
    }

    /// Configures the policy.
    ///
    /// # Errors
    /// The author's own, or that it has been configured before.
    pub fn configure(&self, files: &[File]) -> Result<(), String> {
        let policy = P::configure(files)?;
        self.configured
            .set(policy)
            .map_err(|_| "configure was called twice".to_owned())
    }

    /// Asks the policy; refuses where `configure` did not succeed.
    pub fn evaluate(&self, request: &Request) -> Verdict {
        match self.configured.get() {
            Some(policy) => policy.evaluate(request),
            None => Verdict::new().deny_internally("evaluate was called before configure"),
        }
    }

    /// The labels its verdicts can carry; none where `configure` did not succeed.
    pub fn labels(&self) -> Vec<(String, String)> {
        self.configured.get().map(P::labels).unwrap_or_default()
    }

    /// What it is and what it reads, as the host asks for it; before `configure` what
    /// `#[policy]` names.
    pub fn describe_wire(&self) -> bindings::Description
    where
        P: Describe,
    {
        let described = bindings::Description::from(P::DESCRIPTION);
        match self.configured.get().and_then(P::reads) {
            Some(reads) => described.reading(reads),
            None => described,
        }
    }

    /// [`Self::configure`] as the host calls it. What it leaves in memory is what each
    /// decision starts from a copy of: what reading took is cleared.
    ///
    /// # Errors
    /// As [`Self::configure`].
    pub fn configure_wire(&self, files: Vec<bindings::File>) -> Result<(), String> {
        report_panics();
        let files: Vec<File> = files.into_iter().map(Into::into).collect();
        let configured = self.configure(&files);
        drop(files);
        memory::settle();
        configured
    }

    /// [`Self::evaluate`] as the host calls it.
    pub fn evaluate_wire(&self, request: bindings::Request) -> bindings::Verdict {
        self.evaluate(&request.into()).into()
    }
}

impl<P: Policy> Default for Instance<P> {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic is a trap, and the host refuses; its text would be lost without this.
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
    use crate::bindings::warden::policy::types as wire;
    use crate::{ClaimSelection, Description, Input, Principal, Reads};

    struct Named(String);

    impl Describe for Named {
        const DESCRIPTION: Description = Description {
            name: "named",
            version: "1",
            summary: "For tests.",
            claims: ClaimSelection::Pointers(&["/a"]),
            inputs: &[Input::Clock],
        };
    }

    impl Policy for Named {
        fn configure(files: &[File]) -> Result<Self, String> {
            files
                .first()
                .map(|file| Self(file.name().to_owned()))
                .ok_or_else(|| "no file".to_owned())
        }

        fn evaluate(&self, _: &Request) -> Verdict {
            Verdict::new().label("file", &self.0)
        }

        fn reads(&self) -> Option<Reads> {
            match self.0.as_str() {
                "all" => Some(Reads::nothing().all_claims()),
                "b" => Some(Reads::nothing().claim("/b").input(Input::ClientTls)),
                _ => None,
            }
        }

        fn labels(&self) -> Vec<(String, String)> {
            vec![("file".to_owned(), self.0.clone())]
        }
    }

    fn request() -> Request {
        Request::new(Principal::new("corp", "alice"))
    }

    #[test]
    fn a_policy_that_was_not_configured_refuses() {
        let instance: Instance<Named> = Instance::new();
        assert!(instance.evaluate(&request()).denial().is_some());
        assert_eq!(instance.configure(&[]), Err("no file".to_owned()));
        assert!(instance.labels().is_empty());
        assert!(instance.evaluate(&request()).denial().is_some());
    }

    #[test]
    fn a_policy_is_configured_once() {
        let instance: Instance<Named> = Instance::new();
        instance.configure(&[File::new("a", "")]).unwrap();
        assert!(instance.configure(&[File::new("b", "")]).is_err());
        assert_eq!(instance.evaluate(&request()).to_string(), "label file=a");
        assert_eq!(instance.labels(), [("file".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn what_is_read_is_what_the_data_says_where_it_says_so() {
        let described = |name: &str| {
            let instance: Instance<Named> = Instance::new();
            if !name.is_empty() {
                instance.configure(&[File::new(name, "")]).unwrap();
            }
            let described = instance.describe_wire();
            assert_eq!(described.name, "named");
            (described.claims, described.inputs)
        };
        let pointers = |pointer: &str| wire::ClaimSelection::Pointers(vec![pointer.to_owned()]);
        let declared = (pointers("/a"), vec![wire::Input::Clock]);
        assert_eq!(described(""), declared);
        assert_eq!(described("a"), declared);
        assert_eq!(
            described("b"),
            (pointers("/b"), vec![wire::Input::ClientTls])
        );
        assert_eq!(described("all"), (wire::ClaimSelection::All, vec![]));
    }
}
