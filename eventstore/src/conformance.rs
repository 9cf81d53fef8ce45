//! The suite that holds every backend to the contract of `store.rs`: one check for each of its sentences.
//! A backend runs it by [`crate::conformance!`]; what only one backend promises is tested beside that backend.

use crate::cursor::Cursor;
use crate::sealed::SealedContent;
use crate::store::{Appended, Commit, EventStore, Health, StoreError, StreamWrite, limits};
use clew_domain::content::{ContactNumber, ContentId, ContentRef};
use clew_domain::conversation::{ConversationEvent, MessageKind, MessageReceived};
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta, Event, Fact, NewFact, Position};
use clew_domain::ids::{AgentId, CommandId, ConversationId, MessageId, StreamId, TopicId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceEvent;
use futures::StreamExt;
use std::any::Any;
use std::sync::Arc;
use uuid::Uuid;

/// A fresh, empty store under test, with what must live as long as it.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn EventStore>,
    /// Its directory, its server or nothing.
    pub keep: Box<dyn Any + Send>,
}

/// Makes one test of every check. The argument is an expression of a fresh [`Subject`]; it may await.
#[macro_export]
macro_rules! conformance {
    ($subject:expr) => {
        $crate::conformance!($subject;
            an_acknowledged_commit_is_read_back_as_it_was_given,
            an_unknown_stream_is_empty,
            a_stream_is_read_behind_a_version,
            a_commit_is_refused_whole_when_one_stream_is_elsewhere,
            of_racing_commits_one_wins_each_version,
            positions_and_recorded_times_do_not_go_back,
            the_log_is_read_in_pages,
            a_subscription_catches_up_and_follows_without_a_gap,
            a_subscription_ends_with_the_store,
            a_point_is_found_by_time,
            contents_are_read_until_erased,
            contents_may_come_before_their_facts,
            a_content_is_stored_once,
            what_no_backend_may_take_is_refused,
            a_commit_of_the_largest_size_is_taken,
            a_fresh_store_is_ready_and_empty,
        );
    };
    ($subject:expr; $($check:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $check() {
            let subject: $crate::conformance::Subject = $subject;
            $crate::conformance::$check(subject).await;
        }
    )*};
}

/// The stream of the `n`-th sample conversation; all lie in one partition.
pub fn stream(n: u64) -> StreamId {
    // The low bits are the same, by whatever power of two streams are parted.
    StreamId::from(ConversationId(Uuid::from_u128((u128::from(n) << 64) | 0x8000_0000_0000_0000)))
}

/// A received message, the `n`-th: the most common fact there is.
pub fn fact(n: u64) -> NewFact {
    let command = CommandId(Uuid::from_u128(u128::from(n) | (7 << 96)));
    let agent = Actor::Agent(AgentId(Uuid::from_u128(3)));
    let at = Timestamp::from_micros(1_600_000_000_000_000).plus_secs(i64::try_from(n).expect("a small number"));
    let meta = CommandMeta::first(command, agent, at, n);
    let event = ConversationEvent::MessageReceived(MessageReceived {
        message: MessageId(Uuid::from_u128(u128::from(n))),
        content: ContentRef { id: ContentId(n), commitment: content(n, 300).commitment() },
        kind: MessageKind::Tweet,
        answers: n.is_multiple_of(2).then(|| MessageId(Uuid::from_u128(1))),
        attachments: Vec::new(),
        groups: None,
    });
    NewFact {
        id: derive::event(command, 0),
        occurred_at: meta.at,
        actor: meta.actor,
        command,
        causation: n.is_multiple_of(3).then(|| derive::event(command, 1)),
        correlation: meta.correlation,
        settings_version: meta.settings_version,
        event: Event::Conversation(event),
    }
}

/// The `n`-th sealed content, of so many bytes.
pub fn content(n: u64, bytes: usize) -> SealedContent {
    let byte = n.to_le_bytes()[0];
    SealedContent {
        id: ContentId(n),
        owner: ContactNumber(n % 5),
        salt: [byte; 16],
        key_commit: [byte ^ 0xff; 32],
        sealed: (0..bytes).map(|at| byte.wrapping_add(at.to_le_bytes()[0])).collect(),
    }
}

