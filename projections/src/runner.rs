//! Keeps one projection up with the log: follow, fold, save rows and checkpoint together, tell who waits.
//! A projection that can't go on halts where it is, visibly; others do not notice.

use crate::engine::Engine;
use crate::generation::{Generation, Home};
use crate::past::Keeper;
use crate::projection::FoldError;
use crate::reader::{Live, Shared};
use crate::rebuild::{Comparison, Job, RebuildError, RebuildOptions, build, catch_up, compare};
use crate::status::State;
use crate::table::{Table, TableError};
use clew_domain::fact::Fact;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{Batch, EventStore, StoreError};
use futures::future::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::oneshot;

/// Facts folded between two saves at most: readers wait while a batch is saved.
const FACTS_PER_SAVE_MAX: usize = 2_048;

/// How often the size on disk is looked up.
const SIZE_LOOKED_UP_EVERY: Duration = Duration::from_secs(10);

/// So long whatever comes gathers, once a projection has taken what there was: to wake a thread for each projection and
/// each commit costs more than to fold it. What comes after a pause is taken at once.
const GATHERED_FOR: Duration = Duration::from_millis(1);

/// How long to wait before a store that was busy is asked again.
const STORE_ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How often a rebuild of its own looks whether it is to stop.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(50);

/// What a runner is told.
pub(crate) enum Control {
    /// End.
    Stop,
    /// Try again where it halted.
    Retry,
    /// Bring these rows to where those served are, and compare the two.
    Compare {
        /// The other rows.
        table: Table,
        /// Differences told at most.
        shown_max: usize,
        /// Where to answer.
        reply: oneshot::Sender<Result<Comparison, RebuildError>>,
    },
    /// Bring these rows to where those served are, and serve them instead.
    Exchange {
        /// The other rows.
        table: Table,
        /// Where they lie, if on disk.
        generation: Option<Generation>,
        /// Where to answer.
        reply: oneshot::Sender<Result<(), RebuildError>>,
    },
}

pub(crate) struct Runner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    pub(crate) runtime: Handle,
    pub(crate) home: Option<(Home, Generation)>,
    /// The rebuild that an upgrade of the fold or damage asks for, for operators to see.
    pub(crate) job: Arc<Mutex<Option<Arc<Job>>>>,
    /// Keeps states of what is served, for looks at the past.
    pub(crate) keeper: Option<Keeper>,
    /// Whether damaged rows were built anew already.
    pub(crate) mended: bool,
}

