//! Who asks.

/// A verified identity: what an authenticator vouched for.
///
/// Groups and scopes are qualified by the authenticator, `corp/analysts`, because
/// the same name from another authenticator is another group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub(crate) name: String,
    pub(crate) authenticator: String,
    pub(crate) method: String,
    pub(crate) groups: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) sole_authenticator: bool,
}

impl Principal {
    /// A principal for a native test: `Principal::new("corp", "alice")`, proved by
    /// `jwt`, without groups and scopes, one of several authenticators.
    pub fn new(authenticator: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            authenticator: authenticator.into(),
            method: "jwt".to_owned(),
            groups: Vec::new(),
            scopes: Vec::new(),
            sole_authenticator: false,
        }
    }

    /// Adds a group by its qualified name.
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Adds a scope by its qualified name.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets how the identity was proved.
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Says that no other authenticator is configured.
    pub fn with_sole_authenticator(mut self) -> Self {
        self.sole_authenticator = true;
        self
    }

    /// The name within the authenticator: `alice`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The authenticator's id: `corp`.
    pub fn authenticator(&self) -> &str {
        &self.authenticator
    }

    /// The Valkey user name: `corp/alice`.
    pub fn user_name(&self) -> String {
        [self.authenticator(), self.name()].join("/")
    }

    /// How the identity was proved: `jwt`, `ldap`, `certificate`, …
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Qualified groups: `corp/analysts`.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Qualified scopes: `corp/cache.read`.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// True when no other authenticator is configured.
    pub fn is_sole_authenticator(&self) -> bool {
        self.sole_authenticator
    }

    /// Is it in this group?
    ///
    /// A name with a slash is qualified and compared as it is. A name without one
    /// is bare and names a group only where there is a single authenticator. There
    /// are no patterns.
    ///
    /// ```
    /// use warden_sdk::Principal;
    /// let alice = Principal::new("corp", "alice").with_group("corp/analysts");
    /// assert!(alice.is_in_group("corp/analysts"));
    /// assert!(!alice.is_in_group("analysts"), "whose analysts?");
    /// assert!(alice.with_sole_authenticator().is_in_group("analysts"));
    /// ```
    pub fn is_in_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| self.answers_to(group, name))
    }

    /// Has it this scope? Names as in [`Self::is_in_group`].
    pub fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| self.answers_to(scope, name))
    }

    /// Is it this user? Names as in [`Self::is_in_group`].
    pub fn is_user(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((authenticator, rest)) => authenticator == self.authenticator && rest == self.name,
            None => self.sole_authenticator && name == self.name,
        }
    }

    fn answers_to(&self, qualified: &str, name: &str) -> bool {
        self.names_of(qualified).any(|known| known == name)
    }

    /// What data may call one of its groups, scopes, or itself: the qualified name, and
    /// the bare one where there is a single authenticator.
    ///
    /// INVARIANT: a name with a slash is never a bare one; otherwise a group `corp/x` of
    /// whoever may invent group names would be the group `x` of `corp`.
    pub(crate) fn names_of<'a>(&self, qualified: &'a str) -> impl Iterator<Item = &'a str> {
        let bare = qualified
            .strip_prefix(self.authenticator.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|bare| self.sole_authenticator && !bare.contains('/'));
        let qualified = Some(qualified).filter(|name| name.contains('/'));
        qualified.into_iter().chain(bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_inside_a_group_never_makes_it_another_group() {
        let mallory = Principal::new("corp", "m")
            .with_group("corp/corp/admins")
            .with_sole_authenticator();
        assert!(!mallory.is_in_group("corp/admins"));
        assert!(!mallory.is_in_group("admins"));
        assert!(mallory.is_in_group("corp/corp/admins"));
    }

    #[test]
    fn a_user_is_matched_with_its_authenticator() {
        let alice = Principal::new("corp", "alice");
        assert!(alice.is_user("corp/alice"));
        assert!(!alice.is_user("other/alice"));
        assert!(!alice.is_user("alice"));
        assert!(alice.with_sole_authenticator().is_user("alice"));
        assert!(Principal::new("corp", "a/b").is_user("corp/a/b"));
        assert!(
            !Principal::new("corp", "a/b")
                .with_sole_authenticator()
                .is_user("a/b")
        );
    }

    #[test]
    fn a_scope_is_not_a_group() {
        let alice = Principal::new("corp", "alice").with_scope("corp/read");
        assert!(alice.has_scope("corp/read"));
        assert!(!alice.is_in_group("corp/read"));
    }

    #[test]
    fn an_empty_name_is_nobody() {
        let alice = Principal::new("corp", "alice")
            .with_group("corp/x")
            .with_sole_authenticator();
        assert!(!alice.is_in_group("") && !alice.is_user("") && !alice.has_scope(""));
    }
}
