//! The policies and calendars in force: what a clock is judged by. They come from the workspace's events.

use super::policy::{Counting, Metric, Policy, Subject, Target};
use super::schedule::Schedule;
use crate::ids::{CalendarId, ChannelId, SlaPolicyId};
use crate::workspace::WorkspaceEvent;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The policies and calendars in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The policies, in the order in which they are tried.
    pub policies: Vec<(SlaPolicyId, Arc<Policy>)>,
    /// The calendars.
    pub calendars: BTreeMap<CalendarId, Arc<Schedule>>,
    /// The calendars of channels, for policies that name none.
    pub channels: BTreeMap<ChannelId, CalendarId>,
}

impl Rules {
    /// The policy, if it is in force.
    pub fn policy(&self, id: SlaPolicyId) -> Option<&Arc<Policy>> {
        self.policies.iter().find(|(known, _)| *known == id).map(|(_, policy)| policy)
    }

    /// The first policy that is for the conversation.
    pub fn choose(&self, subject: &Subject<'_>) -> Option<(SlaPolicyId, &Arc<Policy>)> {
        self.policies.iter().find(|(_, policy)| policy.conditions.are_met_by(subject)).map(|(id, policy)| (*id, policy))
    }

    /// The calendar by which a target of the policy counts on a channel; none if every hour counts.
    pub fn schedule(
        &self,
        policy: &Policy,
        target: Target,
        channel: ChannelId,
    ) -> Option<(CalendarId, &Arc<Schedule>)> {
        match target.counting {
            Counting::CalendarTime => None,
            Counting::BusinessTime => {
                let calendar = policy.calendar.or_else(|| self.channels.get(&channel).copied())?;
                self.calendars.get(&calendar).map(|schedule| (calendar, schedule))
            }
        }
    }

    /// Takes an event of the workspace into account; says whether it is about service levels at all.
    // One arm an event: the length is the vocabulary's.
    #[allow(clippy::too_many_lines)]
    pub fn take(&mut self, event: &WorkspaceEvent) -> bool {
        use WorkspaceEvent as E;
        match event {
            E::CalendarSet { calendar, definition, .. } => {
                self.calendars.insert(*calendar, Arc::new(Schedule::new((**definition).clone())));
            }
            E::CalendarRemoved { calendar } => {
                self.calendars.remove(calendar);
            }
            E::ChannelCalendarSet { channel, calendar, .. } => {
                match calendar {
                    Some(calendar) => self.channels.insert(*channel, *calendar),
                    None => self.channels.remove(channel),
                };
            }
            E::SlaPolicySet { policy, definition, .. } => {
                let definition = Arc::new((**definition).clone());
                match self.policies.iter_mut().find(|(known, _)| known == policy) {
                    Some((_, there)) => *there = definition,
                    None => self.policies.push((*policy, definition)),
                }
            }
            E::SlaPoliciesOrdered { order, .. } => {
                let place = |id: &SlaPolicyId| order.iter().position(|it| it == id).unwrap_or(order.len());
                self.policies.sort_by_key(|(id, _)| place(id));
            }
            E::SlaPolicyRemoved { policy, .. } => self.policies.retain(|(known, _)| known != policy),
            E::WorkspaceCreated { .. }
            | E::SettingsChanged { .. }
            | E::ChannelConnected { .. }
            | E::ChannelChanged { .. }
            | E::ChannelDisconnected { .. }
            | E::ChannelSecretSet { .. }
            | E::TeamCreated { .. }
            | E::TeamRenamed { .. }
            | E::TeamSettingsChanged { .. }
            | E::TeamClosed { .. }
            | E::TeamMemberAdded { .. }
            | E::TeamMemberRemoved { .. }
            | E::TopicDefined { .. }
            | E::TopicRenamed { .. }
            | E::TopicRetired { .. }
            | E::GroupDefined { .. }
            | E::GroupRenamed { .. }
            | E::GroupRetired { .. }
            | E::AttributeDefined { .. }
            | E::AttributeRetired { .. }
            | E::AwayStatusDefined { .. }
            | E::AwayStatusRenamed { .. }
            | E::AwayStatusRetired { .. }
            | E::RedactionPatternSet { .. }
            | E::RedactionPatternRemoved { .. }
            | E::AccountOpened { .. }
            | E::AccountRenamed { .. }
            | E::RolesChanged { .. }
            | E::PasswordSet { .. }
            | E::AccountClosed { .. }
            | E::ChannelRightSet { .. }
            | E::ChannelRightCleared { .. }
            | E::TokenIssued { .. }
            | E::TokenRevoked { .. }
            | E::RuleSet { .. }
            | E::RulesOrdered { .. }
            | E::RuleRemoved { .. } => return false,
        }
        true
    }
}

impl Metric {
    /// What the wait for an answer measures under a policy: one wait is never measured twice.
    pub fn of_wait(policy: &Policy, first: bool) -> Self {
        if first && policy.targets.first_response.is_some() { Self::FirstResponse } else { Self::NextResponse }
    }
}
