//! What changes, as it changes: small notices of what to look at again, for clients that watch. Rows, names and
//! who may see what are added by whoever serves them.

use crate::action::Action;
use crate::reader::Shared;
use clew_domain::conversation::{Assignee, ConversationEvent};
use clew_domain::fact::{Actor, Event, Fact};
use clew_domain::ids::{AgentId, CollectionId, ContactId, ConversationId, StreamKind};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use futures::stream::StreamExt;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a notice waits for projections at most, so that what it points to can be seen.
const PROJECTIONS_WAITED_FOR: Duration = Duration::from_secs(1);

/// How long to wait before a store that was busy is asked again.
const STORE_ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Something to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A conversation changed.
    Conversation {
        /// Which one.
        id: ConversationId,
        /// Its version now.
        version: u64,
        /// What happened to it, in order, each once.
        actions: Vec<Action>,
    },
    /// A contact changed.
    Contact {
        /// Which one.
        id: ContactId,
        /// What happened.
        actions: Vec<Action>,
    },
    /// An agent came, went, or has other preferences.
    Agent {
        /// Which one.
        id: AgentId,
        /// What happened.
        actions: Vec<Action>,
    },
    /// Somebody else gave the agent a conversation.
    Assigned {
        /// Whom to tell.
        agent: AgentId,
        /// What they were given.
        conversation: ConversationId,
    },
    /// Saved replies changed.
    SavedReplies {
        /// Of which collection.
        id: CollectionId,
    },
    /// The settings changed.
    Settings {
        /// Their version now.
        version: u64,
    },
}

/// What changed up to a position.
#[derive(Debug, PartialEq, Eq)]
pub struct Notices {
    /// Where a client goes on that has seen these.
    pub cursor: Cursor,
    /// The changes, one of each thing.
    pub notices: Vec<Notice>,
}

/// What a client of the feed gets next.
#[derive(Clone, Debug)]
pub enum Next {
    /// What changed.
    Notices(Arc<Notices>),
    /// What changed in between is not known any more: everything is to be fetched again, then to be followed from here.
    Reset(Cursor),
}

/// Follows the log; cheap to clone.
#[derive(Clone)]
pub struct Feed {
    store: Arc<dyn EventStore>,
    kept: Arc<Mutex<Kept>>,
    told: watch::Receiver<u64>,
    task: Arc<JoinHandle<()>>,
}

/// The last notices, numbered.
struct Kept {
    batches: VecDeque<Arc<Notices>>,
    /// The number of the first batch that is kept.
    first: u64,
    /// What was seen before the first batch that is kept.
    before: Cursor,
    notices: usize,
    notices_max: usize,
}

impl Feed {
    pub(crate) fn follow(store: Arc<dyn EventStore>, projections: Vec<Arc<Shared>>, notices_max: usize) -> Self {
        let before = store.head();
        let batches = VecDeque::new();
        let kept = Arc::new(Mutex::new(Kept { batches, first: 0, before, notices: 0, notices_max }));
        let (tell, told) = watch::channel(0);
        let task = Arc::new(tokio::spawn(keep_up(Arc::clone(&store), projections, Arc::clone(&kept), tell)));
        Self { store, kept, told, task }
    }

    /// Begins behind `after`, or with what comes from now on.
    pub fn subscribe(&self, after: Option<&Cursor>) -> Subscription {
        let kept = lock(&self.kept);
        let next = match after {
            None => Some(kept.end()),
            // Ahead of the feed is fine: who has read a fact of which it has yet to tell waits for it.
            Some(after) if self.store.head().covers(after) => kept.number_behind(after),
            Some(_) => None,
        };
        drop(kept);
        Subscription { feed: self.clone(), next }
    }

    /// How far it has read.
    pub fn position(&self) -> Cursor {
        lock(&self.kept).seen().clone()
    }

    pub(crate) fn shutdown(&self) {
        self.task.abort();
    }
}

/// One client's place in the feed.
pub struct Subscription {
    feed: Feed,
    /// The number of the batch that comes next; none when the client must start afresh.
    next: Option<u64>,
}

