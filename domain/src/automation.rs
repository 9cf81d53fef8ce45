//! Rules of the workspace: what is done by itself when a contact writes, when somebody changes a conversation's topics
//! or its contact's groups by hand, or when nothing happens for a while.
//! Which rules match and what they ask is decided here; the deciders of conversation and contact say what follows.
//!
//! No rule acts on what a rule did: only what people and channels do sets rules off, each rule once for each such
//! fact, and a rule answers a contact once until a person does. So there is no loop to detect.

mod matching;
mod rule;
mod rules;
#[cfg(test)]
mod tests;

pub use matching::{Matched, Subject, Text, Turned};
pub use rule::{
    ACTS_MAX, Act, CONDITIONS_MAX, Condition, Filling, Hours, OfGroups, OfTopics, QUIET_SECONDS_MAX, Quiet,
    REPLY_CHARACTERS_MAX, RULES_MAX, Rule, RuleFault, Trigger, WORDS_MAX, Which,
};
pub use rules::{Automation, Ready};
