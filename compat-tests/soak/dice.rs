//! Repeatable randomness, and the bytes that an id stands for.

/// SplitMix64: the same choices for the same seed on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream of one seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number of `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.next() % from.len() as u64) as usize]
    }

    /// A body's size: mostly small, now and then up to `largest`.
    pub(crate) fn size(&mut self, largest: u64) -> u64 {
        match self.next() % 8 {
            0 => 0,
            1..=4 => self.between(1, 2000),
            5 | 6 => self.between(2000, 40_000.min(largest)),
            _ => self.between(1, largest),
        }
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes the bytes from `offset` on of the body that belongs to `id`.
pub(crate) fn fill(id: u64, offset: u64, out: &mut [u8]) {
    let mut at = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let block = mixed(id ^ (at / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes();
        let from = (at % 8) as usize;
        let count = rest.len().min(8 - from);
        rest[..count].copy_from_slice(&block[from..from + count]);
        rest = &mut rest[count..];
        at += count as u64;
    }
}

/// The whole body of an id.
pub(crate) fn body(id: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    fill(id, 0, &mut bytes);
    bytes
}

/// The first place at which bytes from `offset` on are not those of the id.
pub(crate) fn mismatch(id: u64, offset: u64, bytes: &[u8]) -> Option<u64> {
    let mut expected = vec![0; bytes.len()];
    fill(id, offset, &mut expected);
    if expected == bytes {
        return None;
    }
    bytes.iter().zip(&expected).position(|(a, b)| a != b).map(|at| offset + at as u64)
}
