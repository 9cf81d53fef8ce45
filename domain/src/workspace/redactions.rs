//! The redaction patterns of the workspace, as far as the facts tell, and the redactor made of those in force.

use super::event::RedactionPattern;
use crate::ids::RuleId;
use crate::redaction::Redactor;
use std::sync::{Arc, OnceLock};

/// A redaction pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// What it finds, and what it is called.
    pub definition: RedactionPattern,
    /// Whether it finds nothing any more.
    pub removed: bool,
}

/// Every redaction pattern that ever was, in the order of their first setting.
#[derive(Clone, Debug, Default)]
pub struct Redactions {
    patterns: Vec<(RuleId, Redaction)>,
    /// Made when it is first asked for: most who fold the workspace redact nothing.
    redactor: OnceLock<Arc<Redactor>>,
}

impl Redactions {
    /// The pattern, removed or not.
    pub fn get(&self, rule: RuleId) -> Option<&Redaction> {
        self.patterns.iter().find(|(id, _)| *id == rule).map(|(_, redaction)| redaction)
    }

    /// All patterns, removed ones too, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, &Redaction)> {
        self.patterns.iter().map(|(rule, redaction)| (*rule, redaction))
    }

    /// The patterns in force, in the order in which they are tried.
    pub fn in_force(&self) -> impl Iterator<Item = (RuleId, &RedactionPattern)> {
        self.iter().filter(|(_, it)| !it.removed).map(|(rule, it)| (rule, &it.definition))
    }

    /// What takes out of a text all that may not be stored: card numbers, then what the patterns in force find.
    pub fn redactor(&self) -> Arc<Redactor> {
        let make = || {
            let patterns = self.in_force().map(|(rule, it)| (rule, it.pattern.as_str()));
            // A panic stops what came in before anything of it is stored; storing it unredacted would be worse.
            Arc::new(Redactor::new(patterns).expect("the decider took only patterns that compile"))
        };
        Arc::clone(self.redactor.get_or_init(make))
    }

    pub(super) fn set(&mut self, rule: RuleId, definition: &RedactionPattern) {
        let redaction = Redaction { definition: definition.clone(), removed: false };
        match self.patterns.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, there)) => *there = redaction,
            None => self.patterns.push((rule, redaction)),
        }
        self.redactor = OnceLock::new();
    }

    pub(super) fn remove(&mut self, rule: RuleId) {
        if let Some((_, there)) = self.patterns.iter_mut().find(|(known, _)| *known == rule) {
            there.removed = true;
        }
        self.redactor = OnceLock::new();
    }
}
