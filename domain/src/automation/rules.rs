//! The rules in force, in their order, ready to be asked. They come from the workspace's events.

use super::rule::{Condition, Quiet, Rule, Trigger};
use crate::conversation::Visibility;
use crate::fold;
use crate::ids::{ChannelId, RuleId};
use crate::redaction;
use regex::{Regex, RegexBuilder};
use std::sync::Arc;

/// The rules in force, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Automation(Vec<(RuleId, Arc<Ready>)>);

/// A rule whose patterns are compiled.
#[derive(Clone, Debug)]
pub struct Ready {
    rule: Rule,
    pub(super) tests: Vec<Vec<Test>>,
}

/// A condition made ready.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// One that asks about the conversation.
    Asks(Condition),
    /// One of these stands in the folded words of the message.
    Holds(Vec<String>),
    /// The message matches. None for a pattern that does not compile, which the workspace takes none of.
    Matches(Option<Box<Regex>>),
}

impl Ready {
    /// The rule, made ready.
    pub fn new(rule: Rule) -> Self {
        let tests = rule.when.iter().map(|line| line.iter().map(Test::of).collect()).collect();
        Self { rule, tests }
    }

    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl Test {
    fn of(condition: &Condition) -> Self {
        match condition {
            Condition::Words(words) => Self::Holds(words.iter().map(|word| needle(word)).collect()),
            Condition::Pattern(pattern) => Self::Matches(compiled(pattern).map(Box::new)),
            Condition::Channels(_)
            | Condition::Visibility(_)
            | Condition::Topics(_)
            | Condition::Groups(_)
            | Condition::Teams(_)
            | Condition::HasTeam(_)
            | Condition::Hours(_)
            | Condition::FirstMessage(_) => Self::Asks(condition.clone()),
        }
    }
}

/// What has to stand in the folded words.
fn needle(word: &str) -> String {
    let open_end = word.trim_end().ends_with('*');
    let mut folded = fold::words(word);
    if open_end {
        folded.pop();
    }
    folded
}

fn compiled(pattern: &str) -> Option<Regex> {
    redaction::compile(pattern).ok()?;
    RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 21).build().ok()
}

impl Automation {
    /// This rule alone.
    pub fn of_one(rule: Rule) -> Self {
        Self(vec![(RuleId(uuid::Uuid::nil()), Arc::new(Ready::new(rule)))])
    }

    /// The rule, if there is one, switched on or not.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, ready)| ready.rule())
    }

    /// Every rule, in order.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, &Ready)> {
        self.0.iter().map(|(id, ready)| (*id, ready.as_ref()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Rules that wait for nothing to happen on this channel, and how long.
    pub fn quiet(&self, channel: ChannelId, visibility: Visibility) -> impl Iterator<Item = (RuleId, Quiet, &Rule)> {
        self.iter().filter_map(move |(id, ready)| match ready.rule.trigger {
            Trigger::Quiet(quiet) if ready.rule.on && ready.is_for(channel, visibility) => {
                Some((id, quiet, &ready.rule))
            }
            Trigger::Quiet(_) | Trigger::Message => None,
        })
    }

    pub(crate) fn set(&mut self, id: RuleId, rule: &Rule) {
        let ready = Arc::new(Ready::new(rule.clone()));
        match self.0.iter_mut().find(|(known, _)| *known == id) {
            Some((_, there)) => *there = ready,
            None => self.0.push((id, ready)),
        }
    }

    pub(crate) fn order(&mut self, order: &[RuleId]) {
        let place = |id: &RuleId| order.iter().position(|it| it == id).unwrap_or(order.len());
        self.0.sort_by_key(|(id, _)| place(id));
    }

    pub(crate) fn remove(&mut self, rule: RuleId) {
        self.0.retain(|(known, _)| *known != rule);
    }
}
