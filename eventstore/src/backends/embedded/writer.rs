//! The one thread that appends. It takes all that is queued, checks versions, writes facts and contents, syncs, and
//! then answers all at once; while it syncs, the next group gathers.

use super::Shared;
use super::beside::Beside;
use super::contents::{self, ContentsFile, Filled, Mark};
use super::frame::{self, GROUP, Kind, LAST};
use super::index::{ByStream, Raw};
use super::layout::{self, FileKind};
use super::queue::{AppendAnswer, Job, Outcome, Prepared, Queue, Taken};
use super::read::read;
use crate::codec::{self, Place};
use crate::cursor::Cursor;
use crate::observer::CommitObserver;
use crate::store::{Appended, StoreError};
use clew_domain::content::ContentId;
use clew_domain::fact::Position;
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// After so long without a commit the last group is marked as durable, so that damage to it can be told from a torn
/// tail.
const MARK_AFTER: Duration = Duration::from_millis(50);
/// Kept free in each segment for its last frames.
const RESERVE_BYTES: u64 = 64;

/// Fewer facts are hashed sooner than a thread is woken.
const PREPARED_FACTS_MIN: usize = 16;

/// Where the writer is.
pub(super) struct Writer {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    head: watch::Sender<Cursor>,
    observer: Option<Box<dyn CommitObserver>>,
    facts: Tail<Arc<File>>,
    contents: Tail<Arc<ContentsFile>>,
    /// The sequence of the last fact that was written, durable or in this group.
    last: u64,
    last_recorded: Timestamp,
    /// How far contents reach that belong to commits.
    mark: Mark,
    /// Whether the last group is still to be marked as durable.
    unmarked: bool,
    /// Whether commits are answered before they are durable. Then a group on disk is all that lies between two syncs.
    later: bool,
    /// Whether something is written that is not durable yet.
    unsynced: bool,
    failed: Option<String>,
    group: Group,
    beside: Besides,
}

/// The end of the segment that is appended to.
pub(super) struct Tail<F> {
    pub(super) number: u32,
    pub(super) file: F,
    pub(super) end: u64,
    pub(super) capacity: u64,
}

/// Where the writer goes on after opening.
pub(super) struct Start {
    pub(super) facts: Tail<Arc<File>>,
    pub(super) contents: Tail<Arc<ContentsFile>>,
    pub(super) mark: Mark,
}

/// What is written and synced at once.
#[derive(Default)]
struct Group {
    facts: Vec<u8>,
    contents: Vec<u8>,
    entries: Vec<Entry>,
    ids: HashMap<ContentId, u32>,
    /// Streams of this group with their version in it.
    versions: ByStream<u32>,
    recorded_at: Timestamp,
    answers: Vec<Asked>,
}

/// Commits that were handed in together.
struct Asked {
    answer: AppendAnswer,
    commits: usize,
    outcomes: Vec<Outcome>,
    /// How many of the outcomes are of groups before this one.
    settled: usize,
}

/// A fact of the group.
struct Entry {
    /// Where its frame begins in the group's bytes.
    at: usize,
    stream: StreamId,
    version: u32,
    /// The segment that had the stream last, or 0.
    before: u32,
}

impl Group {
    /// The bytes that are proved of each fact, from the sequence `first` on.
    fn leaves(&self, first: u64) -> impl Iterator<Item = (u64, &[u8])> {
        let leaf = |entry: &Entry| {
            let length = frame::length(&self.facts[entry.at..]);
            &self.facts[entry.at + frame::HEAD_BYTES..entry.at + length]
        };
        (first..).zip(self.entries.iter().map(leaf))
    }
}

