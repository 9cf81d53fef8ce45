//! Carries out what the log says is erased: keys first, then caches, then ciphertexts, then the fact that it is
//! done. Whatever a crash leaves undone is done on the next start. Keys themselves are the vault's.

mod checkpoint;
mod history;
mod owned;
#[cfg(test)]
mod tests;
mod verify;

pub use history::{Act, Order, orders};
pub use verify::{Finding, Left, Report, VerifyError, verify};

use crate::cursor::Cursor;
use crate::store::{Commit, EventStore, StoreError, StreamWrite};
use crate::vault::{Vault, VaultError};
use checkpoint::{Checkpoint, Forgotten};
use clew_domain::contact::ContactEvent;
use clew_domain::content::{ContactNumber, ContentId};
use clew_domain::conversation::ContentSpan;
use clew_domain::derive;
use clew_domain::erasure::Erasure;
use clew_domain::fact::{Actor, CommandMeta, Event, Fact, Position, facts_of};
use clew_domain::ids::{ContactId, CorrelationId, EventId, StreamId, StreamKind};
use clew_domain::installation::{Installation, InstallationEvent};
use clew_domain::time::Timestamp;
use futures::StreamExt;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

const FACTS_PER_READ: usize = 4_096;
const CONTENTS_PER_ERASE: usize = 10_000;
/// Completions in one commit.
const COMPLETIONS_PER_COMMIT: usize = 500;
/// Facts between two checkpoints while nothing is erased.
const FACTS_PER_CHECKPOINT: u64 = 100_000;
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How long what is unreadable already waits for more, before its ciphertexts are overwritten in one go.
const GATHERED_FOR: Duration = Duration::from_millis(100);
/// How long after a contact was forgotten a content of theirs may still come in: longer than any request takes.
const LATE_FOR_S: i64 = 600;

/// The checkpoint's file. Losing it costs a pass over the log; it must go when keys are put back.
pub const CHECKPOINT_FILE: &str = "erasure";

/// Called with what was made unreadable, so that no cache keeps plaintext or a key of it.
pub type Forget = Box<dyn Fn(&Erasure) + Send + Sync>;

/// All who hold the same keys, each its own copy of their state.
pub trait Holders: Send + Sync {
    /// Tells all that this one has destroyed the keys of whatever the log erases up to here.
    fn acknowledge(&self, seen: Cursor) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Up to where all of them have.
    fn erased_by_all(&self) -> BoxFuture<'_, Result<Cursor, StoreError>>;
}

/// Follows the log and carries out its erasures.
pub struct Eraser {
    /// None where nobody else holds the keys.
    holders: Option<Arc<dyn Holders>>,
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    checkpoint: Option<PathBuf>,
    caches: Vec<Forget>,
    ledger: Mutex<Ledger>,
    more: Notify,
    /// Held by the one who carries out.
    turn: tokio::sync::Mutex<()>,
}

/// Why an erasure could not be carried out; it stays ordered and is tried again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ErasureError {
    /// The keys could not be destroyed.
    #[error("the keys could not be destroyed: {0}")]
    Vault(Arc<VaultError>),
    /// The log or the ciphertexts could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process is shutting down.
    #[error("the process is shutting down; the erasure is completed on the next start")]
    Stopped,
}

/// How far an erasure has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The log says so; the keys are still there.
    Ordered,
    /// Nobody can read it any more; the ciphertext is still in the store.
    Unreadable,
    /// The ciphertext is overwritten; only the fact that it is done is missing.
    Overwritten,
}

/// An erasure that is not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The fact that ordered it.
    pub of: EventId,
    /// Where that stands.
    pub position: Position,
    /// The stream it is in.
    pub stream: StreamId,
    /// When it was ordered.
    pub recorded_at: Timestamp,
    /// What is erased.
    pub erasure: Erasure,
    /// How far it has got.
    pub stage: Stage,
    correlation: CorrelationId,
    settings_version: u64,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureStatus {
    /// What is not completed, oldest first.
    pub pending: Vec<Pending>,
    /// Erasures completed since the start of this process.
    pub completed: u64,
    /// How far the log was read.
    pub seen: Cursor,
    /// What went wrong last, if it has not gone well since.
    pub last_error: Option<String>,
}

