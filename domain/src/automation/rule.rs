//! A rule: what sets it off, the conversations that it is for, what it does. What is written in one (words,
//! patterns, an answer) is a setting, like the name of a topic, and never comes from a contact.

use crate::contact::AttributeKey;
use crate::conversation::{Queue, Visibility};
use crate::ids::{CalendarId, ChannelId, GroupId, TeamId, TopicId};
use crate::redaction::{self, PatternError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The rules of a workspace at most.
pub const RULES_MAX: usize = 200;
/// The conditions of one rule at most.
pub const CONDITIONS_MAX: usize = 30;
/// The acts of one rule at most.
pub const ACTS_MAX: usize = 10;
/// The words of one condition at most.
pub const WORDS_MAX: usize = 100;
/// The characters of one word or pattern at most.
pub(super) const PATTERN_CHARACTERS_MAX: usize = 500;
/// The characters of an automatic reply at most.
pub const REPLY_CHARACTERS_MAX: usize = 2_000;
/// How long a rule may wait for something to happen.
pub const QUIET_SECONDS_MAX: u32 = 366 * 86_400;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub on: bool,
    /// What sets it off.
    pub trigger: Trigger,
    /// The conversations that it is for: every line must hold, and a line holds when one of its conditions does.
    /// Without a line it is for all.
    pub when: Vec<Vec<Condition>>,
    /// What it does, in this order.
    pub then: Vec<Act>,
    /// Whether the rules behind it are left out when it matches.
    pub last: bool,
}

/// What sets a rule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The contact writes.
    Message,
    /// Nobody does anything for a while. Holds for conversations that begin after the rule is set.
    Quiet(Quiet),
}

/// A time in which nobody did anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// Where the conversation stands: New or Pending. One that is pended until a set time waits for that.
    pub queue: Queue,
    /// How long.
    pub seconds: u32,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It is on one of these channels.
    Channels(BTreeSet<ChannelId>),
    /// Anyone can read it, or the contact and we alone.
    Visibility(Visibility),
    /// It has such topics, those that rules before this one added among them.
    Topics(OfTopics),
    /// Its contact is in such groups.
    Groups(OfGroups),
    /// It is assigned to one of these teams.
    Teams(BTreeSet<TeamId>),
    /// It is assigned to a team, or not.
    HasTeam(bool),
    /// The message holds one of these words or phrases, whatever case and accents. A `*` at the end of one stands for
    /// any ending of its last word.
    Words(Vec<String>),
    /// The message matches this regular expression, whatever case. It is matched in time linear in the message.
    Pattern(String),
    /// Business is open, or closed, when the message is written.
    Hours(Hours),
    /// The message is the first of the conversation, or not.
    FirstMessage(bool),
}

/// How many of some are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// At least one.
    Any,
    /// Each.
    All,
    /// Not one.
    None,
}

/// Topics, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OfTopics {
    /// How many.
    pub which: Which,
    /// Of these.
    pub of: BTreeSet<TopicId>,
}

/// Groups, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OfGroups {
    /// How many.
    pub which: Which,
    /// Of these.
    pub of: BTreeSet<GroupId>,
}

/// Whether business is open by a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Open, or closed.
    pub open: bool,
    /// The calendar; without one the channel's, and without that every hour is open.
    pub calendar: Option<CalendarId>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Add a topic.
    AddTopic(TopicId),
    /// Remove a topic.
    RemoveTopic(TopicId),
    /// Assign it to a team, if no agent owns it.
    AssignTeam(TeamId),
    /// Add so much to its priority: it becomes the sum of what all matching rules add.
    Score(i16),
    /// Put the contact into a group.
    JoinGroup(GroupId),
    /// Fill an attribute of the contact.
    FillAttribute(Filling),
    /// Answer the contact with this text: once, until a person answers.
    Reply(String),
    /// Resolve it. For what nobody did anything about.
    Resolve,
    /// Bring a pending one back to New. For what nobody did anything about.
    BringBack,
}

/// An attribute, and what fills it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Filling {
    /// Which attribute.
    pub key: AttributeKey,
    /// With what; without it, what the first pair of parentheses of the rule's pattern matched.
    pub value: Option<String>,
}