/// Facts `numbers` to one stream that is at `expected`.
pub fn write(stream: StreamId, expected: u64, numbers: std::ops::Range<u64>) -> StreamWrite {
    StreamWrite { stream, expected, facts: numbers.map(fact).collect() }
}

/// A commit of these writes.
pub fn commit(writes: Vec<StreamWrite>) -> Commit {
    Commit { writes, contents: Vec::new() }
}

fn contents(contents: Vec<SealedContent>) -> Commit {
    Commit { writes: Vec::new(), contents }
}

async fn append(store: &dyn EventStore, commit: Commit) -> Appended {
    store.append(commit).await.expect("the store takes this commit")
}

async fn all(store: &dyn EventStore) -> Vec<Fact> {
    let mut facts = Vec::new();
    for partition in 0..store.partitions() {
        let start = Position { partition, sequence: 0 };
        facts.extend(store.read_all(start, usize::MAX).await.expect("the log reads"));
    }
    facts
}

async fn read(store: &dyn EventStore, stream: StreamId, after: u64) -> Vec<Fact> {
    store.read_stream(stream, after).await.expect("the stream reads")
}

fn bodies(facts: &[Fact]) -> Vec<NewFact> {
    facts.iter().map(|fact| fact.body.clone()).collect()
}

/// Durable and whole: what was given comes back, with the versions and the position that the answer named.
pub async fn an_acknowledged_commit_is_read_back_as_it_was_given(Subject { store, keep: _keep }: Subject) {
    let (one, two) = (stream(1), stream(2));
    let answer = append(&*store, commit(vec![write(one, 0, 0..3), write(two, 0, 3..5)])).await;
    assert_eq!(answer.versions, [3, 2]);
    let (first, second) = (read(&*store, one, 0).await, read(&*store, two, 0).await);
    assert_eq!(bodies(&first), (0..3).map(fact).collect::<Vec<_>>());
    assert_eq!(bodies(&second), (3..5).map(fact).collect::<Vec<_>>());
    assert_eq!(first.iter().map(|fact| fact.version).collect::<Vec<_>>(), [1, 2, 3]);
    let partition = store.partition_of(one);
    for fact in first.iter().chain(&second) {
        assert_eq!((fact.recorded_at, fact.position.partition), (answer.recorded_at, partition));
    }
    assert_eq!(second[1].position, answer.last);
    assert_eq!(all(&*store).await, [first, second].concat(), "stream after stream, in the order of the commit");
    assert_eq!(store.head().sequence(partition), answer.last.sequence);
}

/// A stream that was never written to has no facts and is at version 0.
pub async fn an_unknown_stream_is_empty(Subject { store, keep: _keep }: Subject) {
    assert_eq!(read(&*store, stream(1), 0).await, []);
    let error = store.append(commit(vec![write(stream(1), 1, 0..1)])).await;
    assert_eq!(error, Err(StoreError::Conflict { stream: stream(1), expected: 1, actual: 0 }));
}

/// `after` is the version seen last.
pub async fn a_stream_is_read_behind_a_version(Subject { store, keep: _keep }: Subject) {
    append(&*store, commit(vec![write(stream(1), 0, 0..4)])).await;
    append(&*store, commit(vec![write(stream(2), 0, 9..10)])).await;
    append(&*store, commit(vec![write(stream(1), 4, 4..6)])).await;
    let versions = |facts: Vec<Fact>| facts.iter().map(|fact| fact.version).collect::<Vec<_>>();
    assert_eq!(versions(read(&*store, stream(1), 3).await), [4, 5, 6]);
    assert_eq!(versions(read(&*store, stream(1), 6).await), Vec::<u64>::new());
    assert_eq!(versions(read(&*store, stream(1), u64::MAX).await), Vec::<u64>::new());
}

/// A conflict on one stream leaves the others, and the contents, unwritten.
pub async fn a_commit_is_refused_whole_when_one_stream_is_elsewhere(Subject { store, keep: _keep }: Subject) {
    append(&*store, commit(vec![write(stream(1), 0, 0..2)])).await;
    let before = (all(&*store).await, store.head());
    let mut refused = commit(vec![write(stream(2), 0, 2..4), write(stream(1), 1, 4..5)]);
    refused.contents = vec![content(7, 50)];
    let error = store.append(refused).await;
    assert_eq!(error, Err(StoreError::Conflict { stream: stream(1), expected: 1, actual: 2 }));
    assert_eq!((all(&*store).await, store.head()), before);
    assert_eq!(store.read_content(ContentId(7)).await, Ok(None));
}

