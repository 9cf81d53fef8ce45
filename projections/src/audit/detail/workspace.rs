//! What the events of the workspace were done to and what they changed.

use super::definitions::{self, differing};
use super::{Change, Detail, Object, Value, before_key, change, now, number, plain, renamed, word};
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::workspace::{ChannelProfile, Role, Settings, TeamSettings, WorkspaceEvent as W};
use std::collections::BTreeSet;
use uuid::Uuid;

// One arm an event: the length is the vocabulary's.
#[allow(clippy::too_many_lines)]
pub(super) fn of(rows: &mut Rows, event: &W) -> Result<Detail, FoldError> {
    let (object, changes) = match event {
        W::WorkspaceCreated { name } => (Object::Workspace, vec![renamed(rows, b'w', Uuid::nil(), name)?]),
        W::SettingsChanged { settings } => (Object::Workspace, settings_changed(rows, settings)?),
        W::ChannelConnected { channel, profile } | W::ChannelChanged { channel, profile } => {
            (Object::Channel(*channel), profile_changed(rows, channel.0, profile)?)
        }
        W::ChannelDisconnected { channel } | W::ChannelSecretSet { channel, .. } => {
            (Object::Channel(*channel), Vec::new())
        }
        W::TeamCreated { team, name } | W::TeamRenamed { team, name } => {
            (Object::Team(*team), vec![renamed(rows, b't', team.0, name)?])
        }
        W::TeamClosed { team } => (Object::Team(*team), Vec::new()),
        W::TeamMemberAdded { team, agent } => (Object::Team(*team), vec![now("member", Value::Agent(*agent))]),
        W::TeamMemberRemoved { team, agent } => {
            (Object::Team(*team), vec![change("member", Some(Value::Agent(*agent)), None)])
        }
        W::TeamSettingsChanged { team, settings, before } => (Object::Team(*team), team_settings(before, settings)),
        W::TopicDefined { topic, name } | W::TopicRenamed { topic, name } => {
            (Object::Topic(*topic), vec![renamed(rows, b'p', topic.0, name)?])
        }
        W::TopicRetired { topic } => (Object::Topic(*topic), Vec::new()),
        W::GroupDefined { group, name } | W::GroupRenamed { group, name } => {
            (Object::Group(*group), vec![renamed(rows, b'g', group.0, name)?])
        }
        W::GroupRetired { group } => (Object::Group(*group), Vec::new()),
        W::AttributeDefined { key, definition } => {
            let changes = definitions::attribute(rows, key.as_str(), Some(definition))?;
            (Object::Attribute(key.clone()), changes)
        }
        W::AttributeRetired { key } => (Object::Attribute(key.clone()), Vec::new()),
        W::AwayStatusDefined { status, name } | W::AwayStatusRenamed { status, name } => {
            (Object::AwayStatus(*status), vec![renamed(rows, b's', status.0, name)?])
        }
        W::AwayStatusRetired { status } => (Object::AwayStatus(*status), Vec::new()),
        W::CalendarSet { calendar, definition, apply_to_open } => {
            let mut changes = definitions::calendar(rows, calendar.0, Some(definition))?;
            changes.push(now("apply_to_open", Value::Flag(*apply_to_open)));
            (Object::Calendar(*calendar), changes)
        }
        W::CalendarRemoved { calendar } => {
            (Object::Calendar(*calendar), definitions::calendar(rows, calendar.0, None)?)
        }
        W::ChannelCalendarSet { channel, calendar, before, apply_to_open } => {
            let chosen = change("calendar", before.map(Value::Calendar), calendar.map(Value::Calendar));
            (Object::Channel(*channel), vec![chosen, now("apply_to_open", Value::Flag(*apply_to_open))])
        }
        W::SlaPolicySet { policy, definition, apply_to_open } => {
            let mut changes = definitions::policy(rows, policy.0, Some(definition))?;
            changes.push(now("apply_to_open", Value::Flag(*apply_to_open)));
            (Object::SlaPolicy(*policy), changes)
        }
        W::SlaPolicyRemoved { policy, apply_to_open } => {
            let mut changes = definitions::policy(rows, policy.0, None)?;
            changes.push(now("apply_to_open", Value::Flag(*apply_to_open)));
            (Object::SlaPolicy(*policy), changes)
        }
        W::SlaPoliciesOrdered { order, apply_to_open } => {
            let order = order.iter().map(|policy| now("order", Value::SlaPolicy(*policy)));
            (Object::Workspace, order.chain([now("apply_to_open", Value::Flag(*apply_to_open))]).collect())
        }
        W::RedactionPatternSet { rule, definition } => {
            let pattern = now("pattern", Value::Name(definition.pattern.clone()));
            (Object::RedactionPattern(*rule), vec![renamed(rows, b'r', rule.0, &definition.name)?, pattern])
        }
        W::RedactionPatternRemoved { rule } => (Object::RedactionPattern(*rule), Vec::new()),
        W::AccountOpened { agent, login, name, roles } => {
            let changes = vec![
                now("login", Value::Name(login.clone())),
                renamed(rows, b'n', agent.0, name)?,
                change("roles", None, Some(roles_value(roles))),
            ];
            (Object::Agent(*agent), changes)
        }
        W::AccountRenamed { agent, name } => (Object::Agent(*agent), vec![renamed(rows, b'n', agent.0, name)?]),
        W::RolesChanged { agent, roles, before } => {
            (Object::Agent(*agent), vec![change("roles", Some(roles_value(before)), Some(roles_value(roles)))])
        }
        W::PasswordSet { agent, .. } | W::AccountClosed { agent } => (Object::Agent(*agent), Vec::new()),
        W::ChannelRightSet { agent, channel, right, before } => {
            let changes =
                vec![now("channel", Value::Channel(*channel)), change("right", before.map(word), Some(word(right)))];
            (Object::Agent(*agent), changes)
        }
        W::ChannelRightCleared { agent, channel, before } => {
            let changes = vec![now("channel", Value::Channel(*channel)), change("right", Some(word(before)), None)];
            (Object::Agent(*agent), changes)
        }
        W::TokenIssued { token, agent, name, expires_at, .. } => {
            let mut changes = vec![now("agent", Value::Agent(*agent)), now("name", Value::Name(name.clone()))];
            changes.extend(expires_at.map(|at| now("expires_at", Value::At(at))));
            (Object::Token(*token), changes)
        }
        W::TokenRevoked { token } => (Object::Token(*token), Vec::new()),
        W::RuleSet { rule, definition } => {
            let named = renamed(rows, b'r', rule.0, &definition.name)?;
            (Object::Rule(*rule), vec![named, now("on", Value::Flag(definition.on))])
        }
        W::RulesOrdered { order } => {
            (Object::Workspace, order.iter().map(|rule| now("order", Value::Rule(*rule))).collect())
        }
        W::RuleRemoved { rule } => (Object::Rule(*rule), Vec::new()),
    };
    Ok(plain(object, changes))
}

