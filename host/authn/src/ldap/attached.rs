//! Which names may become users of the server's own ACL (`attach = "acl-user"`).
//!
//! A directory takes many spellings for one name, an ACL has a user for each. In comes the
//! name of somebody who has proved who he is; out goes a refusal, unless it is the one
//! spelling of it that counts.

use warden_core::{Attach, PrincipalName, Reason, ReasonKind};

use super::settings::Mode;

/// Whether somebody may be the user of the ACL that has his name, if there is one.
///
/// # Errors
/// `ReasonKind::Name`.
pub(super) fn check(attach: Attach, name: &PrincipalName, mode: &Mode) -> Result<(), Reason> {
    let refused = |why: &str| Err(Reason::new(ReasonKind::Name, why));
    match (attach, mode) {
        (Attach::Policies, _) => Ok(()),
        (Attach::AclUser, _) if !name.is_verbatim() => refused(
            "only a name of A-Z a-z 0-9 . _ @ : / + = , - becomes a user of the server's own ACL",
        ),
        // The directory has not said how it spells the name.
        (Attach::AclUser, Mode::Bind(_)) if name.as_str().contains(char::is_uppercase) => refused(
            "after a bind alone only a name in lower case becomes a user of the server's own ACL",
        ),
        (Attach::AclUser, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::BindName;
    use super::*;
    use warden_settings::Section;

    #[test]
    fn of_many_spellings_one_becomes_a_user_of_the_acl() {
        let mut file = Section::parse(b"").unwrap();
        let bind = Mode::Bind(BindName::read(&mut file).unwrap());
        let may = |name: &str, mode: &Mode| {
            let name = PrincipalName::new(name).unwrap();
            assert_eq!(check(Attach::Policies, &name, mode), Ok(()));
            check(Attach::AclUser, &name, mode).is_ok()
        };
        for name in ["alice", "alice.b@example.org", "team/svc-1"] {
            assert!(may(name, &bind) && may(name, &Mode::SearchBind), "{name}");
        }
        for name in ["ALICE", "alicE", "Default"] {
            assert!(!may(name, &bind) && may(name, &Mode::SearchBind), "{name}");
        }
        for name in ["alice b", "zo\u{eb}", "a%20b", "CORP\\alice", "a*", "(x)"] {
            assert!(!may(name, &bind) && !may(name, &Mode::SearchBind), "{name}");
        }
    }
}