/// Why a rule can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It does nothing.
    #[error("a rule does 1 to {ACTS_MAX} things; say what it is to do")]
    Acts,
    /// It asks more than anyone can survey.
    #[error("a rule has at most {CONDITIONS_MAX} conditions and no empty line; make several rules of it")]
    Conditions,
    /// The words of a condition can't be used.
    #[error(
        "a condition has 1 to {WORDS_MAX} words of 1 to {PATTERN_CHARACTERS_MAX} characters, with a letter or digit each"
    )]
    Words,
    /// The pattern can't be used.
    #[error(transparent)]
    Pattern(PatternError),
    /// A pattern is longer than any needs to be.
    #[error("a pattern has at most {PATTERN_CHARACTERS_MAX} characters; shorten it")]
    PatternTooLong,
    /// A condition names nothing.
    #[error("a condition must name at least one thing; name one, or leave the condition out")]
    NamesNothing,
    /// The wait is none.
    #[error("a rule waits 60 seconds to 366 days, in New or Pending; give such a time")]
    Wait,
    /// What it does or asks makes no sense for its trigger.
    #[error(
        "{0} does not go with this trigger: a message can't resolve or bring back, and where nobody does anything only \
         channel and visibility can be asked and neither answers nor contacts changed"
    )]
    NotForTrigger(&'static str),
    /// The reply can't be sent.
    #[error("an automatic reply has 1 to {REPLY_CHARACTERS_MAX} characters and a rule sends one; shorten it")]
    Reply,
    /// Nothing would fill the attribute.
    #[error("an attribute without a value is filled from a pattern with parentheses; give a value or such a pattern")]
    NothingToFill,
}

impl Rule {
    /// Its conditions, line by line.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().flatten()
    }

    /// Whether it can be used, but for the things that it names.
    pub fn check(&self) -> Result<(), RuleFault> {
        if self.then.is_empty() || self.then.len() > ACTS_MAX {
            return Err(RuleFault::Acts);
        }
        if self.conditions().count() > CONDITIONS_MAX || self.when.iter().any(Vec::is_empty) {
            return Err(RuleFault::Conditions);
        }
        self.conditions().try_for_each(Condition::check)?;
        if self.then.iter().filter(|act| matches!(act, Act::Reply(_))).count() > 1 {
            return Err(RuleFault::Reply);
        }
        self.then.iter().try_for_each(|act| self.check_act(act))?;
        match self.trigger {
            Trigger::Message => Ok(()),
            Trigger::Quiet(quiet) => self.check_quiet(quiet),
        }
    }

    fn check_act(&self, act: &Act) -> Result<(), RuleFault> {
        match act {
            Act::Reply(text) => {
                let fits = !text.trim().is_empty() && text.chars().count() <= REPLY_CHARACTERS_MAX;
                if fits { Ok(()) } else { Err(RuleFault::Reply) }
            }
            Act::FillAttribute(Filling { value: None, .. }) if !self.captures() => Err(RuleFault::NothingToFill),
            Act::Resolve | Act::BringBack if self.trigger == Trigger::Message => {
                Err(RuleFault::NotForTrigger("resolving and bringing back"))
            }
            Act::AddTopic(_)
            | Act::RemoveTopic(_)
            | Act::AssignTeam(_)
            | Act::Score(_)
            | Act::JoinGroup(_)
            | Act::FillAttribute(_)
            | Act::Resolve
            | Act::BringBack => Ok(()),
        }
    }

    /// Whether it has a pattern with a pair of parentheses.
    fn captures(&self) -> bool {
        let patterns = self.conditions().filter_map(|it| if let Condition::Pattern(it) = it { Some(it) } else { None });
        patterns.filter_map(|pattern| redaction::compile(pattern).ok()).any(|pattern| pattern.captures_len() > 1)
    }

    fn check_quiet(&self, quiet: Quiet) -> Result<(), RuleFault> {
        if quiet.queue == Queue::Resolved || !(60..=QUIET_SECONDS_MAX).contains(&quiet.seconds) {
            return Err(RuleFault::Wait);
        }
        let asks = |it: &Condition| matches!(it, Condition::Channels(_) | Condition::Visibility(_));
        if !self.conditions().all(asks) {
            return Err(RuleFault::NotForTrigger("a condition"));
        }
        let of_message = |act: &Act| matches!(act, Act::Reply(_) | Act::JoinGroup(_) | Act::FillAttribute(_));
        if self.then.iter().any(of_message) { Err(RuleFault::NotForTrigger("an act")) } else { Ok(()) }
    }
}

impl Condition {
    fn check(&self) -> Result<(), RuleFault> {
        let names = |some: bool| if some { Ok(()) } else { Err(RuleFault::NamesNothing) };
        match self {
            Self::Channels(of) => names(!of.is_empty()),
            Self::Topics(OfTopics { of, .. }) => names(!of.is_empty()),
            Self::Groups(OfGroups { of, .. }) => names(!of.is_empty()),
            Self::Teams(of) => names(!of.is_empty()),
            Self::Words(words) => {
                let fits = |word: &String| {
                    word.chars().count() <= PATTERN_CHARACTERS_MAX && word.chars().any(char::is_alphanumeric)
                };
                let all = (1..=WORDS_MAX).contains(&words.len()) && words.iter().all(fits);
                if all { Ok(()) } else { Err(RuleFault::Words) }
            }
            Self::Pattern(pattern) if pattern.chars().count() > PATTERN_CHARACTERS_MAX => {
                Err(RuleFault::PatternTooLong)
            }
            Self::Pattern(pattern) => redaction::compile(pattern).map(|_| ()).map_err(RuleFault::Pattern),
            Self::Visibility(_) | Self::HasTeam(_) | Self::Hours(_) | Self::FirstMessage(_) => Ok(()),
        }
    }
}
