//! Keeps one projection up with the log: follow, fold, save rows and checkpoint together, tell who waits.
//! A projection that can't go on halts where it is, visibly; others do not notice.

use crate::engine::Engine;
use crate::generation::{Generation, Home};
use crate::projection::FoldError;
use crate::reader::Shared;
use crate::status::State;
use crate::table::TableError;
use clew_domain::fact::Fact;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Batch, EventStore, StoreError};
use futures::future::{Either, FutureExt, select};
use futures::stream::{BoxStream, StreamExt};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Facts folded between two saves at most: readers wait while a batch is saved.
const FACTS_PER_SAVE_MAX: usize = 2_048;

/// How often the size on disk is looked up.
const SIZE_LOOKED_UP_EVERY: Duration = Duration::from_secs(10);

/// How long to wait before a store that was busy is asked again.
const STORE_ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a runner is told.
pub(crate) enum Control {
    /// End.
    Stop,
    /// Try again where it halted.
    Retry,
}

pub(crate) struct Runner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    pub(crate) runtime: Handle,
    pub(crate) home: Option<(Home, Generation)>,
}

/// Why following ended.
enum End {
    Stopped,
    Halted(State),
}

impl From<TableError> for End {
    fn from(error: TableError) -> Self {
        Self::Halted(State::Halted { event: None, position: None, reason: error.to_string() })
    }
}

impl From<FoldError> for End {
    fn from(error: FoldError) -> Self {
        Self::Halted(State::Halted { event: None, position: None, reason: error.to_string() })
    }
}

impl Runner {
    /// Runs on a thread of its own: folds are work for a processor, not for the runtime that answers requests.
    pub(crate) fn spawn(mut self) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name(format!("fold-{}", self.shared.spec.name)).spawn(move || self.run())
    }

    fn run(&mut self) {
        loop {
            match self.follow() {
                End::Stopped => {
                    self.shared.set_state(State::Stopped);
                    return;
                }
                End::Halted(state) => {
                    tracing::error!(projection = self.shared.spec.name, ?state, "the projection halted");
                    self.shared.set_state(state);
                    match self.control.blocking_recv() {
                        Some(Control::Retry) => self.shared.set_state(State::Running),
                        Some(Control::Stop) | None => return,
                    }
                }
            }
        }
    }

    fn follow(&mut self) -> End {
        let table = self.shared.read_live(|live| live.table.clone());
        let mut engine = match Engine::resume(self.shared.spec, table, self.store.partitions()) {
            Ok(engine) => engine,
            Err(error) => return error.into(),
        };
        let mut stream = self.store.subscribe(engine.cursor().clone());
        let mut sized_at = None;
        loop {
            if sized_at.is_none_or(|at: Instant| at.elapsed() > SIZE_LOOKED_UP_EVERY) {
                self.look_up_size();
                sized_at = Some(Instant::now());
            }
            let batches = match self.next_batches(&mut stream) {
                Ok(batches) => batches,
                Err(Waited::End(end)) => return end,
                Err(Waited::Again) => {
                    thread::sleep(STORE_ASKED_AGAIN_AFTER);
                    stream = self.store.subscribe(engine.cursor().clone());
                    continue;
                }
            };
            let facts: Vec<&Fact> = batches.iter().flat_map(|batch| batch.iter()).collect();
            if let Err(end) = self.take(&mut engine, &facts) {
                return end;
            }
        }
    }

    /// The next batch, and those behind it that are there already.
    fn next_batches(
        &mut self,
        stream: &mut BoxStream<'static, Result<Batch, StoreError>>,
    ) -> Result<Vec<Batch>, Waited> {
        let first = self.runtime.block_on(async {
            loop {
                match select(pin!(self.control.recv()), stream.next()).await {
                    Either::Left((Some(Control::Retry), _)) => {}
                    Either::Left((Some(Control::Stop) | None, _)) => return None,
                    Either::Right((next, _)) => return next,
                }
            }
        });
        let Some(first) = first else { return Err(Waited::End(End::Stopped)) };
        let first = first.map_err(|error| Waited::of(&error))?;
        // A store may hand its reading to the runtime's threads; this thread is none of them.
        let _entered = self.runtime.enter();
        let mut facts = first.len();
        let mut batches = vec![first];
        while facts < FACTS_PER_SAVE_MAX {
            // An error that stands behind facts is met again at the next call.
            let Some(Some(Ok(batch))) = stream.next().now_or_never() else { break };
            facts += batch.len();
            batches.push(batch);
        }
        Ok(batches)
    }

    fn take(&self, engine: &mut Engine, facts: &[&Fact]) -> Result<(), End> {
        let saved = engine.cursor().clone();
        let Err(stuck) = engine.fold(facts.iter().copied()) else { return self.save(engine, facts) };
        let fact = facts[stuck.index];
        engine.discard(saved);
        let before = &facts[..stuck.index];
        engine.fold(before.iter().copied()).map_err(|again| End::from(again.error))?;
        self.save(engine, before)?;
        Err(End::Halted(State::Halted {
            event: Some(fact.id),
            position: Some(fact.position),
            reason: stuck.error.to_string(),
        }))
    }

    fn save(&self, engine: &mut Engine, facts: &[&Fact]) -> Result<(), End> {
        let (changes, cursor) = engine.changes()?;
        self.shared.update(|live| {
            live.table.save(changes, cursor)?;
            live.cursor = Cursor::clone(cursor);
            Ok::<(), TableError>(())
        })?;
        let mut meter = self.shared.meter();
        meter.folded += facts.len() as u64;
        meter.recorded_at = facts.last().map(|fact| fact.recorded_at).or(meter.recorded_at);
        Ok(())
    }

    fn look_up_size(&self) {
        if let Some((home, generation)) = &self.home {
            let bytes = home.bytes(*generation);
            self.shared.meter().bytes = bytes;
        }
    }
}

/// Why there is no batch.
enum Waited {
    End(End),
    /// The store could not for the moment.
    Again,
}

impl Waited {
    fn of(error: &StoreError) -> Self {
        if error.is_retryable() {
            return Self::Again;
        }
        let reason = format!("the log can't be read: {error}");
        Self::End(End::Halted(State::Halted { event: None, position: None, reason }))
    }
}
