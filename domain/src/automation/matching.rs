//! Which rules a message sets off, and what they ask together.

use super::rule::{Act, Condition, Hours, OfGroups, OfTopics, Trigger, Which};
use super::rules::{Automation, Ready, Test};
use crate::conversation::Visibility;
use crate::fold;
use crate::ids::{ChannelId, GroupId, RuleId, TeamId, TopicId};
use crate::sla;
use crate::time::Timestamp;
use std::collections::BTreeSet;

/// What a contact wrote, as rules read it.
#[derive(Clone, Debug)]
pub struct Text {
    written: String,
    words: String,
}

impl Text {
    /// The text.
    pub fn new(written: &str) -> Self {
        Self { written: written.to_owned(), words: fold::words(written) }
    }
}

/// A message, and what is known of its conversation and contact.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// What it says.
    pub text: &'a Text,
    /// When it was written.
    pub at: Timestamp,
    /// Whether it is the first of the conversation.
    pub first: bool,
    /// The channel.
    pub channel: ChannelId,
    /// Who can read the conversation.
    pub visibility: Visibility,
    /// Its topics.
    pub topics: BTreeSet<TopicId>,
    /// Its team.
    pub team: Option<TeamId>,
    /// The teams that it can be assigned to.
    pub takers: BTreeSet<TeamId>,
    /// Whether an agent owns it.
    pub owned: bool,
    /// The groups of its contact.
    pub groups: BTreeSet<GroupId>,
    /// Where calendars are looked up.
    pub sla: &'a sla::Rules,
}

/// A rule that a change by hand made match, or match no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned<'a> {
    /// Which rule.
    pub rule: RuleId,
    /// What it asks, but for the priority and answers; nothing of one that matches no more.
    pub acts: Vec<&'a Act>,
    /// By how much the priority rises with it, or falls.
    pub rise: i16,
    /// Whether it matches now.
    pub matches: bool,
}

/// A rule that a message set off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// Which rule.
    pub rule: RuleId,
    /// Its name.
    pub name: &'a str,
    /// What it asks, but for the priority.
    pub acts: Vec<&'a Act>,
    /// The priority that all matching rules together give, with the last of them that gives any.
    pub priority: Option<i16>,
    /// What the parentheses of its pattern matched.
    pub captured: Option<String>,
}

impl Automation {
    /// The rules that the message sets off, in order. A rule sees the topics, the team and the groups that those
    /// before it give.
    pub fn matching<'a>(&'a self, mut subject: Subject<'_>) -> Vec<Matched<'a>> {
        let mut matched: Vec<Matched<'a>> = Vec::new();
        let mut score: Option<(usize, i16)> = None;
        for (id, ready) in self.iter() {
            let rule = ready.rule();
            if !rule.on || rule.trigger != Trigger::Message || !ready.holds(&subject) {
                continue;
            }
            for act in &rule.then {
                subject.foresee(act);
                if let Act::Score(add) = act {
                    let so_far = score.map_or(0, |(_, so_far)| so_far);
                    score = Some((matched.len(), so_far.saturating_add(*add)));
                }
            }
            let acts = rule.then.iter().filter(|act| !matches!(act, Act::Score(_))).collect();
            let captured = ready.captured(&subject.text.written);
            matched.push(Matched { rule: id, name: &rule.name, acts, priority: None, captured });
            if rule.last {
                break;
            }
        }
        if let Some((index, priority)) = score {
            matched[index].priority = Some(priority);
        }
        matched
    }
}

impl Automation {
    /// The rules that a change by hand sets off: those that match after it and did not before, and those that match no
    /// more. Rules that ask what the message says are left out, since none was written. What rules that matched all
    /// along once did is not done again, so that a change by hand stays.
    pub fn turned<'a>(&'a self, before: &Subject<'_>, mut after: Subject<'_>) -> Vec<Turned<'a>> {
        let mut turned = Vec::new();
        let (mut ended_before, mut ended_after) = (false, false);
        for (id, ready) in self.iter() {
            let rule = ready.rule();
            if !rule.on || rule.trigger != Trigger::Message || ready.reads() {
                continue;
            }
            let did = !ended_before && ready.holds(before);
            let does = !ended_after && ready.holds(&after);
            ended_before |= did && rule.last;
            ended_after |= does && rule.last;
            if did == does {
                continue;
            }
            let score = rule.then.iter().map(|act| if let Act::Score(add) = act { *add } else { 0 });
            let score = score.fold(0_i16, i16::saturating_add);
            let rise = if does { score } else { score.saturating_neg() };
            let asked = rule.then.iter().filter(|act| does && !matches!(act, Act::Score(_) | Act::Reply(_)));
            let acts: Vec<&Act> = asked.collect();
            for act in &acts {
                after.foresee(act);
            }
            turned.push(Turned { rule: id, acts, rise, matches: does });
        }
        turned
    }
}

