//! What goes on beside the writer: segments are prepared before they are needed, full ones are sealed, and heads of
//! streams are loaded after opening. Nothing here is waited for by an append, unless a segment is not ready in time;
//! so segments are prepared by a thread of their own, and the rest gives way to whoever wants the processor.

use super::Shared;
use super::contents::{ContentsFile, Mark};
use super::contents_index::ContentsIndex;
use super::frame::{self, Kind};
use super::index::{Head, head_in};
use super::layout::{self, FileKind};
use super::read::{UNKNOWN, corrupt, read};
use super::seal::Sealer;
use super::sealed::Sealed;
use crate::codec;
use crate::store::StoreError;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Heads that are put into the index at once, while appends wait for its lock.
const HEADS_PER_LOCK: usize = 4_096;

/// The orders to the keeper, and what came of them.
#[derive(Default)]
pub(super) struct Orders {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // Each is an order of its own that may stand beside any other.
struct State {
    facts: Slot,
    contents: Slot,
    full_contents: Vec<(Arc<ContentsFile>, u64)>,
    seal: bool,
    load_heads: bool,
    busy: bool,
    stop: bool,
}

/// What a thread beside the writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Prepares segments: an append may soon wait for them.
    Prepare,
    /// All the rest, which nobody waits for.
    Keep,
}

