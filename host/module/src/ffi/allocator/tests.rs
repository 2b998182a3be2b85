//! The alignment arithmetic over a C allocator that gives no more than it promises.

use super::{Aligned, CAllocator, Plan, apart, apart_bytes, plan};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::collections::HashMap;

/// Gives blocks that are 8-aligned and never 16-aligned, unless their size is a multiple of 16; checks every release.
#[derive(Default)]
struct Grudging {
    live: RefCell<HashMap<usize, (usize, usize)>>,
}

const SLACK: usize = 32;

impl Grudging {
    fn place(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        let offset = if bytes.is_multiple_of(16) { 16 } else { 8 };
        let block = start.wrapping_add(offset);
        self.live.borrow_mut().insert(block.addr(), (bytes, offset));
        block
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes + SLACK, 16).expect("a small layout")
    }
}

// SAFETY: blocks lie inside ones of the system's allocator that are larger by the slack, at the offsets promised.
unsafe impl CAllocator for Grudging {
    fn allocate(&self, bytes: usize) -> *mut u8 {
        // SAFETY: the layout is not of size zero.
        let start = unsafe { System.alloc(Self::layout(bytes)) };
        self.place(start, bytes)
    }

    fn allocate_zeroed(&self, bytes: usize) -> *mut u8 {
        // SAFETY: the layout is not of size zero.
        let start = unsafe { System.alloc_zeroed(Self::layout(bytes)) };
        self.place(start, bytes)
    }

    unsafe fn resize(&self, block: *mut u8, bytes: usize) -> *mut u8 {
        let (old, _) = *self.live.borrow().get(&block.addr()).expect("a live block");
        let moved = self.allocate(bytes);
        // SAFETY: both blocks are live, apart and at least that long.
        unsafe { moved.copy_from_nonoverlapping(block, old.min(bytes)) };
        // SAFETY: the block is live and not used again.
        unsafe { self.release(block) };
        moved
    }

    unsafe fn release(&self, block: *mut u8) {
        let (bytes, offset) = self
            .live
            .borrow_mut()
            .remove(&block.addr())
            .expect("a live block");
        // SAFETY: `place` put the block at this offset of a block of this layout.
        unsafe { System.dealloc(block.wrapping_sub(offset), Self::layout(bytes)) };
    }
}

/// Ours, and the system's apart.
fn two() -> Aligned<Grudging, super::System> {
    Aligned {
        ours: Grudging::default(),
        apart: super::System,
    }
}

fn fill(block: *mut u8, bytes: usize, with: u8) {
    // SAFETY: the test gives blocks of at least that many bytes.
    unsafe { block.write_bytes(with, bytes) };
}

fn all_are(block: *mut u8, bytes: usize, value: u8) -> bool {
    // SAFETY: the test gives initialised blocks of at least that many bytes.
    let slice = unsafe { std::slice::from_raw_parts(block, bytes) };
    slice.iter().all(|byte| *byte == value)
}

#[test]
fn every_alignment_survives_allocation_growth_shrinking_and_release() {
    let allocator = two();
    for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
        for size in [1, 7, 8, 9, 15, 16, 17, 24, 100, 5000] {
            let layout = Layout::from_size_align(size, align).expect("valid");
            // SAFETY: the size is not zero.
            let block = unsafe { allocator.alloc(layout) };
            assert_eq!(block.addr() % align, 0, "size {size}, alignment {align}");
            fill(block, size, 0xA5);
            let grown = size * 3 + 1;
            // SAFETY: the block is live and of this layout, the new size is not zero.
            let block = unsafe { allocator.realloc(block, layout, grown) };
            assert_eq!(
                block.addr() % align,
                0,
                "grown to {grown}, alignment {align}"
            );
            assert!(all_are(block, size, 0xA5));
            let layout = Layout::from_size_align(grown, align).expect("valid");
            // SAFETY: as before.
            let block = unsafe { allocator.realloc(block, layout, 1) };
            assert!(all_are(block, 1, 0xA5));
            let layout = Layout::from_size_align(1, align).expect("valid");
            // SAFETY: the block is live and of this layout.
            unsafe { allocator.dealloc(block, layout) };
        }
    }
    let left = allocator.ours.live.borrow();
    assert!(left.is_empty(), "every base was found again");
}

#[test]
fn zeroed_blocks_are_zero_behind_their_header() {
    let allocator = two();
    for align in [8, 16, 64] {
        let layout = Layout::from_size_align(300, align).expect("valid");
        // SAFETY: the size is not zero.
        let block = unsafe { allocator.alloc_zeroed(layout) };
        assert!(all_are(block, 300, 0));
        // SAFETY: the block is live and of this layout.
        unsafe { allocator.dealloc(block, layout) };
    }
}

#[test]
fn sizes_that_cannot_be_counted_are_refused() {
    assert_eq!(plan(usize::MAX - 4, 8), Plan::Impossible);
    assert_eq!(plan(usize::MAX - 20, 8), Plan::Impossible);
    assert_eq!(plan(usize::MAX - 40, 64), Plan::Impossible);
    assert_eq!(plan(17, 8), Plan::Direct(32));
    assert_eq!(plan(17, 16), Plan::Cut(41));
    assert_eq!(plan(10, 32), Plan::Cut(50));
}

#[test]
fn a_block_goes_back_to_whoever_gave_it_wherever_it_grows_or_ends() {
    let allocator = two();
    for align in [1, 8, 16, 64, 4096] {
        for size in [1, 8, 24, 100, 300_000] {
            let layout = Layout::from_size_align(size, align).expect("valid");
            let before = apart_bytes();
            // SAFETY: the size is not zero.
            let theirs = apart(|| unsafe { allocator.alloc_zeroed(layout) });
            assert!(apart_bytes() >= before + size && all_are(theirs, size, 0));
            assert_eq!(theirs.addr() % align, 0);
            // SAFETY: the size is not zero.
            let ours = unsafe { allocator.alloc(layout) };
            assert_eq!(allocator.ours.live.borrow().len(), 1);
            fill(ours, size, 1);
            fill(theirs, size, 2);
            // Each grows where the other's memory would be taken.
            // SAFETY: the block is live and of this layout, the new size is not zero.
            let ours = apart(|| unsafe { allocator.realloc(ours, layout, 2 * size) });
            // SAFETY: as before.
            let theirs = unsafe { allocator.realloc(theirs, layout, 2 * size) };
            assert!(all_are(ours, size, 1) && all_are(theirs, size, 2));
            let layout = Layout::from_size_align(2 * size, align).expect("valid");
            // SAFETY: the block is live and of this layout.
            unsafe { allocator.dealloc(theirs, layout) };
            // SAFETY: as before.
            apart(|| unsafe { allocator.dealloc(ours, layout) });
            assert!(allocator.ours.live.borrow().is_empty());
        }
    }
}
