//! A value that must never be shown.
//!
//! [`Secret`] wraps bytes of a credential or a key. It has no `Debug`, `Clone`,
//! `Display` or `Serialize`, and its memory is zeroed when it is dropped.

use zeroize::Zeroize;

/// A secret value, zeroed on drop and readable only through [`Secret::expose`].
///
/// ```
/// use warden_core::Secret;
/// let password = Secret::new(b"hunter2".to_vec());
/// assert_eq!(password.expose(), b"hunter2");
/// ```
///
/// It cannot be printed:
///
/// ```compile_fail
/// use warden_core::Secret;
/// println!("{:?}", Secret::new(vec![1u8]));
/// ```
///
/// Nor be compared, which would take longer the more of it somebody has guessed:
///
/// ```compile_fail
/// use warden_core::Secret;
/// assert!(Secret::new(vec![1u8]) == Secret::new(vec![1u8]));
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of a secret value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