/// Optimistic concurrency: at every version exactly one of the racing commits is written.
pub async fn of_racing_commits_one_wins_each_version(Subject { store, keep: _keep }: Subject) {
    const WRITERS: u64 = 8;
    const VERSIONS: u64 = 20;
    let race = |writer: u64| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut won = 0_u64;
            for version in 0..VERSIONS {
                let number = writer * VERSIONS + version;
                match store.append(commit(vec![write(stream(1), version, number..number + 1)])).await {
                    Ok(_) => won += 1,
                    Err(StoreError::Conflict { expected, actual, .. }) => assert!(actual > expected),
                    Err(other) => panic!("neither won nor lost: {other}"),
                }
            }
            won
        })
    };
    let mut won = 0;
    for racer in (0..WRITERS).map(race).collect::<Vec<_>>() {
        won += racer.await.expect("a racer does not panic");
    }
    assert_eq!(won, VERSIONS);
    let versions: Vec<u64> = read(&*store, stream(1), 0).await.iter().map(|fact| fact.version).collect();
    assert_eq!(versions, (1..=VERSIONS).collect::<Vec<_>>());
}

/// Positions of a partition strictly increase, recorded times never decrease, with many writers too.
pub async fn positions_and_recorded_times_do_not_go_back(Subject { store, keep: _keep }: Subject) {
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for version in 0..25 {
                append(&*store, commit(vec![write(stream(writer), version, version..version + 1)])).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer does not panic");
    }
    let facts = all(&*store).await;
    assert_eq!(facts.len(), 200);
    for pair in facts.windows(2) {
        assert!(pair[0].position < pair[1].position);
        assert!(pair[0].recorded_at <= pair[1].recorded_at);
    }
}

/// Pages of any size put together are the log; only the last may be short.
pub async fn the_log_is_read_in_pages(Subject { store, keep: _keep }: Subject) {
    for n in 0..10 {
        append(&*store, commit(vec![write(stream(n), 0, n * 5..n * 5 + 5)])).await;
    }
    let whole = all(&*store).await;
    assert_eq!(whole.len(), 50);
    for limit in [1, 7, 49, 50, 51] {
        let mut after = Position { partition: store.partition_of(stream(0)), sequence: 0 };
        let mut paged: Vec<Fact> = Vec::new();
        loop {
            let page = store.read_all(after, limit).await.expect("a page reads");
            assert_eq!(page.len(), limit.min(50 - paged.len()));
            let Some(last) = page.last() else { break };
            after = last.position;
            paged.extend(page);
        }
        assert_eq!(paged, whole);
    }
    assert_eq!(store.read_all(Position { partition: 0, sequence: u64::MAX }, 5).await, Ok(Vec::new()));
}

/// A subscriber from the start, one from the middle and one from ahead of the log see what follows, once each.
pub async fn a_subscription_catches_up_and_follows_without_a_gap(Subject { store, keep: _keep }: Subject) {
    const FACTS: u64 = 400;
    let mut middle = store.head();
    for version in 0..FACTS / 4 {
        let answer = append(&*store, commit(vec![write(stream(1), version, version..version + 1)])).await;
        if version == FACTS / 8 {
            middle = Cursor::at(answer.last);
        }
    }
    let follow = |after: Cursor, count: usize| {
        let mut batches = store.subscribe(after);
        tokio::spawn(async move {
            let mut facts = Vec::new();
            while facts.len() < count {
                let batch = batches.next().await.expect("an open store's subscription goes on");
                let batch = batch.expect("nothing is damaged");
                assert!(!batch.is_empty());
                facts.extend(batch.iter().cloned());
            }
            facts
        })
    };
    let from_start = follow(Cursor::default(), 400);
    let from_middle = follow(middle.clone(), 400 - 51);
    let from_head = follow(store.head(), 300);
    for version in FACTS / 4..FACTS {
        append(&*store, commit(vec![write(stream(1), version, version..version + 1)])).await;
    }
    let whole = all(&*store).await;
    assert_eq!(from_start.await.expect("no panic"), whole);
    assert_eq!(from_middle.await.expect("no panic"), whole[51..]);
    assert_eq!(from_head.await.expect("no panic"), whole[100..]);
}

