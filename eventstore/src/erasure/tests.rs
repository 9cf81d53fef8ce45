//! Erasure over the real keys on disk and the store in memory, with crashes in between.

use super::*;
use crate::backends::memory;
use crate::sealed::SealedContent;
use crate::vault::{OpenError, STEPS, attachment};
use clew_domain::contact::AttributeKey;
use clew_domain::conversation::{Attachment, ConversationEvent, MessageKind, MessageReceived, Started, Visibility};
use clew_domain::fact::NewFact;
use clew_domain::ids::{AttachmentId, ChannelId, CommandId, ConversationId, MessageId, ThreadId};
use clew_domain::plaintext::AttachmentLabel;
use proptest::prelude::*;
use std::collections::HashMap;

/// One installation: its log outlives the process, its keys are on disk.
struct Desk {
    store: Arc<dyn EventStore>,
    vault: Option<Arc<Vault>>,
    eraser: Option<Arc<Eraser>>,
    dir: tempfile::TempDir,
    versions: HashMap<StreamId, u64>,
    commands: u128,
}

impl Desk {
    async fn new() -> Self {
        let store: Arc<dyn EventStore> = Arc::new(memory::Store::new(3, Box::new(memory::now), None));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let vault = Arc::new(Vault::create(&dir.path().join("keys")).expect("fresh keys"));
        let mut desk = Self { store, vault: Some(vault), eraser: None, dir, versions: HashMap::new(), commands: 0 };
        desk.start_eraser().await;
        desk
    }

    async fn start_eraser(&mut self) {
        let checkpoint = Some(self.dir.path().join(CHECKPOINT_FILE));
        let eraser = Eraser::start(self.store.clone(), self.vault().clone(), checkpoint, Vec::new()).await;
        self.eraser = Some(eraser.expect("the log and the keys are there"));
    }

    /// As after `kill -9`.
    async fn restart(&mut self) {
        self.eraser = None;
        self.vault = None;
        let vault = Vault::open(&self.dir.path().join("keys")).expect("the keys open");
        self.vault = Some(Arc::new(vault));
        self.start_eraser().await;
    }

    fn vault(&self) -> &Arc<Vault> {
        self.vault.as_ref().expect("set but while restarting")
    }

    fn eraser(&self) -> &Eraser {
        self.eraser.as_ref().expect("set but while restarting")
    }

    async fn append(&mut self, stream: StreamId, events: Vec<Event>, contents: Vec<SealedContent>) -> Fact {
        self.commands += 1;
        let command = CommandId(Uuid::from_u128(self.commands));
        let facts = (0..).zip(events).map(|(index, event)| NewFact {
            id: derive::event(command, index),
            occurred_at: Timestamp::from_micros(1),
            actor: Actor::System,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version: 1,
            event,
        });
        let version = self.versions.entry(stream).or_default();
        let write = StreamWrite { stream, expected: *version, facts: facts.collect() };
        let appended = self.store.append(Commit { writes: vec![write], contents }).await.expect("appended");
        *version = appended.versions[0];
        self.store.read_stream(stream, *version - 1).await.expect("readable").pop().expect("the fact just written")
    }

    async fn message(&mut self, contact: u64, n: u64, attachments: Vec<Attachment>) -> (Fact, SealedContent) {
        let text = self.vault().seal(ContactNumber(contact), format!("text {n}").as_bytes()).expect("sealed");
        let mut events = Vec::new();
        if !self.versions.contains_key(&conversation(contact)) {
            events.push(started(contact));
        }
        events.push(Event::Conversation(ConversationEvent::MessageReceived(MessageReceived {
            message: message_id(n),
            content: text.reference(),
            kind: MessageKind::PrivateMessage,
            answers: None,
            attachments,
            groups: None,
        })));
        (self.append(conversation(contact), events, vec![text.clone()]).await, text)
    }

    async fn mask(&mut self, contact: u64, n: u64, erased: Vec<ContentSpan>) -> Fact {
        let event = ConversationEvent::MessageMasked { message: message_id(n), erased };
        self.append(conversation(contact), vec![Event::Conversation(event)], Vec::new()).await
    }

    async fn forget(&mut self, contact: u64) -> Fact {
        let event = ContactEvent::Forgotten { number: ContactNumber(contact) };
        self.append(contact_stream(contact), vec![Event::Contact(event)], Vec::new()).await
    }

