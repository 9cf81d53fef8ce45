//! What is kept of a floor, so that who starts again needs the facts behind it alone. What follows from the rest (who
//! owns what, what is due, the line) is made anew from it, the settings and their rules from their own stream.

use super::{Floor, Tracked, Work, owner_in_new};
use crate::agent::AgentState;
use crate::conversation::ReleaseCause;
use crate::fact::Fact;
use crate::ids::{AgentId, ConversationId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A floor, as far as it does not follow from the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    settings_version: u64,
    agents: BTreeMap<AgentId, (u64, AgentState)>,
    turns: BTreeMap<AgentId, u64>,
    gone: BTreeSet<AgentId>,
    conversations: Vec<(ConversationId, Tracked)>,
    unassigned: BTreeMap<(AgentId, ConversationId), Timestamp>,
    left: BTreeMap<ConversationId, AgentId>,
    unlocking: BTreeMap<ConversationId, (AgentId, ReleaseCause)>,
}

impl Saved {
    /// Brings it into an order of its own: the same floors are then the same throughout.
    pub fn sort(&mut self) {
        self.conversations.sort_unstable_by_key(|(id, _)| *id);
    }
}

impl Floor {
    /// What is to be kept of it. What is under way counts as still to be done: whether it was, later facts tell.
    pub fn saved(&self, under_way: &[Work]) -> Saved {
        let mut saved = Saved {
            settings_version: self.settings_version,
            agents: self.agents.iter().map(|(agent, known)| (*agent, known.clone())).collect(),
            turns: self.board.turns(),
            gone: self.gone.iter().copied().collect(),
            conversations: self.conversations.iter().map(|(id, tracked)| (*id, tracked.clone())).collect(),
            unassigned: self.unassigned.clone(),
            left: self.left.clone(),
            unlocking: self.unlocking.clone(),
        };
        for work in under_way {
            match work {
                Work::Release(agent, conversation, _) => {
                    saved.left.insert(*conversation, *agent);
                }
                Work::Unlock(agent, conversation, cause, _) => {
                    saved.unlocking.insert(*conversation, (*agent, *cause));
                }
                // These are found again in what agents and conversations are.
                Work::Give(..) | Work::Count(..) | Work::Return(..) | Work::Rule(_) => {}
            }
        }
        saved
    }

    /// The floor that was saved; `settings` are the facts of the workspace, from the first. None if they end before those
    /// that it knew.
    pub fn resumed(saved: Saved, settings: &[Fact]) -> Option<Self> {
        let mut floor = Self::default();
        for fact in settings.iter().take_while(|fact| fact.version <= saved.settings_version) {
            floor.take(fact);
        }
        if floor.settings_version != saved.settings_version {
            return None;
        }
        floor.board.go_on_from(&saved.turns);
        floor.gone = saved.gone.into_iter().collect();
        floor.agents = saved.agents.into_iter().collect();
        for (agent, (_, state)) in &floor.agents {
            floor.board.set_agent(*agent, state);
        }
        floor.conversations = HashMap::with_capacity(saved.conversations.len());
        for (id, tracked) in saved.conversations {
            floor.resume(id, tracked);
        }
        (floor.unassigned, floor.left, floor.unlocking) = (saved.unassigned, saved.left, saved.unlocking);
        floor.uncounted = floor.miscounted();
        Some(floor)
    }

    fn resume(&mut self, id: ConversationId, tracked: Tracked) {
        if let Some(owner) = owner_in_new(&tracked) {
            self.owned.entry(owner).or_default().insert(id);
        }
        if let Some(agent) = tracked.lock {
            self.opened.entry(agent).or_default().insert(id);
        }
        self.returning.extend(tracked.returns.map(|(at, _)| (at, id)));
        self.silence.watch(id, Some(&tracked));
        self.conversations.insert(id, tracked);
        self.line_up(id);
    }

    /// Where what an agent owns and what their stream counts differ.
    fn miscounted(&self) -> BTreeSet<(AgentId, ConversationId)> {
        let nothing = BTreeSet::new();
        let agents: BTreeSet<&AgentId> = self.agents.keys().chain(self.owned.keys()).collect();
        let differences = agents.into_iter().flat_map(|agent| {
            let counted = self.agents.get(agent).map_or(&nothing, |(_, state)| &state.holds);
            let owned = self.owned.get(agent).unwrap_or(&nothing);
            counted.symmetric_difference(owned).map(|conversation| (*agent, *conversation))
        });
        differences.collect()
    }

    /// How many conversations and agents it knows, by which what is kept of it grows.
    pub fn size(&self) -> usize {
        self.conversations.len() + self.agents.len()
    }
}

#[cfg(test)]
mod tests;
