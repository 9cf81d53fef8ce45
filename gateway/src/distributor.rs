//! Follows the log, from where it left off, and does what routing asks for: gives what waits to who has room, takes back from who left,
//! brings back what was pended until now. What is to be done is `clew_domain::routing`'s to say, whether it still
//! may be the deciders'; so any number of distributors can run at once.

mod act;
mod kept;

pub use kept::Kept;

use crate::clock::Clock;
use crate::state::AppState;
use clew_domain::agent::Agent;
use clew_domain::fact::Fact;
use clew_domain::ids::{ConversationId, StreamId};
use clew_domain::routing::{Floor, Work};
use clew_domain::time::Timestamp;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::transact::Loaded;
use clew_projections::floor::Reached;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Commits that wait for the store at the same time; each is about another agent or conversation.
const AT_ONCE_MAX: usize = 32;
/// How long to wait before what the store did not take is given to it again.
const PAUSE: Duration = Duration::from_secs(1);
/// A timer looks at the clock again at the latest after this, because the machine's clock can be set.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// Routing at work.
pub struct Distributor {
    store: Arc<dyn EventStore>,
    clock: Clock,
    floor: Floor,
    seen: Cursor,
    /// What the log held when it began: nothing is done before all of it is known.
    known_from: Cursor,
    /// No fact that it knows lies behind this; some may lie behind what is seen.
    furthest: Cursor,
    working: FuturesUnordered<BoxFuture<'static, Finished>>,
    /// What these are about.
    under_way: Vec<Work>,
    kept: Option<Kept>,
    /// Facts read until all was known; none once it is.
    read: Option<u64>,
}

/// Work that is over.
struct Finished {
    work: Work,
    /// The facts that the streams which it is about hold now and the floor may not know.
    facts: Result<Vec<Fact>, StoreError>,
}

/// Routes until the server stops. What it knows is kept among what is derived, if that is kept anywhere.
pub async fn run(app: AppState, kept: Option<Kept>) {
    let (store, clock) = (Arc::clone(&app.store), app.clock.clone());
    let distributor = match kept {
        Some(kept) => Distributor::resume(store, clock, kept).await,
        None => Distributor::new(store, clock),
    };
    distributor.run(app.stopping.clone()).await;
}

