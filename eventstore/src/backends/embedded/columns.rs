//! How the facts of a sealed block are arranged before they are compressed: bytes that stand at the same place in facts
//! of the same length lie side by side. What facts have in common becomes runs, and ids that are all different disturb
//! nothing else; and a single fact is picked out without restoring the others.
//!
//! First come the lengths (`u32` each, bit 31 for the last of a commit), in the order of the facts. Then, for each length
//! from the shortest on, the facts of that length as a matrix: their first bytes, their second bytes, and so on.

use super::sealed::LAST;

/// Facts in rows: each behind four bytes, its length with [`LAST`].
pub(super) fn rows(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let (fact, behind) = behind.split_at_checked((length & !LAST) as usize)?;
        rest = behind;
        Some((length, fact))
    })
}

/// Arranges facts that stand in rows.
pub(super) fn arrange(facts: &[u8]) -> Vec<u8> {
    let mut all: Vec<(u32, &[u8])> = rows(facts).collect();
    let mut out = Vec::with_capacity(facts.len());
    for (length, _) in &all {
        out.extend_from_slice(&length.to_le_bytes());
    }
    all.sort_by_key(|(_, fact)| fact.len());
    for same in all.chunk_by(|(_, one), (_, other)| one.len() == other.len()) {
        for at in 0..same[0].1.len() {
            out.extend(same.iter().map(|(_, fact)| fact[at]));
        }
    }
    out
}

/// Facts of one length.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    /// Where it begins.
    at: usize,
    length: usize,
    /// Which of all facts, in order of length, is its first, and how many it has.
    first: usize,
    count: usize,
}

/// Arranged facts, and where each of them is.
#[derive(Debug, Default)]
pub(super) struct Columns {
    bytes: Vec<u8>,
    /// Lengths in the order of the facts.
    lengths: Vec<u32>,
    /// The facts in order of length.
    order: Vec<u32>,
    matrices: Vec<Matrix>,
}

impl Columns {
    /// Room for so many arranged bytes, which are to be written over; then [`understand`](Self::understand).
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        self.bytes.resize(bytes, 0);
        &mut self.bytes
    }

    /// Finds the facts in the bytes. `None` if they are not so many facts.
    pub(super) fn understand(&mut self, facts: usize) -> Option<()> {
        self.matrices.clear();
        self.lengths.clear();
        self.order.clear();
        let lengths = self.bytes.get(..facts.checked_mul(4)?)?;
        self.lengths.extend(lengths.as_chunks::<4>().0.iter().map(|length| u32::from_le_bytes(*length)));
        self.order.extend(0..u32::try_from(facts).ok()?);
        let lengths = &self.lengths;
        self.order.sort_by_key(|fact| lengths[*fact as usize] & !LAST);
        let mut at = facts * 4;
        let mut first = 0;
        let length_of = |fact: u32| (lengths[fact as usize] & !LAST) as usize;
        for same in self.order.chunk_by(|one, other| length_of(*one) == length_of(*other)) {
            let (length, count) = (length_of(same[0]), same.len());
            self.matrices.push(Matrix { at, length, first, count });
            at = at.checked_add(length.checked_mul(count)?)?;
            first += count;
        }
        (at == self.bytes.len()).then_some(())
    }

    /// Writes all facts in rows to `out`.
    pub(super) fn restore(&self, out: &mut Vec<u8>) {
        out.resize(self.bytes.len(), 0);
        let mut starts = Vec::with_capacity(self.lengths.len());
        let mut at = 0;
        for length in &self.lengths {
            out[at..at + 4].copy_from_slice(&length.to_le_bytes());
            starts.push(at + 4);
            at += 4 + (length & !LAST) as usize;
        }
        for matrix in &self.matrices {
            let order = &self.order[matrix.first..matrix.first + matrix.count];
            let bytes = &self.bytes[matrix.at..matrix.at + matrix.length * matrix.count];
            let (whole, rest) = order.as_chunks::<8>();
            for (n, eight) in whole.iter().enumerate() {
                restore_eight(bytes, matrix, n * 8, &eight.map(|fact| starts[fact as usize]), out);
            }
            for (n, fact) in rest.iter().enumerate() {
                let row = &mut out[starts[*fact as usize]..][..matrix.length];
                pick(bytes, matrix.count, whole.len() * 8 + n, row);
            }
        }
    }

    /// Gives `sink` each fact for which `wanted` holds, asked with the fact's bytes from `from` on.
    pub(super) fn each_with<const N: usize>(
        &self,
        from: usize,
        wanted: [u8; N],
        row: &mut Vec<u8>,
        mut sink: impl FnMut(usize, &[u8]),
    ) {
        for matrix in self.matrices.iter().filter(|matrix| matrix.length >= from + N) {
            let bytes = &self.bytes[matrix.at..matrix.at + matrix.length * matrix.count];
            let has = |n: usize| (0..N).all(|at| bytes[(from + at) * matrix.count + n] == wanted[at]);
            for n in (0..matrix.count).filter(|n| has(*n)) {
                row.resize(matrix.length, 0);
                pick(bytes, matrix.count, n, row);
                sink(self.order[matrix.first + n] as usize, row);
            }
        }
    }
}

