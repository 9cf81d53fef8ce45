//! Which rules were in force for a clock, whenever it ran: the past keeps its own.
//!
//! A clock is judged by the rules of the settings version under which it started. An edit that applies to open
//! clocks changes these rules from its own instant on, for clocks that started under an earlier version.
//! Whoever asks has taken in the workspace up to the version that they ask for.

use super::rules::Rules;
use crate::fact::{Event, Fact};
use crate::time::Timestamp;
use crate::workspace::WorkspaceEvent;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The rules of service levels through time, from the facts of the workspace. Saved as the events that made them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Taken>", into = "Vec<Taken>")]
pub struct Timeline {
    /// Every event that changed the rules.
    taken: Vec<Taken>,
    /// For each version at which the rules changed: those rules, and what edits made of them for open clocks.
    lines: Vec<Line>,
    /// The edits that apply to open clocks: the version that each made, and its instant.
    edits: Vec<(u64, Timestamp)>,
    instant: Timestamp,
}

/// An event that changed the rules, the version that it made, and its instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taken(u64, Timestamp, WorkspaceEvent);

#[derive(Clone, Debug)]
struct Line {
    version: u64,
    /// Which rules hold for clocks that started under this version.
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// From when on; the first from ever.
    from: Timestamp,
    /// The version that an edit made; 0 for the first.
    version: u64,
    rules: Arc<Rules>,
}

impl Step {
    fn first(rules: Rules) -> Self {
        Self { from: Timestamp::MIN, version: 0, rules: Arc::new(rules) }
    }
}

/// The rules through time, as far as whoever worked under a version of the settings could know them.
///
/// A conversation and the workspace may lie in different partitions, and nothing says which of their facts came first. So
/// what a fact does to a clock never depends on an edit that no writer of the conversation had seen by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    timeline: &'a Timeline,
    version: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::constant(Rules::default())
    }
}

impl Timeline {
    /// These rules, as if they had always been in force. They are never saved.
    pub(super) fn constant(rules: Rules) -> Self {
        let lines = vec![Line { version: 0, steps: vec![Step::first(rules)] }];
        Self { taken: Vec::new(), lines, edits: Vec::new(), instant: Timestamp::MIN }
    }

    /// How many edits that apply to open clocks were taken into account.
    pub fn edits(&self) -> usize {
        self.edits.len()
    }

    /// The instant of the last of them.
    pub fn edited_at(&self) -> Timestamp {
        self.whole().edited_at()
    }

    /// Takes a fact of the workspace into account. Says from when on open clocks are judged anew, if they are.
    pub fn take(&mut self, fact: &Fact) -> Option<Timestamp> {
        let Event::Workspace(event) = &fact.event else { return None };
        let at = instant_of(fact).max(self.instant);
        self.take_event(fact.version, at, event)
    }

    fn take_event(&mut self, version: u64, at: Timestamp, event: &WorkspaceEvent) -> Option<Timestamp> {
        let mut rules = (**self.latest()).clone();
        if !rules.take(event) {
            return None;
        }
        self.instant = at;
        let applies = applies_to_open(event);
        if applies {
            self.edits.push((version, at));
            for line in &mut self.lines {
                let last = line.steps.last().expect("a line has its first step");
                let mut edited = (*last.rules).clone();
                edited.take(event);
                line.steps.push(Step { from: at, version, rules: Arc::new(edited) });
            }
        }
        self.lines.push(Line { version, steps: vec![Step::first(rules)] });
        self.taken.push(Taken(version, at, event.clone()));
        applies.then_some(at)
    }

    /// The rules of the latest version.
    pub fn latest(&self) -> &Arc<Rules> {
        let line = self.lines.last().expect("there is a line from the start");
        &line.steps[0].rules
    }

    /// The rules for a clock that started under this version of the settings, after so many edits.
    pub(super) fn rules(&self, version: u64, edits: usize) -> &Arc<Rules> {
        &self.line(version).steps[edits].rules
    }

    /// As it was known under a version of the settings.
    pub(super) fn known_at(&self, version: u64) -> Known<'_> {
        Known { timeline: self, version }
    }

    /// With every edit.
    pub(super) fn whole(&self) -> Known<'_> {
        self.known_at(u64::MAX)
    }

    fn line(&self, version: u64) -> &Line {
        let next = self.lines.partition_point(|line| line.version <= version);
        &self.lines[next.max(1) - 1]
    }
}

impl<'a> Known<'a> {
    /// How many edits apply, by an instant, to a clock that starts then under this version of the settings.
    pub(super) fn edits_until(self, version: u64, at: Timestamp) -> usize {
        let applies = |step: &Step| step.from <= at && step.version <= self.version;
        self.timeline.line(version).steps.partition_point(applies).max(1) - 1
    }

    /// From when on an edit beyond so many applies to a clock that started under this version of the settings.
    pub(super) fn next_edit(self, version: u64, edits: usize) -> Option<Timestamp> {
        let next = self.timeline.line(version).steps.get(edits + 1);
        next.filter(|step| step.version <= self.version).map(|step| step.from)
    }

    /// The instant of the last edit that applies to open clocks.
    pub(super) fn edited_at(self) -> Timestamp {
        let edits = &self.timeline.edits;
        let count = edits.partition_point(|(version, _)| *version <= self.version);
        edits[..count].last().map_or(Timestamp::MIN, |(_, at)| *at)
    }

    /// The rules for a clock that started under this version of the settings, after so many edits.
    pub(super) fn rules(self, version: u64, edits: usize) -> &'a Arc<Rules> {
        self.timeline.rules(version, edits)
    }
}

impl From<Vec<Taken>> for Timeline {
    fn from(taken: Vec<Taken>) -> Self {
        let mut timeline = Self::default();
        for Taken(version, at, event) in &taken {
            timeline.take_event(*version, *at, event);
        }
        timeline
    }
}

impl From<Timeline> for Vec<Taken> {
    fn from(timeline: Timeline) -> Self {
        timeline.taken
    }
}

/// When a fact counts as having happened: as told, but not after it was recorded.
pub(super) fn instant_of(fact: &Fact) -> Timestamp {
    fact.occurred_at.min(fact.recorded_at)
}

fn applies_to_open(event: &WorkspaceEvent) -> bool {
    matches!(
        event,
        WorkspaceEvent::CalendarSet { apply_to_open: true, .. }
            | WorkspaceEvent::ChannelCalendarSet { apply_to_open: true, .. }
            | WorkspaceEvent::SlaPolicySet { apply_to_open: true, .. }
            | WorkspaceEvent::SlaPoliciesOrdered { apply_to_open: true, .. }
            | WorkspaceEvent::SlaPolicyRemoved { apply_to_open: true, .. }
    )
}
