//! The demo's workspace: channels, teams, people, topics, saved replies.

use super::script::{self, Setup};
use super::{DemoAccount, DemoError, PASSWORD, Stage, demo_id};
use crate::auth::passwords::{self, Password};
use clew_domain::agent::{self, Agent, Preferences};
use clew_domain::content::ContactNumber;
use clew_domain::fact::Actor;
use clew_domain::ids::{
    AgentId, AwayStatusId, CalendarId, ChannelId, CollectionId, GroupId, SavedReplyId, SlaPolicyId, StreamId, TeamId,
    TopicId,
};
use clew_domain::plaintext::{SavedReply, Secret};
use clew_domain::saved_reply::{self, Collection, CollectionOwner};
use clew_domain::sla::{Conditions, Counting, Policy, Target, Targets, Warning};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{AttributeDefinition, ChannelProfile, Command, Workspace};
use clew_eventstore::sealed::SealedContent;
use std::collections::HashMap;

/// How long before now the workspace was set up.
const SET_UP_DAYS: i64 = 30;

/// Who and what the story speaks of, by the script's keys and names.
#[derive(Default)]
pub(super) struct Cast {
    pub(super) agents: HashMap<String, AgentId>,
    pub(super) teams: HashMap<String, TeamId>,
    pub(super) channels: HashMap<String, (ChannelId, ChannelProfile)>,
    pub(super) topics: HashMap<String, TopicId>,
    pub(super) groups: HashMap<String, GroupId>,
    pub(super) accounts: Vec<DemoAccount>,
    pub(super) settings_version: u64,
}

struct Builder<'a> {
    stage: &'a Stage,
    at: Timestamp,
    cast: Cast,
}

pub(super) async fn set_up(stage: &Stage) -> Result<Cast, DemoError> {
    let setup = script::setup();
    let at = stage.now.plus_secs(-SET_UP_DAYS * 86_400);
    let mut builder = Builder { stage, at, cast: Cast::default() };
    builder.workspace(Command::Create { name: setup.name.clone() }, Vec::new()).await?;
    builder.people(&setup).await?;
    builder.teams(&setup).await?;
    builder.channels(&setup).await?;
    builder.words(&setup).await?;
    builder.promises(&setup).await?;
    builder.saved_replies(&setup).await?;
    Ok(builder.cast)
}

