//! What follows from a rule. It refuses nothing: what can't be done any more is left out.

use super::{RuleAct, RuleOrder, only_if, ownership, progress};
use crate::conversation::event::{
    Assignee, AssignmentCause, ConversationEvent, ConversationEvent as E, ResolveReason, ReturnCause,
};
use crate::conversation::state::{Answering, Queue, State};
use crate::ids::EventId;

/// That the rule applied is told even where all was already as it asks: so it is known not to apply again.
pub(super) fn apply(state: &State, order: &RuleOrder) -> Vec<ConversationEvent> {
    if state.version != order.version || state.queue == Queue::Resolved {
        return Vec::new();
    }
    let mut events = vec![E::RuleApplied { trigger: order.trigger }];
    let mut after = state.clone();
    for act in &order.acts {
        let more = one(&after, order.trigger, act);
        for event in &more {
            after.apply(event);
        }
        events.extend(more);
    }
    events
}

fn one(state: &State, trigger: EventId, act: &RuleAct) -> Vec<ConversationEvent> {
    match act {
        RuleAct::AddTopic(topic) => only_if(!state.topics.contains(topic), E::TopicAdded { topic: *topic }),
        RuleAct::RemoveTopic(topic) => only_if(state.topics.contains(topic), E::TopicRemoved { topic: *topic }),
        // What an agent owns is theirs; a rule takes it from nobody.
        RuleAct::AssignTeam(team) if state.agent.is_none() => {
            ownership::assign(state, Assignee::Team(*team), AssignmentCause::Rule).unwrap_or_default()
        }
        RuleAct::AssignTeam(_) => Vec::new(),
        RuleAct::SetPriority(priority) => {
            let event = E::PriorityChanged { priority: *priority, before: state.priority };
            only_if(state.priority != *priority, event)
        }
        RuleAct::Reply(reply) => match state.answered_by_rule {
            Answering::Free => vec![E::ReplySent(reply.clone())],
            Answering::Done => vec![E::RuleHeldBack { trigger }],
            Answering::HeldBack => Vec::new(),
        },
        RuleAct::Resolve => progress::resolve(state, ResolveReason::Inactive, None),
        RuleAct::BringBack => only_if(state.queue == Queue::Pending, E::ReturnedToNew { cause: ReturnCause::TimeCame }),
    }
}
