/// PyTorch's CPU generator: MT19937 (Matsumoto and Nishimura 1998), 32-bit draws.
pub struct Mt19937 {
    state: [u32; 624],
    next: usize,
}

impl Mt19937 {
    pub fn new(seed: u64) -> Self {
        let mut state = [0u32; 624];
        state[0] = seed as u32;
        for i in 1..624 {
            let previous = state[i - 1];
            state[i] = 1_812_433_253u32
                .wrapping_mul(previous ^ (previous >> 30))
                .wrapping_add(i as u32);
        }
        Mt19937 { state, next: 624 }
    }

    pub fn next_u32(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ (joined >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// `torch.randperm(count, generator=torch.Generator().manual_seed(seed))` for counts below 2³²/20.
    pub fn randperm(seed: u64, count: usize) -> Vec<u32> {
        let mut generator = Mt19937::new(seed);
        let mut order: Vec<u32> = (0..count as u32).collect();
        for i in 0..count.saturating_sub(1) {
            let offset = generator.next_u32() as usize % (count - i);
            order.swap(i, i + offset);
        }
        order
    }
}
