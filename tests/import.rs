//! `clew import` over real material: every distinct message lands once, in its conversation, in order, whatever the
//! file's order. What is expected is computed here from the file itself, without the importer.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use crate::support::requires;
use clew_domain::conversation::ConversationEvent;
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ContactId, StreamId};
use clew_domain::plaintext::{ContactIdentity, Message};
use clew_domain::time::Timestamp;
use clew_eventstore::backends::memory;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use clew_eventstore::vault::Vault;
use clew_gateway::import::file::File;
use clew_gateway::import::{Import, Summary, Told};
use clew_gateway::ingest::Ingest;
use clew_projections::{Options, Projections};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A desk that messages are imported into.
struct Desk {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    projections: Arc<Projections>,
    ingest: Ingest,
}

/// What is in the log about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Landed {
    conversation: StreamId,
    contact: String,
    at: Timestamp,
    link: Option<String>,
    text: String,
    inbound: bool,
}

impl Desk {
    async fn open() -> Self {
        let store: Arc<dyn EventStore> = Arc::new(memory::Store::default());
        let vault = Arc::new(Vault::in_memory());
        let projections = Projections::open(None, Arc::clone(&store), Options::default()).await.unwrap();
        let ingest = Ingest::new(Arc::clone(&store), Arc::clone(&vault), Arc::clone(&projections));
        Self { store, vault, projections, ingest }
    }

    async fn import(&self, bytes: &[u8]) -> (Summary, Vec<usize>) {
        let import = Import { store: &*self.store, ingest: &self.ingest, now: Timestamp::from_micros(0) };
        let mut rejected = Vec::new();
        let mut told = |told: Told<'_>| match told {
            Told::Rejected(line) => rejected.push(line.line),
            Told::Done(_) => {}
        };
        let summary = import.run(&File::parse(bytes), &mut told).await.unwrap();
        self.projections.wait_for(&self.store.head(), Duration::from_secs(30)).await.unwrap();
        (summary, rejected)
    }

    async fn facts(&self) -> Vec<Fact> {
        self.store.read_all(Cursor::start(1).position(0), usize::MAX).await.unwrap()
    }

    /// Every message in the log, by the channel's id, and the ids of each conversation in the order of its stream.
    async fn landed(&self) -> (BTreeMap<String, Landed>, Vec<Vec<String>>) {
        let (mut messages, mut streams) = (BTreeMap::new(), BTreeMap::<StreamId, Vec<String>>::new());
        let mut contact_of: HashMap<StreamId, ContactId> = HashMap::new();
        for fact in self.facts().await {
            let (content, inbound) = match &fact.event {
                Event::Conversation(ConversationEvent::Started(started)) => {
                    contact_of.insert(fact.stream, started.contact);
                    continue;
                }
                Event::Conversation(ConversationEvent::MessageReceived(received)) => (received.content, true),
                Event::Conversation(ConversationEvent::ReplySent(sent)) => (sent.content, false),
                _ => continue,
            };
            let sealed = self.store.read_content(content.id).await.unwrap().unwrap();
            let message: Message = self.vault.open_value(&sealed, &content.commitment).unwrap();
            let id = message.external_id.expect("the channel has an id for it");
            streams.entry(fact.stream).or_default().push(id.clone());
            let landed = Landed {
                conversation: fact.stream,
                contact: self.handle(contact_of[&fact.stream]).await,
                at: fact.occurred_at,
                link: message.link,
                text: message.text,
                inbound,
            };
            assert!(messages.insert(id, landed).is_none(), "a message stands in the log once");
        }
        (messages, streams.into_values().collect())
    }

    async fn handle(&self, contact: ContactId) -> String {
        let row = self.projections.contacts().contact(contact).unwrap().expect("who wrote is known");
        let identity = row.identity;
        let sealed = self.store.read_content(identity.id).await.unwrap().unwrap();
        self.vault.open_value::<ContactIdentity>(&sealed, &identity.commitment).unwrap().handle
    }
}

fn real_file() -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/care-tweets.ndjson");
    requires::file(&path).then(|| std::fs::read(&path).unwrap())
}

/// The file's messages by id, as JSON.
fn expected(bytes: &[u8]) -> HashMap<String, serde_json::Value> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let parsed = lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    parsed.map(|message| (message["id"].as_str().unwrap().to_owned(), message)).collect()
}

