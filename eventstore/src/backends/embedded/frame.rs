//! The frame that every record of an open facts segment lies in: checksum, length, kind, flags.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | CRC-32 (IEEE) of all that follows in the frame |
//! | 4 | 4 | bits 0 to 23 the payload's length, 24 and 25 the kind, 28 begins a group, 29 ends a commit |
//! | 8 | … | payload |

/// Bytes before the payload.
pub(super) const HEAD_BYTES: usize = 8;
/// The first frame of what was written and synced at once. One proves that all before it was durable.
pub(super) const GROUP: u32 = 1 << 28;
/// The last frame of a commit.
pub(super) const LAST: u32 = 1 << 29;
const LENGTH_MASK: u32 = 0x00ff_ffff;
const KIND_SHIFT: u32 = 24;
const KNOWN_BITS: u32 = LENGTH_MASK | (3 << KIND_SHIFT) | GROUP | LAST;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A fact's bytes.
    Fact = 1,
    /// How far the contents reach that belong to the commit: number of the segment and offset, `u32` each.
    Mark = 2,
    /// The segment ends here: its last sequence (`u64`) and how far the contents reach.
    End = 3,
}

/// A frame whose checksum holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) begins_group: bool,
    pub(super) ends_commit: bool,
    pub(super) payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + self.payload.len()
    }
}

/// Begins a frame at the end of `out`; its payload is to follow, then [`close`].
pub(super) fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    start
}

/// Notes kind and length of the frame that ends with `out`; its checksum is still missing.
pub(super) fn close(out: &mut [u8], start: usize, kind: Kind) {
    let length = u32::try_from(out.len() - start - HEAD_BYTES).expect("limits keep a payload far below 16 MiB");
    debug_assert!(length <= LENGTH_MASK);
    let head = length | ((kind as u32) << KIND_SHIFT);
    out[start + 4..start + 8].copy_from_slice(&head.to_le_bytes());
}

/// Bytes of the closed frame at the start of `bytes`.
pub(super) fn length(bytes: &[u8]) -> usize {
    let head = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes"));
    HEAD_BYTES + (head & LENGTH_MASK) as usize
}

/// Bytes of the closed frame of a fact at the start of `bytes`, if one is there whole.
pub(super) fn whole_fact(bytes: &[u8]) -> Option<usize> {
    let head = u32::from_le_bytes(bytes.get(4..HEAD_BYTES)?.try_into().expect("four bytes"));
    let closed = head & !LENGTH_MASK == (Kind::Fact as u32) << KIND_SHIFT;
    let length = HEAD_BYTES + (head & LENGTH_MASK) as usize;
    (closed && length <= bytes.len()).then_some(length)
}

/// Sets flags and checksum of a closed frame that is otherwise complete.
pub(super) fn finish(frame: &mut [u8], flags: u32) {
    let head = u32::from_le_bytes(frame[4..8].try_into().expect("four bytes")) | flags;
    frame[4..8].copy_from_slice(&head.to_le_bytes());
    let crc = crc32fast::hash(&frame[4..]);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
}

/// A whole finished frame.
pub(super) fn whole(kind: Kind, payload: &[u8], flags: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len());
    let start = open(&mut bytes);
    bytes.extend_from_slice(payload);
    close(&mut bytes, start, kind);
    finish(&mut bytes, flags);
    bytes
}

/// The frame at the start of `bytes`, if there is a sound one.
pub(super) fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
    let head = u32::from_le_bytes(bytes.get(4..8)?.try_into().expect("four bytes"));
    let kind = match (head >> KIND_SHIFT) & 3 {
        1 => Kind::Fact,
        2 => Kind::Mark,
        3 => Kind::End,
        _ => return None,
    };
    if head & !KNOWN_BITS != 0 {
        return None;
    }
    let frame = bytes.get(..HEAD_BYTES + (head & LENGTH_MASK) as usize)?;
    let crc = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
    if crc32fast::hash(&frame[4..]) != crc {
        return None;
    }
    let (begins_group, ends_commit) = (head & GROUP != 0, head & LAST != 0);
    Some(Frame { kind, begins_group, ends_commit, payload: &frame[HEAD_BYTES..] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_no_flipped_bit_goes_unseen() {
        let bytes = whole(Kind::Fact, b"payload", GROUP | LAST);
        let frame = parse(&bytes).expect("sound");
        assert_eq!((frame.kind, frame.begins_group, frame.ends_commit), (Kind::Fact, true, true));
        assert_eq!((frame.payload, frame.bytes(), length(&bytes)), (&b"payload"[..], bytes.len(), bytes.len()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&flipped).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_none());
        }
        assert!(parse(&[0; 64]).is_none());
    }
}
