//! What a rule asks, as its conversation is asked for it. What can't be done any more (a topic that was retired, a
//! team that was closed or does not serve the channel) is left out.

use clew_domain::automation::{Act, Rule};
use clew_domain::conversation::RuleAct;
use clew_domain::ids::ChannelId;
use clew_domain::workspace::WorkspaceState;

/// The act on the conversation itself; none for one on the contact, and for an answer, which has to be sealed.
pub(super) fn of_act(workspace: &WorkspaceState, channel: ChannelId, act: &Act) -> Option<RuleAct> {
    match act {
        Act::AddTopic(topic) => workspace.topics.is_usable(*topic).then_some(RuleAct::AddTopic(*topic)),
        Act::RemoveTopic(topic) => Some(RuleAct::RemoveTopic(*topic)),
        Act::AssignTeam(team) => workspace.team_serving(*team, channel).map(|_| RuleAct::AssignTeam(*team)),
        Act::Score(priority) => Some(RuleAct::SetPriority(*priority)),
        Act::Resolve => Some(RuleAct::Resolve),
        Act::BringBack => Some(RuleAct::BringBack),
        Act::Reply(_) | Act::JoinGroup(_) | Act::FillAttribute(_) => None,
    }
}

/// What a rule that waits for nothing to happen asks.
pub(crate) fn of_quiet(workspace: &WorkspaceState, channel: ChannelId, rule: &Rule) -> Vec<RuleAct> {
    rule.then.iter().filter_map(|act| of_act(workspace, channel, act)).collect()
}