#[derive(Default)]
struct Ledger {
    /// What others ordered and perhaps completed, and whose keys are still here.
    owed: Vec<Erasure>,
    /// Up to where the last erasure stands that others wait to hear of.
    unacknowledged: Option<Cursor>,
    seen: Cursor,
    pending: BTreeMap<EventId, Pending>,
    /// Completed before the log was read so far.
    ahead: BTreeSet<EventId>,
    completed: u64,
    /// Contacts that were forgotten so shortly before that contents of theirs, sealed just before, may still come in.
    lately: Vec<Forgotten>,
    /// What came in since, whosever it is.
    late: Vec<ContentSpan>,
    unsaved_facts: u64,
    unsaved_completions: bool,
    installation_version: u64,
    last_error: Option<String>,
}

impl Eraser {
    /// Reads the log from the checkpoint on (from the start if there is none, or it is of another log) and makes
    /// unreadable whatever the log says is erased and the keys still give. What else is pending, `run` does.
    ///
    /// `caches` are told of every erasure before it is acknowledged.
    pub async fn start(
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        checkpoint: Option<PathBuf>,
        caches: Vec<Forget>,
    ) -> Result<Arc<Self>, ErasureError> {
        Self::start_among(store, vault, checkpoint, caches, None).await
    }

    /// The same where others hold the keys, too: an erasure is completed when all of them have destroyed what it erases.
    pub async fn start_among(
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
        checkpoint: Option<PathBuf>,
        caches: Vec<Forget>,
        holders: Option<Arc<dyn Holders>>,
    ) -> Result<Arc<Self>, ErasureError> {
        let mut ledger = Ledger { seen: Cursor::start(store.partitions()), ..Ledger::default() };
        if let Some(path) = &checkpoint
            && let Some(saved) = Checkpoint::load(path, &*store).await?
        {
            (ledger.seen, ledger.installation_version) = (saved.cursor(), saved.installation_version);
            ledger.lately = saved.lately;
        }
        let (more, turn) = (Notify::new(), tokio::sync::Mutex::new(()));
        let ledger = Mutex::new(ledger);
        let eraser = Arc::new(Self { holders, store, vault, checkpoint, caches, ledger, more, turn });
        // Completed ones too: keys that were restored may be older than the log.
        let seen = eraser.catch_up().await?;
        eraser.destroy_keys(seen).await?;
        {
            let mut ledger = eraser.lock();
            ledger.owed.clear();
            ledger.unacknowledged = Some(ledger.seen.clone());
        }
        if let Err(error) = eraser.acknowledge().await {
            eraser.failed(&error);
        }
        eraser.lock().pending.values_mut().for_each(|pending| pending.stage = pending.stage.max(Stage::Unreadable));
        // `run` does what is left though no further fact may ever come.
        eraser.more.notify_one();
        Ok(eraser)
    }

