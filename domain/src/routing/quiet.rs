//! When rules that wait for nothing to happen are due. A conversation keeps the rules that were in force when it
//! began; each is due once after the last thing that a person or a channel did.

use super::Tracked;
use crate::automation::{Automation, Rule};
use crate::conversation::Queue;
use crate::ids::{ConversationId, RuleId};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The rules through time, and when each is due in which conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Silence {
    /// The rules by the version of the settings that brought them.
    rules: BTreeMap<u64, Automation>,
    due: BTreeSet<(Timestamp, ConversationId, RuleId)>,
    of: HashMap<ConversationId, Vec<(Timestamp, RuleId)>>,
    /// The newest version of the settings under which a conversation began.
    newest: u64,
}

impl Silence {
    /// From this version of the settings on, these are the rules.
    pub(super) fn set_rules(&mut self, version: u64, rules: &Automation) {
        self.rules.insert(version, rules.clone());
    }

    /// Whether a conversation that began under this version of the settings or a later one was watched already, as it can
    /// be where the two lie in different partitions.
    pub(super) fn is_ahead_of(&self, version: u64) -> bool {
        self.newest >= version
    }

    /// The rule as it was under a version of the settings.
    pub(super) fn rule(&self, version: u64, rule: RuleId) -> Option<&Rule> {
        self.in_force(version)?.rule(rule)
    }

    fn in_force(&self, version: u64) -> Option<&Automation> {
        self.rules.range(..=version).next_back().map(|(_, rules)| rules)
    }

    /// The conversation is as told now; none if it is resolved.
    pub(super) fn watch(&mut self, id: ConversationId, tracked: Option<&Tracked>) {
        for (at, rule) in self.of.remove(&id).unwrap_or_default() {
            self.due.remove(&(at, id, rule));
        }
        let Some(tracked) = tracked else { return };
        self.newest = self.newest.max(tracked.settings_version);
        // One that is pended until a set time waits for that.
        if tracked.queue == Queue::Pending && tracked.returns.is_some() {
            return;
        }
        let Some(rules) = self.in_force(tracked.settings_version) else { return };
        let waiting: Vec<_> = rules
            .quiet(tracked.class.channel, tracked.visibility)
            .filter(|(rule, quiet, _)| quiet.queue == tracked.queue && !tracked.ruled.contains(rule))
            .map(|(rule, quiet, _)| (tracked.active.0.plus_secs(i64::from(quiet.seconds)), rule))
            .collect();
        if !waiting.is_empty() {
            self.due.extend(waiting.iter().map(|(at, rule)| (*at, id, *rule)));
            self.of.insert(id, waiting);
        }
    }

    /// Takes the next that is due by `now`.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(Timestamp, ConversationId, RuleId)> {
        let due = self.due.first().copied().filter(|(at, ..)| *at <= now)?;
        self.due.remove(&due);
        Some(due)
    }

    /// When the next is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, ..)| *at)
    }
}
