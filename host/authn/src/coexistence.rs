//! How an authenticator goes along with the users of the server's own ACL: `local_users`,
//! `on_reject` and `attach`.
//!
//! In comes the file; out go three words, which the chain and the module keep to. Nothing
//! here knows the server: whether a name is that of a local user is told with the
//! credential ([`Presented`](crate::Presented)).

use warden_core::Attach;
use warden_settings::Section;

/// What an authenticator does about users and credentials that may be the server's own. By
/// default nothing: what it judges is nothing that the server could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coexistence {
    /// A name under which the server itself lets somebody in is not its own: it is shown
    /// neither the name nor the secret.
    pub spares_local_users: bool,
    /// What it refuses others are asked about, at last the server itself.
    pub passes_on: bool,
    /// Whom its principals become.
    pub attach: Attach,
}

impl Coexistence {
    /// Takes the three settings out of a file. `is_bound`: `users` gives it names that
    /// nobody else is asked about.
    pub(crate) fn read(file: &mut Section, is_bound: bool) -> Self {
        let mut word = |key, words: [&str; 2]| {
            let [first, second] = words;
            let expected = format!("\"{first}\" or \"{second}\"");
            let given: Option<String> = file.optional(key, &expected);
            let is_second = given.as_deref() == Some(second);
            if given.is_some_and(|given| !words.contains(&given.as_str())) {
                file.fault(key, format!("must be {expected}"));
            }
            is_second
        };
        let asks = word("local_users", ["skip", "ask"]);
        let passes_on = word("on_reject", ["deny", "next"]);
        let attaches = word(
            "attach",
            [Attach::Policies.as_str(), Attach::AclUser.as_str()],
        );
        if passes_on && is_bound {
            file.fault(
                "on_reject",
                "\"next\" contradicts users, for whose names nobody else is asked",
            );
        }
        Self {
            spares_local_users: !asks,
            passes_on,
            attach: if attaches {
                Attach::AclUser
            } else {
                Attach::Policies
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str, is_bound: bool) -> Result<Coexistence, usize> {
        let mut file = Section::parse(lines.as_bytes()).unwrap();
        let read = Coexistence::read(&mut file, is_bound);
        match file.finish().len() {
            0 => Ok(read),
            faults => Err(faults),
        }
    }

    #[test]
    fn by_default_local_users_are_spared_and_a_refusal_is_the_last_word() {
        let default = Coexistence {
            spares_local_users: true,
            ..Coexistence::default()
        };
        assert_eq!(read("", true), Ok(default));
        let same = "local_users = 'skip'\non_reject = 'deny'\nattach = 'policies'";
        assert_eq!(read(same, true), Ok(default));
        let other = "local_users = 'ask'\non_reject = 'next'\nattach = 'acl-user'";
        let all = Coexistence {
            spares_local_users: false,
            passes_on: true,
            attach: Attach::AclUser,
        };
        assert_eq!(read(other, false), Ok(all));
    }

    #[test]
    fn another_word_is_a_fault_and_so_is_a_next_for_names_that_are_bound() {
        for bad in [
            "local_users = 'Skip'",
            "local_users = true",
            "on_reject = ''",
            "attach = 'acl_user'",
        ] {
            assert_eq!(read(bad, false), Err(1), "{bad}");
        }
        assert_eq!(read("on_reject = 'next'", true), Err(1));
    }
}
