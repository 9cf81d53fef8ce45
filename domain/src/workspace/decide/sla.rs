//! Service levels: calendars, policies, and the order in which these are tried.

use super::{CALENDARS_MAX, Decision, Rejection, SLA_POLICIES_MAX, Thing, channels, only, teams};
use crate::ids::{CalendarId, ChannelId, SlaPolicyId};
use crate::name;
use crate::sla::{Calendar, Conditions, Policy};
use crate::workspace::event::WorkspaceEvent;
use crate::workspace::state::{Catalog, WorkspaceState};
use std::collections::BTreeSet;

pub(super) fn set_calendar(
    state: &WorkspaceState,
    calendar: CalendarId,
    definition: &Calendar,
    apply_to_open: bool,
) -> Decision {
    let all = &state.sla.calendars;
    let names = all.iter().map(|(id, it)| (Thing::Calendar(*id), it.calendar().name.as_str()));
    let name = free_name(names, &Thing::Calendar(calendar), &definition.name)?;
    let definition = Calendar { name, ..definition.clone() };
    definition.check()?;
    let before = all.get(&calendar).map(|it| it.calendar());
    if before.is_none() && all.len() >= CALENDARS_MAX {
        return Err(Rejection::TooMany { what: "calendars", max: CALENDARS_MAX });
    }
    let changes = before != Some(&definition);
    only(changes, || WorkspaceEvent::CalendarSet { calendar, definition: Box::new(definition), apply_to_open })
}

pub(super) fn remove_calendar(state: &WorkspaceState, calendar: CalendarId) -> Decision {
    known(state, calendar)?;
    let mut policies = state.sla.policies.iter().filter(|(_, it)| it.calendar == Some(calendar));
    if let Some((policy, _)) = policies.next() {
        return Err(Rejection::CalendarInUse(Thing::SlaPolicy(*policy)));
    }
    let mut channels = state.sla.channels.iter().filter(|(_, it)| **it == calendar);
    if let Some((channel, _)) = channels.next() {
        return Err(Rejection::CalendarInUse(Thing::Channel(*channel)));
    }
    Ok(vec![WorkspaceEvent::CalendarRemoved { calendar }])
}

pub(super) fn set_channel_calendar(
    state: &WorkspaceState,
    channel: ChannelId,
    calendar: Option<CalendarId>,
    apply_to_open: bool,
) -> Decision {
    channels::connected(state, channel)?;
    calendar.map_or(Ok(()), |calendar| known(state, calendar))?;
    let before = state.sla.channels.get(&channel).copied();
    only(before != calendar, || WorkspaceEvent::ChannelCalendarSet { channel, calendar, before, apply_to_open })
}

pub(super) fn set_policy(
    state: &WorkspaceState,
    policy: SlaPolicyId,
    definition: &Policy,
    apply_to_open: bool,
) -> Decision {
    let all = &state.sla.policies;
    let names = all.iter().map(|(id, it)| (Thing::SlaPolicy(*id), it.name.as_str()));
    let name = free_name(names, &Thing::SlaPolicy(policy), &definition.name)?;
    let definition = Policy { name, ..definition.clone() };
    let before = state.sla.policy(policy);
    if before.is_some_and(|it| **it == definition) {
        return Ok(Vec::new());
    }
    definition.check()?;
    definition.calendar.map_or(Ok(()), |calendar| known(state, calendar))?;
    can_be_met(state, &definition.conditions)?;
    if before.is_none() && all.len() >= SLA_POLICIES_MAX {
        return Err(Rejection::TooMany { what: "SLA policies", max: SLA_POLICIES_MAX });
    }
    Ok(vec![WorkspaceEvent::SlaPolicySet { policy, definition: Box::new(definition), apply_to_open }])
}

pub(super) fn order_policies(state: &WorkspaceState, order: &[SlaPolicyId], apply_to_open: bool) -> Decision {
    let before: Vec<_> = state.sla.policies.iter().map(|(id, _)| *id).collect();
    let all = |ids: &[SlaPolicyId]| ids.iter().copied().collect::<BTreeSet<_>>();
    if order.len() != before.len() || all(order) != all(&before) {
        return Err(Rejection::NotAnOrder);
    }
    only(before != order, || WorkspaceEvent::SlaPoliciesOrdered { order: order.to_vec(), apply_to_open })
}

pub(super) fn remove_policy(state: &WorkspaceState, policy: SlaPolicyId, apply_to_open: bool) -> Decision {
    state.sla.policy(policy).ok_or(Rejection::Unknown(Thing::SlaPolicy(policy)))?;
    Ok(vec![WorkspaceEvent::SlaPolicyRemoved { policy, apply_to_open }])
}

fn known(state: &WorkspaceState, calendar: CalendarId) -> Result<(), Rejection> {
    let there = state.sla.calendars.contains_key(&calendar);
    if there { Ok(()) } else { Err(Rejection::Unknown(Thing::Calendar(calendar))) }
}

/// Whether all that the conditions name is there and in use.
fn can_be_met(state: &WorkspaceState, conditions: &Conditions) -> Result<(), Rejection> {
    conditions.channels.iter().try_for_each(|channel| channels::connected(state, *channel).map(|_| ()))?;
    conditions.teams.iter().try_for_each(|team| teams::open(state, *team).map(|_| ()))?;
    conditions.topics.iter().try_for_each(|topic| usable(&state.topics, *topic, Thing::Topic(*topic)))?;
    conditions.groups.iter().try_for_each(|group| usable(&state.groups, *group, Thing::Group(*group)))
}

pub(super) fn usable<Id: Ord + Copy>(catalog: &Catalog<Id>, id: Id, thing: Thing) -> Result<(), Rejection> {
    match catalog.get(id) {
        None => Err(Rejection::Unknown(thing)),
        Some(entry) if entry.retired => Err(Rejection::Gone(thing)),
        Some(_) => Ok(()),
    }
}

pub(super) fn free_name<'a>(
    mut names: impl Iterator<Item = (Thing, &'a str)>,
    of: &Thing,
    name: &str,
) -> Result<String, Rejection> {
    let name = name::tidy(name)?;
    match names.find(|(thing, taken)| thing != of && name::same(taken, &name)) {
        Some((thing, _)) => Err(Rejection::NameTaken(thing)),
        None => Ok(name),
    }
}
