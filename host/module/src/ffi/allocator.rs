//! Our memory, taken from the server so that it shows in `used_memory`; but for what loads and compiles policies.
//!
//! In: Rust's layouts. Out: blocks, aligned as asked: the server's, or within [`apart`] the system's. Never: a block freed by another
//! allocator than the one that gave it. Unit tests have no server and use the system's.
//!
//! Reading and compiling takes up to a gigabyte for a while. As the server's memory it would count against `maxmemory`, and
//! other people's keys would be evicted for it, or their writes refused.
//!
//! The server's allocator promises 8-byte alignment only. Its size classes that are multiples of 16 are 16-aligned, which
//! [`check_alignment`] proves at load, so every size is rounded up to one. A block that is not apart then lies at a multiple of
//! 16, and one that is 8 bytes behind: so a block tells who gave it. Anything wider is cut out of a larger block whose start is
//! kept just below it, with a bit that says whose it is:
//!
//! ```text
//! base ──── padding ──── [base address, 8 bytes] ──── block, aligned
//! ```

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: Aligned<Server, System> = Aligned {
    ours: Server,
    apart: System,
};

/// The alignment that blocks of the system's have, and of the server's where their size is a multiple of it.
const ROUNDED_ALIGN: usize = 16;

/// Up to this alignment blocks are served directly; those apart lie as far behind a multiple of [`ROUNDED_ALIGN`].
const BASE_ALIGN: usize = 8;

/// Room for the base address below a widely aligned block.
const HEADER_BYTES: usize = size_of::<*mut u8>();

/// In the base address of a block that is apart.
const APART_BIT: usize = 1;

thread_local! {
    static IS_APART: Cell<bool> = const { Cell::new(false) };
}

/// What is apart now, in bytes.
static APART_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Does work whose memory is the system's and no part of `used_memory`.
pub(crate) fn apart<T>(work: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IS_APART.set(self.0);
        }
    }
    let _before = Before(IS_APART.replace(true));
    work()
}

/// Whether what is free is given back: not where the server's allocator is the system's, for
/// then all of the database would be walked, under the lock that its next block waits for.
static GIVES_BACK: AtomicBool = AtomicBool::new(false);

/// Says whether the server has an allocator of its own.
pub(crate) fn set_gives_back(gives_back: bool) {
    GIVES_BACK.store(gives_back, Ordering::Relaxed);
}

/// Gives back to the system what is apart and free.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back() {
    if GIVES_BACK.load(Ordering::Relaxed) {
        // SAFETY: the call takes any number and is thread-safe.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

/// How many bytes are apart now.
pub(crate) fn apart_bytes() -> usize {
    APART_BYTES.load(Ordering::Relaxed)
}

/// The four calls of a C allocator.
///
/// # Safety
/// Blocks are as large as asked or null, 8-aligned, 16-aligned when their size is a multiple of 16, and stay valid until
/// given to `release` or `resize`.
unsafe trait CAllocator {
    /// `malloc`.
    fn allocate(&self, bytes: usize) -> *mut u8;
    /// `calloc`.
    fn allocate_zeroed(&self, bytes: usize) -> *mut u8;
    /// `realloc`.
    ///
    /// # Safety
    /// `block` is a live block of this allocator.
    unsafe fn resize(&self, block: *mut u8, bytes: usize) -> *mut u8;
    /// `free`.
    ///
    /// # Safety
    /// `block` is a live block of this allocator, and not used again.
    unsafe fn release(&self, block: *mut u8);
}

/// Rust's rules about alignment, laid over two C allocators. Blocks of the first lie at multiples of 16 where their size is one,
/// those of the second at multiples of 16.
struct Aligned<A, B> {
    ours: A,
    apart: B,
}

/// How a layout is served.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// As it is, with this size.
    Direct(usize),
    /// Cut out of a block of this size.
    Cut(usize),
    /// Too large to be counted.
    Impossible,
}

fn plan(size: usize, align: usize) -> Plan {
    let bytes = if align <= BASE_ALIGN {
        size.checked_next_multiple_of(ROUNDED_ALIGN)
            // A block that is apart needs as much more.
            .filter(|bytes| *bytes <= usize::MAX - ROUNDED_ALIGN)
            .map(Plan::Direct)
    } else {
        size.checked_add(align)
            .and_then(|bytes| bytes.checked_add(HEADER_BYTES))
            .map(Plan::Cut)
    };
    bytes.unwrap_or(Plan::Impossible)
}

/// Whose a direct block is.
fn is_apart(block: *mut u8) -> bool {
    !block.addr().is_multiple_of(ROUNDED_ALIGN)
}

