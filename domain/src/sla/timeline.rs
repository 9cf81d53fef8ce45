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
    /// How many edits apply to open clocks.
    edits: u32,
    edited_at: Timestamp,
    instant: Timestamp,
}

/// An event that changed the rules, the version that it made, and its instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taken(u64, Timestamp, WorkspaceEvent);

#[derive(Clone, Debug)]
struct Line {
    version: u64,
    /// From when on which rules hold for clocks that started under this version; the first from ever.
    steps: Vec<(Timestamp, Arc<Rules>)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::constant(Rules::default())
    }
}

impl Timeline {
    /// These rules, as if they had always been in force. They are never saved.
    pub(super) fn constant(rules: Rules) -> Self {
        let ever = (Timestamp::MIN, Arc::new(rules));
        let lines = vec![Line { version: 0, steps: vec![ever] }];
        Self { taken: Vec::new(), lines, edits: 0, edited_at: Timestamp::MIN, instant: Timestamp::MIN }
    }

    /// How many edits that apply to open clocks were taken into account.
    pub fn edits(&self) -> u32 {
        self.edits
    }

    /// The instant of the last of them.
    pub fn edited_at(&self) -> Timestamp {
        self.edited_at
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
            self.edits += 1;
            self.edited_at = at;
            for line in &mut self.lines {
                let (_, last) = line.steps.last().expect("a line has its first step");
                let mut edited = (**last).clone();
                edited.take(event);
                line.steps.push((at, Arc::new(edited)));
            }
        }
        self.lines.push(Line { version, steps: vec![(Timestamp::MIN, Arc::new(rules))] });
        self.taken.push(Taken(version, at, event.clone()));
        applies.then_some(at)
    }

    /// The rules of the latest version.
    pub fn latest(&self) -> &Arc<Rules> {
        let line = self.lines.last().expect("there is a line from the start");
        &line.steps[0].1
    }

    /// How many edits apply, by an instant, to a clock that starts then under this version of the settings.
    pub(super) fn edits_until(&self, version: u64, at: Timestamp) -> usize {
        self.line(version).steps.partition_point(|(from, _)| *from <= at).max(1) - 1
    }

    /// The rules for a clock that started under this version of the settings, after so many edits.
    pub(super) fn rules(&self, version: u64, edits: usize) -> &Arc<Rules> {
        &self.line(version).steps[edits].1
    }

    /// From when on an edit beyond so many applies to a clock that started under this version of the settings.
    pub(super) fn next_edit(&self, version: u64, edits: usize) -> Option<Timestamp> {
        self.line(version).steps.get(edits + 1).map(|(from, _)| *from)
    }

    fn line(&self, version: u64) -> &Line {
        let next = self.lines.partition_point(|line| line.version <= version);
        &self.lines[next.max(1) - 1]
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
