//! What a policy says about itself.
//!
//! `#[policy]` writes it; what depends on the data, the policy adds. The host asks once the
//! data has been read, and puts nothing into a request that is not named here.

/// What a policy reads of a request, where its data names it: see [`crate::Policy::reads`].
///
/// ```
/// use warden_sdk::{Input, Reads};
/// let reads = Reads::nothing().claim("/department").input(Input::ClientAddress);
/// assert_eq!(reads.claims(), Some(["/department".to_owned()].as_slice()));
/// assert_eq!(Reads::nothing().all_claims().claims(), None);
/// ```
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    pub(crate) claims: Vec<String>,
    pub(crate) all_claims: bool,
    pub(crate) inputs: Vec<Input>,
}

impl Reads {
    /// Nothing but the principal.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// This claim, too: a JSON Pointer (RFC 6901).
    pub fn claim(mut self, pointer: impl Into<String>) -> Self {
        self.claims.push(pointer.into());
        self
    }

    /// Every claim of the token: two tokens of one user are then two decisions.
    pub fn all_claims(mut self) -> Self {
        self.all_claims = true;
        self
    }

    /// This, too.
    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// The claims it reads; `None` when it reads all of them.
    pub fn claims(&self) -> Option<&[String]> {
        (!self.all_claims).then_some(&self.claims)
    }

    /// What else it reads.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
}

/// Implemented by `#[policy]`, never by hand.
pub trait Describe {
    /// The attribute's arguments with the crate's version.
    const DESCRIPTION: Description;
}

/// The arguments of `#[policy]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The policy's name.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// One line for operators.
    pub summary: &'static str,
    /// The claims it reads.
    pub claims: ClaimSelection,
    /// What else it reads.
    pub inputs: &'static [Input],
}

impl Description {
    /// What it says that the policy reads.
    pub fn reads(&self) -> Reads {
        let reads = match self.claims {
            ClaimSelection::None => Reads::nothing(),
            ClaimSelection::Pointers(pointers) => pointers
                .iter()
                .fold(Reads::nothing(), |reads, pointer| reads.claim(*pointer)),
            ClaimSelection::All => Reads::nothing().all_claims(),
        };
        self.inputs
            .iter()
            .fold(reads, |reads, input| reads.input(*input))
    }
}

/// Which claims a policy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimSelection {
    /// None: groups, scopes and the name suffice.
    None,
    /// These JSON Pointers (RFC 6901).
    Pointers(&'static [&'static str]),
    /// Every claim of the token: two tokens of one user are then two decisions.
    All,
}

/// What a policy may read besides the principal and its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`crate::Request::client_address`].
    ClientAddress,
    /// [`crate::Request::client_tls`].
    ClientTls,
    /// [`crate::Request::client_certificate`].
    ClientCertificate,
    /// [`crate::Request::now`]. Verdicts must then carry [`crate::Verdict::valid_for`].
    Clock,
    /// [`crate::Request::server_role`].
    ServerRole,
    /// [`crate::Request::server_version`].
    ServerVersion,
}
