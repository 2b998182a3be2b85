//! The functions a plugin author writes.

use crate::{Answer, Client, Credential, Properties};

/// An authenticator: made from its properties once, asked for each credential that is
/// not remembered.
///
/// Put [`#[plugin]`](crate::plugin) on the implementation. No function does I/O or reads
/// a clock. All calls come one at a time to the same instance, so state may be kept; but
/// warden remembers answers, and throws an instance away after a panic or when it took
/// too much time or memory, so nothing may depend on it.
pub trait Plugin: Sized {
    /// Reads what the authenticator's file says in `[properties]` and
    /// `[property_files]`. Called again, in a fresh instance, when either changes.
    ///
    /// # Errors
    /// One line for the operator: which property or file, where in it, what is accepted.
    /// Warden then keeps the last good version of the authenticator, so refuse whatever
    /// is in doubt: a key that is not known, a value out of bounds.
    fn initialise(properties: &Properties) -> Result<Self, String>;

    /// Judges one credential of a connection.
    ///
    /// Of the connection only what `#[plugin]` names is there; the rest is `None`. The
    /// answer is remembered for every connection that looks the same to the plugin.
    ///
    /// A panic, or more time or memory than allowed, leaves the credential undecided:
    /// the client reads `TRYAGAIN`.
    fn authenticate(&mut self, credential: &Credential, client: &Client) -> Answer;

    /// The plugin is replaced or no longer configured. Best effort: it may never be
    /// called, so there is nothing that only it may do.
    fn close(self) {}
}
