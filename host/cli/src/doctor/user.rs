//! One line of `ACL LIST`.

/// What the checks need to know of a user. Its password hashes are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    /// It may log in at all.
    pub(crate) is_on: bool,
    /// Any password will do.
    pub(crate) is_nopass: bool,
    /// It has at least one password.
    pub(crate) has_password: bool,
}

impl User {
    /// `user NAME on|off [nopass] [#hash …] rules …`; `None` for anything else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        if words.next() != Some("user") {
            return None;
        }
        let name = words.next()?.to_owned();
        // Selectors come last, and hold no word that counts here.
        let words: Vec<&str> = words.collect();
        Some(Self {
            name,
            is_on: words.contains(&"on"),
            is_nopass: words.contains(&"nopass"),
            has_password: words.iter().any(|word| word.starts_with('#')),
        })
    }

    /// Whether anybody can log in as this user.
    pub(crate) fn lets_in(&self) -> bool {
        self.is_on && (self.is_nopass || self.has_password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(line: &str) -> User {
        User::parse(line).expect("a user")
    }

    #[test]
    fn a_line_tells_whether_and_how_a_user_logs_in() {
        let open = user("user default on nopass sanitize-payload ~* &* +@all");
        assert!(open.is_on && open.is_nopass && !open.has_password && open.lets_in());
        let closed = user("user a off #00ff resetchannels -@all");
        assert!(!closed.is_on && closed.has_password && !closed.lets_in());
        let barred = user("user corp/b on resetchannels -@all (~x +get)");
        assert_eq!(barred.name, "corp/b");
        assert!(
            barred.is_on && !barred.lets_in(),
            "on, but without a password"
        );
        assert_eq!(User::parse("nothing"), None);
    }
}
