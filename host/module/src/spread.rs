//! Moments that are not one moment for all.

use std::time::Duration;

/// Up to a tenth earlier, so that what began at one time is not done again at one time.
/// `address` is that of what it is done for.
pub(crate) fn earlier(every: Duration, address: usize) -> Duration {
    // Blocks of an allocator lie at multiples of their size: the product's highest bits depend
    // on all bits of the address, its lowest ones do not. Ten of them: 1,024 parts of a tenth.
    let address = u64::try_from(address).unwrap_or(u64::MAX);
    let highest = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    let part = u32::try_from(highest).unwrap_or(0);
    every.saturating_sub(every / 10_240 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_any_size_are_spread_over_a_tenth() {
        let every = Duration::from_secs(10_240);
        for size in [16, 48, 112, 256, 320, 4096] {
            let mut counts = [0_usize; 8];
            for number in 0..8_000 {
                let earlier = every - earlier(every, 0x7f3a_0000_0000 + number * size);
                assert!(earlier < Duration::from_secs(1024));
                let part = usize::try_from(earlier.as_secs() / 128).unwrap();
                counts[part] += 1;
            }
            let all = counts.iter().all(|count| (500..1500).contains(count));
            assert!(all, "blocks of {size} bytes: {counts:?}");
        }
    }
}