/// When the store goes, its subscriptions end, after what was durable.
pub async fn a_subscription_ends_with_the_store(Subject { store, keep: _keep }: Subject) {
    append(&*store, commit(vec![write(stream(1), 0, 0..3)])).await;
    let batches = store.subscribe(Cursor::default());
    drop(store);
    let batches: Vec<_> = batches.collect().await;
    let facts: usize = batches.iter().map(|batch| batch.as_ref().expect("nothing is damaged").len()).sum();
    assert_eq!(facts, 3);
}

/// `cursor_at` is the last fact recorded at or before an instant.
pub async fn a_point_is_found_by_time(Subject { store, keep: _keep }: Subject) {
    let mut answers = Vec::new();
    for version in 0..20 {
        answers.push(append(&*store, commit(vec![write(stream(1), version, version..version + 1)])).await);
    }
    let at = |instant| store.cursor_at(instant);
    let partition = answers[0].last.partition;
    assert_eq!(at(Timestamp::MIN).await.expect("it reads").sequence(partition), 0);
    assert_eq!(at(answers[0].recorded_at.plus_micros(-1)).await.expect("it reads").sequence(partition), 0);
    assert_eq!(at(Timestamp::MAX).await.expect("it reads"), store.head());
    for answer in &answers {
        let last = answers.iter().rfind(|other| other.recorded_at <= answer.recorded_at).expect("itself at least");
        let cursor = at(answer.recorded_at).await.expect("it reads");
        assert_eq!(cursor.sequence(partition), last.last.sequence);
    }
}

/// A content comes back as it was stored; after erasing, never.
pub async fn contents_are_read_until_erased(Subject { store, keep: _keep }: Subject) {
    let mut with_contents = commit(vec![write(stream(1), 0, 0..1)]);
    with_contents.contents = vec![content(1, 300), content(2, 0), content(3, limits::CONTENT_BYTES_MAX)];
    append(&*store, with_contents).await;
    for stored in [content(1, 300), content(2, 0), content(3, limits::CONTENT_BYTES_MAX)] {
        assert_eq!(store.read_content(stored.id).await, Ok(Some(stored)));
    }
    assert_eq!(store.read_content(ContentId(4)).await, Ok(None));
    assert_eq!(store.erase(vec![ContentId(3), ContentId(4), ContentId(1)]).await, Ok(()));
    assert_eq!(store.read_content(ContentId(1)).await, Ok(None));
    assert_eq!(store.read_content(ContentId(3)).await, Ok(None));
    assert_eq!(store.read_content(ContentId(2)).await, Ok(Some(content(2, 0))));
    let many = [2, 1, 4, 2].map(ContentId).to_vec();
    let each = vec![Some(content(2, 0)), None, None, Some(content(2, 0))];
    assert_eq!(store.read_contents(many).await, Ok(each), "each in its place");
    assert_eq!(store.erase(vec![ContentId(1)]).await, Ok(()), "erasing again changes nothing");
    assert_eq!(bodies(&read(&*store, stream(1), 0).await), [fact(0)], "facts stay");
}

/// A commit without writes stores contents and moves no position.
pub async fn contents_may_come_before_their_facts(Subject { store, keep: _keep }: Subject) {
    let before = append(&*store, commit(vec![write(stream(1), 0, 0..1)])).await;
    let answer = append(&*store, contents(vec![content(5, 1_000)])).await;
    assert_eq!((answer.last, answer.versions), (before.last, vec![]));
    assert_eq!(store.read_content(ContentId(5)).await, Ok(Some(content(5, 1_000))));
    assert_eq!(all(&*store).await.len(), 1);
}