/// A segment to be prepared.
#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Wanted(u32, u64),
    Making(u32),
    Ready(u32, u64, File),
    Failed(StoreError),
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Asks for a segment ahead of its use. Asked again, it changes nothing.
    pub(super) fn prepare(&self, kind: FileKind, number: u32, capacity: u64) {
        let mut state = self.state();
        let slot = state.slot(kind);
        if matches!(slot, Slot::Empty | Slot::Failed(_)) {
            *slot = Slot::Wanted(number, capacity);
            self.changed.notify_all();
        }
    }

    /// The prepared segment of that number, if one of at least that capacity was ordered; waits while it is made.
    pub(super) fn take(&self, kind: FileKind, number: u32, least: u64) -> Option<Result<(File, u64), StoreError>> {
        let mut state = self.state();
        loop {
            match std::mem::take(state.slot(kind)) {
                Slot::Ready(ready, capacity, file) if ready == number => {
                    return (capacity >= least).then_some(Ok((file, capacity)));
                }
                Slot::Making(making) => {
                    *state.slot(kind) = Slot::Making(making);
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Slot::Failed(error) => return Some(Err(error)),
                Slot::Empty | Slot::Wanted(..) | Slot::Ready(..) => return None,
            }
        }
    }

    /// Has full segments of facts sealed.
    pub(super) fn seal(&self) {
        self.change(|state| state.seal = true);
    }

    /// Has a full segment of contents indexed.
    pub(super) fn index_contents(&self, file: Arc<ContentsFile>, end: u64) {
        self.change(|state| state.full_contents.push((file, end)));
    }

    /// Has the heads of all streams loaded.
    pub(super) fn load_heads(&self) {
        self.change(|state| state.load_heads = true);
    }

    /// Ends the keeper after what it is doing.
    pub(super) fn stop(&self) {
        self.change(|state| state.stop = true);
    }

    /// Waits until nothing is left to do.
    pub(super) fn settle(&self) {
        let mut state = self.state();
        while state.busy || state.seal || state.load_heads || !state.full_contents.is_empty() {
            if state.stop {
                return;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(&self, role: Role) -> Task {
        let mut state = self.state();
        if role == Role::Keep {
            state.busy = false;
            self.changed.notify_all();
        }
        loop {
            let next = match role {
                _ if state.stop => Some(Task::Stop),
                Role::Prepare => state.next_to_prepare(),
                Role::Keep => state.next_to_keep(),
            };
            if let Some(task) = next {
                state.busy |= role == Role::Keep;
                return task;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Task {
    Prepare(FileKind, u32, u64),
    IndexContents(Arc<ContentsFile>, u64),
    Seal,
    LoadHeads,
    Stop,
}

impl State {
    fn slot(&mut self, kind: FileKind) -> &mut Slot {
        match kind {
            FileKind::OpenFacts => &mut self.facts,
            FileKind::Contents => &mut self.contents,
            FileKind::SealedFacts | FileKind::ContentsIndex => unreachable!("these are not appended to"),
        }
    }

    fn next_to_prepare(&mut self) -> Option<Task> {
        for kind in [FileKind::OpenFacts, FileKind::Contents] {
            if let Slot::Wanted(number, capacity) = *self.slot(kind) {
                *self.slot(kind) = Slot::Making(number);
                return Some(Task::Prepare(kind, number, capacity));
            }
        }
        None
    }

    fn next_to_keep(&mut self) -> Option<Task> {
        if std::mem::take(&mut self.load_heads) {
            return Some(Task::LoadHeads);
        }
        if let Some((file, end)) = self.full_contents.pop() {
            return Some(Task::IndexContents(file, end));
        }
        std::mem::take(&mut self.seal).then_some(Task::Seal)
    }
}

/// Less of the processor than whoever appends or reads, as a nice value.
const YIELDING: i32 = 10;

/// Does what is ordered until it is stopped.
pub(super) fn run(shared: &Shared, role: Role) {
    if role == Role::Keep {
        // On Linux this is the thread's own; where it is refused, upkeep goes on with the priority that it has.
        let _ = rustix::process::setpriority_process(None, YIELDING);
    }
    loop {
        let done = match shared.orders.next(role) {
            Task::Stop => return,
            Task::Prepare(kind, number, capacity) => {
                let made = layout::create_segment(&*shared.disk, &shared.dir, kind, number, capacity);
                shared.orders.change(|state| {
                    *state.slot(kind) = match made {
                        Ok(file) => Slot::Ready(number, capacity, file),
                        Err(error) => Slot::Failed(error),
                    }
                });
                Ok(())
            }
            Task::IndexContents(file, end) => index_contents(shared, file, end),
            Task::Seal => seal_full(shared),
            Task::LoadHeads => load_heads(shared),
        };
        if let Err(error) = done {
            // Nothing is lost: what was to be done is tried again with the next full segment, or on opening.
            tracing::warn!(%error, "the log's upkeep failed");
        }
    }
}

fn index_contents(shared: &Shared, file: Arc<ContentsFile>, end: u64) -> Result<(), StoreError> {
    let number = file.number;
    let index = Arc::new(ContentsIndex::create(&*shared.disk, &shared.dir, file, end)?);
    let mut contents = shared.contents.write().unwrap_or_else(PoisonError::into_inner);
    contents.filled.retain(|filled| filled.file.number != number);
    contents.full.push(index);
    contents.full.sort_unstable_by_key(|full| full.contents.number);
    Ok(())
}

/// A full segment of facts, as sealing needs it.
struct Full {
    number: u32,
    path: PathBuf,
    file: Arc<File>,
    end: u64,
}

fn seal_full(shared: &Shared) -> Result<(), StoreError> {
    loop {
        let full = {
            let index = read(&shared.index);
            let [first, _, ..] = &index.raw[..] else { return Ok(()) };
            Full { number: first.number, path: first.path.clone(), file: Arc::clone(&first.file), end: first.end }
        };
        let sealed = Arc::new(seal(shared, &full)?);
        let old = {
            let mut index = shared.index.write().unwrap_or_else(PoisonError::into_inner);
            let mut all = Vec::clone(&index.sealed);
            all.push(sealed);
            index.sealed = Arc::new(all);
            index.raw.remove(0)
        };
        std::fs::remove_file(&old.path).map_err(super::disk::unavailable("can't remove", &old.path))?;
    }
}

fn seal(shared: &Shared, full: &Full) -> Result<Sealed, StoreError> {
    let mut sealer = Sealer::new(&*shared.disk, &shared.dir, full.number, shared.compress)?;
    let mut mark = Mark::default();
    each_frame(full, |frame, offset| {
        match frame.kind {
            Kind::Mark => {}
            Kind::End => mark = Mark::from_bytes(&frame.payload[8..]).unwrap_or_default(),
            Kind::Fact => {
                let header = codec::decode_header(frame.payload);
                let header = header.map_err(|error| corrupt(&full.path, offset, &error.to_string()))?;
                sealer.push(frame.payload, &header, frame.ends_commit, || {
                    let (before, earlier) = {
                        let index = read(&shared.index);
                        (index.raw[0].before_of(header.stream), Arc::clone(&index.sealed))
                    };
                    if before != UNKNOWN {
                        return Ok(before);
                    }
                    Ok(head_in(&earlier, header.stream)?.map_or(0, |head| head.segment))
                })?;
            }
        }
        Ok(())
    })?;
    sealer.finish(&shared.dir, full.number, mark)
}

fn each_frame(
    full: &Full,
    mut each: impl FnMut(&frame::Frame<'_>, u64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    const WINDOW_BYTES: usize = 1 << 20;
    let mut at = layout::HEADER_BYTES as u64;
    let mut window = Vec::new();
    while at < full.end {
        window.resize(usize::try_from(full.end - at).expect("a segment").min(WINDOW_BYTES), 0);
        let read = full.file.read_exact_at(&mut window, at);
        read.map_err(|error| corrupt(&full.path, at, &format!("it can't be read: {error}")))?;
        let mut used = 0;
        while let Some(frame) = frame::parse(&window[used..]) {
            each(&frame, at + used as u64)?;
            used += frame.bytes();
        }
        if used == 0 {
            return Err(corrupt(&full.path, at, "a record does not match its checksum"));
        }
        at += used as u64;
    }
    Ok(())
}

/// From the last segment to the first, so that what is known already is never older than what is read.
fn load_heads(shared: &Shared) -> Result<(), StoreError> {
    let sealed = Arc::clone(&read(&shared.index).sealed);
    for segment in sealed.iter().rev() {
        for entries in segment.entries()?.chunks(HEADS_PER_LOCK) {
            let mut index = shared.index.write().unwrap_or_else(PoisonError::into_inner);
            for (stream, entry) in entries {
                let version = u32::try_from(entry.last_version).expect("a stream has fewer than 2^32 facts");
                index.heads.entry(*stream).or_insert(Head { segment: segment.number, version });
            }
        }
        if shared.orders.state().stop {
            return Ok(());
        }
    }
    shared.index.write().unwrap_or_else(PoisonError::into_inner).heads_complete = true;
    Ok(())
}
