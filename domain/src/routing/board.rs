//! Who waits and who has room: the line of conversations by class, the agents that can take one, and the next
//! that is to be given to whom. A decision costs a look at the head of each class: O(classes · log waiting).

use super::{Class, Place, may_serve};
use crate::agent::{AgentState, Availability};
use crate::ids::{AgentId, ConversationId};
use crate::workspace::WorkspaceState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A conversation that is to be given to an agent. Until [`Board::settle`] the agent is offered no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// To whom.
    pub agent: AgentId,
    /// Which.
    pub conversation: ConversationId,
}

/// The line and the agents.
///
/// When [`Self::next_offer`] answers `None`, nothing waits that an agent with room could serve, but for agents who have
/// an offer that is not settled.
#[derive(Clone, Debug, Default)]
pub struct Board {
    workspace: Arc<WorkspaceState>,
    lines: BTreeMap<Class, BTreeSet<Place>>,
    places: HashMap<ConversationId, (Class, Place)>,
    desks: BTreeMap<AgentId, Desk>,
    /// Agents who can take one more.
    ready: BTreeSet<Rank>,
    /// Those of them whose first conversation was not looked for since they could.
    unsettled: BTreeSet<Rank>,
    /// Conversations for which no agent was looked for since they wait.
    newcomers: BTreeSet<(Place, Class)>,
    turns: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Desk {
    available: bool,
    held: usize,
    /// When they were offered one last, counted in offers.
    turn: u64,
    offered: bool,
    rank: Option<Rank>,
}

/// Who is served first: who has least, then who has waited longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    held: usize,
    turn: u64,
    agent: AgentId,
}

impl Board {
    /// Rights, teams and limits as they are now.
    pub fn workspace(&self) -> &Arc<WorkspaceState> {
        &self.workspace
    }

    /// Changes rights, teams and limits: in place, unless somebody else still looks at what they were.
    pub fn change_workspace(&mut self, change: impl FnOnce(&mut WorkspaceState)) {
        change(Arc::make_mut(&mut self.workspace));
        let agents: Vec<AgentId> = self.desks.keys().copied().collect();
        for agent in agents {
            self.rank(agent);
        }
    }

    /// An agent is as their facts tell.
    pub fn set_agent(&mut self, agent: AgentId, state: &AgentState) {
        let desk = self.desks.entry(agent).or_default();
        desk.available = state.availability == Availability::Available;
        desk.held = state.holds.len();
        self.rank(agent);
    }

    /// What became of the agent's offer is known.
    pub fn settle(&mut self, agent: AgentId) {
        if let Some(desk) = self.desks.get_mut(&agent) {
            desk.offered = false;
        }
        self.rank(agent);
    }

    /// When each agent was offered one last, counted in offers; who never was does not stand in it.
    pub(super) fn turns(&self) -> BTreeMap<AgentId, u64> {
        self.desks.iter().filter(|(_, desk)| desk.turn > 0).map(|(agent, desk)| (*agent, desk.turn)).collect()
    }

    /// Goes on with these turns, on a board that knows no agent yet.
    pub(super) fn go_on_from(&mut self, turns: &BTreeMap<AgentId, u64>) {
        self.turns = turns.values().copied().max().unwrap_or(0);
        self.desks = turns.iter().map(|(agent, turn)| (*agent, Desk { turn: *turn, ..Desk::default() })).collect();
    }

    /// A conversation waits at this place, wherever it was before.
    pub fn put(&mut self, class: Class, place: Place) {
        if self.places.get(&place.conversation) == Some(&(class, place)) {
            return;
        }
        self.remove(place.conversation);
        self.lines.entry(class).or_default().insert(place);
        self.places.insert(place.conversation, (class, place));
        self.newcomers.insert((place, class));
    }

    /// A conversation waits no longer.
    pub fn remove(&mut self, conversation: ConversationId) {
        let Some((class, place)) = self.places.remove(&conversation) else { return };
        self.newcomers.remove(&(place, class));
        if let Some(line) = self.lines.get_mut(&class) {
            line.remove(&place);
            if line.is_empty() {
                self.lines.remove(&class);
            }
        }
    }

    /// How many conversations wait.
    pub fn waiting(&self) -> usize {
        self.places.len()
    }

    /// The next that is to be given, which leaves the line: to an agent with room, the first that they may serve.
    pub fn next_offer(&mut self) -> Option<Offer> {
        loop {
            while let Some(rank) = self.unsettled.pop_first() {
                if let Some(place) = self.first_for(rank.agent) {
                    return Some(self.offer(rank.agent, place.conversation));
                }
            }
            let (place, class) = self.newcomers.pop_first()?;
            let able = self.ready.iter().find(|rank| may_serve(&self.workspace, rank.agent, class)).copied();
            if let Some(rank) = able {
                // They get their own first, which may be another; then this one is looked at again.
                self.unsettled.insert(rank);
                self.newcomers.insert((place, class));
            }
        }
    }

    fn first_for(&self, agent: AgentId) -> Option<Place> {
        let servable = self.lines.iter().filter(|(class, _)| may_serve(&self.workspace, agent, **class));
        servable.filter_map(|(_, line)| line.first()).min().copied()
    }

    fn offer(&mut self, agent: AgentId, conversation: ConversationId) -> Offer {
        self.remove(conversation);
        self.turns += 1;
        let desk = self.desks.entry(agent).or_default();
        desk.offered = true;
        desk.turn = self.turns;
        self.rank(agent);
        Offer { agent, conversation }
    }

    /// Puts the agent where they belong among those who can take one more.
    fn rank(&mut self, agent: AgentId) {
        let held_max = self.workspace.limit_of(agent);
        let open = self.workspace.open_account(agent).is_some();
        let Some(desk) = self.desks.get_mut(&agent) else { return };
        if let Some(before) = desk.rank.take() {
            self.ready.remove(&before);
            self.unsettled.remove(&before);
        }
        if open && desk.available && !desk.offered && desk.held < held_max {
            let rank = Rank { held: desk.held, turn: desk.turn, agent };
            desk.rank = Some(rank);
            self.ready.insert(rank);
            self.unsettled.insert(rank);
        }
    }
}
