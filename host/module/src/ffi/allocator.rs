//! Our memory, taken from the server so that it shows in `used_memory`.
//!
//! In: Rust's layouts. Out: blocks of the server's allocator, aligned as asked. Never: a block freed by another allocator
//! than the one that gave it. Unit tests have no server and use the system's.
//!
//! The server's allocator promises 8-byte alignment only. Its size classes that are multiples of 16 are 16-aligned, which
//! [`check_alignment`] proves at load. Anything wider is cut out of a larger block whose start is kept just below it:
//!
//! ```text
//! base ──── padding ──── [base address, 8 bytes] ──── block, aligned
//! ```

use std::alloc::{GlobalAlloc, Layout};

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: Aligned<Server> = Aligned(Server);

/// The alignment every block has.
const BASE_ALIGN: usize = 8;

/// The alignment blocks have whose size is a multiple of it.
const ROUNDED_ALIGN: usize = 16;

/// Room for the base address below a widely aligned block.
const HEADER_BYTES: usize = size_of::<*mut u8>();

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

/// Rust's rules about alignment, laid over a C allocator.
struct Aligned<A>(A);

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
        return Plan::Direct(size);
    } else if align <= ROUNDED_ALIGN {
        size.checked_next_multiple_of(ROUNDED_ALIGN)
            .map(Plan::Direct)
    } else {
        size.checked_add(align)
            .and_then(|bytes| bytes.checked_add(HEADER_BYTES))
            .map(Plan::Cut)
    };
    bytes.unwrap_or(Plan::Impossible)
}

impl<A: CAllocator> Aligned<A> {
    /// Cuts an aligned block out of `base`, a fresh block made for `Plan::Cut` of this alignment, or null.
    ///
    /// # Safety
    /// `base` is null or a block of at least `size + align + HEADER_BYTES` bytes, for the `size` the caller wants.
    unsafe fn cut(base: *mut u8, align: usize) -> *mut u8 {
        if base.is_null() {
            return base;
        }
        let past_header = base.wrapping_add(HEADER_BYTES);
        let padding = past_header.align_offset(align);
        let block = past_header.wrapping_add(padding);
        let header = block.wrapping_sub(HEADER_BYTES).cast::<*mut u8>();
        // SAFETY: the padding is below `align`, so header and block lie inside the base block; the header is 8-aligned
        // because the block is aligned to more.
        unsafe { header.write(base) };
        block
    }

    /// The base of a block that `cut` made.
    ///
    /// # Safety
    /// `block` came from `cut` and is live.
    unsafe fn base_of(block: *mut u8) -> *mut u8 {
        let header = block.wrapping_sub(HEADER_BYTES).cast::<*mut u8>();
        // SAFETY: `cut` wrote the base address there.
        unsafe { header.read() }
    }
}

// SAFETY: `plan` depends only on the layout, so the same kind of block is freed and resized as was allocated; sizes and
// alignments hold by the contract of `CAllocator` and the arithmetic of `cut`; nothing here unwinds.
unsafe impl<A: CAllocator> GlobalAlloc for Aligned<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match plan(layout.size(), layout.align()) {
            Plan::Direct(bytes) => self.0.allocate(bytes),
            // SAFETY: the block was made with the size `plan` asks for this layout.
            Plan::Cut(bytes) => unsafe { Self::cut(self.0.allocate(bytes), layout.align()) },
            Plan::Impossible => std::ptr::null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match plan(layout.size(), layout.align()) {
            Plan::Direct(bytes) => self.0.allocate_zeroed(bytes),
            // SAFETY: the block was made with the size `plan` asks for this layout; the header is not part of it.
            Plan::Cut(bytes) => unsafe { Self::cut(self.0.allocate_zeroed(bytes), layout.align()) },
            Plan::Impossible => std::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let base = match plan(layout.size(), layout.align()) {
            Plan::Direct(_) => block,
            // SAFETY: a block of this layout came from `cut`.
            Plan::Cut(_) => unsafe { Self::base_of(block) },
            Plan::Impossible => return,
        };
        // SAFETY: `base` is the live block the C allocator gave for this layout; the caller gives it up.
        unsafe { self.0.release(base) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match plan(new_size, layout.align()) {
            // SAFETY: the old block has the same alignment, so it is a direct block of the C allocator and live.
            Plan::Direct(bytes) => unsafe { self.0.resize(block, bytes) },
            // SAFETY: the caller's promises about `block` and `layout` are handed on unchanged.
            Plan::Cut(_) => unsafe { self.move_cut(block, layout, new_size) },
            Plan::Impossible => std::ptr::null_mut(),
        }
    }
}

impl<A: CAllocator> Aligned<A> {
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