    async fn attach(&self, contact: u64, bytes: &[u8]) -> Attachment {
        let id = AttachmentId(Uuid::from_u128(u128::from(contact)));
        let label = AttachmentLabel { name: "a.bin".into(), media_type: "x/y".into(), size_bytes: bytes.len() as u64 };
        let (store, vault) = (self.store.clone(), self.vault().clone());
        let mut writer = attachment::Writer::new(store, vault, ContactNumber(contact), id, label).expect("numbers");
        for piece in bytes.chunks(50_000) {
            writer.write(piece).await.expect("written");
        }
        writer.finish().await.expect("finished")
    }

    /// Has the log say that an erasure is completed, whether it is or not.
    async fn complete(&mut self, order: &Fact) {
        let event = InstallationEvent::ErasureCompleted { of: order.id };
        self.append(StreamId::INSTALLATION, vec![Event::Installation(event)], Vec::new()).await;
    }

    async fn unfinished(&self) -> BTreeMap<EventId, Left> {
        verify(&*self.store, self.vault()).await.expect("verified").unfinished
    }

    async fn findings(&self) -> Vec<Finding> {
        verify(&*self.store, self.vault()).await.expect("verified").findings
    }

    async fn completions(&self) -> Vec<EventId> {
        let facts = self.store.read_stream(StreamId::INSTALLATION, 0).await.expect("readable");
        let of = |fact: Fact| match fact.body.event {
            Event::Installation(InstallationEvent::ErasureCompleted { of }) => Some(of),
            _ => None,
        };
        facts.into_iter().filter_map(of).collect()
    }
}

fn conversation(contact: u64) -> StreamId {
    ConversationId(Uuid::from_u128(1_000 + u128::from(contact))).into()
}

fn contact_stream(contact: u64) -> StreamId {
    ContactId(Uuid::from_u128(2_000 + u128::from(contact))).into()
}

fn message_id(n: u64) -> MessageId {
    MessageId(Uuid::from_u128(u128::from(n)))
}

fn started(contact: u64) -> Event {
    Event::Conversation(ConversationEvent::Started(Started {
        contact: ContactId(contact_stream(contact).id),
        channel: ChannelId(Uuid::nil()),
        thread: ThreadId(Uuid::nil()),
        root: None,
        number: 1,
        previous: None,
        visibility: Visibility::Private,
    }))
}

fn erased(vault: &Vault, content: &SealedContent) -> bool {
    matches!(vault.open_content(content, &content.commitment()), Err(OpenError::Erased(_)))
}

#[tokio::test]
async fn a_mask_erases_the_message_and_is_recorded_once() {
    let mut desk = Desk::new().await;
    let (_, kept) = desk.message(1, 1, Vec::new()).await;
    let (_, text) = desk.message(1, 2, Vec::new()).await;
    let mask = desk.mask(1, 2, vec![text.id.alone()]).await;
    desk.eraser().erase_now(&mask).await.expect("erased");
    assert!(erased(desk.vault(), &text) && !erased(desk.vault(), &kept));
    assert_eq!(desk.eraser().status().pending[0].stage, Stage::Unreadable);
    let ordered = orders(&*desk.store).await.expect("readable");
    assert_eq!((ordered[0].of, ordered[0].act, ordered[0].completed_at), (mask.id, history::Act::Masked, None));

    desk.eraser().finish_pending().await.expect("finished");
    desk.eraser().erase_now(&mask).await.expect("nothing is left to do");
    desk.eraser().finish_pending().await.expect("finished");
    assert_eq!(desk.store.read_content(text.id).await, Ok(None));
    assert_eq!(desk.completions().await, [mask.id]);
    assert_eq!(desk.eraser().status().completed, 1);
    assert!(orders(&*desk.store).await.expect("readable")[0].completed_at.is_some());
    desk.restart().await;
    desk.eraser().finish_pending().await.expect("finished");
    assert_eq!(desk.completions().await, [mask.id]);
    assert_eq!(desk.findings().await, []);
}

#[tokio::test]
async fn caches_are_told_before_a_mask_is_acknowledged() {
    let mut desk = Desk::new().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let cache = {
        let told = told.clone();
        move |erasure: &Erasure| told.lock().expect("not poisoned").push(erasure.clone())
    };
    let eraser = Eraser::start(desk.store.clone(), desk.vault().clone(), None, vec![Box::new(cache)]).await;
    let (_, text) = desk.message(1, 1, Vec::new()).await;
    let mask = desk.mask(1, 1, vec![text.id.alone()]).await;
    eraser.expect("started").erase_now(&mask).await.expect("erased");
    assert_eq!(told.lock().expect("not poisoned")[..], [mask.event.erases()]);
}