/// The `n`-th fact of a matrix of so many.
fn pick(matrix: &[u8], count: usize, n: usize, row: &mut [u8]) {
    for (byte, column) in row.iter_mut().zip(matrix.chunks_exact(count)) {
        *byte = column[n];
    }
}

/// Eight facts of a matrix from the `first` on, to where they begin in `out`: eight bytes of each at a time.
fn restore_eight(bytes: &[u8], matrix: &Matrix, first: usize, starts: &[usize; 8], out: &mut [u8]) {
    let count = matrix.count;
    let whole = matrix.length / 8 * 8;
    for at in (0..whole).step_by(8) {
        let mut square = [0; 8];
        for (n, word) in square.iter_mut().enumerate() {
            let from = (at + n) * count + first;
            *word = u64::from_le_bytes(bytes[from..from + 8].try_into().expect("eight bytes"));
        }
        for (word, start) in turned(square).into_iter().zip(starts) {
            out[start + at..start + at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    for at in whole..matrix.length {
        for (n, start) in starts.iter().enumerate() {
            out[start + at] = bytes[at * count + first + n];
        }
    }
}

/// Eight by eight bytes with rows and columns exchanged: squares of four, of two and of one in turn (Warren, Hacker's
/// Delight, 7-3).
#[inline]
fn turned(mut rows: [u64; 8]) -> [u64; 8] {
    for (apart, shift, keep) in
        [(4, 32, 0x0000_0000_ffff_ffff), (2, 16, 0x0000_ffff_0000_ffff), (1, 8, 0x00ff_00ff_00ff_00ff)]
    {
        for n in (0..8).filter(|n| n & apart == 0) {
            let (one, other): (u64, u64) = (rows[n], rows[n + apart]);
            rows[n] = (one & keep) | ((other & keep) << shift);
            rows[n + apart] = ((one >> shift) & keep) | (other & !keep);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_rows(facts: &[(Vec<u8>, bool)]) -> Vec<u8> {
        let mut rows = Vec::new();
        for (fact, last) in facts {
            let length = u32::try_from(fact.len()).unwrap();
            rows.extend_from_slice(&(length | if *last { LAST } else { 0 }).to_le_bytes());
            rows.extend_from_slice(fact);
        }
        rows
    }

    /// Few lengths, so that many facts share one.
    fn facts() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
        let fact = prop_oneof![Just(0), Just(5), Just(8), Just(37), 0_usize..50]
            .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length));
        prop::collection::vec((fact, any::<bool>()), 0..60)
    }

    proptest! {
        #[test]
        fn what_is_arranged_is_restored_and_each_fact_is_found_alone(facts in facts()) {
            let rows = in_rows(&facts);
            let arranged = arrange(&rows);
            let mut columns = Columns::default();
            columns.room(arranged.len()).copy_from_slice(&arranged);
            prop_assert!(columns.understand(facts.len()).is_some());
            let mut restored = vec![9; 3];
            columns.restore(&mut restored);
            prop_assert_eq!(restored, rows);
            for (n, (fact, _)) in facts.iter().enumerate().filter(|(_, (fact, _))| fact.len() >= 4) {
                let wanted: [u8; 2] = fact[2..4].try_into().unwrap();
                let mut found = Vec::new();
                columns.each_with(2, wanted, &mut Vec::new(), |n, bytes| found.push((n, bytes.to_vec())));
                prop_assert!(found.contains(&(n, fact.clone())));
                prop_assert!(found.iter().all(|(n, bytes)| facts[*n].0 == *bytes && bytes[2..4] == wanted));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), facts in 0_usize..60) {
            let mut columns = Columns::default();
            columns.room(bytes.len()).copy_from_slice(&bytes);
            if columns.understand(facts).is_some() {
                let mut rows = Vec::new();
                columns.restore(&mut rows);
                prop_assert_eq!(super::rows(&rows).count(), facts);
            }
        }
    }
}
