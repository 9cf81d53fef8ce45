//! Rules: set, ordered, removed. What a rule means is `automation`'s to say.

use super::sla::{free_name, usable};
use super::{Decision, Rejection, Thing, channels, only, teams};
use crate::automation::{Act, Condition, Filling, Hours, OfGroups, OfTopics, RULES_MAX, Rule};
use crate::ids::RuleId;
use crate::workspace::event::WorkspaceEvent;
use crate::workspace::state::WorkspaceState;
use std::collections::BTreeSet;

pub(super) fn set(state: &WorkspaceState, rule: RuleId, definition: &Rule) -> Decision {
    let names = state.automation.iter().map(|(id, it)| (Thing::Rule(id), it.rule().name.as_str()));
    let name = free_name(names, &Thing::Rule(rule), &definition.name)?;
    let definition = Rule { name, ..definition.clone() };
    let before = state.automation.rule(rule);
    if before == Some(&definition) {
        return Ok(Vec::new());
    }
    definition.check()?;
    // What is switched off may name what is gone, so that it can be switched off at all.
    if definition.on {
        definition.conditions().try_for_each(|condition| asks_of_what_is_there(state, condition))?;
        definition.then.iter().try_for_each(|act| does_what_is_possible(state, act))?;
    }
    if before.is_none() && state.automation.len() >= RULES_MAX {
        return Err(Rejection::TooMany { what: "rules", max: RULES_MAX });
    }
    Ok(vec![WorkspaceEvent::RuleSet { rule, definition: Box::new(definition) }])
}

pub(super) fn order(state: &WorkspaceState, order: &[RuleId]) -> Decision {
    let before: Vec<_> = state.automation.iter().map(|(id, _)| id).collect();
    let all = |ids: &[RuleId]| ids.iter().copied().collect::<BTreeSet<_>>();
    if order.len() != before.len() || all(order) != all(&before) {
        return Err(Rejection::NotAnOrder);
    }
    only(before != order, || WorkspaceEvent::RulesOrdered { order: order.to_vec() })
}

pub(super) fn remove(state: &WorkspaceState, rule: RuleId) -> Decision {
    state.automation.rule(rule).ok_or(Rejection::Unknown(Thing::Rule(rule)))?;
    Ok(vec![WorkspaceEvent::RuleRemoved { rule }])
}

fn asks_of_what_is_there(state: &WorkspaceState, condition: &Condition) -> Result<(), Rejection> {
    match condition {
        Condition::Channels(of) => of.iter().try_for_each(|channel| channels::connected(state, *channel).map(|_| ())),
        Condition::Topics(OfTopics { of, .. }) => {
            of.iter().try_for_each(|topic| usable(&state.topics, *topic, Thing::Topic(*topic)))
        }
        Condition::Groups(OfGroups { of, .. }) => {
            of.iter().try_for_each(|group| usable(&state.groups, *group, Thing::Group(*group)))
        }
        Condition::Teams(of) => of.iter().try_for_each(|team| teams::open(state, *team).map(|_| ())),
        Condition::Hours(Hours { calendar: Some(calendar), .. }) => {
            let there = state.sla.calendars.contains_key(calendar);
            if there { Ok(()) } else { Err(Rejection::Unknown(Thing::Calendar(*calendar))) }
        }
        Condition::Hours(_)
        | Condition::Visibility(_)
        | Condition::HasTeam(_)
        | Condition::Words(_)
        | Condition::Pattern(_)
        | Condition::FirstMessage(_) => Ok(()),
    }
}

fn does_what_is_possible(state: &WorkspaceState, act: &Act) -> Result<(), Rejection> {
    match act {
        Act::AddTopic(topic) => usable(&state.topics, *topic, Thing::Topic(*topic)),
        Act::AssignTeam(team) => teams::open(state, *team).map(|_| ()),
        Act::JoinGroup(group) => usable(&state.groups, *group, Thing::Group(*group)),
        Act::FillAttribute(Filling { key, value: Some(value) }) => state.check_attribute(key, value, true),
        Act::FillAttribute(Filling { key, value: None }) => {
            state.usable_attribute(key).map(|_| ()).ok_or_else(|| Rejection::Unknown(Thing::Attribute(key.clone())))
        }
        Act::RemoveTopic(_) | Act::Score(_) | Act::Reply(_) | Act::Resolve | Act::BringBack => Ok(()),
    }
}
