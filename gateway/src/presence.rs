//! Who looks at a conversation and who writes in it, now. Kept in memory, told to feeds, stored nowhere; each server
//! knows of those whose screens are connected to it.

use crate::state::AppState;
use clew_domain::ids::{AgentId, ConversationId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// How long somebody is there after they last said so. A screen says so every [`SAY_AGAIN_S`] seconds.
const VIEWING: Duration = Duration::from_secs(45);
/// How often a screen says that it is still there, in seconds.
pub const SAY_AGAIN_S: u64 = 20;
/// How long somebody types after they last said so.
const TYPING: Duration = Duration::from_secs(6);
/// Conversations that one agent can look at at the same time; the one that they looked at first is left for more.
const VIEWED_MAX: usize = 20;
/// Changes that a slow feed may be behind.
const BEHIND_MAX: usize = 1_024;

/// Who is where; cheap to clone.
#[derive(Clone)]
pub struct Presence {
    here: Arc<Mutex<HashMap<ConversationId, BTreeMap<AgentId, Here>>>>,
    changed: broadcast::Sender<ConversationId>,
}

/// Somebody who looks at a conversation.
#[derive(Clone, Copy, Debug)]
struct Here {
    since: Instant,
    until: Instant,
    types_until: Option<Instant>,
}

/// Who looks at a conversation, and whether they type.
pub type Viewers = Vec<(AgentId, bool)>;

impl Default for Presence {
    fn default() -> Self {
        Self { here: Arc::default(), changed: broadcast::channel(BEHIND_MAX).0 }
    }
}

impl Presence {
    /// The agent looks at the conversation, and types in it or not.
    pub fn enter(&self, conversation: ConversationId, agent: AgentId, typing: bool, now: Instant) {
        let left = self.change(|here| {
            let left = here.get(&conversation).is_none_or(|there| !there.contains_key(&agent));
            let left = left.then(|| first_of_too_many(here, agent)).flatten();
            if let Some(left) = left {
                leave(here, left, agent);
            }
            let before = here.entry(conversation).or_default();
            let since = before.get(&agent).map_or(now, |before| before.since);
            let types_until = typing.then_some(now + TYPING);
            let was = before.insert(agent, Here { since, until: now + VIEWING, types_until });
            let typed = was.is_some_and(|was| was.types_until.is_some());
            let changes = was.is_none() || typed != typing;
            left.into_iter().chain(changes.then_some(conversation)).collect()
        });
        self.tell(left);
    }

    /// The agent looks at it no longer.
    pub fn leave(&self, conversation: ConversationId, agent: AgentId) {
        let changed =
            self.change(|here| leave(here, conversation, agent).then_some(conversation).into_iter().collect());
        self.tell(changed);
    }

    /// The agent is gone from everywhere.
    pub fn leave_all(&self, agent: AgentId) {
        let changed = self.change(|here| {
            let viewed: Vec<_> = here.keys().copied().collect();
            viewed.into_iter().filter(|conversation| leave(here, *conversation, agent)).collect()
        });
        self.tell(changed);
    }

    /// Lets those go who have not said for a while that they are there, or that they type.
    pub fn expire(&self, now: Instant) {
        let changed = self.change(|here| {
            let mut changed = Vec::new();
            for (conversation, there) in here.iter_mut() {
                let before = there.len();
                there.retain(|_, it| it.until > now);
                let mut differs = there.len() != before;
                for it in there.values_mut().filter(|it| it.types_until.is_some_and(|until| until <= now)) {
                    it.types_until = None;
                    differs = true;
                }
                changed.extend(differs.then_some(*conversation));
            }
            here.retain(|_, there| !there.is_empty());
            changed
        });
        self.tell(changed);
    }

    /// Who looks at it.
    pub fn of(&self, conversation: ConversationId) -> Viewers {
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let there = here.get(&conversation).into_iter().flatten();
        there.map(|(agent, it)| (*agent, it.types_until.is_some())).collect()
    }

    /// Every conversation that somebody looks at.
    pub fn viewed(&self) -> Vec<ConversationId> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// The conversations where something changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<ConversationId> {
        self.changed.subscribe()
    }

    fn change(
        &self,
        change: impl FnOnce(&mut HashMap<ConversationId, BTreeMap<AgentId, Here>>) -> Vec<ConversationId>,
    ) -> Vec<ConversationId> {
        change(&mut self.here.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, changed: Vec<ConversationId>) {
        for conversation in changed {
            // Without a feed there is nobody to tell.
            let _ = self.changed.send(conversation);
        }
    }
}

fn leave(here: &mut HashMap<ConversationId, BTreeMap<AgentId, Here>>, from: ConversationId, agent: AgentId) -> bool {
    let Some(there) = here.get_mut(&from) else { return false };
    let left = there.remove(&agent).is_some();
    if there.is_empty() {
        here.remove(&from);
    }
    left
}

fn first_of_too_many(
    here: &HashMap<ConversationId, BTreeMap<AgentId, Here>>,
    agent: AgentId,
) -> Option<ConversationId> {
    let viewed = || here.iter().filter_map(|(id, there)| there.get(&agent).map(|it| (it.since, *id)));
    if viewed().count() < VIEWED_MAX { None } else { viewed().min().map(|(_, id)| id) }
}

/// Lets go who is no longer there, until the server stops.
pub async fn run(app: AppState) {
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => app.presence.expire(Instant::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ONE: ConversationId = ConversationId(Uuid::from_u128(1));
    const ADA: AgentId = AgentId(Uuid::from_u128(2));
    const BEN: AgentId = AgentId(Uuid::from_u128(3));

    #[test]
    fn who_looks_and_who_types_is_told_until_they_leave_or_fall_silent() {
        let presence = Presence::default();
        let mut changes = presence.changes();
        let start = Instant::now();
        presence.enter(ONE, ADA, false, start);
        presence.enter(ONE, BEN, true, start);
        presence.enter(ONE, BEN, true, start);
        assert_eq!(presence.of(ONE), [(ADA, false), (BEN, true)]);
        assert_eq!((changes.try_recv(), changes.try_recv()), (Ok(ONE), Ok(ONE)));
        assert!(changes.try_recv().is_err(), "what is told again is no news");
        presence.expire(start + TYPING);
        assert_eq!(presence.of(ONE), [(ADA, false), (BEN, false)]);
        presence.leave(ONE, ADA);
        assert_eq!(presence.of(ONE), [(BEN, false)]);
        presence.expire(start + VIEWING);
        assert_eq!(presence.viewed(), []);
    }

    #[test]
    fn nobody_looks_at_more_than_they_can() {
        let presence = Presence::default();
        let start = Instant::now();
        for n in 0..=VIEWED_MAX {
            let at = start + Duration::from_millis(u64::try_from(n).expect("small"));
            presence.enter(ConversationId(Uuid::from_u128(n as u128)), ADA, false, at);
        }
        assert_eq!(presence.viewed().len(), VIEWED_MAX);
        assert_eq!(presence.of(ConversationId(Uuid::nil())), []);
        presence.leave_all(ADA);
        assert_eq!(presence.viewed(), []);
    }
}
