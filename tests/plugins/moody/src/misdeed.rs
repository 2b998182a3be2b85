//! What ends an instance.

use std::hint::black_box;

/// Traps.
#[expect(clippy::panic, reason = "it is what the tests are about")]
pub(crate) fn panic(words: &str) -> ! {
    panic!("moody panics: {words}")
}

/// Never returns.
pub(crate) fn endless_loop() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until there is none.
pub(crate) fn allocate_without_end() -> ! {
    let mut held = Vec::new();
    loop {
        held.push(vec![1_u8; 1 << 20]);
        black_box(&held);
    }
}
