//! What permissions come to on one server, remembered.
//!
//! Very many classes are granted the same by a role: their rules are written once. Belongs
//! to one generation, whose server never changes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use warden_core::permissions::{PermissionError, Permissions, Rendered};
use warden_core::server::Server;

use crate::answers::places;

/// The most that are remembered. Long ones take the place of several.
const REMEMBERED: u64 = 1000;

/// Rule strings by the permissions that they say.
pub(crate) struct Renderings(Cache<Permissions, Arc<Rendered>, Places>);

#[derive(Clone, Copy)]
struct Places;

impl Weighter<Permissions, Arc<Rendered>> for Places {
    fn weight(&self, _: &Permissions, rendered: &Arc<Rendered>) -> u64 {
        places(rendered.rules.len())
    }
}

impl Default for Renderings {
    fn default() -> Self {
        let expected = usize::try_from(REMEMBERED).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(expected, REMEMBERED, Places))
    }
}

impl Renderings {
    /// As [`Permissions::render`], always for the same server.
    ///
    /// # Errors
    /// As there; an error is not remembered.
    pub(crate) fn of(
        &self,
        permissions: &Permissions,
        server: &Server,
    ) -> Result<Arc<Rendered>, PermissionError> {
        if let Some(rendered) = self.0.get(permissions) {
            return Ok(rendered);
        }
        let rendered = Arc::new(permissions.render(server)?);
        self.0.insert(permissions.clone(), Arc::clone(&rendered));
        Ok(rendered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warden_core::permissions::{BaseRules, Grant, Restriction};

    fn permissions(rules: &[&str], ceiling: &str) -> Permissions {
        let grants = vec![Grant::parse(rules).unwrap()];
        let ceiling = vec![Restriction::parse(ceiling).unwrap()];
        Permissions::compose(&BaseRules::default(), grants, ceiling)
    }

    #[test]
    fn equal_permissions_are_written_once_and_others_are_their_own() {
        let server = Server::of_release("9.1").unwrap();
        let renderings = Renderings::default();
        let of = |permissions: &Permissions| renderings.of(permissions, &server).unwrap();
        let reader = of(&permissions(&["+get", "+mget", "~a:*"], ""));
        let same = of(&permissions(&["~a:*", "+get", "+mget"], ""));
        assert!(Arc::ptr_eq(&reader, &same));
        for other in [
            permissions(&["+get", "~a:*"], ""),
            permissions(&["+get", "+mget", "%R~a:*"], ""),
            permissions(&["+get", "+mget", "~a:*"], "-@dangerous"),
        ] {
            let other_rendered = of(&other);
            assert_ne!(other_rendered.rules, reader.rules);
            assert_eq!(*other_rendered, other.render(&server).unwrap());
        }
    }

    #[test]
    fn an_error_is_told_each_time() {
        let old = Server::of_release("8.0").unwrap();
        let renderings = Renderings::default();
        let bounded = permissions(&["+get", "~a:*"], "db=0");
        for _ in 0..2 {
            assert!(renderings.of(&bounded, &old).is_err());
        }
    }
}
