/// A generator whose numbers are a function of its coordinates alone (Philox 4×32-10, Salmon et al. 2011,
/// "Parallel random numbers: as easy as 1, 2, 3").
///
/// A transform draws from the stream of (seed, epoch, sample, view, transform), so what it draws does not depend
/// on the thread, on the batch, or on what was drawn before.
#[derive(Debug, Clone)]
pub struct Rng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

/// Where in the run a draw is made. `view` and `step` are below 1024.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    pub seed: u64,
    pub epoch: u32,
    pub sample: u64,
    pub view: u32,
    pub step: u32,
}

impl Rng {
    /// The stream of one place: up to 16,384 draws before it would run into a neighbour's.
    pub fn at(place: Place) -> Self {
        let Place {
            seed,
            epoch,
            sample,
            view,
            step,
        } = place;
        Rng {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [
                (view << 22) | ((step & 0x3ff) << 12),
                epoch,
                sample as u32,
                (sample >> 32) as u32,
            ],
            block: [0; 4],
            used: 4,
        }
    }

    /// A stream of its own of up to 2³⁴ draws.
    pub fn with_seed(seed: u64) -> Self {
        Rng::at(Place {
            seed,
            epoch: u32::MAX,
            ..Place::default()
        })
    }

    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        let high = u64::from(self.next_u32());
        let low = u64::from(self.next_u32());
        ((high << 21) ^ (low >> 11)) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in [0, count); 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.next_u32()) * count as u64) >> 32) as usize
    }

    /// Normally distributed, mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Gamma distributed with shape `a` > 0 and scale 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, a: f64) -> f64 {
        if a < 1.0 {
            let u = 1.0 - self.unit();
            return self.gamma(a + 1.0) * u.powf(1.0 / a);
        }
        let d = a - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Beta distributed on [0, 1].
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        // Both vanish for tiny parameters; the mass is then at the ends.
        if x + y > 0.0 {
            x / (x + y)
        } else {
            f64::from(u8::from(self.chance(a / (a + b))))
        }
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = 0xD251_1F53u64 * u64::from(counter[0]);
        let b = 0xCD9E_8D57u64 * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_known_answers() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn draws_are_uniform_and_streams_differ() {
        let mut rng = Rng::at(Place {
            seed: 3,
            sample: 9,
            ..Place::default()
        });
        let mean = (0..8000).map(|_| rng.unit()).sum::<f64>() / 8000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        let first = |view, step| {
            Rng::at(Place {
                view,
                step,
                ..Place::default()
            })
            .next_u32()
        };
        assert_ne!(first(0, 1), first(1, 0));
    }
}