#[tokio::test]
async fn following_the_log_carries_out_what_nobody_asked_for() {
    let mut desk = Desk::new().await;
    let (_, text) = desk.message(1, 1, Vec::new()).await;
    let mask = desk.mask(1, 1, vec![text.id.alone()]).await;
    carried_out_by_run(&desk, &mask).await;
    assert!(erased(desk.vault(), &text));
}

#[tokio::test]
async fn what_was_ordered_before_the_start_is_carried_out_though_no_fact_follows() {
    let mut desk = Desk::new().await;
    let (_, text) = desk.message(1, 1, Vec::new()).await;
    let mask = desk.mask(1, 1, vec![text.id.alone()]).await;
    desk.restart().await;
    carried_out_by_run(&desk, &mask).await;
}

/// Lets the eraser follow the log until it recorded that it completed the mask.
async fn carried_out_by_run(desk: &Desk, mask: &Fact) {
    let running = tokio::spawn(desk.eraser.clone().expect("started").run());
    let mut facts = desk.store.subscribe(Cursor::start(3));
    let completed = Event::Installation(InstallationEvent::ErasureCompleted { of: mask.id });
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !facts.next().await.expect("open").expect("readable").iter().any(|fact| fact.event == completed) {}
    });
    waited.await.expect("it is carried out");
    running.abort();
}

#[tokio::test]
async fn forgetting_removes_every_content_of_the_contact_and_of_no_other() {
    let mut desk = Desk::new().await;
    let attachment = desk.attach(1, &vec![7; 200_000]).await;
    let (_, text) = desk.message(1, 1, vec![attachment]).await;
    let (_, other) = desk.message(2, 2, Vec::new()).await;
    let value = desk.vault().seal(ContactNumber(1), b"gold").expect("sealed");
    let key: AttributeKey = "tier".parse().expect("a key");
    let set = ContactEvent::AttributeSet { key, value: value.reference(), erased: None };
    desk.append(contact_stream(1), vec![Event::Contact(set)], vec![value.clone()]).await;
    assert_eq!(verify(&*desk.store, desk.vault()).await.expect("verified").readable, 8);

    let forgotten = desk.forget(1).await;
    desk.eraser().erase_now(&forgotten).await.expect("erased");
    assert!(erased(desk.vault(), &text) && erased(desk.vault(), &value) && !erased(desk.vault(), &other));
    desk.eraser().finish_pending().await.expect("finished");
    for id in attachment.body.ids().chain([text.id, value.id, attachment.label.id]) {
        assert_eq!(desk.store.read_content(id).await, Ok(None));
    }
    let report = verify(&*desk.store, desk.vault()).await.expect("verified");
    assert_eq!((report.readable, report.erased, report.findings), (1, 7, Vec::new()));
}

#[tokio::test]
async fn what_comes_in_just_after_its_contact_was_forgotten_is_overwritten_too() {
    let mut desk = Desk::new().await;
    desk.message(1, 1, Vec::new()).await;
    let late = desk.vault().seal(ContactNumber(1), b"late").expect("sealed");
    let forgotten = desk.forget(1).await;
    desk.eraser().erase_now(&forgotten).await.expect("erased");
    desk.eraser().finish_pending().await.expect("finished");
    let received = ConversationEvent::MessageReceived(MessageReceived {
        message: message_id(2),
        content: late.reference(),
        kind: MessageKind::PrivateMessage,
        answers: None,
        attachments: Vec::new(),
        groups: None,
    });
    desk.append(conversation(1), vec![Event::Conversation(received)], vec![late.clone()]).await;
    let (_, other) = desk.message(2, 3, Vec::new()).await;
    // Also where the process ended in between: the checkpoint remembers who was forgotten lately.
    desk.restart().await;
    desk.eraser().finish_pending().await.expect("finished");
    assert_eq!(desk.store.read_content(late.id).await, Ok(None));
    assert!(desk.store.read_content(other.id).await.expect("readable").is_some());
    assert_eq!(desk.findings().await, []);
}

#[tokio::test]
async fn an_attachment_reads_back_and_its_chunks_can_not_be_moved() {
    let desk = Desk::new().await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for size in [0, 1, attachment::CHUNK_BYTES, attachment::CHUNK_BYTES + 1, bytes.len()] {
        let stored = desk.attach(1, &bytes[..size]).await;
        let pieces: Vec<_> = attachment::read(desk.store.clone(), desk.vault().clone(), stored).collect().await;
        let read: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.expect("sound").to_vec()).collect();
        assert_eq!(read, bytes[..size]);
        let label = attachment::read_label(&*desk.store, desk.vault(), stored.label).await.expect("sound");
        assert_eq!(label.size_bytes, size as u64);
    }
    let stored = desk.attach(1, &bytes).await;
    for (first, count) in [(stored.body.first, 3), (ContentId(stored.body.first.0 + 1), 3)] {
        let cut = Attachment { body: ContentSpan { first, count }, ..stored };
        let pieces: Vec<_> = attachment::read(desk.store.clone(), desk.vault().clone(), cut).collect().await;
        assert!(pieces.iter().any(Result::is_err), "{first} and {count} on");
    }
}