impl Distributor {
    /// One that knows nothing yet: it reads the log from its start.
    pub fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self::knowing(nothing(store.as_ref()), store, clock)
    }

    /// One that knows what was kept, if that is of this log, and goes on to keep what it knows.
    pub async fn resume(store: Arc<dyn EventStore>, clock: Clock, kept: Kept) -> Self {
        let known = kept.load(store.as_ref()).await.unwrap_or_else(|| nothing(store.as_ref()));
        Self { kept: Some(kept), ..Self::knowing(known, store, clock) }
    }

    fn knowing(Reached { known, seen, furthest }: Reached<Floor>, store: Arc<dyn EventStore>, clock: Clock) -> Self {
        let (floor, known_from) = (known, store.head());
        let (working, under_way) = (FuturesUnordered::new(), Vec::new());
        Self { store, clock, floor, seen, known_from, furthest, working, under_way, kept: None, read: Some(0) }
    }

    /// Follows the log until `stopping` turns true, and keeps then what it knows. An interrupted log is taken up again where
    /// it broke off.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = self.go_on() => {}
        }
        self.keep_at_the_end().await;
    }

    /// Does not end by itself.
    async fn go_on(&mut self) {
        loop {
            let facts = self.store.subscribe(self.seen.clone());
            let error = self.follow(facts).await;
            tracing::error!(%error, "routing can't follow the log; it tries again");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends only when the log can't be followed.
    async fn follow(
        &mut self,
        mut facts: BoxStream<'static, Result<clew_eventstore::store::Batch, StoreError>>,
    ) -> StoreError {
        loop {
            self.begin_work();
            self.keep_now_and_then();
            let asleep = tokio::time::sleep(self.until_next_due());
            tokio::select! {
                first = facts.next() => {
                    // All that is there comes before anything is given: a batch is of one partition, and whose turn it is
                    // may stand in another.
                    let mut next = Some(first);
                    while let Some(batch) = next {
                        let closed = || StoreError::Unavailable("the store was closed".into());
                        let taken = match batch.ok_or_else(closed).flatten() {
                            Ok(batch) => self.take(&batch).await,
                            Err(error) => Err(error),
                        };
                        if let Err(error) = taken {
                            return error;
                        }
                        next = facts.next().now_or_never();
                    }
                }
                Some(finished) = self.working.next() => self.end_work(finished),
                () = asleep => {}
            }
        }
    }

    fn keep_now_and_then(&mut self) {
        if self.kept.as_ref().is_some_and(|kept| kept.is_due(self.floor.size())) {
            self.begin_to_keep();
        }
    }

    async fn keep_at_the_end(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        kept.written().await;
        if kept.is_behind() {
            self.begin_to_keep();
        }
        if let Some(kept) = &mut self.kept {
            kept.written().await;
        }
    }

    /// Holds up routing for as long as it takes to copy what is known.
    fn begin_to_keep(&mut self) {
        let known = self.floor.saved(&self.under_way);
        let reached = Reached { known, seen: self.seen.clone(), furthest: self.furthest.clone() };
        if let Some(kept) = &mut self.kept {
            kept.begin(reached, Arc::clone(&self.store));
        }
    }

    fn begin_work(&mut self) {
        if !self.seen.covers(&self.known_from) {
            return;
        }
        if let Some(facts_read) = self.read.take() {
            tracing::info!(facts_read, waiting = self.floor.waiting(), "routing is at work");
        }
        let now = self.clock.now();
        while self.working.len() < AT_ONCE_MAX {
            let Some(work) = self.floor.next_work(now) else { return };
            self.under_way.push(work.clone());
            self.working.push(Box::pin(self.carry_out(work, now)));
        }
    }

    fn carry_out(&self, work: Work, now: Timestamp) -> impl Future<Output = Finished> + Send + 'static {
        let store = Arc::clone(&self.store);
        let (workspace, settings_version) = self.floor.settings();
        let (agent, conversation) = subjects(&work);
        let known = agent.map(|agent| self.floor.agent(agent));
        let from = (agent.map_or(0, |agent| self.floor.agent(agent).0), self.floor.version_of(conversation));
        async move {
            let known = known
                .map(|(version, state)| Loaded::<<Agent as clew_domain::decider::Decider>::State>::at(state, version));
            let done = act::carry_out(store.as_ref(), &work, known, &workspace, settings_version, now).await;
            let facts = match done {
                Ok(()) => news(store.as_ref(), agent.map(StreamId::from), conversation, from).await,
                Err(error) => Err(error),
            };
            if facts.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            Finished { work, facts }
        }
    }

    fn end_work(&mut self, Finished { work, facts }: Finished) {
        if let Some(at) = self.under_way.iter().position(|it| *it == work) {
            self.under_way.swap_remove(at);
        }
        match facts {
            Ok(facts) => {
                for fact in &facts {
                    self.furthest.advance(fact.position);
                    self.floor.take(fact);
                }
                self.floor.done(&work);
            }
            Err(error) => {
                tracing::warn!(%error, "routing could not write; it tries again");
                self.floor.again(&work);
            }
        }
    }

    async fn take(&mut self, batch: &[Fact]) -> Result<(), StoreError> {
        for fact in batch {
            if let Some(reopened) = self.floor.take(fact) {
                for fact in self.store.read_stream(reopened.into(), 0).await? {
                    self.furthest.advance(fact.position);
                    self.floor.take(&fact);
                }
            }
            self.seen.advance(fact.position);
            self.furthest.advance(fact.position);
        }
        let taken = batch.len() as u64;
        self.read = self.read.map(|read| read + taken);
        if let Some(kept) = &mut self.kept {
            kept.took(taken);
        }
        Ok(())
    }

    fn until_next_due(&self) -> Duration {
        let Some(at) = self.floor.next_due_at() else { return SLEEP_MAX };
        let micros = at.micros().saturating_sub(self.clock.now().micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(SLEEP_MAX)
    }
}

fn nothing(store: &dyn EventStore) -> Reached<Floor> {
    let start = Cursor::start(store.partitions());
    Reached { known: Floor::default(), seen: start.clone(), furthest: start }
}

fn subjects(work: &Work) -> (Option<clew_domain::ids::AgentId>, ConversationId) {
    match work {
        Work::Give(offer, _) => (Some(offer.agent), offer.conversation),
        Work::Count(agent, conversation)
        | Work::Release(agent, conversation, _)
        | Work::Unlock(agent, conversation, ..) => (Some(*agent), *conversation),
        Work::Return(conversation, ..) => (None, *conversation),
        Work::Rule(ruling) => (None, ruling.conversation),
    }
}

async fn news(
    store: &dyn EventStore,
    agent: Option<StreamId>,
    conversation: ConversationId,
    (agent_from, conversation_from): (u64, u64),
) -> Result<Vec<Fact>, StoreError> {
    let mut facts = store.read_stream(conversation.into(), conversation_from).await?;
    if let Some(agent) = agent {
        facts.extend(store.read_stream(agent, agent_from).await?);
    }
    Ok(facts)
}