impl Subject<'_> {
    /// What rules behind the one that does this see.
    fn foresee(&mut self, act: &Act) {
        match act {
            Act::AddTopic(topic) => {
                self.topics.insert(*topic);
            }
            Act::RemoveTopic(topic) => {
                self.topics.remove(topic);
            }
            Act::AssignTeam(team) if !self.owned && self.takers.contains(team) => self.team = Some(*team),
            Act::JoinGroup(group) => {
                self.groups.insert(*group);
            }
            Act::AssignTeam(_)
            | Act::Score(_)
            | Act::FillAttribute(_)
            | Act::Reply(_)
            | Act::Resolve
            | Act::BringBack => {}
        }
    }

    fn meets(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Channels(of) => of.contains(&self.channel),
            Condition::Visibility(wanted) => *wanted == self.visibility,
            Condition::Topics(OfTopics { which, of }) => which.of(of, &self.topics),
            Condition::Groups(OfGroups { which, of }) => which.of(of, &self.groups),
            Condition::Teams(of) => self.team.is_some_and(|team| of.contains(&team)),
            Condition::HasTeam(wanted) => *wanted == self.team.is_some(),
            Condition::Hours(hours) => self.is_open(hours) == hours.open,
            Condition::FirstMessage(wanted) => *wanted == self.first,
            // Asked by `Test`, which has them ready.
            Condition::Words(_) | Condition::Pattern(_) => false,
        }
    }

    fn is_open(&self, hours: &Hours) -> bool {
        let calendar = hours.calendar.or_else(|| self.sla.channels.get(&self.channel).copied());
        let schedule = calendar.and_then(|calendar| self.sla.calendars.get(&calendar));
        let moment_later = Timestamp::from_micros(self.at.micros().saturating_add(1));
        schedule.is_none_or(|schedule| schedule.open_between(self.at, moment_later) > 0)
    }
}

impl Which {
    fn of<T: Ord>(self, wanted: &BTreeSet<T>, there: &BTreeSet<T>) -> bool {
        match self {
            Self::Any => !wanted.is_disjoint(there),
            Self::All => wanted.is_subset(there),
            Self::None => wanted.is_disjoint(there),
        }
    }
}

impl Ready {
    /// Whether it asks what the message says.
    fn reads(&self) -> bool {
        self.tests.iter().flatten().any(|test| match test {
            Test::Holds(_) | Test::Matches(_) => true,
            Test::Asks(_) => false,
        })
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        self.tests.iter().all(|line| {
            line.iter().any(|test| match test {
                Test::Asks(condition) => subject.meets(condition),
                Test::Holds(words) => words.iter().any(|word| subject.text.words.contains(word.as_str())),
                Test::Matches(pattern) => {
                    pattern.as_ref().is_some_and(|pattern| pattern.is_match(&subject.text.written))
                }
            })
        })
    }

    /// Whether all that it asks about channel and visibility holds.
    pub(super) fn is_for(&self, channel: ChannelId, visibility: Visibility) -> bool {
        self.rule().when.iter().all(|line| {
            line.iter().any(|condition| match condition {
                Condition::Channels(of) => of.contains(&channel),
                Condition::Visibility(wanted) => *wanted == visibility,
                Condition::Topics(_)
                | Condition::Groups(_)
                | Condition::Teams(_)
                | Condition::HasTeam(_)
                | Condition::Words(_)
                | Condition::Pattern(_)
                | Condition::Hours(_)
                | Condition::FirstMessage(_) => false,
            })
        })
    }

    /// What the parentheses of its patterns match, the first that do.
    fn captured(&self, text: &str) -> Option<String> {
        self.tests.iter().flatten().find_map(|test| match test {
            Test::Matches(Some(pattern)) => Some(pattern.captures(text)?.get(1)?.as_str().trim().to_owned()),
            Test::Matches(None) | Test::Asks(_) | Test::Holds(_) => None,
        })
    }
}