#[tokio::test]
async fn an_attachment_of_another_size_than_announced_is_refused() {
    let desk = Desk::new().await;
    let id = AttachmentId(Uuid::nil());
    let label = AttachmentLabel { name: "a".into(), media_type: "x/y".into(), size_bytes: 5 };
    let writer = || {
        attachment::Writer::new(desk.store.clone(), desk.vault().clone(), ContactNumber(1), id, label.clone())
            .expect("numbers")
    };
    let longer = writer().write(b"123456").await;
    assert!(matches!(longer, Err(attachment::AttachmentError::OtherSize { announced: 5, found: 6 })));
    let mut short = writer();
    short.write(b"1234").await.expect("written");
    let shorter = short.finish().await;
    assert!(matches!(shorter, Err(attachment::AttachmentError::OtherSize { announced: 5, found: 4 })));
}

#[tokio::test]
async fn what_does_not_agree_is_found() {
    let mut desk = Desk::new().await;
    let (_, unmasked) = desk.message(1, 1, Vec::new()).await;
    let (_, masked) = desk.message(1, 2, Vec::new()).await;
    desk.vault().puncture(&[unmasked.id.alone()], &[ContactNumber(9)]).expect("punctured");
    let mask = desk.mask(1, 2, vec![masked.id.alone()]).await;
    desk.complete(&mask).await;
    let findings = desk.findings().await;
    let unreadable =
        |finding: &Finding| matches!(finding, Finding::Unreadable { content, .. } if *content == unmasked.id);
    assert!(findings.iter().any(unreadable), "{findings:?}");
    let readable =
        |finding: &Finding| matches!(finding, Finding::StillReadable { content, .. } if *content == masked.id);
    assert!(findings.iter().any(readable), "{findings:?}");
    assert!(findings.contains(&Finding::PuncturedContents(unmasked.id.0..unmasked.id.0 + 1)));
    assert!(findings.contains(&Finding::PuncturedContact(ContactNumber(9))));
}

#[tokio::test]
async fn what_is_not_completed_is_unfinished_and_no_damage_until_the_log_says_that_it_is() {
    let mut desk = Desk::new().await;
    let (_, masked) = desk.message(1, 1, Vec::new()).await;
    desk.message(2, 2, Vec::new()).await;
    let (_, twice) = desk.message(2, 3, Vec::new()).await;
    let mask = desk.mask(1, 1, vec![masked.id.alone()]).await;
    let of_two = desk.mask(2, 3, vec![twice.id.alone()]).await;
    let forgotten = desk.forget(2).await;
    let all = [mask.id, of_two.id, forgotten.id];
    let readable = |readable| Left { readable, ciphertexts: 0 };
    let ciphertexts = |ciphertexts| Left { readable: 0, ciphertexts };
    assert_eq!(desk.unfinished().await, all.into_iter().zip([readable(1); 3]).collect());
    for order in [&mask, &of_two, &forgotten] {
        desk.eraser().erase_now(order).await.expect("erased");
    }
    assert_eq!(desk.unfinished().await, all.into_iter().zip([ciphertexts(1); 3]).collect());
    assert_eq!(desk.findings().await, []);

    desk.complete(&of_two).await;
    desk.complete(&mask).await;
    assert_eq!(desk.unfinished().await, BTreeMap::from([(forgotten.id, ciphertexts(1))]));
    let remains = |finding: &Finding| matches!(finding, Finding::CiphertextRemains { .. });
    let findings = desk.findings().await;
    assert!(findings.len() == 2 && findings.iter().all(remains), "{findings:?}");
    desk.store.erase(vec![masked.id, twice.id]).await.expect("erased");
    desk.eraser().finish_pending().await.expect("finished");
    assert_eq!((desk.unfinished().await, desk.findings().await), (BTreeMap::new(), Vec::new()));
}