/// The contact and the first message of the thread, by walking up.
fn thread_of<'a>(messages: &'a HashMap<String, serde_json::Value>, id: &'a str) -> (String, &'a str) {
    let mut contact = None;
    let mut at = id;
    loop {
        let message = &messages[at];
        if message["inbound"].as_bool().unwrap() {
            contact.get_or_insert_with(|| message["author"].as_str().unwrap().to_owned());
        }
        match message["parent"].as_str() {
            Some(parent) if messages.contains_key(parent) => at = parent,
            _ => return (contact.expect("the file answers contacts only"), at),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_distinct_message_lands_once_in_its_conversation_and_in_order() {
    let Some(bytes) = real_file() else { return };
    let expected = expected(&bytes);
    let desk = Desk::open().await;
    let (summary, rejected) = desk.import(&bytes).await;
    let (messages, streams) = desk.landed().await;

    assert_eq!(messages.keys().collect::<BTreeSet<_>>(), expected.keys().collect::<BTreeSet<_>>());
    assert_eq!((summary.lines, summary.messages, summary.rejected), (909, expected.len(), 0));
    assert_eq!(summary.duplicates, 909 - expected.len());
    assert_eq!(summary.conversations, streams.len());
    assert_eq!(summary.events_appended, desk.facts().await.len());
    assert!(rejected.is_empty());

    let mut threads: BTreeMap<(String, &str), BTreeSet<StreamId>> = BTreeMap::new();
    for (id, landed) in &messages {
        let message = &expected[id];
        let (contact, root) = thread_of(&expected, id);
        assert_eq!(landed.contact, contact, "{id}");
        assert_eq!(landed.text, message["text"].as_str().unwrap());
        assert_eq!(landed.at, message["ts"].as_str().unwrap().parse().unwrap());
        assert_eq!(landed.inbound, message["inbound"].as_bool().unwrap());
        assert!(landed.link.as_ref().unwrap().ends_with(id.as_str()));
        threads.entry((contact, root)).or_default().insert(landed.conversation);
    }
    assert!(threads.values().all(|conversations| conversations.len() == 1), "a thread is one conversation");
    assert_eq!(threads.len(), streams.len(), "and a conversation one thread");
    for stream in &streams {
        for pair in stream.windows(2) {
            assert!(messages[&pair[0]].at <= messages[&pair[1]].at, "{pair:?}");
        }
        for (index, id) in stream.iter().enumerate() {
            let parent = expected[id]["parent"].as_str();
            assert!(parent.is_none_or(|parent| stream[..index].iter().any(|earlier| earlier == parent)), "{id}");
        }
    }
    let channels: BTreeSet<_> = expected.values().map(|message| message["brand"].as_str().unwrap()).collect();
    let settings = desk.projections.settings().now();
    let connected: BTreeSet<_> =
        settings.state.channels.values().map(|channel| channel.profile.name.as_str()).collect();
    assert_eq!(connected, channels);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_adds_no_event() {
    let Some(bytes) = real_file() else { return };
    let desk = Desk::open().await;
    let (first, _) = desk.import(&bytes).await;
    let head = desk.store.head();
    let (second, _) = desk.import(&bytes).await;
    assert_eq!(desk.store.head(), head);
    let nothing_new = Summary { messages: 0, duplicates: 909, events_appended: 0, ..first };
    assert_eq!(second, nothing_new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shuffled_file_with_repetitions_gives_the_same_conversations() {
    let Some(bytes) = real_file() else { return };
    let (first, second) = (Desk::open().await, Desk::open().await);
    first.import(&bytes).await;
    let seed = uuid::Uuid::new_v4();
    println!("seed {seed}");
    let (mut a, b) = seed.as_u64_pair();
    // SplitMix64 (Steele, Lea and Flood, 2014).
    let next_u64 = move || {
        a = a.wrapping_add(0x9E37_79B9_7F4A_7C15) ^ (b & 1);
        let z = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let repeated: Vec<&[u8]> = lines.iter().copied().step_by(10).collect();
    lines.extend(&repeated);
    shuffle(&mut lines, next_u64);
    let (summary, _) = second.import(&lines.join(&b'\n')).await;
    assert_eq!(summary.lines, 909 + repeated.len());
    assert_eq!(summary.messages + summary.duplicates, summary.lines);
    let (_, mut one) = first.landed().await;
    let (_, mut other) = second.landed().await;
    one.sort();
    other.sort();
    assert_eq!(one, other);
}

fn shuffle<T>(items: &mut [T], mut next_u64: impl FnMut() -> u64) {
    for index in (1..items.len()).rev() {
        let other = usize::try_from(next_u64() % (index as u64 + 1)).unwrap();
        items.swap(index, other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_line_is_named_and_the_rest_goes_on() {
    let desk = Desk::open().await;
    let line = |id: &str, text: &str| {
        format!(
            r#"{{"id":"{id}","parent":null,"author":"demo_ann","inbound":true,"ts":"2020-01-01T00:00:00Z","text":"{text}","brand":"DemoDesk"}}"#
        )
    };
    let too_long = line("3", &"x".repeat(20_001));
    let file = [line("1", "hello"), "{ not json".to_owned(), too_long, line("4", "again")].join("\n");
    let (summary, rejected) = desk.import(file.as_bytes()).await;
    assert_eq!(rejected, [2, 3]);
    assert_eq!((summary.lines, summary.messages, summary.rejected), (4, 2, 2));
    assert_eq!(desk.landed().await.0.keys().collect::<Vec<_>>(), ["1", "4"]);
}
