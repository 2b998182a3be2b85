//! The allocator of a policy: the system's while data is read, a short stack of blocks
//! for a decision.
//!
//! In: requests for memory. Out: blocks. A decision allocates a few kilobytes and is over:
//! its blocks lie one behind the other, and only the last is ever given back by itself.
//! Where they are full, and before [`Heap::open`], blocks are the system's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

/// What a decision finds at the beginning of memory.
const BYTES: usize = 32 << 10;
/// The alignment of its first block; who wants more gets the system's.
const ALIGN: usize = 16;

#[repr(align(16))]
struct Block(UnsafeCell<[u8; BYTES]>);

/// The allocator.
pub struct Heap {
    block: Block,
    /// So many bytes are given away.
    used: Cell<usize>,
    /// So many blocks are; when none is, all of it is free.
    live: Cell<usize>,
    is_open: Cell<bool>,
}

// SAFETY: a guest has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Heap {}

impl Heap {
    /// All of it the system's.
    pub const fn new() -> Self {
        Self {
            block: Block(UnsafeCell::new([0; BYTES])),
            used: Cell::new(0),
            live: Cell::new(0),
            is_open: Cell::new(false),
        }
    }

    /// From now on blocks lie at the beginning.
    pub fn open(&self) {
        self.is_open.set(true);
    }

    /// A block at the beginning, where it fits.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if !self.is_open.get() || layout.align() > ALIGN {
            return None;
        }
        let start = self.used.get().next_multiple_of(layout.align());
        let end = start.checked_add(layout.size())?;
        if end > BYTES {
            return None;
        }
        self.used.set(end);
        self.live.set(self.live.get() + 1);
        Some(self.block.0.get().cast::<u8>().wrapping_add(start))
    }

    /// How far from the beginning a block lies; `None` for the system's.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.block.0.get().addr());
        (offset < BYTES).then_some(offset)
    }

    fn give_back(&self, offset: usize, bytes: usize) {
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.used.set(0);
        } else if offset + bytes == self.used.get() {
            self.used.set(offset);
        }
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks are apart from one another: one begins behind those that are given away,
// inside of ours, aligned as asked for; whatever else is the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout).unwrap_or_else(|| {
            // SAFETY: the caller's promise, passed on.
            unsafe { System.alloc(layout) }
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) => self.give_back(offset, layout.size()),
            // SAFETY: it is not ours, so the system gave it, with this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: it is not ours, so the system gave it, with this layout.
            return unsafe { System.realloc(block, layout, bytes) };
        };
        let is_last = offset + layout.size() == self.used.get();
        if is_last && bytes <= BYTES - offset {
            self.used.set(offset + bytes);
            return block;
        }
        let Ok(larger) = Layout::from_size_align(bytes, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: its size is not zero, as the caller promises.
        let moved = unsafe { self.alloc(larger) };
        if !moved.is_null() {
            let kept = layout.size().min(bytes);
            // SAFETY: both are as large, and a new block is apart from the old one.
            unsafe { ptr::copy_nonoverlapping(block, moved, kept) };
            self.give_back(offset, layout.size());
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: usize, align: usize) -> Layout {
        Layout::from_size_align(bytes, align).unwrap()
    }

    /// A block, with how far from the beginning it lies.
    fn block(heap: &Heap, layout: Layout) -> (*mut u8, Option<usize>) {
        // SAFETY: no layout here is of nothing.
        let block = unsafe { heap.alloc(layout) };
        assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
        (block, heap.offset(block))
    }

    fn free(heap: &Heap, block: *mut u8, layout: Layout) {
        // SAFETY: each block is given back once, with its layout.
        unsafe { heap.dealloc(block, layout) };
    }

    fn resize(heap: &Heap, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the block has this layout, and is of its new size from then on.
        unsafe { heap.realloc(block, layout, bytes) }
    }

    #[test]
    fn before_it_is_open_blocks_are_the_systems() {
        let heap = Heap::default();
        let (theirs, offset) = block(&heap, layout(8, 8));
        assert_eq!(offset, None);
        heap.open();
        let (ours, offset) = block(&heap, layout(8, 8));
        assert_eq!(offset, Some(0));
        // What was the system's is given back to it, and grows there.
        let theirs = resize(&heap, theirs, layout(8, 8), 64);
        assert_eq!(heap.offset(theirs), None);
        free(&heap, theirs, layout(64, 8));
        free(&heap, ours, layout(8, 8));
        assert_eq!((heap.used.get(), heap.live.get()), (0, 0));
    }

    #[test]
    fn blocks_are_apart_and_aligned_and_the_last_is_given_back() {
        let heap = Heap::new();
        heap.open();
        let (first, _) = block(&heap, layout(3, 1));
        let (second, offset) = block(&heap, layout(16, 16));
        assert_eq!(offset, Some(16));
        let (third, offset) = block(&heap, layout(5, 4));
        assert_eq!(offset, Some(32));
        free(&heap, third, layout(5, 4));
        assert_eq!(heap.used.get(), 32);
        free(&heap, first, layout(3, 1));
        assert_eq!(heap.used.get(), 32, "something lies above it");
        free(&heap, second, layout(16, 16));
        assert_eq!(heap.used.get(), 0, "nothing is left");
    }

    #[test]
    fn what_does_not_fit_is_the_systems() {
        let heap = Heap::new();
        heap.open();
        for refused in [layout(BYTES + 1, 1), layout(8, 32)] {
            let (theirs, offset) = block(&heap, refused);
            assert_eq!(offset, None);
            free(&heap, theirs, refused);
        }
        let (all, offset) = block(&heap, layout(BYTES, 1));
        assert_eq!(offset, Some(0));
        let (more, offset) = block(&heap, layout(1, 1));
        assert_eq!(offset, None);
        free(&heap, more, layout(1, 1));
        free(&heap, all, layout(BYTES, 1));
    }

    #[test]
    fn a_block_that_grows_keeps_what_it_holds() {
        let heap = Heap::new();
        heap.open();
        let (grown, _) = block(&heap, layout(4, 4));
        // SAFETY: it has four bytes.
        unsafe { grown.copy_from_nonoverlapping([1, 2, 3, 4].as_ptr(), 4) };
        let same = resize(&heap, grown, layout(4, 4), 400);
        assert_eq!(same, grown, "nothing lies above it");
        let (above, _) = block(&heap, layout(4, 4));
        let moved = resize(&heap, same, layout(400, 4), 800);
        assert_ne!(moved, same);
        let theirs = resize(&heap, moved, layout(800, 4), BYTES);
        assert_eq!(heap.offset(theirs), None, "it does not fit");
        // SAFETY: its first four bytes were written.
        let bytes = unsafe { theirs.cast::<[u8; 4]>().read() };
        assert_eq!(bytes, [1, 2, 3, 4]);
        free(&heap, theirs, layout(BYTES, 4));
        free(&heap, above, layout(4, 4));
        assert_eq!((heap.used.get(), heap.live.get()), (0, 0));
    }
}
