//! Policies and calendars of a file, in TOML or JSON, put over those in force. Names stand for ids; the shapes are
//! those of the API (`docs/sla.md`).

use super::super::{Exit, Failure};
use clew_domain::conversation::Visibility;
use clew_domain::ids::{CalendarId, ChannelId, GroupId, SlaPolicyId, TeamId, TopicId};
use clew_domain::sla::{Calendar, Conditions, Policy, Rules, Schedule, Targets, Warning};
use clew_domain::workspace::WorkspaceState;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// What a file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RulesFile {
    /// Whether the policies of the file alone hold.
    only: bool,
    policies: Vec<PolicyOf>,
    calendars: Vec<Calendar>,
    /// The calendar of each channel, by name or id; an empty name takes the channel's calendar away.
    channel_calendars: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyOf {
    name: String,
    #[serde(default)]
    conditions: ConditionsOf,
    #[serde(default)]
    targets: Targets,
    calendar: Option<String>,
    #[serde(default = "at_three_quarters")]
    warning: Warning,
    #[serde(default = "yes")]
    pending_pauses: bool,
    #[serde(default)]
    automatic_replies_count: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConditionsOf {
    channels: Vec<String>,
    visibility: Option<Visibility>,
    topics: Vec<String>,
    groups: Vec<String>,
    teams: Vec<String>,
}

fn at_three_quarters() -> Warning {
    Warning::UsedPercent(75)
}

fn yes() -> bool {
    true
}

impl RulesFile {
    /// Reads a file: JSON if it is called so, else TOML.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::NotFound, format!("can't read {place}: {error}")))?;
        let wrong = |why: String| Failure::new(Exit::Usage, format!("{place}: {why}"));
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
        } else {
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))
        }
    }

    /// Puts what it says over the rules in force. A calendar or policy with the name of one in force takes its place;
    /// a new policy is tried before those in force, in the order of the file.
    pub(super) fn over(self, rules: &mut Rules, workspace: &WorkspaceState) -> Result<(), Failure> {
        if self.only {
            rules.policies.clear();
        }
        for calendar in self.calendars {
            calendar.check().map_err(|fault| usage(format!("calendar '{}': {fault}", calendar.name)))?;
            let there = rules.calendars.iter().find(|(_, it)| it.calendar().name == calendar.name).map(|(id, _)| *id);
            rules
                .calendars
                .insert(there.unwrap_or_else(|| CalendarId(Uuid::new_v4())), Arc::new(Schedule::new(calendar)));
        }
        for (channel, calendar) in self.channel_calendars {
            let channel = id_of(&channel, "channel", &channels(workspace))?;
            if calendar.is_empty() {
                rules.channels.remove(&channel);
            } else {
                let calendar = calendar_of(&calendar, rules)?;
                rules.channels.insert(channel, calendar);
            }
        }
        let mut first = 0;
        for policy in self.policies {
            let policy = Arc::new(policy.resolve(rules, workspace)?);
            if let Some((_, there)) = rules.policies.iter_mut().find(|(_, it)| it.name == policy.name) {
                *there = policy;
            } else {
                rules.policies.insert(first, (SlaPolicyId(Uuid::new_v4()), policy));
                first += 1;
            }
        }
        Ok(())
    }
}

impl PolicyOf {
    fn resolve(self, rules: &Rules, workspace: &WorkspaceState) -> Result<Policy, Failure> {
        let ConditionsOf { channels: on, visibility, topics, groups, teams } = self.conditions;
        let conditions = Conditions {
            channels: ids_of::<ChannelId>(&on, "channel", || channels(workspace))?,
            visibility,
            topics: ids_of::<TopicId>(&topics, "topic", || {
                named(workspace.topics.iter().map(|(id, it)| (id, &it.name)))
            })?,
            groups: ids_of::<GroupId>(&groups, "group", || {
                named(workspace.groups.iter().map(|(id, it)| (id, &it.name)))
            })?,
            teams: ids_of::<TeamId>(&teams, "team", || named(workspace.teams.iter().map(|(id, it)| (*id, &it.name))))?,
        };
        let policy = Policy {
            conditions,
            targets: self.targets,
            calendar: self.calendar.map(|name| calendar_of(&name, rules)).transpose()?,
            warning: self.warning,
            pending_pauses: self.pending_pauses,
            automatic_replies_count: self.automatic_replies_count,
            name: self.name,
        };
        policy.check().map_err(|fault| usage(format!("policy '{}': {fault}", policy.name)))?;
        Ok(policy)
    }
}

fn usage(why: String) -> Failure {
    Failure::new(Exit::Usage, why)
}

fn named<'a, Id>(things: impl Iterator<Item = (Id, &'a String)>) -> Vec<(Id, &'a str)> {
    things.map(|(id, name)| (id, name.as_str())).collect()
}

fn channels(workspace: &WorkspaceState) -> Vec<(ChannelId, &str)> {
    named(workspace.channels.iter().map(|(id, it)| (*id, &it.profile.name)))
}

fn calendar_of(text: &str, rules: &Rules) -> Result<CalendarId, Failure> {
    id_of(text, "calendar", &named(rules.calendars.iter().map(|(id, it)| (*id, &it.calendar().name))))
}

fn ids_of<'a, Id: FromStr + Ord + Copy>(
    texts: &[String],
    what: &str,
    known: impl Fn() -> Vec<(Id, &'a str)>,
) -> Result<BTreeSet<Id>, Failure> {
    texts.iter().map(|text| id_of(text, what, &known())).collect()
}

/// The thing with this name, or with this id.
fn id_of<Id: FromStr + Ord + Copy>(text: &str, what: &str, known: &[(Id, &str)]) -> Result<Id, Failure> {
    let by_id = text.parse::<Id>().ok();
    let found = known.iter().find(|(id, name)| *name == text || by_id.as_ref() == Some(id));
    found.map(|(id, _)| *id).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(_, name)| *name).collect();
        Failure::new(Exit::NotFound, format!("there is no {what} '{text}'; there are: {}", names.join(", ")))
    })
}
