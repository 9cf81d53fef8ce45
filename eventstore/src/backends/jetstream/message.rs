//! What stands in the messages of the two streams of a partition, to the byte. All integers are little-endian.
//!
//! A message of the log: format 1 (1 byte), kind (1), id of the proposal (16), the writer's clock (8), then for a
//! commit (kind 1) the number of streams (`u32`), each as kind (1), id (16), expected version (8) and number of facts
//! (4); the number of contents (`u32`), each 104 bytes; and the facts, framed, without their places; for an erasure
//! (kind 2) the numbers of the contents. The last four bytes are the CRC-32 of all before.
//!
//! Or several of these at once: format 2 (1 byte), their number (`u32`), then each as its length (`u32`) and its bytes.
//! They count one after the other, as if each were a message of its own.

use crate::backends::embedded::queue::Prepared;
use crate::sealed::SealedContent;
use bytes::Bytes;
use clew_domain::content::{Commitment, ContactNumber, ContentId};
use clew_domain::ids::{StreamId, StreamKind};
use clew_domain::time::Timestamp;
use uuid::Uuid;

const FORMAT: u8 = 1;
const SEVERAL: u8 = 2;
const COMMIT: u8 = 1;
const ERASURE: u8 = 2;
/// Bytes of a stub's `sealed`: where the content lies, and what it commits to.
const STUB_BYTES: usize = 40;

/// Streams with the version that each must be at and how many facts it is given.
pub(super) type Streams = Vec<(StreamId, u64, u32)>;

/// What a gateway proposes to all.
pub(super) struct Proposal {
    /// By which whoever proposed it knows it again.
    pub(super) id: Uuid,
    pub(super) body: Body,
}

pub(super) enum Body {
    Commit(Prepared),
    Erasure(Vec<ContentId>),
}

/// Why bytes are no proposal.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it has format {0}, which a newer Clew wrote; this one reads {SEVERAL}: upgrade this gateway")]
    Newer(u8),
    #[error("its bytes are not what was written")]
    Damaged,
}

/// The bytes of a proposed commit.
pub(super) fn commit(id: Uuid, at: Timestamp, streams: &Streams, stubs: &[SealedContent], frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + streams.len() * 29 + stubs.len() * 104 + frames.len());
    head(COMMIT, id, at, &mut out);
    out.extend_from_slice(&count(streams.len()));
    for (stream, expected, facts) in streams {
        out.push(stream.kind as u8);
        out.extend_from_slice(stream.id.as_bytes());
        out.extend_from_slice(&expected.to_le_bytes());
        out.extend_from_slice(&facts.to_le_bytes());
    }
    out.extend_from_slice(&count(stubs.len()));
    for stub in stubs {
        content_into(stub, &mut out);
    }
    out.extend_from_slice(frames);
    seal(out)
}

/// The bytes of a proposed erasure.
pub(super) fn erasure(id: Uuid, at: Timestamp, ids: &[ContentId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + ids.len() * 8);
    head(ERASURE, id, at, &mut out);
    for id in ids {
        out.extend_from_slice(&id.0.to_le_bytes());
    }
    seal(out)
}

fn head(kind: u8, id: Uuid, at: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(&at.micros().to_le_bytes());
}

fn count(of: usize) -> [u8; 4] {
    u32::try_from(of).expect("limits keep a commit small").to_le_bytes()
}

fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The bytes of a message that holds these proposals, in this order.
pub(super) fn several(mut proposals: Vec<Vec<u8>>) -> Vec<u8> {
    if let [one] = &mut proposals[..] {
        return std::mem::take(one);
    }
    let mut out = Vec::with_capacity(5 + proposals.iter().map(|bytes| 4 + bytes.len()).sum::<usize>());
    out.push(SEVERAL);
    out.extend_from_slice(&count(proposals.len()));
    for proposal in &proposals {
        out.extend_from_slice(&count(proposal.len()));
        out.extend_from_slice(proposal);
    }
    out
}

/// The proposals that these bytes are, in their order: at least one. Their facts stay where they are in the message.
pub(super) fn parse(message: &Bytes) -> Result<Vec<Proposal>, Unreadable> {
    match message.first() {
        Some(&format) if format > SEVERAL => Err(Unreadable::Newer(format)),
        Some(&SEVERAL) => parse_several(message).ok_or(Unreadable::Damaged),
        _ => parse_known(message, message).map(|proposal| vec![proposal]).ok_or(Unreadable::Damaged),
    }
}

fn parse_several(message: &Bytes) -> Option<Vec<Proposal>> {
    let (mut from, mut proposals) = (Reader(&message[1..]), Vec::new());
    for _ in 0..from.count()? {
        let length = usize::try_from(from.count()?).ok()?;
        proposals.push(parse_known(message, from.take(length)?)?);
    }
    (from.0.is_empty() && !proposals.is_empty()).then_some(proposals)
}