impl Subscription {
    /// Waits for what comes next; none when the feed has ended. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Next> {
        loop {
            if let Some(next) = self.poll() {
                return Some(next);
            }
            let number = self.next.unwrap_or(0);
            self.feed.told.wait_for(|end| *end > number).await.ok()?;
        }
    }

    fn poll(&mut self) -> Option<Next> {
        let kept = lock(&self.feed.kept);
        let number = self.next.filter(|number| *number >= kept.first);
        let Some(number) = number else {
            self.next = Some(kept.end());
            return Some(Next::Reset(kept.seen().clone()));
        };
        let offset = usize::try_from(number - kept.first).expect("so many batches are not kept");
        let batch = kept.batches.get(offset)?;
        self.next = Some(number + 1);
        Some(Next::Notices(Arc::clone(batch)))
    }
}

impl Kept {
    fn end(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    fn seen(&self) -> &Cursor {
        self.batches.back().map_or(&self.before, |batch| &batch.cursor)
    }

    /// The number of the first batch that tells of more than `after` has seen; none if some of that is not kept.
    fn number_behind(&self, after: &Cursor) -> Option<u64> {
        if !after.covers(&self.before) {
            return None;
        }
        let told = self.batches.iter().take_while(|batch| after.covers(&batch.cursor)).count();
        Some(self.first + told as u64)
    }

    fn push(&mut self, batch: Notices) {
        self.notices += batch.notices.len().max(1);
        self.batches.push_back(Arc::new(batch));
        while self.notices > self.notices_max
            && let Some(gone) = self.batches.pop_front()
        {
            self.notices -= gone.notices.len().max(1);
            self.before = gone.cursor.clone();
            self.first += 1;
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn keep_up(
    store: Arc<dyn EventStore>,
    projections: Vec<Arc<Shared>>,
    kept: Arc<Mutex<Kept>>,
    tell: watch::Sender<u64>,
) {
    loop {
        let mut seen = lock(&kept).seen().clone();
        let mut stream = store.subscribe(seen.clone());
        while let Some(Ok(batch)) = stream.next().await {
            for fact in batch.iter() {
                seen.advance(fact.position);
            }
            for projection in &projections {
                // One that has halted holds nobody up; the notice then points to an older row.
                let _ = projection.wait_for(&seen, PROJECTIONS_WAITED_FOR).await;
            }
            let end = {
                let mut kept = lock(&kept);
                kept.push(Notices { cursor: seen.clone(), notices: notices(&batch) });
                kept.end()
            };
            tell.send_replace(end);
        }
        tokio::time::sleep(STORE_ASKED_AGAIN_AFTER).await;
    }
}

/// What these facts change, one notice a thing, in the order in which each was touched first.
pub fn notices(facts: &[Fact]) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    let mut places = HashMap::new();
    for fact in facts {
        let action = Action::of(&fact.event);
        if let Some(place) = places.get(&fact.stream) {
            let notice: &mut Notice = &mut notices[*place];
            notice.add(fact.version, action);
        } else if let Some(notice) = first_notice(fact, action) {
            places.insert(fact.stream, notices.len());
            notices.push(notice);
        }
        if let Event::Conversation(ConversationEvent::Assigned { to: Assignee::Agent(agent), .. }) = &fact.event
            && fact.actor != Actor::Agent(*agent)
        {
            notices.push(Notice::Assigned { agent: *agent, conversation: ConversationId(fact.stream.id) });
        }
    }
    notices
}

impl Notice {
    fn add(&mut self, newest: u64, action: Action) {
        if let Self::Conversation { version, .. } | Self::Settings { version } = self {
            *version = newest;
        }
        if let Self::Conversation { actions, .. } | Self::Contact { actions, .. } | Self::Agent { actions, .. } = self
            && !actions.contains(&action)
        {
            actions.push(action);
        }
    }
}

fn first_notice(fact: &Fact, action: Action) -> Option<Notice> {
    let (id, actions) = (fact.stream.id, vec![action]);
    match fact.stream.kind {
        StreamKind::Conversation => {
            Some(Notice::Conversation { id: ConversationId(id), version: fact.version, actions })
        }
        StreamKind::Contact => Some(Notice::Contact { id: ContactId(id), actions }),
        StreamKind::Agent => Some(Notice::Agent { id: AgentId(id), actions }),
        StreamKind::Workspace => Some(Notice::Settings { version: fact.version }),
        StreamKind::Collection => Some(Notice::SavedReplies { id: CollectionId(id) }),
        StreamKind::Installation => None,
    }
}
