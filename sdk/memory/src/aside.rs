//! Data that is only read, and no part of what a decision starts from.
//!
//! In: bytes, once the data is read. Out: copies of parts of them. In a guest the first
//! bytes set aside are announced to the host, by two exports of the module:
//!
//! ```text
//! warden_aside       where 8 bytes tell their address and length
//! warden_aside_read  (to, from, length): copies `length` bytes of them, from the `from`th on
//! ```
//!
//! When a host takes a snapshot, it moves those bytes out of memory, into a passive data
//! segment, and has `warden_aside_read` take them from there (`memory.init`). A host that
//! does not know of it loses nothing: the function copies them from memory.

use std::fmt;

/// Bytes that are read in parts, and never written again.
///
/// Those set aside first cost a decision nothing but the parts that it reads, however many
/// they are. Others are a part of the policy's memory, as anything is.
///
/// ```
/// use warden_memory::Aside;
///
/// let names = Aside::new(b"alice\nbob\n".to_vec());
/// let mut bob = [0; 3];
/// assert!(names.read(6, &mut bob));
/// assert_eq!(&bob, b"bob");
/// assert!(!names.read(8, &mut bob), "the last of them would lie outside");
/// ```
pub struct Aside(Place);

enum Place {
    #[cfg(target_arch = "wasm32")]
    Announced {
        length: usize,
    },
    Here(Box<[u8]>),
}

impl Aside {
    /// Sets these aside.
    pub fn new(bytes: Vec<u8>) -> Self {
        #[cfg(target_arch = "wasm32")]
        let bytes = match guest::announce(bytes) {
            Ok(length) => return Self(Place::Announced { length }),
            Err(bytes) => bytes,
        };
        Self(Place::Here(bytes.into_boxed_slice()))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        match &self.0 {
            #[cfg(target_arch = "wasm32")]
            Place::Announced { length } => *length,
            Place::Here(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads from there on as many as `to` takes. `false`: they are not as many, and `to`
    /// is as it was.
    #[must_use]
    pub fn read(&self, from: usize, to: &mut [u8]) -> bool {
        let Some(end) = from.checked_add(to.len()).filter(|end| *end <= self.len()) else {
            return false;
        };
        match &self.0 {
            #[cfg(target_arch = "wasm32")]
            Place::Announced { .. } => {
                debug_assert!(end >= from);
                guest::read(from, to);
                true
            }
            Place::Here(bytes) => bytes
                .get(from..end)
                .map(|part| to.copy_from_slice(part))
                .is_some(),
        }
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("len", &self.len()).finish()
    }
}

#[cfg(target_arch = "wasm32")]
mod guest {
    //! The two exports.

    use std::ptr::{copy_nonoverlapping, with_exposed_provenance};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Address and length; no address while nothing is set aside.
    #[unsafe(export_name = "warden_aside")]
    static ANNOUNCED: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

    /// Their number; or the bytes again where others were set aside before.
    pub(super) fn announce(bytes: Vec<u8>) -> Result<usize, Vec<u8>> {
        let [address, length] = &ANNOUNCED;
        if address.load(Relaxed) != 0 || bytes.is_empty() {
            return Err(bytes);
        }
        let bytes: &'static [u8] = bytes.leak();
        address.store(bytes.as_ptr().expose_provenance(), Relaxed);
        length.store(bytes.len(), Relaxed);
        Ok(bytes.len())
    }

    /// The part must lie inside.
    pub(super) fn read(from: usize, to: &mut [u8]) {
        read_announced(to.as_mut_ptr(), from, to.len());
    }

    /// A function of its own, never a part of another: the host gives it another body.
    #[unsafe(export_name = "warden_aside_read")]
    #[inline(never)]
    extern "C" fn read_announced(to: *mut u8, from: usize, length: usize) {
        let address = ANNOUNCED[0].load(Relaxed) + from;
        let announced = with_exposed_provenance::<u8>(address);
        // SAFETY: `Aside::read` has seen that the part lies inside of what was leaked, and
        // `to` is a buffer of this length.
        unsafe { copy_nonoverlapping(announced, to, length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_not_read() {
        let aside = Aside::new((0..10).collect());
        assert_eq!((aside.len(), aside.is_empty()), (10, false));
        for (from, length, is_inside) in [
            (0, 10, true),
            (9, 1, true),
            (10, 0, true),
            (9, 2, false),
            (11, 0, false),
            (usize::MAX, 2, false),
        ] {
            let mut to = vec![0xff; length];
            assert_eq!(aside.read(from, &mut to), is_inside, "{from} {length}");
            let read: Vec<u8> = if is_inside {
                (from..from + length).map(|byte| byte as u8).collect()
            } else {
                vec![0xff; length]
            };
            assert_eq!(to, read);
        }
        assert!(Aside::new(Vec::new()).is_empty());
    }
}
