//! The table of hostile policies.

use crate::{evaluation, load};

/// When a hostile policy strikes, and so when it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strikes {
    /// While it is read, compiled, described or configured: its bundle is refused.
    AtLoad,
    /// When it is asked about its victim: that log-in is refused.
    AtEvaluation,
    /// It tries something that is not refused and must hurt nobody, its victim included.
    InVain,
}

/// One hostile policy.
pub struct Hostile {
    /// Its name, and that of its bundle.
    pub name: &'static str,
    /// What it tries.
    pub does: &'static str,
    /// When it strikes.
    pub strikes: Strikes,
    /// What the refusal must say.
    pub words: &'static str,
    /// Whether it strikes only when it has data: any file `NAME.toml` will do.
    pub needs_data: bool,
    make: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
}

impl Hostile {
    pub(crate) fn new(
        strikes: Strikes,
        name: &'static str,
        does: &'static str,
        words: &'static str,
        make: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            does,
            strikes,
            words,
            needs_data: false,
            make: Box::new(make),
        }
    }

    pub(crate) fn with_data(self) -> Self {
        Self {
            needs_data: true,
            ..self
        }
    }

    /// The bytes of its `.wasm`.
    pub fn wasm(&self) -> Vec<u8> {
        (self.make)()
    }

    /// The principal it strikes at when it is asked: `mallory-NAME`.
    pub fn victim(&self) -> String {
        victim(self.name)
    }
}

/// The principal a policy of this name strikes at.
pub(crate) fn victim(name: &str) -> String {
    format!("mallory-{name}")
}

/// Every hostile policy.
pub fn all() -> Vec<Hostile> {
    load::guests()
        .into_iter()
        .chain(evaluation::guests())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_guest_is_named_once() {
        let (mut names, mut lengths) = (BTreeSet::new(), BTreeSet::new());
        for guest in all() {
            assert!(names.insert(guest.name), "{} stands twice", guest.name);
            assert!(!guest.does.is_empty() && guest.name.len() <= 40);
            if guest.name.ends_with("request") {
                // It knows its victim by the length of the name.
                assert!(lengths.insert(guest.name.len()) && guest.name.len() > 30);
            }
            let harmless = guest.strikes == Strikes::InVain;
            assert_eq!(guest.words.is_empty(), harmless, "{}", guest.name);
        }
    }
}