fn fresh(from: &impl CAllocator, bytes: usize, is_zeroed: bool) -> *mut u8 {
    if is_zeroed {
        from.allocate_zeroed(bytes)
    } else {
        from.allocate(bytes)
    }
}

/// A direct block of one that the second allocator gave, or null.
fn behind(base: *mut u8) -> *mut u8 {
    if base.is_null() {
        return base;
    }
    base.wrapping_add(BASE_ALIGN)
}

impl<A: CAllocator, B: CAllocator> Aligned<A, B> {
    /// A direct block.
    fn direct(&self, bytes: usize, is_zeroed: bool) -> *mut u8 {
        if IS_APART.get() {
            behind(fresh(&self.apart, bytes + BASE_ALIGN, is_zeroed))
        } else {
            fresh(&self.ours, bytes, is_zeroed)
        }
    }

    /// Cuts an aligned block out of a fresh one of `bytes`, made for `Plan::Cut` of this alignment.
    fn cut(&self, bytes: usize, align: usize, is_zeroed: bool) -> *mut u8 {
        let (base, bit) = if IS_APART.get() {
            (fresh(&self.apart, bytes, is_zeroed), APART_BIT)
        } else {
            (fresh(&self.ours, bytes, is_zeroed), 0)
        };
        if base.is_null() {
            return base;
        }
        let past_header = base.wrapping_add(HEADER_BYTES);
        let block = past_header.wrapping_add(past_header.align_offset(align));
        let header = block.wrapping_sub(HEADER_BYTES).cast::<*mut u8>();
        // SAFETY: the padding is below `align`, so header and block lie inside the fresh block, which has room for both; the
        // header is 8-aligned because the block is aligned to more.
        unsafe { header.write(base.map_addr(|base| base | bit)) };
        block
    }

    /// Gives back a block that `cut` made.
    ///
    /// # Safety
    /// `block` came from `cut`, is live, and not used again.
    unsafe fn release_cut(&self, block: *mut u8) {
        let header = block.wrapping_sub(HEADER_BYTES).cast::<*mut u8>();
        // SAFETY: `cut` wrote the base address there.
        let noted = unsafe { header.read() };
        let base = noted.map_addr(|noted| noted & !APART_BIT);
        if noted.addr() & APART_BIT == 0 {
            // SAFETY: the base is a live block of this allocator, for the bit is not set.
            unsafe { self.ours.release(base) };
        } else {
            // SAFETY: the base is a live block of this allocator, for the bit is set.
            unsafe { self.apart.release(base) };
        }
    }