impl Builder<'_> {
    async fn workspace(&mut self, command: Command, contents: Vec<SealedContent>) -> Result<(), DemoError> {
        let by = (Actor::System, self.at);
        let version = self.cast.settings_version;
        let done = self.stage.act::<Workspace>(StreamId::WORKSPACE, by, version, command, contents).await?;
        self.cast.settings_version = done.version;
        Ok(())
    }

    async fn people(&mut self, setup: &Setup) -> Result<(), DemoError> {
        for person in &setup.agent {
            let agent = AgentId(demo_id("agent", &person.key));
            let login = format!("{}@demo.example", person.key);
            let roles = person.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect::<Vec<_>>();
            self.cast.accounts.push(DemoAccount { login: login.clone(), roles: roles.join(", ") });
            self.cast.agents.insert(person.key.clone(), agent);
            let roles = person.roles.clone();
            self.workspace(Command::OpenAccount { agent, login, name: person.name.clone(), roles }, Vec::new()).await?;
            let hash = passwords::hash(&Password::new(PASSWORD.to_owned()));
            let hash = hash.expect("the demo's password is a password");
            let sealed = self.stage.vault.seal_value(ContactNumber::WORKSPACE, &Secret { secret: hash })?;
            let hash = sealed.reference();
            self.workspace(Command::SetPassword { agent, hash }, vec![sealed]).await?;
            let preferences = Preferences { language: Some(person.language), ..Preferences::default() };
            let by = (Actor::Agent(agent), self.at);
            let command = agent::Command::ChangePreferences { preferences };
            self.stage.act::<Agent>(agent.into(), by, self.cast.settings_version, command, Vec::new()).await?;
        }
        Ok(())
    }

    async fn teams(&mut self, setup: &Setup) -> Result<(), DemoError> {
        for wanted in &setup.team {
            let team = TeamId(demo_id("team", &wanted.key));
            self.cast.teams.insert(wanted.key.clone(), team);
            self.workspace(Command::CreateTeam { team, name: wanted.name.clone() }, Vec::new()).await?;
            for member in &wanted.members {
                let agent = self.cast.agents[member];
                self.workspace(Command::AddTeamMember { team, agent }, Vec::new()).await?;
            }
        }
        Ok(())
    }

    async fn channels(&mut self, setup: &Setup) -> Result<(), DemoError> {
        for wanted in &setup.channel {
            let channel = ChannelId(demo_id("channel", &wanted.key));
            let profile = ChannelProfile {
                kind: wanted.kind,
                name: wanted.name.clone(),
                visibility: wanted.visibility,
                reopens: wanted.reopens,
                team: wanted.team.as_ref().map(|team| self.cast.teams[team]),
                reply_characters_max: wanted.reply_characters_max,
            };
            self.cast.channels.insert(wanted.key.clone(), (channel, profile.clone()));
            self.workspace(Command::ConnectChannel { channel, profile }, Vec::new()).await?;
        }
        Ok(())
    }

    /// Topics, groups, away states and attributes.
    async fn words(&mut self, setup: &Setup) -> Result<(), DemoError> {
        for wanted in &setup.topic {
            let topic = TopicId(demo_id("topic", &wanted.name));
            self.cast.topics.insert(wanted.name.clone(), topic);
            self.workspace(Command::DefineTopic { topic, name: wanted.name.clone() }, Vec::new()).await?;
        }
        for wanted in &setup.group {
            let group = GroupId(demo_id("group", &wanted.name));
            self.cast.groups.insert(wanted.name.clone(), group);
            self.workspace(Command::DefineGroup { group, name: wanted.name.clone() }, Vec::new()).await?;
        }
        for wanted in &setup.away {
            let status = AwayStatusId(demo_id("awaystatus", &wanted.name));
            self.workspace(Command::DefineAwayStatus { status, name: wanted.name.clone() }, Vec::new()).await?;
        }
        for wanted in &setup.attribute {
            let definition =
                AttributeDefinition { label: wanted.label.clone(), kind: wanted.kind, system: wanted.system };
            self.workspace(Command::DefineAttribute { key: wanted.key.clone(), definition }, Vec::new()).await?;
        }
        Ok(())
    }

    /// The calendar and the service level policies, which count around the clock so that the demo is lively at night.
    async fn promises(&mut self, setup: &Setup) -> Result<(), DemoError> {
        let calendar = CalendarId(demo_id("calendar", &setup.calendar.name));
        self.workspace(
            Command::SetCalendar { calendar, definition: setup.calendar.clone(), apply_to_open: false },
            Vec::new(),
        )
        .await?;
        for wanted in &setup.sla {
            let target = |minutes: u32| Some(Target { seconds: minutes * 60, counting: Counting::CalendarTime });
            let definition = Policy {
                name: wanted.name.clone(),
                conditions: Conditions { visibility: wanted.visibility, ..Conditions::default() },
                targets: Targets {
                    first_response: target(wanted.first_response),
                    next_response: target(wanted.next_response),
                    resolution: None,
                },
                calendar: Some(calendar),
                warning: Warning::UsedPercent(75),
                pending_pauses: true,
                automatic_replies_count: false,
            };
            let policy = SlaPolicyId(demo_id("policy", &wanted.name));
            self.workspace(Command::SetSlaPolicy { policy, definition, apply_to_open: false }, Vec::new()).await?;
        }
        Ok(())
    }

    async fn saved_replies(&mut self, setup: &Setup) -> Result<(), DemoError> {
        for wanted in &setup.collection {
            let collection = CollectionId(demo_id("collection", &wanted.name));
            let team = wanted.team.as_ref().map(|team| CollectionOwner::Team(self.cast.teams[team]));
            let agent = || wanted.agent.as_ref().map(|agent| CollectionOwner::Agent(self.cast.agents[agent]));
            let owner = team.or_else(agent).expect("a demo collection names its owner");
            let create = saved_reply::Command::Create { owner, name: wanted.name.clone() };
            self.collection(collection, create, Vec::new()).await?;
            for reply in &wanted.reply {
                let saved = SavedReply { title: reply.title.clone(), text: reply.text.clone() };
                let sealed = self.stage.vault.seal_value(ContactNumber::WORKSPACE, &saved)?;
                let reply = SavedReplyId(demo_id("saved reply", &reply.title));
                let add = saved_reply::Command::AddReply { reply, content: sealed.reference() };
                self.collection(collection, add, vec![sealed]).await?;
            }
        }
        Ok(())
    }

    async fn collection(
        &self,
        collection: CollectionId,
        command: saved_reply::Command,
        contents: Vec<SealedContent>,
    ) -> Result<(), DemoError> {
        let by = (Actor::System, self.at);
        let version = self.cast.settings_version;
        self.stage.act::<Collection>(collection.into(), by, version, command, contents).await?;
        Ok(())
    }
}