fn roles_value(roles: &BTreeSet<Role>) -> Value {
    let mut words = String::new();
    for role in roles {
        if let Value::Word(role) = word(role) {
            words.push_str(if words.is_empty() { "" } else { " " });
            words.push_str(&role);
        }
    }
    Value::Word(words)
}

fn settings_changed(rows: &mut Rows, settings: &Settings) -> Result<Vec<Change>, FoldError> {
    let key = before_key(b'S', Uuid::nil());
    let was = rows.take::<Settings>(&key)?.unwrap_or_default();
    rows.put(&key, settings.clone());
    let flag = |field, before, after| (field, Some(Value::Flag(before)), Some(Value::Flag(after)));
    Ok(differing([
        flag("agents_may_mask", was.agents_may_mask, settings.agents_may_mask),
        flag("first_response_assigns", was.first_response_assigns, settings.first_response_assigns),
        (
            "conversations_per_agent_max",
            Some(number(was.conversations_per_agent_max)),
            Some(number(settings.conversations_per_agent_max)),
        ),
        ("lock_grace_s", Some(number(was.lock_grace_s)), Some(number(settings.lock_grace_s))),
        ("when_agent_leaves", Some(word(was.when_agent_leaves)), Some(word(settings.when_agent_leaves))),
    ]))
}

/// A channel more or less is a line of its own, by which its name is shown.
fn team_settings(before: &TeamSettings, now: &TeamSettings) -> Vec<Change> {
    let less = before.channels.difference(&now.channels).map(|it| change("channel", Some(Value::Channel(*it)), None));
    let more = now.channels.difference(&before.channels).map(|it| change("channel", None, Some(Value::Channel(*it))));
    let flag = |field, was, is| (field, Some(Value::Flag(was)), Some(Value::Flag(is)));
    let others = differing([
        ("limit", before.limit.map(number), now.limit.map(number)),
        ("sees", Some(word(before.sees)), Some(word(now.sees))),
        flag("may_order", before.may_order, now.may_order),
        flag("may_filter", before.may_filter, now.may_filter),
    ]);
    less.chain(more).chain(others).collect()
}

fn profile_changed(rows: &mut Rows, id: Uuid, profile: &ChannelProfile) -> Result<Vec<Change>, FoldError> {
    let key = before_key(b'h', id);
    let was = rows.take::<ChannelProfile>(&key)?;
    rows.put(&key, profile.clone());
    let was = was.as_ref();
    Ok(differing([
        ("kind", was.map(|was| word(was.kind)), Some(word(profile.kind))),
        ("name", was.map(|was| Value::Name(was.name.clone())), Some(Value::Name(profile.name.clone()))),
        ("visibility", was.map(|was| word(was.visibility)), Some(word(profile.visibility))),
        ("reopens", was.map(|was| Value::Flag(was.reopens)), Some(Value::Flag(profile.reopens))),
        ("team", was.and_then(|was| was.team).map(Value::Team), profile.team.map(Value::Team)),
        (
            "reply_characters_max",
            was.and_then(|was| was.reply_characters_max).map(number),
            profile.reply_characters_max.map(number),
        ),
    ]))
}
