//! The demo's script as its two TOML files tell it.

use clew_domain::agent::Language;
use clew_domain::contact::AttributeKey;
use clew_domain::conversation::{ResolveReason, Visibility};
use clew_domain::sla::Calendar;
use clew_domain::workspace::{AttributeKind, ChannelKind, Role};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the workspace is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    pub(super) name: String,
    pub(super) team: Vec<Team>,
    pub(super) agent: Vec<Agent>,
    pub(super) channel: Vec<Channel>,
    pub(super) topic: Vec<Named>,
    pub(super) group: Vec<Named>,
    pub(super) away: Vec<Named>,
    pub(super) attribute: Vec<Attribute>,
    pub(super) collection: Vec<Collection>,
    pub(super) calendar: Calendar,
    pub(super) sla: Vec<Sla>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Team {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) members: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) roles: BTreeSet<Role>,
    pub(super) language: Language,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) kind: ChannelKind,
    pub(super) visibility: Visibility,
    pub(super) team: Option<String>,
    #[serde(default)]
    pub(super) reopens: bool,
    pub(super) reply_characters_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attribute {
    pub(super) key: AttributeKey,
    pub(super) label: String,
    pub(super) kind: AttributeKind,
    #[serde(default)]
    pub(super) system: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) team: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) reply: Vec<Reply>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) title: String,
    pub(super) text: String,
}

/// A promise, in minutes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sla {
    pub(super) name: String,
    pub(super) visibility: Option<Visibility>,
    pub(super) first_response: u32,
    pub(super) next_response: u32,
}

/// What happened at the desk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    pub(super) conversation: Vec<Conversation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conversation {
    pub(super) channel: String,
    pub(super) contact: Contact,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contact {
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) group: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<AttributeKey, String>,
}

/// One thing that happened; exactly one of its acts is set.
#[expect(clippy::struct_excessive_bools, reason = "it mirrors how a step is written in the script")]
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// In minutes before now, negative.
    pub(super) at: i64,
    /// Who did it; the system, if nobody is named.
    pub(super) by: Option<String>,
    pub(super) r#in: Option<String>,
    pub(super) out: Option<String>,
    /// Whether `out` answers the last message of the contact.
    #[serde(default)]
    pub(super) to: bool,
    /// Whether `out` quotes the last message of the contact.
    #[serde(default)]
    pub(super) quoting: bool,
    pub(super) note: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) priority: Option<i16>,
    pub(super) assign: Option<String>,
    pub(super) assign_team: Option<String>,
    #[serde(default)]
    pub(super) pend: bool,
    pub(super) resolve: Option<ResolveReason>,
    #[serde(default)]
    pub(super) like: bool,
    #[serde(default)]
    pub(super) mask: bool,
    #[serde(default)]
    pub(super) block: bool,
}

pub(super) fn setup() -> Setup {
    toml::from_str(include_str!("workspace.toml")).expect("the demo's workspace is part of the program")
}

pub(super) fn story() -> Story {
    toml::from_str(include_str!("conversations.toml")).expect("the demo's story is part of the program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_story_is_in_the_setup() {
        let (setup, story) = (setup(), story());
        let agents: BTreeSet<_> = setup.agent.iter().map(|agent| agent.key.as_str()).collect();
        let teams: BTreeSet<_> = setup.team.iter().map(|team| team.key.as_str()).collect();
        let topics: BTreeSet<_> = setup.topic.iter().map(|topic| topic.name.as_str()).collect();
        for conversation in &story.conversation {
            assert!(setup.channel.iter().any(|channel| channel.key == conversation.channel));
            let mut before = i64::MIN;
            for step in &conversation.steps {
                assert!(step.at < 0 && step.at >= before, "{}: steps go on in time", conversation.contact.handle);
                before = step.at;
                for agent in step.by.iter().chain(&step.assign) {
                    assert!(agents.contains(agent.as_str()), "{agent}");
                }
                assert!(step.assign_team.as_deref().is_none_or(|team| teams.contains(team)));
                assert!(step.topic.as_deref().is_none_or(|topic| topics.contains(topic)));
            }
        }
    }
}
