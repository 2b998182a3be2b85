//! Why a log-in was refused: one text for the operator, another for the client.
//!
//! A [`Reason`] goes to the log and the audit trail. A [`Reply`] goes to the
//! client. [`Reason::reply`] is the only way from one to the other: a client
//! learns a reason only about its own, verified token.

use std::fmt;

/// What a caller would do differently about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonKind {
    /// Not a credential any authenticator understands, or one whose proof failed
    /// (unknown key, algorithm not allowed, wrong signature, wrong issuer).
    Credential,
    /// Verified, but past its `exp`.
    Expired,
    /// Verified, but before its `nbf`.
    NotYetValid,
    /// Verified, but made for somebody else.
    WrongAudience,
    /// Verified, but a claim is missing, malformed, or not as `[require]` wants it.
    Claims,
    /// Verified, but the name is refused, or is not the one given to AUTH, or is
    /// that of a real ACL user.
    Name,
    /// Verified; no policy grants anything.
    NoGrant,
    /// Verified; a policy denies.
    Denied,
    /// Verified; the connection already belongs to another principal.
    OtherPrincipal,
    /// Undecided: `auth_timeout_ms` passed.
    TimedOut,
    /// Undecided: more than `max_pending` credentials wait.
    Busy,
    /// Undecided: refused so often that nobody is asked for a while.
    Throttled,
    /// Undecided: no valid generation of policies is in force.
    NoPolicies,
    /// Undecided: a policy trapped, timed out or answered what is not a verdict.
    PolicyFailed,
    /// Undecided: an authenticator's directory, provider or keys are out of reach.
    Unavailable,
    /// Undecided: an audit sink cannot write, and wants nobody let in meanwhile.
    Unaudited,
    /// Undecided: inside MULTI a credential is only accepted when it is cached.
    InTransaction,
    /// Undecided: the server is reading its data and lets nobody wait.
    Loading,
    /// Undecided: the module is being unloaded, or something of ours failed.
    Internal,
}

/// A refusal, with the detail an operator needs. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    kind: ReasonKind,
    detail: String,
    public: Option<String>,
}

impl Reason {
    /// A refusal of this kind. `detail` is one line for the log: outside text in
    /// it is escaped by the caller, secrets never enter it.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            public: None,
        }
    }

    /// Adds the words a policy wants its refusal ([`ReasonKind::Denied`]) told with.
    #[must_use]
    pub fn told(mut self, public: impl Into<String>) -> Self {
        self.public = Some(public.into());
        self
    }

    /// The kind of refusal.
    pub fn kind(&self) -> ReasonKind {
        self.kind
    }

    /// The operator's detail.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the client is told. The one conversion between the two audiences.
    pub fn reply(&self) -> Reply {
        use ReasonKind as K;
        match self.kind {
            K::Credential => {
                Reply::wrong_password("invalid username-password pair or user is disabled.")
            }
            K::Expired => Reply::wrong_password("the token has expired."),
            K::NotYetValid => Reply::wrong_password("the token is not yet valid."),
            K::WrongAudience => Reply::wrong_password("the token is for another audience."),
            K::Claims => Reply::wrong_password("the token's claims are not accepted here."),
            K::Name => {
                Reply::wrong_password("the token's principal is not accepted under this user name.")
            }
            K::NoGrant => Reply::wrong_password("no policy grants access."),
            K::Denied => {
                Reply::wrong_password(self.public.as_deref().unwrap_or("a policy denies access."))
            }
            K::OtherPrincipal => {
                Reply::wrong_password("this connection belongs to another principal.")
            }
            K::TimedOut => Reply::try_again("the credential could not be verified in time."),
            K::Busy => Reply::try_again("too many credentials are waiting."),
            K::Throttled => Reply::try_again("too many attempts were refused."),
            K::NoPolicies => Reply::try_again("no policies are in force."),
            K::PolicyFailed => Reply::try_again("a policy failed."),
            K::Unavailable => Reply::try_again("the authentication service is unavailable."),
            K::Unaudited => Reply::try_again("the log-in could not be recorded."),
            K::Loading => Reply::try_again("the server is loading its data."),
            K::InTransaction => Reply::try_again(
                "this connection cannot wait: authenticate before MULTI or SUBSCRIBE.",
            ),
            K::Internal => Reply::try_again("the credential could not be verified."),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// An error reply: `WRONGPASS …` (about the credential) or `TRYAGAIN …` (warden
/// could not decide). Never a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply(String);

impl Reply {
    fn wrong_password(text: &str) -> Self {
        Self(format!("WRONGPASS {}", one_line(text)))
    }

    fn try_again(text: &str) -> Self {
        Self(format!("TRYAGAIN {}", one_line(text)))
    }

    /// Whether it is a refusal about the credential (`WRONGPASS`) and not an answer
    /// warden could not give (`TRYAGAIN`).
    pub fn is_about_the_credential(&self) -> bool {
        self.0.starts_with("WRONGPASS")
    }

    /// The reply without the protocol's leading `-`; one line, no control characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters would end the reply early (RESP simple errors end at CRLF).
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(256)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_never_reads_the_operators_detail() {
        let reason = Reason::new(ReasonKind::Credential, "unknown key id \"k1\"");
        assert!(!reason.reply().as_str().contains("k1"));
        assert!(reason.reply().as_str().starts_with("WRONGPASS "));
    }

    #[test]
    fn a_policys_public_words_stay_one_line() {
        let reason = Reason::new(ReasonKind::Denied, "x").told("no\r\n+OK");
        assert_eq!(reason.reply().as_str(), "WRONGPASS no  +OK");
    }

    #[test]
    fn what_could_not_be_decided_is_try_again() {
        for kind in [
            ReasonKind::TimedOut,
            ReasonKind::Busy,
            ReasonKind::Throttled,
            ReasonKind::NoPolicies,
            ReasonKind::PolicyFailed,
            ReasonKind::Unavailable,
            ReasonKind::Unaudited,
            ReasonKind::InTransaction,
            ReasonKind::Loading,
            ReasonKind::Internal,
        ] {
            assert!(
                Reason::new(kind, "")
                    .reply()
                    .as_str()
                    .starts_with("TRYAGAIN ")
            );
        }
    }
}
