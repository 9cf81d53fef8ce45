//! A Bloom filter (Bloom 1970; two hashes stretched to many, Kirsch and Mitzenmacher 2006) that tells which keys a
//! run surely does not hold. Its hash is part of the format.

/// Bits for each key: with six probes, about one absent key in a hundred is looked for in vain.
const BITS_PER_KEY: u64 = 10;
const PROBES: u64 = 6;

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The hash of a key.
pub(super) fn hash(key: &[u8]) -> u64 {
    let (words, rest) = key.as_chunks::<8>();
    let mut hash = (key.len() as u64).wrapping_mul(ODD);
    for word in words {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(ODD);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = (hash.rotate_left(23) ^ u64::from_le_bytes(last)).wrapping_mul(ODD);
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 29)
}

/// Which keys may be there.
#[derive(Debug)]
pub(super) struct Filter(pub(super) Vec<u64>);

impl Filter {
    pub(super) fn for_keys(keys: u64) -> Self {
        let words = usize::try_from((keys * BITS_PER_KEY).div_ceil(64)).unwrap_or(usize::MAX);
        Self(vec![0; words.max(1)])
    }

    fn probes(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let bits = self.0.len() as u64 * 64;
        let step = hash.rotate_left(32) | 1;
        (0..PROBES).map(move |probe| {
            let mixed = hash.wrapping_add(probe.wrapping_mul(step));
            let bit = ((u128::from(mixed) * u128::from(bits)) >> 64) as u64;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    pub(super) fn add(&mut self, hash: u64) {
        for (word, bit) in self.probes(hash) {
            self.0[word] |= bit;
        }
    }

    pub(super) fn may_hold(&self, hash: u64) -> bool {
        self.probes(hash).all(|(word, bit)| self.0[word] & bit != 0)
    }
}