/// The threads that sync while the writer does something else.
struct Besides {
    facts: Beside,
    contents: Beside,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        head: watch::Sender<Cursor>,
        observer: Option<Box<dyn CommitObserver>>,
        Start { facts, contents, mark }: Start,
        later: bool,
    ) -> std::io::Result<Self> {
        let (last, last_recorded) = {
            let index = read(&shared.index);
            (index.last, index.last_recorded)
        };
        let (failed, group) = (None, Group::default());
        let beside = |name| Beside::new(name, Arc::clone(&shared.disk));
        let beside = Besides { facts: beside("clew-log-facts")?, contents: beside("clew-log-contents")? };
        Ok(Self {
            beside,
            shared,
            queue,
            head,
            observer,
            facts,
            contents,
            last,
            last_recorded,
            mark,
            // What lies there was found whole on opening; from now on damage to it is damage.
            unmarked: last > 0,
            later,
            unsynced: false,
            failed,
            group,
        })
    }

    /// Does what is queued until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.take(self.unmarked.then_some(MARK_AFTER)) {
                Taken::Jobs(jobs) => {
                    self.begin_group();
                    for job in jobs {
                        match job {
                            Job::Append(commits, answer) => self.admit_all(commits, answer),
                            Job::Erase(ids, answer) => self.erase(&ids, answer),
                            Job::Sync(answer) => {
                                self.end_group();
                                self.begin_group();
                                let _ = answer.send(self.sync_written());
                            }
                        }
                    }
                    self.end_group();
                }
                Taken::Idle => self.mark_as_durable(),
                Taken::Closed => break,
            }
        }
        if self.unmarked {
            self.mark_as_durable();
            if self.failed.is_none()
                && let Err(error) = self.shared.disk.sync(&self.facts.file)
            {
                self.fail(&format!("the last sync of facts failed: {error}"));
            }
        }
    }

    fn begin_group(&mut self) {
        self.group.recorded_at = (self.shared.clock)().max(self.last_recorded);
    }

    fn admit_all(&mut self, commits: Vec<Prepared>, answer: AppendAnswer) {
        let outcomes = Vec::with_capacity(commits.len());
        self.group.answers.push(Asked { answer, commits: commits.len(), outcomes, settled: 0 });
        for prepared in commits {
            let replicated = prepared.recorded_at.is_some();
            let outcome = self.refuse_if_failed().and_then(|()| self.try_admit(prepared));
            let foreign = match &outcome {
                Err(error) if replicated && self.failed.is_none() && !error.is_refusal() => Some(error.to_string()),
                _ => None,
            };
            self.group.answers.last_mut().expect("pushed above, and kept until it is complete").outcomes.push(outcome);
            if let Some(error) = foreign {
                // Others took this commit; to go on without it would be another log than theirs.
                self.fail(&format!("a commit of the cluster can't be written here: {error}"));
            }
        }
    }

    fn try_admit(&mut self, mut prepared: Prepared) -> Result<Appended, StoreError> {
        self.make_room(&prepared)?;
        self.drop_stored_contents(&mut prepared)?;
        let heads = self.check_versions(&prepared)?;
        if let Some(at) = prepared.recorded_at {
            self.group.recorded_at = self.group.recorded_at.max(at);
        }
        // What begins a group says that all before it is durable.
        let begin = self.group.facts.is_empty() && !self.unsynced;
        let mut flags = if begin { GROUP } else { 0 };
        if !prepared.contents.is_empty() {
            for (id, bytes) in &prepared.contents {
                let at = self.contents.end + self.group.contents.len() as u64;
                self.group.ids.insert(*id, u32::try_from(at).expect("segments are below 4 GiB"));
                self.group.contents.extend_from_slice(bytes);
            }
            let end = self.contents.end + self.group.contents.len() as u64;
            self.mark = Mark { segment: self.contents.number, end: u32::try_from(end).expect("below 4 GiB") };
            let last = if prepared.streams.is_empty() { LAST } else { 0 };
            self.group.facts.extend_from_slice(&frame::whole(Kind::Mark, &self.mark.to_bytes(), flags | last));
            flags = 0;
        }
        let versions = self.place(&prepared, &heads, flags);
        let last = Position { partition: self.shared.partition, sequence: self.last };
        Ok(Appended { last, versions, recorded_at: self.group.recorded_at })
    }

    /// Copies the facts into the group and fills in their places. Answers the new versions.
    fn place(&mut self, prepared: &Prepared, heads: &[(u32, u32)], mut flags: u32) -> Vec<u64> {
        let mut versions = Vec::with_capacity(prepared.streams.len());
        let mut rest = &prepared.frames[..];
        for ((stream, expected, count), (_, before)) in prepared.streams.iter().zip(heads) {
            let mut version = *expected;
            for _ in 0..*count {
                let (bytes, behind) = rest.split_at(frame::length(rest));
                rest = behind;
                version += 1;
                self.last += 1;
                let at = self.group.facts.len();
                self.group.facts.extend_from_slice(bytes);
                let framed = &mut self.group.facts[at..];
                let position = Position { partition: self.shared.partition, sequence: self.last };
                let place = Place { position, version, recorded_at: self.group.recorded_at };
                codec::fill_in_place(&mut framed[frame::HEAD_BYTES..], place);
                frame::finish(framed, flags | if rest.is_empty() { LAST } else { 0 });
                flags = 0;
                let short = u32::try_from(version).expect("checked with the expected version");
                self.group.entries.push(Entry { at, stream: *stream, version: short, before: *before });
            }
            self.group.versions.insert(*stream, u32::try_from(version).expect("checked"));
            versions.push(version);
        }
        versions
    }

    /// For each stream its version and the segment that has it, if all are as expected.
    fn check_versions(&self, prepared: &Prepared) -> Result<Vec<(u32, u32)>, StoreError> {
        let mut heads = Vec::with_capacity(prepared.streams.len());
        for (stream, expected, count) in &prepared.streams {
            let head = if let Some(version) = self.group.versions.get(stream) {
                (*version, self.facts.number)
            } else {
                let known = read(&self.shared.index).known(*stream);
                known.resolve(*stream)?.map_or((0, 0), |head| (head.version, head.segment))
            };
            if u64::from(head.0) != *expected {
                let actual = u64::from(head.0);
                return Err(StoreError::Conflict { stream: *stream, expected: *expected, actual });
            }
            if head.0.checked_add(*count).is_none() {
                return Err(StoreError::Invalid(format!("{stream} has as many facts as a stream may have")));
            }
            heads.push(head);
        }
        Ok(heads)
    }

    /// Leaves out contents that are stored already, byte for byte; refuses others under their number.
    fn drop_stored_contents(&mut self, prepared: &mut Prepared) -> Result<(), StoreError> {
        let in_group = prepared.contents.iter().any(|(id, _)| self.group.ids.contains_key(id));
        if in_group {
            self.end_group();
            self.refuse_if_failed()?;
        }
        let mut stored = Vec::new();
        for (id, bytes) in &prepared.contents {
            let candidates = self.shared.contents().candidates(*id);
            let Some((file, offset)) = candidates.locate(*id)? else { continue };
            let mut there = Vec::new();
            if let Some(content) = file.read(offset, *id)? {
                contents::encode(&content, &mut there);
            }
            if there != *bytes {
                return Err(StoreError::Invalid(format!("content {id} was stored before")));
            }
            stored.push(*id);
        }
        prepared.contents.retain(|(id, _)| !stored.contains(id));
        Ok(())
    }

    /// Goes on to the next segments if the commit does not fit into these.
    fn make_room(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let facts = prepared.frames.len() as u64 + 2 * RESERVE_BYTES;
        if self.facts.end + self.group.facts.len() as u64 + facts > self.facts.capacity {
            self.end_group();
            self.refuse_if_failed()?;
            self.next_facts(facts)?;
        }
        let contents = prepared.contents_bytes() as u64;
        if self.contents.end + self.group.contents.len() as u64 + contents > self.contents.capacity {
            self.end_group();
            self.refuse_if_failed()?;
            self.next_contents(contents)?;
        }
        self.order_ahead();
        Ok(())
    }

    fn refuse_if_failed(&self) -> Result<(), StoreError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(StoreError::Unavailable(why.clone())))
    }

    /// Has the next segments prepared once these are half full.
    fn order_ahead(&self) {
        if self.facts.end + self.group.facts.len() as u64 > self.facts.capacity / 2 {
            let number = self.facts.number + 1;
            self.shared.orders.prepare(FileKind::OpenFacts, number, self.shared.facts_capacity(number));
        }
        if self.contents.end + self.group.contents.len() as u64 > self.contents.capacity / 2 {
            let number = self.contents.number + 1;
            self.shared.orders.prepare(FileKind::Contents, number, self.shared.contents_capacity(number));
        }
    }

    fn take_segment(&self, kind: FileKind, number: u32, planned: u64, payload: u64) -> Result<(File, u64), StoreError> {
        let least = payload + layout::HEADER_BYTES as u64 + RESERVE_BYTES;
        let prepared = self.shared.orders.take(kind, number, least);
        let made = prepared.unwrap_or_else(|| {
            let capacity = planned.max(least);
            let file = layout::create_segment(&*self.shared.disk, &self.shared.dir, kind, number, capacity)?;
            Ok((file, capacity))
        });
        // Nothing was written yet: once there is room, the next commit tries again.
        self.shared.set_obstacle(made.as_ref().err().map(ToString::to_string));
        made
    }

    fn next_facts(&mut self, payload: u64) -> Result<(), StoreError> {
        let number = self.facts.number + 1;
        let planned = self.shared.facts_capacity(number);
        let (file, capacity) = self.take_segment(FileKind::OpenFacts, number, planned, payload)?;
        self.sync_written()?;
        let end = [&self.last.to_le_bytes()[..], &self.mark.to_bytes()].concat();
        let end = frame::whole(Kind::End, &end, GROUP | LAST);
        let write = self.shared.disk.write_all_at(&self.facts.file, &end, self.facts.end);
        if let Err(error) = write.and_then(|()| self.shared.disk.sync(&self.facts.file)) {
            self.fail(&format!("the end of a segment of facts can't be written: {error}"));
            return self.refuse_if_failed();
        }
        let file = Arc::new(file);
        {
            let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
            let full = index.raw.last_mut().expect("one segment is always appended to");
            full.end = self.facts.end + end.len() as u64;
            let path = FileKind::OpenFacts.path(&self.shared.dir, number);
            index.raw.push(Raw::new(number, path, Arc::clone(&file), self.last + 1));
        }
        self.facts = Tail { number, file, end: layout::HEADER_BYTES as u64, capacity };
        self.unmarked = false;
        self.shared.orders.seal();
        Ok(())
    }

    fn next_contents(&mut self, payload: u64) -> Result<(), StoreError> {
        self.sync_written()?;
        let number = self.contents.number + 1;
        let planned = self.shared.contents_capacity(number);
        let (file, capacity) = self.take_segment(FileKind::Contents, number, planned, payload)?;
        let path = FileKind::Contents.path(&self.shared.dir, number);
        let file = Arc::new(ContentsFile { number, path, file: Arc::new(file) });
        let old = std::mem::replace(&mut self.contents.file, Arc::clone(&file));
        {
            let mut contents = self.shared.contents.write().unwrap_or_else(PoisonError::into_inner);
            let ids = std::mem::take(&mut contents.ids);
            contents.filled.push(Filled { file: Arc::clone(&old), ids });
            contents.open = Arc::clone(&file);
        }
        self.shared.orders.index_contents(old, self.contents.end);
        self.contents = Tail { number, file, end: layout::HEADER_BYTES as u64, capacity };
        Ok(())
    }

    /// Writes what has gathered, and answers.
    fn end_group(&mut self) {
        self.write_group();
        // A segment may end between commits that were handed in together: their answer waits for the last of them.
        let unfinished = self.group.answers.pop_if(|asked| asked.outcomes.len() < asked.commits);
        for Asked { answer, outcomes, .. } in self.group.answers.drain(..) {
            // Whoever asked may have gone; the commits stand all the same.
            let _ = answer.send(outcomes);
        }
        self.group.answers.extend(unfinished.map(|asked| Asked { settled: asked.outcomes.len(), ..asked }));
    }

    /// Makes the group durable and visible. Should that fail, nobody knows what of it is on disk.
    fn write_group(&mut self) {
        if !self.group.facts.is_empty() {
            match self.write_and_sync() {
                Ok(()) => self.publish(),
                Err(error) => self.fail(&format!("writing the log failed: {error}")),
            }
        }
        self.group.facts.clear();
        self.group.contents.clear();
        self.group.entries.clear();
        self.group.ids.clear();
        self.group.versions.clear();
    }

    /// Makes durable what was written, where that is not done with each group.
    fn sync_written(&mut self) -> Result<(), StoreError> {
        if self.unsynced && self.failed.is_none() {
            let facts = || self.shared.disk.sync(&self.facts.file);
            match self.beside.contents.sync(&self.contents.file.file, facts) {
                Ok(()) => self.unsynced = false,
                Err(error) => self.fail(&format!("syncing the log failed: {error}")),
            }
        }
        self.refuse_if_failed()
    }

    fn write_and_sync(&mut self) -> std::io::Result<()> {
        let disk = &self.shared.disk;
        disk.write_all_at(&self.facts.file, &self.group.facts, self.facts.end)?;
        if !self.group.contents.is_empty() {
            disk.write_all_at(&self.contents.file.file, &self.group.contents, self.contents.end)?;
        }
        if self.later {
            self.unsynced = true;
            return Ok(());
        }
        let first = self.first_of_group();
        let prepare = || {
            if let Some(observer) = &mut self.observer {
                observer.prepare(self.shared.partition, &mut self.group.leaves(first));
            }
            Ok(())
        };
        let facts = || self.beside.facts.sync(&self.facts.file, prepare);
        if !self.group.contents.is_empty() {
            self.beside.contents.sync(&self.contents.file.file, facts)
        } else if self.group.entries.len() >= PREPARED_FACTS_MIN {
            facts()
        } else {
            disk.sync(&self.facts.file)
        }
    }

    fn first_of_group(&self) -> u64 {
        self.last + 1 - self.group.entries.len() as u64
    }

    fn publish(&mut self) {
        let first = self.first_of_group();
        if let Some(observer) = &mut self.observer
            && !self.group.entries.is_empty()
        {
            observer.committed(self.shared.partition, &mut self.group.leaves(first));
        }
        if !self.group.contents.is_empty() {
            let mut contents = self.shared.contents.write().unwrap_or_else(PoisonError::into_inner);
            contents.ids.extend(self.group.ids.drain());
        }
        {
            let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
            for entry in &self.group.entries {
                let offset = u32::try_from(self.facts.end + entry.at as u64).expect("segments are below 4 GiB");
                index.push(offset, entry.stream, entry.version, entry.before);
            }
            index.last_recorded = self.group.recorded_at;
            index.raw.last_mut().expect("one is appended to").end = self.facts.end + self.group.facts.len() as u64;
        }
        self.facts.end += self.group.facts.len() as u64;
        self.contents.end += self.group.contents.len() as u64;
        self.last_recorded = self.group.recorded_at;
        self.unmarked = true;
        let position = Position { partition: self.shared.partition, sequence: self.last };
        self.head.send_modify(|head| head.advance(position));
    }

    /// Takes nothing any more; what was admitted and not made durable is unknown.
    fn fail(&mut self, why: &str) {
        let why = format!("{why}; restart Clew once the disk is sound");
        tracing::error!(%why, "the log takes no more commits");
        for asked in &mut self.group.answers {
            for outcome in asked.outcomes.iter_mut().skip(asked.settled).filter(|outcome| outcome.is_ok()) {
                *outcome = Err(StoreError::Unknown(why.clone()));
            }
        }
        self.shared.set_failed(&why);
        self.failed = Some(why);
    }

    /// Proves to whoever opens the log that all before was durable.
    fn mark_as_durable(&mut self) {
        self.unmarked = false;
        if self.sync_written().is_err() {
            return;
        }
        let mark = frame::whole(Kind::Mark, &self.mark.to_bytes(), GROUP | LAST);
        match self.shared.disk.write_all_at(&self.facts.file, &mark, self.facts.end) {
            Ok(()) => self.facts.end += mark.len() as u64,
            Err(error) => self.fail(&format!("writing the log failed: {error}")),
        }
    }

    fn erase(&mut self, ids: &[ContentId], answer: oneshot::Sender<Result<(), StoreError>>) {
        self.end_group();
        self.begin_group();
        let erased = self.refuse_if_failed().and_then(|()| self.erase_now(ids));
        let _ = answer.send(erased);
    }

    fn erase_now(&mut self, ids: &[ContentId]) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for id in ids {
            let candidates = self.shared.contents().candidates(*id);
            if let Some((file, offset)) = candidates.locate(*id)? {
                let head = file.read_head(offset, *id)?;
                found.push((file, offset, head));
            }
        }
        let disk = Arc::clone(&self.shared.disk);
        let wipe = || -> std::io::Result<()> {
            for (file, offset, _) in &found {
                disk.write_all_at(&file.file, &[contents::ERASED], u64::from(*offset) + contents::STATE_AT)?;
            }
            sync_each(&*disk, &found)?;
            // Only once it says that it is erased may its bytes stop matching their checksum.
            for (file, offset, head) in &found {
                let zeros = vec![0; usize::try_from(head.bytes() - contents::WIPED_AT).expect("a content is small")];
                disk.write_all_at(&file.file, &zeros, u64::from(*offset) + contents::WIPED_AT)?;
            }
            sync_each(&*disk, &found)
        };
        wipe().map_err(|error| {
            self.fail(&format!("erasing contents failed: {error}"));
            StoreError::Unknown(format!("erasing contents failed: {error}"))
        })
    }
}

type Found = (Arc<ContentsFile>, u32, contents::Head);

fn sync_each(disk: &dyn super::disk::Disk, found: &[Found]) -> std::io::Result<()> {
    let mut files: Vec<&Arc<ContentsFile>> = found.iter().map(|(file, ..)| file).collect();
    files.sort_unstable_by_key(|file| file.number);
    files.dedup_by_key(|file| file.number);
    files.into_iter().try_for_each(|file| disk.sync(&file.file))
}