/// The same again is passed over; another under the same number, or one that was erased, is refused.
pub async fn a_content_is_stored_once(Subject { store, keep: _keep }: Subject) {
    append(&*store, contents(vec![content(5, 100), content(6, 100)])).await;
    append(&*store, contents(vec![content(5, 100), content(7, 100)])).await;
    let mut other = content(5, 100);
    other.salt = [99; 16];
    let refused = |error| matches!(error, Err(StoreError::Invalid(_)));
    assert!(refused(store.append(contents(vec![content(8, 10), other])).await));
    assert_eq!(store.read_content(ContentId(8)).await, Ok(None), "refused whole");
    store.erase(vec![ContentId(5)]).await.expect("it erases");
    assert!(refused(store.append(contents(vec![content(5, 100)])).await));
    assert_eq!(store.read_content(ContentId(5)).await, Ok(None));
    assert_eq!(store.read_content(ContentId(7)).await, Ok(Some(content(7, 100))));
}

/// Commits that are empty, too large or at odds with themselves are `Invalid` and leave nothing behind.
pub async fn what_no_backend_may_take_is_refused(Subject { store, keep: _keep }: Subject) {
    let one = write(stream(1), 0, 0..1);
    let nothing = StreamWrite { facts: Vec::new(), ..one.clone() };
    let mut other_kind = one.clone();
    other_kind.stream = StreamId::WORKSPACE;
    let mut large = one.clone();
    let name = "x".repeat(limits::FACT_BYTES_MAX);
    large.stream = StreamId::WORKSPACE;
    large.facts[0].event = Event::Workspace(WorkspaceEvent::WorkspaceCreated { name });
    let many = (0..=limits::STREAMS_PER_COMMIT_MAX as u64).map(|n| write(stream(n), 0, n..n + 1)).collect();
    let refused = [
        Commit::default(),
        commit(vec![nothing]),
        commit(vec![one.clone(), one.clone()]),
        commit(vec![other_kind]),
        commit(vec![large]),
        commit(many),
        commit(vec![write(stream(1), 0, 0..limits::FACTS_PER_COMMIT_MAX as u64 + 1)]),
        contents(vec![content(1, limits::CONTENT_BYTES_MAX + 1)]),
        contents(vec![content(1, 1), content(1, 1)]),
        contents((0..65).map(|n| content(n, limits::CONTENT_BYTES_MAX)).collect()),
    ];
    for (index, commit) in refused.into_iter().enumerate() {
        let answer = store.append(commit).await;
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "the {index}th: {answer:?}");
    }
    assert_eq!(all(&*store).await, []);
    assert_eq!(store.read_content(ContentId(1)).await, Ok(None));
}

/// What the limits allow is taken, in one piece.
pub async fn a_commit_of_the_largest_size_is_taken(Subject { store, keep: _keep }: Subject) {
    append(&*store, commit(vec![write(stream(1), 0, 0..limits::FACTS_PER_COMMIT_MAX as u64)])).await;
    assert_eq!(read(&*store, stream(1), 0).await.len(), limits::FACTS_PER_COMMIT_MAX);
    let largest = (0..60).map(|n| content(n, limits::CONTENT_BYTES_MAX)).collect();
    append(&*store, Commit { writes: vec![write(stream(2), 0, 0..1)], contents: largest }).await;
    let last = store.read_content(ContentId(59)).await;
    assert_eq!(last, Ok(Some(content(59, limits::CONTENT_BYTES_MAX))));
    let mut topics = write(stream(3), 0, 0..64);
    for (n, fact) in (0..).zip(&mut topics.facts) {
        fact.event = Event::Conversation(ConversationEvent::TopicAdded { topic: TopicId(Uuid::from_u128(n)) });
    }
    let many = (10..73).map(|n| write(stream(n), 0, n..n + 1)).chain([topics]).collect();
    assert_eq!(append(&*store, commit(many)).await.versions.len(), limits::STREAMS_PER_COMMIT_MAX);
}

/// Before the first commit.
pub async fn a_fresh_store_is_ready_and_empty(Subject { store, keep: _keep }: Subject) {
    assert_eq!(store.health(), Health::Ready);
    assert_eq!(store.head(), Cursor::start(store.partitions()));
    assert_eq!(store.cursor_at(Timestamp::MAX).await, Ok(Cursor::start(store.partitions())));
    assert!(store.partitions() >= 1);
    assert!(store.partition_of(stream(9)) < store.partitions());
    assert_eq!(all(&*store).await, []);
}