    /// Resizes a widely aligned block by moving it: `realloc` could change how far it is from its base.
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`, with a layout that `plan` cuts.
    unsafe fn move_cut(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(new_size, layout.align()) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the caller of `realloc` promises that `new_size` is not zero.
        let moved = unsafe { self.alloc(wanted) };
        if moved.is_null() {
            return moved;
        }
        // SAFETY: both blocks are live, apart, and at least the smaller of the two sizes long.
        unsafe { moved.copy_from_nonoverlapping(block, layout.size().min(new_size)) };
        // SAFETY: the old block is live, of this layout, and not used again.
        unsafe { self.dealloc(block, layout) };
        moved
    }
}

// SAFETY: a block is freed and resized by the allocator that gave it, which its address or its header tells; sizes and
// alignments hold by the contract of `CAllocator` and the arithmetic of `cut`; nothing here unwinds.
unsafe impl<A: CAllocator, B: CAllocator> GlobalAlloc for Aligned<A, B> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match plan(layout.size(), layout.align()) {
            Plan::Direct(bytes) => self.direct(bytes, false),
            Plan::Cut(bytes) => self.cut(bytes, layout.align(), false),
            Plan::Impossible => std::ptr::null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match plan(layout.size(), layout.align()) {
            Plan::Direct(bytes) => self.direct(bytes, true),
            // The header is no part of the block.
            Plan::Cut(bytes) => self.cut(bytes, layout.align(), true),
            Plan::Impossible => std::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match plan(layout.size(), layout.align()) {
            Plan::Direct(_) if is_apart(block) => {
                // SAFETY: the block lies behind a live one of this allocator; the caller gives it up.
                unsafe { self.apart.release(block.wrapping_sub(BASE_ALIGN)) };
            }
            // SAFETY: the block is a live one of this allocator; the caller gives it up.
            Plan::Direct(_) => unsafe { self.ours.release(block) },
            // SAFETY: a block of this layout came from `cut`; the caller gives it up.
            Plan::Cut(_) => unsafe { self.release_cut(block) },
            Plan::Impossible => {}
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match plan(new_size, layout.align()) {
            Plan::Direct(bytes) if is_apart(block) => {
                let base = block.wrapping_sub(BASE_ALIGN);
                // SAFETY: the block lies behind a live one of this allocator.
                behind(unsafe { self.apart.resize(base, bytes + BASE_ALIGN) })
            }
            // SAFETY: the old block has the same alignment, so it is a direct block of this allocator and live.
            Plan::Direct(bytes) => unsafe { self.ours.resize(block, bytes) },
            // SAFETY: the caller's promises about `block` and `layout` are handed on unchanged.
            Plan::Cut(_) => unsafe { self.move_cut(block, layout, new_size) },
            Plan::Impossible => std::ptr::null_mut(),
        }
    }
}

/// The server's allocator.
struct Server;

// SAFETY: these are the server's zmalloc family; `check_alignment` refuses the load when blocks of multiples of 16 are not
// 16-aligned, and the server itself aborts rather than answer null. Before the pointers are there, null is answered.
unsafe impl CAllocator for Server {
    fn allocate(&self, bytes: usize) -> *mut u8 {
        let Ok(allocate) = api!(ValkeyModule_Alloc) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the call takes any size and is thread-safe.
        unsafe { allocate(bytes) }.cast()
    }

    fn allocate_zeroed(&self, bytes: usize) -> *mut u8 {
        let Ok(allocate) = api!(ValkeyModule_Calloc) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the call takes any size and is thread-safe.
        unsafe { allocate(1, bytes) }.cast()
    }

    unsafe fn resize(&self, block: *mut u8, bytes: usize) -> *mut u8 {
        let Ok(resize) = api!(ValkeyModule_Realloc) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the block is a live one of this allocator, by the contract of the trait.
        unsafe { resize(block.cast(), bytes) }.cast()
    }

    unsafe fn release(&self, block: *mut u8) {
        if let Ok(release) = api!(ValkeyModule_Free) {
            // SAFETY: the block is a live one of this allocator, by the contract of the trait.
            unsafe { release(block.cast()) };
        }
    }
}

/// The system's allocator, with a count of what it gave.
struct System;

impl System {
    fn counted(block: *mut u8) -> *mut u8 {
        if !block.is_null() {
            APART_BYTES.fetch_add(Self::bytes(block), Ordering::Relaxed);
        }
        block
    }

    /// How large a block is.
    fn bytes(block: *mut u8) -> usize {
        // SAFETY: the block is a live one of this allocator, by all its callers.
        unsafe { libc::malloc_usable_size(block.cast()) }
    }
}

// SAFETY: this is the C library's malloc family, whose blocks are 16-aligned on 64-bit systems.
unsafe impl CAllocator for System {
    fn allocate(&self, bytes: usize) -> *mut u8 {
        // SAFETY: the call takes any size and is thread-safe.
        Self::counted(unsafe { libc::malloc(bytes) }.cast())
    }

    fn allocate_zeroed(&self, bytes: usize) -> *mut u8 {
        // SAFETY: the call takes any size and is thread-safe.
        Self::counted(unsafe { libc::calloc(1, bytes) }.cast())
    }

    unsafe fn resize(&self, block: *mut u8, bytes: usize) -> *mut u8 {
        let before = Self::bytes(block);
        // SAFETY: the block is a live one of this allocator, by the contract of the trait.
        let moved: *mut u8 = unsafe { libc::realloc(block.cast(), bytes) }.cast();
        if !moved.is_null() {
            APART_BYTES.fetch_sub(before, Ordering::Relaxed);
        }
        Self::counted(moved)
    }

    unsafe fn release(&self, block: *mut u8) {
        APART_BYTES.fetch_sub(Self::bytes(block), Ordering::Relaxed);
        // SAFETY: the block is a live one of this allocator, by the contract of the trait.
        unsafe { libc::free(block.cast()) };
    }
}

/// Proves that blocks whose size is a multiple of 16 are 16-aligned. Allocates nothing through Rust.
pub(super) fn check_alignment() -> bool {
    (1..=64_usize).all(|step| {
        let block = Server.allocate(step * ROUNDED_ALIGN);
        let aligned = !block.is_null() && block.align_offset(ROUNDED_ALIGN) == 0;
        // SAFETY: the block came from this allocator just now and is not used again; null is taken too.
        unsafe { Server.release(block) };
        aligned
    })
}

#[cfg(test)]
mod tests;