#[tokio::test]
async fn keys_that_were_put_back_lose_again_what_the_log_says_is_erased() {
    let mut desk = Desk::new().await;
    let (_, text) = desk.message(1, 1, Vec::new()).await;
    let keys = desk.dir.path().join("keys");
    let saved: Vec<_> = std::fs::read_dir(&keys)
        .expect("a directory")
        .map(|file| file.expect("an entry").path())
        .map(|path| (std::fs::read(&path).expect("readable"), path))
        .collect();
    let mask = desk.mask(1, 1, vec![text.id.alone()]).await;
    desk.eraser().finish_pending().await.expect("finished");
    (desk.eraser, desk.vault) = (None, None);
    for (bytes, path) in saved {
        std::fs::write(path, bytes).expect("written");
    }
    std::fs::remove_file(desk.dir.path().join(CHECKPOINT_FILE)).expect("removed");
    desk.restart().await;
    assert!(erased(desk.vault(), &text));
    assert_eq!(desk.completions().await, [mask.id]);
}

#[derive(Clone, Debug)]
enum Act {
    Write(u64),
    Mask(usize, Crash),
    Forget(u64, Crash),
    Restart,
}

/// Where the process dies while it erases.
#[derive(Clone, Copy, Debug)]
enum Crash {
    Never,
    AfterTheFact,
    AtStep(usize),
    AfterTheKeys,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let crash = prop_oneof![
        Just(Crash::Never),
        Just(Crash::AfterTheFact),
        (0..STEPS.len()).prop_map(Crash::AtStep),
        Just(Crash::AfterTheKeys)
    ];
    let act = prop_oneof![
        5 => (1_u64..6).prop_map(Act::Write),
        4 => (any::<prop::sample::Index>(), crash.clone()).prop_map(|(at, crash)| Act::Mask(at.index(1_000), crash)),
        1 => (1_u64..6, crash).prop_map(|(contact, crash)| Act::Forget(contact, crash)),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 1..30)
}

async fn carry_out(desk: &mut Desk, order: &Fact, crash: Crash) {
    match crash {
        Crash::Never => {
            desk.eraser().erase_now(order).await.expect("erased");
            desk.eraser().finish_pending().await.expect("finished");
        }
        Crash::AfterTheFact => desk.restart().await,
        Crash::AtStep(step) => {
            desk.vault().witness_steps(move |at| at != STEPS[step]);
            let outcome = desk.eraser().erase_now(order).await;
            assert!(matches!(outcome, Err(ErasureError::Vault(_))), "{outcome:?}");
            desk.restart().await;
        }
        Crash::AfterTheKeys => {
            desk.eraser().erase_now(order).await.expect("erased");
            desk.restart().await;
        }
    }
}

async fn live_through(acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut desk = Desk::new().await;
    let mut written: Vec<(u64, SealedContent, bool)> = Vec::new();
    let mut forgotten = BTreeSet::new();
    let mut orders = BTreeSet::new();
    for act in acts {
        match act {
            Act::Write(contact) if forgotten.contains(&contact) => {}
            Act::Write(contact) => {
                let (_, text) = desk.message(contact, written.len() as u64, Vec::new()).await;
                written.push((contact, text, false));
            }
            Act::Mask(at, crash) => {
                let Some(n) = at.checked_rem(written.len()) else { continue };
                let (contact, text, masked) = &mut written[n];
                if *masked || forgotten.contains(contact) {
                    continue;
                }
                *masked = true;
                let order = desk.mask(*contact, n as u64, vec![text.id.alone()]).await;
                orders.insert(order.id);
                carry_out(&mut desk, &order, crash).await;
            }
            Act::Forget(contact, crash) => {
                if forgotten.insert(contact) {
                    let order = desk.forget(contact).await;
                    orders.insert(order.id);
                    carry_out(&mut desk, &order, crash).await;
                }
            }
            Act::Restart => desk.restart().await,
        }
        // Whatever happened: what the log says is erased, is, as soon as the process is up again.
        for (contact, text, masked) in &written {
            prop_assert_eq!(erased(desk.vault(), text), *masked || forgotten.contains(contact));
        }
    }
    desk.eraser().finish_pending().await.expect("finished");
    for (contact, text, masked) in &written {
        let stored = desk.store.read_content(text.id).await.expect("readable");
        prop_assert_eq!(stored.is_none(), *masked || forgotten.contains(contact));
    }
    prop_assert_eq!(desk.findings().await, []);
    let completions = desk.completions().await;
    prop_assert_eq!(completions.len(), orders.len());
    prop_assert_eq!(completions.into_iter().collect::<BTreeSet<_>>(), orders);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn after_any_masks_and_crashes_the_log_and_the_keys_agree(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(live_through(acts))?;
    }
}