    /// Follows the log until the store is closed, and carries out what comes. A failure is logged, kept for
    /// [`status`](Self::status) and tried again.
    pub async fn run(self: Arc<Self>) {
        let seen = self.lock().seen.clone();
        let mut facts = self.store.subscribe(seen);
        let mut failed = false;
        loop {
            let retry =
                async { if failed { tokio::time::sleep(RETRY_AFTER).await } else { std::future::pending().await } };
            tokio::select! {
                batch = facts.next() => match batch {
                    Some(Ok(batch)) => batch.iter().for_each(|fact| self.note(fact, true)),
                    Some(Err(error)) => return self.failed(&error.into()),
                    None => return,
                },
                () = self.more.notified() => {}
                () = retry => {}
            }
            if self.all_unreadable() {
                tokio::time::sleep(GATHERED_FOR).await;
            }
            let outcome = self.carry_out().await;
            // Where others have to destroy keys as well, they are asked again after a while.
            failed = outcome.is_err() || (self.holders.is_some() && !self.lock().pending.is_empty());
            match outcome {
                Ok(()) => self.lock().last_error = None,
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Makes unreadable what a fact of the log says is erased, and answers when nobody can read it any more: keys
    /// destroyed durably, caches told. The ciphertext and the completion follow at once, by [`run`](Self::run).
    pub async fn erase_now(&self, fact: &Fact) -> Result<(), ErasureError> {
        let erasure = fact.event.erases();
        if erasure.is_empty() {
            return Ok(());
        }
        self.note(fact, false);
        self.destroy_keys(vec![erasure]).await?;
        if let Some(pending) = self.lock().pending.get_mut(&fact.id) {
            pending.stage = pending.stage.max(Stage::Unreadable);
        }
        self.more.notify_one();
        Ok(())
    }

    /// Reads the log to its end and carries out all that is pending.
    pub async fn finish_pending(&self) -> Result<(), ErasureError> {
        self.catch_up().await?;
        self.carry_out().await
    }

    /// What is pending, and whether something is wrong.
    pub fn status(&self) -> ErasureStatus {
        let ledger = self.lock();
        let mut pending: Vec<_> = ledger.pending.values().cloned().collect();
        pending.sort_by_key(|pending| (pending.recorded_at, pending.position));
        ErasureStatus {
            pending,
            completed: ledger.completed,
            seen: ledger.seen.clone(),
            last_error: ledger.last_error.clone(),
        }
    }

    /// Notes all facts up to the head; answers what they erase, completed or not.
    ///
    /// Numbers that the log knows are not given out again either, whatever the keys' own file says.
    async fn catch_up(&self) -> Result<Vec<Erasure>, ErasureError> {
        let head = self.store.head();
        let mut erasures = Vec::new();
        let (mut contents_end, mut contacts_end) = (ContentId(0), ContactNumber(0));
        for partition in 0..head.partitions() {
            loop {
                let after = self.lock().seen.position(partition);
                if after.sequence >= head.sequence(partition) {
                    break;
                }
                let facts = self.store.read_all(after, FACTS_PER_READ).await?;
                if facts.is_empty() {
                    break;
                }
                for fact in &facts {
                    self.note(fact, true);
                    erasures.push(fact.event.erases());
                    let ends = fact.event.brings_in().spans().map(|span| span.first.0 + u64::from(span.count)).max();
                    contents_end.0 = contents_end.0.max(ends.unwrap_or(0));
                    if let Event::Contact(ContactEvent::FirstSeen { number, .. }) = &fact.event {
                        contacts_end.0 = contacts_end.0.max(number.0 + 1);
                    }
                }
                erasures.retain(|erasure| !erasure.is_empty());
            }
        }
        let raised = self.vault.raise_numbers(contents_end, contacts_end);
        raised.map_err(|error| ErasureError::Vault(Arc::new(error)))?;
        Ok(erasures)
    }

    /// Takes a fact into account; `in_order` unless it is told ahead of the log.
    fn note(&self, fact: &Fact, in_order: bool) {
        let mut ledger = self.lock();
        if ledger.seen.has_seen(fact.position) {
            return;
        }
        if let Event::Installation(InstallationEvent::ErasureCompleted { of }) = &fact.event {
            ledger.pending.remove(of);
        }
        let erasure = fact.event.erases();
        if in_order && self.holders.is_some() && !erasure.is_empty() {
            ledger.owed.push(erasure.clone());
        }
        if !erasure.is_empty() && !ledger.ahead.contains(&fact.id) {
            ledger.pending.entry(fact.id).or_insert_with(|| Pending::of(fact, erasure));
        }
        if in_order {
            ledger.watch_for_late_contents(fact);
            if fact.stream == StreamId::INSTALLATION {
                ledger.installation_version = ledger.installation_version.max(fact.version);
            }
            ledger.ahead.remove(&fact.id);
            ledger.seen.advance(fact.position);
            ledger.unsaved_facts += 1;
        }
    }

    async fn destroy_keys(&self, erasures: Vec<Erasure>) -> Result<(), ErasureError> {
        let mut all = Erasure::default();
        for erasure in erasures {
            all.contents.extend(erasure.contents);
            all.contacts.extend(erasure.contacts);
        }
        if all.is_empty() {
            return Ok(());
        }
        let vault = self.vault.clone();
        let work = move || vault.puncture(&all.contents, &all.contacts).map(|()| all);
        let punctured = tokio::task::spawn_blocking(work).await.map_err(|_| ErasureError::Stopped)?;
        let all = punctured.map_err(|error| ErasureError::Vault(Arc::new(error)))?;
        self.caches.iter().for_each(|forget| forget(&all));
        Ok(())
    }

    /// Carries out all that is pending, and saves the checkpoint.
    async fn carry_out(&self) -> Result<(), ErasureError> {
        let _turn = self.turn.lock().await;
        self.destroy_what_is_owed().await?;
        let mut pending: Vec<Pending> = self.lock().pending.values().cloned().collect();
        pending.sort_by_key(|pending| pending.recorded_at);
        for batch in pending.chunks(COMPLETIONS_PER_COMMIT) {
            let ordered = batch.iter().filter(|pending| pending.stage == Stage::Ordered);
            self.destroy_keys(ordered.map(|pending| pending.erasure.clone()).collect()).await?;
            self.reach(batch, Stage::Unreadable);
            self.overwrite(batch).await?;
            self.reach(batch, Stage::Overwritten);
            self.complete(&self.erased_by_all(batch).await?).await?;
        }
        self.overwrite_late().await?;
        self.save_checkpoint().await
    }

    /// Destroys the keys of what others had erased, also where they have completed it meanwhile, and tells them.
    async fn destroy_what_is_owed(&self) -> Result<(), ErasureError> {
        let (owed, seen) = {
            let mut ledger = self.lock();
            (std::mem::take(&mut ledger.owed), ledger.seen.clone())
        };
        if !owed.is_empty() {
            if let Err(error) = self.destroy_keys(owed.clone()).await {
                self.lock().owed.extend(owed);
                return Err(error);
            }
            self.lock().unacknowledged = Some(seen);
        }
        self.acknowledge().await
    }

    async fn acknowledge(&self) -> Result<(), ErasureError> {
        let Some(holders) = &self.holders else { return Ok(()) };
        let Some(seen) = self.lock().unacknowledged.clone() else { return Ok(()) };
        holders.acknowledge(seen.clone()).await?;
        let mut ledger = self.lock();
        if ledger.unacknowledged == Some(seen) {
            ledger.unacknowledged = None;
        }
        Ok(())
    }

    /// Those whose keys no holder has any more.
    async fn erased_by_all(&self, batch: &[Pending]) -> Result<Vec<Pending>, ErasureError> {
        let Some(holders) = &self.holders else { return Ok(batch.to_vec()) };
        let by_all = holders.erased_by_all().await?;
        Ok(batch.iter().filter(|pending| by_all.has_seen(pending.position)).cloned().collect())
    }

    /// Removes the ciphertexts from the store.
    async fn overwrite(&self, batch: &[Pending]) -> Result<(), ErasureError> {
        let batch = || batch.iter().filter(|pending| pending.stage < Stage::Overwritten);
        let mut spans: Vec<ContentSpan> = batch().flat_map(|pending| pending.erasure.contents.clone()).collect();
        let forgotten: BTreeSet<ContactId> = batch().filter_map(Pending::forgotten_contact).collect();
        if !forgotten.is_empty() {
            spans.extend(owned::contents_of(&*self.store, &forgotten).await?);
        }
        let ids: Vec<ContentId> = spans.into_iter().flat_map(ContentSpan::ids).collect();
        for ids in ids.chunks(CONTENTS_PER_ERASE) {
            self.store.erase(ids.to_vec()).await?;
        }
        Ok(())
    }

    /// Whether something is pending, and nothing of it can be read.
    fn all_unreadable(&self) -> bool {
        let ledger = self.lock();
        !ledger.pending.is_empty() && ledger.pending.values().all(|pending| pending.stage >= Stage::Unreadable)
    }

    /// Removes the ciphertexts that came in after their contact was forgotten.
    async fn overwrite_late(&self) -> Result<(), ErasureError> {
        let (late, forgotten): (Vec<_>, BTreeSet<_>) = {
            let ledger = self.lock();
            (ledger.late.clone(), ledger.lately.iter().map(|forgotten| forgotten.contact).collect())
        };
        let mut theirs = Vec::new();
        for id in late.iter().copied().flat_map(ContentSpan::ids) {
            let content = self.store.read_content(id).await?;
            theirs.extend(content.filter(|content| forgotten.contains(&content.owner)).map(|content| content.id));
        }
        if !theirs.is_empty() {
            self.store.erase(theirs).await?;
        }
        self.lock().late.drain(..late.len());
        Ok(())
    }

    fn reach(&self, batch: &[Pending], stage: Stage) {
        let mut ledger = self.lock();
        for done in batch {
            if let Some(pending) = ledger.pending.get_mut(&done.of) {
                pending.stage = pending.stage.max(stage);
            }
        }
    }

    /// Appends that they are completed, each once, whoever else appends to the same stream meanwhile.
    async fn complete(&self, batch: &[Pending]) -> Result<(), ErasureError> {
        loop {
            let (expected, open) = {
                let ledger = self.lock();
                let open = batch.iter().filter(|done| ledger.pending.contains_key(&done.of));
                (ledger.installation_version, open.cloned().collect::<Vec<_>>())
            };
            if open.is_empty() {
                return Ok(());
            }
            let facts = open.iter().flat_map(Pending::completion).collect();
            let write = StreamWrite { stream: StreamId::INSTALLATION, expected, facts };
            match self.store.append(Commit { writes: vec![write], contents: Vec::new() }).await {
                Ok(appended) => {
                    let mut ledger = self.lock();
                    ledger.installation_version = ledger.installation_version.max(appended.versions[0]);
                    for done in &open {
                        ledger.completed_one(done);
                    }
                    return Ok(());
                }
                Err(StoreError::Conflict { .. } | StoreError::Unknown(_)) => self.read_installation().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Learns what the installation's stream holds that was not known.
    async fn read_installation(&self) -> Result<(), ErasureError> {
        let after = self.lock().installation_version;
        let facts = self.store.read_stream(StreamId::INSTALLATION, after).await?;
        let mut ledger = self.lock();
        for fact in facts {
            ledger.installation_version = ledger.installation_version.max(fact.version);
            if let Event::Installation(InstallationEvent::ErasureCompleted { of }) = &fact.event
                && let Some(done) = ledger.pending.get(of).cloned()
            {
                ledger.completed_one(&done);
            }
        }
        Ok(())
    }

    /// Saves how far all is done, at a moment when nothing is pending.
    async fn save_checkpoint(&self) -> Result<(), ErasureError> {
        let Some(path) = &self.checkpoint else { return Ok(()) };
        let (seen, installation_version, lately) = {
            let mut ledger = self.lock();
            let worth_it = ledger.unsaved_completions || ledger.unsaved_facts >= FACTS_PER_CHECKPOINT;
            if !worth_it
                || !ledger.pending.is_empty()
                || !ledger.ahead.is_empty()
                || !ledger.late.is_empty()
                || !ledger.owed.is_empty()
            {
                return Ok(());
            }
            (ledger.unsaved_completions, ledger.unsaved_facts) = (false, 0);
            (ledger.seen.clone(), ledger.installation_version, ledger.lately.clone())
        };
        let checkpoint = Checkpoint::at(&seen, installation_version, lately, &*self.store).await?;
        if let Err(cause) = checkpoint.save(path) {
            // The log has it all: the next start reads more of it.
            tracing::warn!(%cause, "the checkpoint of erasures could not be saved");
        }
        Ok(())
    }

    fn failed(&self, error: &ErasureError) {
        tracing::error!(%error, "an erasure could not be completed; it is tried again");
        self.lock().last_error = Some(error.to_string());
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn watch_for_late_contents(&mut self, fact: &Fact) {
        self.lately.retain(|forgotten| fact.recorded_at <= forgotten.at.plus_secs(LATE_FOR_S));
        if !self.lately.is_empty() {
            self.late.extend(fact.event.brings_in().spans());
        }
        if let Event::Contact(ContactEvent::Forgotten { number }) = &fact.event {
            self.lately.push(Forgotten { contact: *number, at: fact.recorded_at });
        }
    }

    fn completed_one(&mut self, done: &Pending) {
        if self.pending.remove(&done.of).is_some() {
            self.completed += 1;
            self.unsaved_completions = true;
            if !self.seen.has_seen(done.position) {
                self.ahead.insert(done.of);
            }
        }
    }
}

impl Pending {
    fn of(fact: &Fact, erasure: Erasure) -> Self {
        Self {
            of: fact.id,
            position: fact.position,
            stream: fact.stream,
            recorded_at: fact.recorded_at,
            erasure,
            stage: Stage::Ordered,
            correlation: fact.correlation,
            settings_version: fact.settings_version,
        }
    }

    fn forgotten_contact(&self) -> Option<ContactId> {
        let forgets = !self.erasure.contacts.is_empty() && self.stream.kind == StreamKind::Contact;
        forgets.then_some(ContactId(self.stream.id))
    }

    fn completion(&self) -> Vec<clew_domain::fact::NewFact> {
        let meta = CommandMeta {
            id: derive::consequence(self.of.0, "complete erasure", Uuid::nil()),
            actor: Actor::System,
            at: self.recorded_at,
            causation: Some(self.of),
            correlation: self.correlation,
            settings_version: self.settings_version,
        };
        facts_of::<Installation>(&meta, vec![InstallationEvent::ErasureCompleted { of: self.of }])
    }
}
