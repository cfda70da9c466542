//! Seeded chance: splitmix64, small, reproducible on every platform.

/// One stream of reproducible random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A stream that depends on the seed and on nothing else.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream for one named purpose, so that the order of simulation steps cannot change its numbers.
    pub fn for_purpose(seed: u64, purpose: &str, number: u64) -> Self {
        // FNV-1a over the name: only needs to differ between names.
        let name = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut rng = Self(seed ^ name ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.next_u64();
        rng
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A span id: 64 bits, never zero (zero means "none" on the wire).
    pub fn span_id(&mut self) -> u64 {
        self.next_u64().max(1)
    }

    /// A trace id: 128 bits, the upper half never zero.
    pub fn trace_id(&mut self) -> u128 {
        (u128::from(self.next_u64().max(1)) << 64) | u128::from(self.next_u64())
    }

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        // Four bits hold the version, two the variant.
        let number = u128::from(high & !0xf000 | 0x4000) << 64 | u128::from(low >> 2 | 0x8000_0000_0000_0000);
        let hex = format!("{number:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { low + self.next_u64() % (high - low + 1) }
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether an event of this probability (0 to 1) happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A short lower-case word of this many characters, without letters that are easily confused.
    pub fn word(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstvwxyz";
        (0..length).map(|_| char::from(LETTERS[(self.next_u64() % LETTERS.len() as u64) as usize])).collect()
    }
}
