//! What is promised: a policy, whom it is for, and how its clocks count.

use crate::conversation::Visibility;
use crate::ids::{CalendarId, ChannelId, GroupId, TeamId, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A target at most: a leap year.
pub const TARGET_SECONDS_MAX: u32 = 366 * 86_400;

/// A promise to those whom it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The conversations that it is for.
    #[serde(default)]
    pub conditions: Conditions,
    /// What it promises; without any it exempts those whom it is for from the policies after it.
    #[serde(default)]
    pub targets: Targets,
    /// The calendar of its business time; without one the channel's, and without that every hour counts.
    #[serde(default)]
    pub calendar: Option<CalendarId>,
    /// When a clock turns from grey to orange.
    pub warning: Warning,
    /// Whether clocks stand still while a conversation is pending.
    pub pending_pauses: bool,
    /// Whether a reply that a rule sent is an answer.
    pub automatic_replies_count: bool,
}

/// The conversations that a policy is for: all that meet every condition. An empty condition is met by all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Conditions {
    /// On one of these channels.
    pub channels: BTreeSet<ChannelId>,
    /// In public, or in private.
    pub visibility: Option<Visibility>,
    /// With at least one of these topics.
    pub topics: BTreeSet<TopicId>,
    /// With a contact in at least one of these groups.
    pub groups: BTreeSet<GroupId>,
    /// Assigned to one of these teams.
    pub teams: BTreeSet<TeamId>,
}

/// What a policy promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Targets {
    /// From the first message of the contact to our first answer.
    pub first_response: Option<Target>,
    /// From the first unanswered message to our answer; the first answer of all too, if that has no target.
    pub next_response: Option<Target>,
    /// From the first message of the contact until it is resolved.
    pub resolution: Option<Target>,
}

/// A time that is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// How long it may take.
    pub seconds: u32,
    /// Which seconds count.
    pub counting: Counting,
}

/// Which time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// All of it.
    CalendarTime,
    /// What the calendar has open.
    BusinessTime,
}

/// When a clock turns from grey to orange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// When so many hundredths of the target are used up; 1 to 100.
    UsedPercent(u8),
    /// When so many seconds that count are left.
    LeftSeconds(u32),
}

/// What a clock measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The time to our first answer.
    FirstResponse,
    /// The time from an unanswered message to an answer.
    NextResponse,
    /// The time until it is resolved.
    Resolution,
}

/// What is known of a conversation when a policy is chosen for it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its channel.
    pub channel: ChannelId,
    /// Who can read it.
    pub visibility: Visibility,
    /// Its topics.
    pub topics: &'a [TopicId],
    /// The groups of its contact.
    pub groups: &'a [GroupId],
    /// Its team.
    pub team: Option<TeamId>,
}

impl Conditions {
    /// Whether the conversation meets all of them.
    pub fn are_met_by(&self, subject: &Subject<'_>) -> bool {
        (self.channels.is_empty() || self.channels.contains(&subject.channel))
            && self.visibility.is_none_or(|wanted| wanted == subject.visibility)
            && (self.topics.is_empty() || subject.topics.iter().any(|topic| self.topics.contains(topic)))
            && (self.groups.is_empty() || subject.groups.iter().any(|group| self.groups.contains(group)))
            && (self.teams.is_empty() || subject.team.is_some_and(|team| self.teams.contains(&team)))
    }
}

impl Targets {
    /// The target of a metric.
    pub fn of(&self, metric: Metric) -> Option<Target> {
        match metric {
            Metric::FirstResponse => self.first_response,
            Metric::NextResponse => self.next_response,
            Metric::Resolution => self.resolution,
        }
    }
}

impl Target {
    /// How long it may take, in microseconds.
    pub fn micros(self) -> i64 {
        i64::from(self.seconds) * 1_000_000
    }
}

impl Warning {
    /// How much of the target may be used up before the clock turns orange, in microseconds.
    pub fn micros_of(self, target: Target) -> i64 {
        match self {
            Self::UsedPercent(percent) => target.micros() / 100 * i64::from(percent),
            Self::LeftSeconds(seconds) => (target.micros() - i64::from(seconds) * 1_000_000).max(0),
        }
    }
}

/// Why a policy can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A target that is none.
    #[error("a target takes 1 second to 366 days; give such a time, or leave the target out")]
    TargetOutOfBounds,
    /// A share that is none.
    #[error("a warning comes at 1 to 100 percent of the target; give such a share")]
    WarningOutOfBounds,
}

impl Policy {
    /// Whether its numbers can be used.
    pub fn check(&self) -> Result<(), PolicyFault> {
        let Targets { first_response, next_response, resolution } = self.targets;
        let targets = [first_response, next_response, resolution];
        if !targets.iter().flatten().all(|target| (1..=TARGET_SECONDS_MAX).contains(&target.seconds)) {
            return Err(PolicyFault::TargetOutOfBounds);
        }
        match self.warning {
            Warning::UsedPercent(percent) if !(1..=100).contains(&percent) => Err(PolicyFault::WarningOutOfBounds),
            Warning::UsedPercent(_) | Warning::LeftSeconds(_) => Ok(()),
        }
    }
}
