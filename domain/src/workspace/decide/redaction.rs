//! Redaction patterns: set under a name of their own, changed, removed. That one can be matched at all is
//! [`crate::redaction`]'s to say.

use super::{Decision, REDACTION_PATTERNS_MAX, Rejection, Thing, only};
use crate::ids::RuleId;
use crate::name;
use crate::redaction::compile;
use crate::workspace::event::{RedactionPattern, WorkspaceEvent};
use crate::workspace::state::WorkspaceState;

pub(super) fn set(state: &WorkspaceState, rule: RuleId, wanted: &RedactionPattern) -> Decision {
    let known = state.redactions.get(rule);
    if known.is_some_and(|known| known.removed) {
        return Err(Rejection::Gone(Thing::RedactionPattern(rule)));
    }
    let definition = RedactionPattern { name: name::tidy(&wanted.name)?, ..wanted.clone() };
    let mut others = state.redactions.in_force().filter(|(other, _)| *other != rule);
    if let Some((other, _)) = others.find(|(_, it)| name::same(&it.name, &definition.name)) {
        return Err(Rejection::NameTaken(Thing::RedactionPattern(other)));
    }
    compile(&definition.pattern)?;
    if known.is_none() && state.redactions.in_force().count() >= REDACTION_PATTERNS_MAX {
        return Err(Rejection::TooMany { what: "redaction patterns", max: REDACTION_PATTERNS_MAX });
    }
    only(known.is_none_or(|known| known.definition != definition), || WorkspaceEvent::RedactionPatternSet {
        rule,
        definition,
    })
}

pub(super) fn remove(state: &WorkspaceState, rule: RuleId) -> Decision {
    let known = state.redactions.get(rule).ok_or(Rejection::Unknown(Thing::RedactionPattern(rule)))?;
    only(!known.removed, || WorkspaceEvent::RedactionPatternRemoved { rule })
}