fn parse_known(message: &Bytes, bytes: &[u8]) -> Option<Proposal> {
    let (bytes, crc) = bytes.split_last_chunk::<4>()?;
    let mut from = Reader(bytes);
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) || from.byte()? != FORMAT {
        return None;
    }
    let kind = from.byte()?;
    let id = Uuid::from_bytes(from.array()?);
    let at = Timestamp::from_micros(i64::from_le_bytes(from.array()?));
    let body = match kind {
        COMMIT => {
            let mut streams = Vec::new();
            for _ in 0..from.count()? {
                let stream =
                    StreamId { kind: StreamKind::from_byte(from.byte()?)?, id: Uuid::from_bytes(from.array()?) };
                streams.push((stream, from.number()?, from.count()?));
            }
            let mut stubs = Vec::new();
            for _ in 0..from.count()? {
                stubs.push(from.content(STUB_BYTES)?);
            }
            Body::Commit(Prepared::replicated(streams, message.slice_ref(from.0), &stubs, at)?)
        }
        ERASURE => {
            let mut ids = Vec::new();
            while !from.0.is_empty() {
                ids.push(ContentId(from.number()?));
            }
            Body::Erasure(ids)
        }
        _ => return None,
    };
    Some(Proposal { id, body })
}

/// The bytes of a message that holds a content.
pub(super) fn content(content: &SealedContent) -> Vec<u8> {
    let mut out = Vec::with_capacity(65 + content.sealed.len());
    out.push(FORMAT);
    content_into(content, &mut out);
    out
}

/// The content of such a message.
pub(super) fn parse_content(bytes: &[u8]) -> Option<SealedContent> {
    let (format, rest) = bytes.split_first()?;
    let sealed = rest.len().checked_sub(64)?;
    if *format == FORMAT { Reader(rest).content(sealed) } else { None }
}

fn content_into(content: &SealedContent, out: &mut Vec<u8>) {
    out.extend_from_slice(&content.id.0.to_le_bytes());
    out.extend_from_slice(&content.owner.0.to_le_bytes());
    out.extend_from_slice(&content.salt);
    out.extend_from_slice(&content.key_commit);
    out.extend_from_slice(&content.sealed);
}

/// What a gateway's copy of the log keeps in place of a content: the message that has it, and its commitment.
pub(super) fn stub(content: &SealedContent, sequence: u64) -> SealedContent {
    let sealed = [&sequence.to_le_bytes()[..], &content.commitment().0].concat();
    SealedContent { sealed, ..content.clone() }
}

/// The message and the commitment of a stub.
pub(super) fn stub_of(stub: &SealedContent) -> Option<(u64, Commitment)> {
    let (sequence, commitment) = stub.sealed.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*sequence), Commitment(commitment.try_into().ok()?)))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn count(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn content(&mut self, sealed: usize) -> Option<SealedContent> {
        Some(SealedContent {
            id: ContentId(self.number()?),
            owner: ContactNumber(self.number()?),
            salt: self.array()?,
            key_commit: self.array()?,
            sealed: self.take(sealed)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn a_proposal_reads_back_and_no_changed_byte_goes_unseen() {
        let write = conformance::write(conformance::stream(1), 4, 0..2);
        let prepared = Prepared::new(&conformance::commit(vec![write])).expect("a small commit");
        let stubs = [stub(&conformance::content(3, 50), 77)];
        let (id, at) = (Uuid::from_u128(9), Timestamp::from_micros(5));
        let bytes = commit(id, at, &prepared.streams, &stubs, &prepared.frames);
        let read = parse(&bytes.clone().into()).expect("whole").remove(0);
        let Body::Commit(body) = read.body else { panic!("a commit") };
        assert_eq!((read.id, body.recorded_at, &body.streams), (id, Some(at), &prepared.streams));
        assert_eq!(body.frames, prepared.frames);
        assert_eq!(stub_of(&stubs[0]), Some((77, conformance::content(3, 50).commitment())));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert!(parse(&changed.into()).is_err(), "byte {at}");
            assert!(parse(&Bytes::copy_from_slice(&bytes[..at])).is_err(), "{at} bytes");
        }
        assert_eq!(parse(&Bytes::from_static(&[3, 0])).err(), Some(Unreadable::Newer(3)));
    }

    #[test]
    fn several_read_back_in_their_order_and_no_changed_byte_goes_unseen() {
        let proposals: Vec<_> =
            (0..3).map(|n| erasure(Uuid::from_u128(n), Timestamp::MIN, &[ContentId(7), ContentId(8)])).collect();
        assert_eq!(several(proposals[..1].to_vec()), proposals[0], "one is a message as it ever was");
        let bytes = several(proposals);
        let ids: Vec<u128> =
            parse(&bytes.clone().into()).expect("whole").iter().map(|read| read.id.as_u128()).collect();
        assert_eq!(ids, [0, 1, 2]);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert!(parse(&changed.into()).is_err(), "byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(parse(&Bytes::copy_from_slice(&bytes[..length])).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn erasures_and_contents_read_back() {
        let ids = [ContentId(1), ContentId(u64::MAX)];
        let read = parse(&erasure(Uuid::nil(), Timestamp::MIN, &ids).into()).expect("whole").remove(0);
        assert!(matches!(read.body, Body::Erasure(read) if read == ids));
        let sample = conformance::content(4, 33);
        assert_eq!(parse_content(&content(&sample)), Some(sample));
        assert_eq!(parse_content(&[1; 64]), None);
    }
}
