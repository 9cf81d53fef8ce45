//! What is written in order to measure: messages with an attachment, of about 400 bytes each, on streams whose ids
//! look like real ones. They say nothing; their commitments are of no content.

use clew_domain::content::{Commitment, ContactNumber, ContentId, ContentRef};
use clew_domain::conversation::{Attachment, ContentSpan, ConversationEvent, MessageKind, MessageReceived};
use clew_domain::fact::{Actor, Event, Fact, NewFact, Position};
use clew_domain::ids::{
    AttachmentId, CommandId, ContactId, ConversationId, CorrelationId, EventId, MessageId, StreamId,
};
use clew_domain::time::Timestamp;
use clew_eventstore::codec;
use clew_eventstore::sealed::SealedContent;
use uuid::Uuid;

/// Bytes of one content's ciphertext.
const CONTENT_BYTES: usize = 300;

/// Sixteen bytes that look random, the same for the same number (`SplitMix64`).
fn id(number: u64) -> Uuid {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    let low = mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Uuid::from_u64_pair(mix(low ^ 0x5851_f42d_4c95_7f2d), low)
}

fn commitment(number: u64) -> Commitment {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(id(number ^ (1 << 60)).as_bytes());
    bytes[16..].copy_from_slice(id(number ^ (1 << 61)).as_bytes());
    Commitment(bytes)
}

/// The `number`-th stream.
pub(in crate::cli::bench) fn stream(number: u64) -> StreamId {
    StreamId::from(ConversationId(id(number ^ (1 << 62))))
}

/// The `number`-th fact.
pub(in crate::cli::bench) fn fact(number: u64) -> NewFact {
    let reference = |of: u64| ContentRef { id: ContentId(of), commitment: commitment(of) };
    let attachment = Attachment {
        id: AttachmentId(id(number ^ (3 << 56))),
        label: reference(number * 4 + 1),
        body: ContentSpan { first: ContentId(number * 4 + 2), count: 1 },
        commitment: commitment(number * 4 + 2),
    };
    let received = MessageReceived {
        message: MessageId(id(number ^ (5 << 56))),
        content: reference(number * 4),
        kind: MessageKind::Tweet,
        answers: None,
        attachments: vec![attachment],
        groups: Some(Vec::new()),
    };
    let at = i64::try_from(number).expect("fewer than a bench can write");
    NewFact {
        id: EventId(id(number ^ (7 << 56))),
        occurred_at: Timestamp::from_micros(1_700_000_000_000_000 + at * 1_000),
        actor: Actor::Contact(ContactId(id((number / 40) ^ (9 << 56)))),
        command: CommandId(id(number ^ (11 << 56))),
        causation: None,
        correlation: CorrelationId(id(number ^ (11 << 56))),
        settings_version: 40,
        event: Event::Conversation(ConversationEvent::MessageReceived(received)),
    }
}

/// The `number`-th content.
pub(super) fn content(number: u64) -> SealedContent {
    let bytes = *id(number).as_bytes();
    SealedContent {
        id: ContentId(number),
        owner: ContactNumber(number / 40 + 1),
        salt: bytes,
        key_commit: commitment(number).0,
        sealed: bytes.iter().copied().cycle().take(CONTENT_BYTES).collect(),
    }
}

/// The bytes of the `number`-th fact in a log.
pub(in crate::cli::bench) fn encoded(number: u64) -> Vec<u8> {
    let fact = Fact {
        position: Position { partition: 0, sequence: number + 1 },
        stream: stream(number / 20),
        version: number % 20 + 1,
        recorded_at: Timestamp::from_micros(1_700_000_000_000_000),
        body: fact(number),
    };
    codec::encode(&fact, *id(number ^ (13 << 56)).as_bytes()).expect("a small fact")
}

/// Bytes of a fact on the average of the first million.
pub(super) fn encoded_bytes() -> f64 {
    let facts = (0..1_000_000).step_by(1_000).map(|number| u32::try_from(encoded(number).len()).expect("small"));
    f64::from(facts.sum::<u32>()) / 1_000.0
}
