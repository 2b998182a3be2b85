//! From any thread to one reader, and neither ever waits for the other.
//!
//! In: a value, from any thread. Out: the values in the order in which they were put in, one at a time, to the one reader.
//! Never: a lock, or a loop that ends only when another thread goes on. A thread that is put off the processor in the
//! middle of [`Slot::put`] holds nobody up: what it and those after it put in is there when it goes on, so whoever is
//! to be woken is woken after `put`.
//!
//! It is a linked list that grows at one end and shrinks at the other (Dmitry Vyukov's queue of many producers and one
//! consumer): who puts in takes the place of the last letter by one atomic exchange, and then links its own to the one that
//! was last until then. Where several wait behind one that is not linked yet, one who is woken then may find all of them.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// An empty mailbox: where letters are put in, and where they are taken out.
pub(crate) fn mailbox<T: Send>() -> (Slot<T>, Reader<T>) {
    let none = Letter::alone(None);
    let mailbox = Arc::new(Mailbox {
        last: AtomicPtr::new(none.as_ptr()),
        taken: UnsafeCell::new(none),
    });
    (Slot(Arc::clone(&mailbox)), Reader(mailbox))
}

/// Where letters are put in.
#[derive(Debug)]
pub(crate) struct Slot<T>(Arc<Mailbox<T>>);

/// Where they are taken out. Each mailbox has one.
#[derive(Debug)]
pub(crate) struct Reader<T>(Arc<Mailbox<T>>);

#[derive(Debug)]
struct Mailbox<T> {
    /// The letter put in last, to which the next one is linked.
    last: AtomicPtr<Letter<T>>,
    /// The letter taken last; the next one to be taken is linked to it. Only the reader looks at it.
    taken: UnsafeCell<NonNull<Letter<T>>>,
}

// SAFETY: `last` is atomic; `taken`, and the values of linked letters, are touched by the one `Reader` alone, which takes
// itself by `&mut`, and by the destructor, which nobody else outlives. Values cross threads, and so must be `Send`.
unsafe impl<T: Send> Sync for Mailbox<T> {}

// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl<T: Send> Send for Mailbox<T> {}

#[derive(Debug)]
struct Letter<T> {
    next: AtomicPtr<Letter<T>>,
    /// Taken out by the reader: the letter itself stays until the next one is linked to it.
    value: Option<T>,
}

impl<T> Letter<T> {
    /// On the heap, linked to nothing.
    fn alone(value: Option<T>) -> NonNull<Self> {
        NonNull::from(Box::leak(Box::new(Self {
            next: AtomicPtr::new(ptr::null_mut()),
            value,
        })))
    }
}

impl<T: Send> Slot<T> {
    /// Puts a value in.
    pub(crate) fn put(&self, value: T) {
        let letter = Letter::alone(Some(value)).as_ptr();
        let before = self.0.last.swap(letter, Ordering::AcqRel);
        // SAFETY: a letter is freed by the reader when another one is linked to it, or by the destructor, when there is no
        // `Slot` any more. `before` was last, so only this thread links to it, here, and does not touch it afterwards.
        unsafe { (*before).next.store(letter, Ordering::Release) };
    }
}

impl<T: Send> Reader<T> {
    /// Takes the next value out; `None` when there is none, or when who puts it in has not finished.
    pub(crate) fn take(&mut self) -> Option<T> {
        // SAFETY: this is the one reader, and it is borrowed for that alone.
        unsafe { self.0.take() }
    }
}

impl<T> Mailbox<T> {
    /// Takes the next value out.
    ///
    /// # Safety
    /// Only for the one reader, and for the destructor: never two at a time.
    unsafe fn take(&self) -> Option<T> {
        let taken = self.taken.get();
        // SAFETY: nobody else touches `taken`.
        let letter = unsafe { *taken }.as_ptr();
        // SAFETY: it was the first, or was linked, and is not freed yet: that happens below, when `taken` names another.
        let next = unsafe { &(*letter).next }.load(Ordering::Acquire);
        let next = NonNull::new(next)?;
        // SAFETY: a linked letter is whole, which `Acquire` has let us see, and nobody but us touches its value. Another thread
        // may link to it just now, so there is a reference to the value alone.
        let value = unsafe { &mut (*next.as_ptr()).value }.take();
        // SAFETY: as for `taken` above.
        let former = unsafe { ptr::replace(taken, next) };
        // SAFETY: it was made by `Box::leak`, the next one is linked to it, so nobody will touch it any more.
        drop(unsafe { Box::from_raw(former.as_ptr()) });
        value
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else is left.
        while unsafe { self.take() }.is_some() {}
        // SAFETY: it was made by `Box::leak`, and nobody is left to touch it.
        drop(unsafe { Box::from_raw(self.taken.get_mut().as_ptr()) });
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::mailbox;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn letters_come_out_in_the_order_in_which_they_were_put_in() {
        let (slot, mut reader) = mailbox();
        assert_eq!(reader.take(), None);
        slot.put(1);
        slot.put(2);
        assert_eq!(reader.take(), Some(1));
        slot.put(3);
        assert_eq!([reader.take(), reader.take()], [Some(2), Some(3)]);
        assert_eq!(reader.take(), None);
    }

    #[test]
    fn what_many_threads_put_in_comes_out_once_and_of_each_in_order() {
        const THREADS: usize = 4;
        const LETTERS: usize = 20_000;
        let (slot, mut reader) = mailbox();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let slot = slot.clone();
                scope.spawn(move || {
                    for number in 0..LETTERS {
                        slot.put((thread, number));
                    }
                });
            }
            let mut next = [0; THREADS];
            for _ in 0..THREADS * LETTERS {
                let (thread, number) = loop {
                    match reader.take() {
                        Some(letter) => break letter,
                        None => thread::yield_now(),
                    }
                };
                let next = next.get_mut(thread).unwrap();
                assert_eq!(number, *next);
                *next += 1;
            }
        });
        assert_eq!(reader.take(), None);
    }

    #[test]
    fn what_nobody_took_is_dropped_with_the_mailbox() {
        let value = Arc::new(());
        let (slot, mut reader) = mailbox();
        for _ in 0..3 {
            slot.put(Arc::clone(&value));
        }
        drop(reader.take());
        assert_eq!(Arc::strong_count(&value), 3);
        drop(slot);
        assert_eq!(Arc::strong_count(&value), 3);
        drop(reader);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
