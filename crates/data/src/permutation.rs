/// A shuffle of 0..n that is computed, not stored: a Feistel network over the least power of two that holds n,
/// walked until it comes back below n (Black and Rogaway 2002). At most two steps on average.
pub struct Permutation {
    count: u64,
    /// Bits of the left and the right half.
    halves: [u32; 2],
    keys: [u64; ROUNDS],
}

/// Even, so that both halves end with the width they began with.
const ROUNDS: usize = 10;

/// A bijection on 64 bits that spreads every bit (David Stafford's variant 13 of MurmurHash3's finaliser).
fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Permutation {
    pub fn new(count: u64, seed: u64, epoch: u64) -> Self {
        let bits = (64 - count.saturating_sub(1).leading_zeros()).max(2);
        let start = mix(seed ^ mix(epoch.wrapping_add(0x9e37_79b9_7f4a_7c15)));
        Permutation {
            count,
            halves: [bits / 2, bits - bits / 2],
            keys: std::array::from_fn(|round| {
                mix(start.wrapping_add((round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            }),
        }
    }

    /// Where `index`, below the count, goes.
    pub fn get(&self, index: u64) -> u64 {
        let mut value = index;
        loop {
            value = self.network(value);
            if value < self.count {
                return value;
            }
        }
    }

    fn network(&self, value: u64) -> u64 {
        let [mut left_bits, mut right_bits] = self.halves;
        let mask = |bits: u32| (1u64 << bits) - 1;
        let (mut left, mut right) = (value >> right_bits, value & mask(right_bits));
        for key in self.keys {
            let next = left ^ (mix(right ^ key) & mask(left_bits));
            (left, right) = (right, next);
            (left_bits, right_bits) = (right_bits, left_bits);
        }
        (left << right_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_comes_once() {
        for count in [1u64, 2, 3, 5, 64, 65, 1000, 4097] {
            let permutation = Permutation::new(count, 7, 3);
            let mut seen: Vec<u64> = (0..count).map(|i| permutation.get(i)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn epochs_and_seeds_differ_and_places_are_uniform() {
        let first = |seed, epoch| -> Vec<u64> {
            let permutation = Permutation::new(1_000_000_000, seed, epoch);
            (0..2000).map(|i| permutation.get(i)).collect()
        };
        assert_ne!(first(0, 0), first(0, 1));
        assert_ne!(first(0, 0), first(1, 0));
        let places = first(5, 9);
        let mean = places.iter().sum::<u64>() as f64 / 2000.0 / 1e9;
        // Five standard errors of the mean of 2000 uniform draws.
        assert!((mean - 0.5).abs() < 5.0 / (12.0f64 * 2000.0).sqrt(), "{mean}");
        let rising = places.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((900..1100).contains(&rising), "{rising}");
    }
}