/// Why following ended.
enum End {
    Stopped,
    Halted(State),
    /// Other rows are served from now on.
    Exchanged,
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
            let mut end = self.follow();
            self.settle();
            if let End::Halted(state) = &end
                && self.shared.is_damaged()
                && !self.mended
            {
                end = self.mend(state);
            }
            match end {
                End::Stopped => {
                    self.flush();
                    self.shared.set_state(State::Stopped);
                    return;
                }
                End::Exchanged => self.shared.set_state(State::Running),
                End::Halted(state) => {
                    tracing::error!(projection = self.shared.spec.name, ?state, "the projection halted");
                    self.shared.set_state(state);
                    if !self.wait_while_halted() {
                        return;
                    }
                    self.shared.set_state(State::Running);
                }
            }
        }
    }

    /// Waits until no state is being kept: who then does something with the rows finds their files at rest.
    fn settle(&mut self) {
        self.keeper.iter_mut().for_each(Keeper::settle);
    }

    /// Writes down what is in memory, so that the next start has nothing to fold again.
    fn flush(&self) {
        if let Err(error) = self.shared.read_live(|live| live.table.clone()).flush() {
            tracing::error!(projection = self.shared.spec.name, %error, "what is not written down is folded again");
        }
    }

    /// Whether to go on.
    fn wait_while_halted(&mut self) -> bool {
        loop {
            match self.control.blocking_recv() {
                Some(Control::Retry) => return true,
                Some(Control::Stop) | None => return false,
                Some(told @ (Control::Compare { .. } | Control::Exchange { .. })) => {
                    if self.carry_out(told).is_some() {
                        return true;
                    }
                }
            }
        }
    }

    /// Does what it was told, between two batches. How following ends by that, if it does.
    fn carry_out(&mut self, told: Control) -> Option<End> {
        self.settle();
        let (spec, served, until) =
            self.shared.read_live(|live| (self.shared.spec, live.table.clone(), live.cursor.clone()));
        match told {
            Control::Stop => Some(End::Stopped),
            Control::Retry => None,
            Control::Compare { table, shown_max, reply } => {
                let compared = catch_up(spec, &table, &self.store, &self.runtime, &until).and_then(|reached| {
                    let together = reached == until;
                    if together { Ok(compare(&served, &table, shown_max)?) } else { Err(RebuildError::ServedBehind) }
                });
                // Whoever asked may have gone.
                let _ = reply.send(compared);
                None
            }
            Control::Exchange { table, generation, reply } => {
                let caught_up = catch_up(spec, &table, &self.store, &self.runtime, &until);
                let exchanged = caught_up.and_then(|cursor| self.exchange(table, generation, cursor));
                let end = exchanged.is_ok().then_some(End::Exchanged);
                let _ = reply.send(exchanged);
                end
            }
        }
    }

    fn exchange(&mut self, table: Table, generation: Option<Generation>, cursor: Cursor) -> Result<(), RebuildError> {
        if let (Some((home, served)), Some(generation)) = (&mut self.home, generation) {
            home.exchange(generation)?;
            *served = generation;
        }
        let version = self.shared.spec.version;
        let served = Live::new(self.shared.spec, table, version, cursor)?;
        self.shared.update(|live| {
            *live = served;
            Ok(())
        })
    }

    /// The rows that are served are of another version of the fold: they stay so while new ones are built.
    fn upgrade(&mut self) -> Result<(), RebuildError> {
        let spec = self.shared.spec;
        let from = self.shared.read_live(|live| live.version);
        tracing::info!(projection = spec.name, from, to = spec.version, "rebuilding for an upgrade");
        self.shared.set_state(State::Upgrading);
        self.build_anew()?;
        self.shared.set_state(State::Running);
        Ok(())
    }

    /// The rows that are served are damaged on disk: others are built in their place. Once, since what damages those
    /// too goes on damaging.
    fn mend(&mut self, found: &State) -> End {
        tracing::error!(projection = self.shared.spec.name, ?found, "rows are damaged; they are built anew");
        self.mended = true;
        self.shared.set_state(State::Mending);
        let damaged = self.home.as_ref().map(|(_, served)| *served);
        match self.build_anew().and_then(|()| self.put_away(damaged)) {
            Ok(()) => End::Exchanged,
            Err(RebuildError::Cancelled) => End::Stopped,
            Err(error) => {
                let reason = format!("its rows are damaged, and building them anew failed: {error}");
                End::Halted(State::Halted { event: None, position: None, reason })
            }
        }
    }

    /// Nobody is to go back to damaged rows.
    fn put_away(&self, damaged: Option<Generation>) -> Result<(), RebuildError> {
        let Some(((home, _), damaged)) = self.home.as_ref().zip(damaged) else { return Ok(()) };
        home.remember(|record| record.before = None)?;
        Ok(home.set_aside(damaged)?)
    }

    /// Builds rows from the log beside those that are served, and serves them when they are whole.
    fn build_anew(&mut self) -> Result<(), RebuildError> {
        let spec = self.shared.spec;
        let Some((home, _)) = self.home.clone() else { return Ok(()) };
        let generation = home.begin_rebuild(spec.version, false)?;
        let table = home.open(generation)?;
        let job = Job::new(Some(home));
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&job));
        let built = thread::scope(|scope| {
            let (table, store, runtime) = (table.clone(), &self.store, &self.runtime);
            let building =
                scope.spawn(|| build(spec, (table, Some(generation)), store, runtime, RebuildOptions::default(), &job));
            while !building.is_finished() {
                if matches!(self.control.try_recv(), Ok(Control::Stop) | Err(TryRecvError::Disconnected)) {
                    job.cancel();
                    break;
                }
                thread::sleep(LOOKED_AT_EVERY);
            }
            building.join().unwrap_or(Err(RebuildError::Fold(FoldError::Panicked)))
        });
        job.end(&built);
        built?;
        let cursor = table.checkpoint()?.unwrap_or_else(|| Cursor::start(self.store.partitions()));
        self.exchange(table, Some(generation), cursor)
    }

    fn follow(&mut self) -> End {
        if self.shared.read_live(|live| live.version) != self.shared.spec.version {
            match self.upgrade() {
                Ok(()) => {}
                Err(RebuildError::Cancelled) => return End::Stopped,
                Err(error) => {
                    let reason = format!("the rebuild for an upgrade failed: {error}");
                    return End::Halted(State::Halted { event: None, position: None, reason });
                }
            }
        }
        let table = self.shared.read_live(|live| live.table.clone());
        let mut engine = match Engine::resume(self.shared.spec, table, self.store.partitions()) {
            Ok(engine) => engine,
            Err(error) => return error.into(),
        };
        let home = self.home.as_ref();
        self.keeper = home.and_then(|(home, generation)| Keeper::of(self.shared.spec, home.past_of(*generation)));
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
                Err(Waited::Told(told)) => match self.carry_out(told) {
                    Some(end) => return end,
                    None => continue,
                },
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
            if facts.len() < FACTS_PER_SAVE_MAX {
                thread::sleep(GATHERED_FOR);
            }
        }
    }

    /// The next batch, and those behind it that are there already.
    fn next_batches(
        &mut self,
        stream: &mut BoxStream<'static, Result<Batch, StoreError>>,
    ) -> Result<Vec<Batch>, Waited> {
        let shared = Arc::clone(&self.shared);
        let first = self.runtime.block_on(async {
            tokio::select! {
                told = self.control.recv() => Err(Waited::Told(told.unwrap_or(Control::Stop))),
                () = shared.damage() => Err(Waited::damaged(&shared)),
                next = stream.next() => {
                    let next = next.ok_or(Waited::End(End::Stopped))?;
                    next.map_err(|error| Waited::of(&error))
                }
            }
        })?;
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

    fn take(&mut self, engine: &mut Engine, facts: &[&Fact]) -> Result<(), End> {
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

    fn save(&mut self, engine: &mut Engine, facts: &[&Fact]) -> Result<(), End> {
        let (changes, cursor) = engine.changes()?;
        self.shared.update(|live| {
            let derived = live.derived.clone();
            let follow = derived.as_ref().map(|derived| derived.follow(&changes)).transpose()?;
            live.table.save(changes, cursor)?;
            if let Some(follow) = follow {
                follow();
            }
            live.cursor = Cursor::clone(cursor);
            Ok::<(), FoldError>(())
        })?;
        if let Some(keeper) = &mut self.keeper {
            keeper.keep_beside(|| self.shared.read_live(|live| live.table.clone()), cursor);
        }
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
    Told(Control),
    /// The store could not for the moment.
    Again,
}

impl Waited {
    /// What follows when a reader has met damage; it may have been of rows that are served no more.
    fn damaged(shared: &Shared) -> Self {
        if !shared.is_damaged() {
            return Self::Again;
        }
        let reason = "a read met rows that are damaged on disk".to_owned();
        Self::End(End::Halted(State::Halted { event: None, position: None, reason }))
    }

    fn of(error: &StoreError) -> Self {
        if error.is_retryable() {
            return Self::Again;
        }
        let reason = format!("the log can't be read: {error}");
        Self::End(End::Halted(State::Halted { event: None, position: None, reason }))
    }
}
