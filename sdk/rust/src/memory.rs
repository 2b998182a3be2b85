//! A guest's memory once it has read its data.
//!
//! In: nothing. Out: zeros where memory is free, and from then on what is allocated lies
//! where memory begins. Reading data takes many times its size, and all of it would be
//! part of the snapshot that decisions start from: kept in files, read at each start, held
//! in memory.

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: warden_memory::Heap = warden_memory::Heap::new();

/// Blocks that free memory is looked for in, the largest first.
#[cfg(target_arch = "wasm32")]
const BLOCKS: [usize; 3] = [64 << 10, 4 << 10, 512];

/// Makes memory what decisions start from.
#[cfg(target_arch = "wasm32")]
pub(crate) fn settle() {
    clear_free();
    HEAP.open();
}

/// Clears free memory but for pieces too small to matter. The memory grows by two pages
/// of 64 KiB at most.
#[cfg(target_arch = "wasm32")]
fn clear_free() {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for size in BLOCKS {
        let pages = core::arch::wasm32::memory_size::<0>();
        // Where nothing that is free is as large, memory grows.
        while core::arch::wasm32::memory_size::<0>() == pages {
            blocks.push(std::hint::black_box(vec![0; size]));
        }
    }
}

/// Where tests run a policy natively there is no snapshot.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn settle() {}
