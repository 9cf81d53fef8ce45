//! The demo's story: what contacts wrote and what the desk did, step by step.

use super::script::{self, Step};
use super::setup::Cast;
use super::{DemoError, Stage, demo_id};
use crate::ingest::{ChannelMessage, Source, usual_kind};
use clew_domain::contact::{self, Contact};
use clew_domain::content::ContactNumber;
use clew_domain::conversation::{
    Assignee, AssignmentCause, Command, Conversation, ReplyContext, ReplyMode, ReplyOrigin, ReplySent, SendReply, Then,
};
use clew_domain::fact::Actor;
use clew_domain::ids::{ContactId, ConversationId, MessageId, NoteId};
use clew_domain::plaintext::{AttributeValue, ContactIdentity, Message, Note};
use clew_domain::time::Timestamp;
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::transact::load;
use std::sync::Arc;

pub(super) async fn play(stage: &Stage, cast: &Cast) -> Result<(), DemoError> {
    for scene in &script::story().conversation {
        let (channel, profile) = cast.channels[&scene.channel].clone();
        let redactor = Arc::default();
        let source = Source { channel, profile, redactor, settings_version: cast.settings_version, rules: None };
        Scene { stage, cast, script: scene, source, last: None }.play().await?;
    }
    Ok(())
}

struct Scene<'a> {
    stage: &'a Stage,
    cast: &'a Cast,
    script: &'a script::Conversation,
    source: Source,
    last: Option<Last>,
}

/// What the contact wrote last, and where.
#[derive(Clone, Copy)]
struct Last {
    conversation: ConversationId,
    message: MessageId,
    number: ContactNumber,
}

impl Scene<'_> {
    async fn play(mut self) -> Result<(), DemoError> {
        for (index, step) in self.script.steps.iter().enumerate() {
            let at = self.stage.now.plus_secs(step.at * 60);
            match &step.r#in {
                Some(text) => self.receive(index, text, at).await?,
                None => self.work(step, at).await?,
            }
        }
        Ok(())
    }

    async fn receive(&mut self, index: usize, text: &str, at: Timestamp) -> Result<(), DemoError> {
        let contact = &self.script.contact;
        let id = format!("demo-{}-{index}", contact.handle);
        let link = (usual_kind(&self.source.profile).visibility() == clew_domain::conversation::Visibility::Public)
            .then(|| format!("https://social.example/{}/{id}", contact.handle));
        let message = ChannelMessage {
            thread: Some(crate::ingest::ThreadName::Named(format!("demo-{}", contact.handle))),
            id,
            contact: ContactIdentity { handle: contact.handle.clone(), name: Some(contact.name.clone()) },
            text: text.to_owned(),
            kind: None,
            at,
            answers: None,
            link,
            author: None,
            attachments: Vec::new(),
        };
        let first = self.last.is_none();
        let ingested = self.stage.ingest.receive(&self.source, message).await?;
        let Some(conversation) = ingested.conversation else { return Ok(()) };
        let refused = |error: &dyn std::fmt::Display| DemoError::Refused(error.to_string());
        let state = load::<Conversation>(&*self.stage.store, conversation.into()).await;
        let started = state.map_err(|error| refused(&error))?.state.started;
        let contact = started.expect("a conversation that took a message in has begun").contact;
        let known = load::<Contact>(&*self.stage.store, contact.into()).await.map_err(|error| refused(&error))?;
        let number = known.state.known.expect("a contact who wrote is known").number;
        self.last = Some(Last { conversation, message: ingested.message, number });
        if first { self.introduce(contact, number, at).await } else { Ok(()) }
    }

    /// Fills in what the workspace knows of the contact.
    async fn introduce(&self, contact: ContactId, number: ContactNumber, at: Timestamp) -> Result<(), DemoError> {
        for (key, value) in &self.script.contact.attributes {
            let sealed = self.stage.vault.seal_value(number, &AttributeValue { text: value.clone() })?;
            let command = contact::Command::SetAttribute { key: key.clone(), value: sealed.reference() };
            self.contact(contact, at, command, vec![sealed]).await?;
        }
        if let Some(group) = &self.script.contact.group {
            let command = contact::Command::JoinGroup { group: self.cast.groups[group] };
            self.contact(contact, at, command, Vec::new()).await?;
        }
        Ok(())
    }

    async fn contact(
        &self,
        contact: ContactId,
        at: Timestamp,
        command: contact::Command,
        contents: Vec<SealedContent>,
    ) -> Result<(), DemoError> {
        let by = (Actor::System, at);
        self.stage.act::<Contact>(contact.into(), by, self.cast.settings_version, command, contents).await?;
        Ok(())
    }

    async fn work(&self, step: &Step, at: Timestamp) -> Result<(), DemoError> {
        let last = self.last.expect("a story begins with the contact");
        let (command, contents) = self.command(step, last).await?;
        let erases = matches!(command, Command::MaskMessage { .. });
        let actor = step.by.as_ref().map_or(Actor::System, |key| Actor::Agent(self.cast.agents[key]));
        let version = self.cast.settings_version;
        let stream = last.conversation.into();
        self.stage.act::<Conversation>(stream, (actor, at), version, command, contents).await?;
        if erases {
            let facts = self.stage.store.read_stream(stream, 0).await?;
            let fact = facts.last().expect("the mask was just appended");
            self.stage.eraser.erase_now(fact).await.map_err(|error| DemoError::Refused(error.to_string()))?;
        }
        Ok(())
    }

    async fn command(&self, step: &Step, last: Last) -> Result<(Command, Vec<SealedContent>), DemoError> {
        let mut contents = Vec::new();
        let command = if let Some(text) = &step.out {
            let said = Message { text: text.clone(), ..Message::default() };
            contents.push(self.stage.vault.seal_value(last.number, &said)?);
            self.reply(step, last, &contents[0]).await?
        } else if let Some(text) = &step.note {
            contents.push(self.stage.vault.seal_value(last.number, &Note { text: text.clone() })?);
            Command::AddNote { note: NoteId(demo_id("note", text)), content: contents[0].reference(), on: None }
        } else if let Some(topic) = &step.topic {
            Command::AddTopic { topic: self.cast.topics[topic] }
        } else if let Some(priority) = step.priority {
            Command::SetPriority { priority }
        } else if let Some(agent) = &step.assign {
            let to = Assignee::Agent(self.cast.agents[agent]);
            Command::Assign { to, cause: AssignmentCause::ByHand }
        } else if let Some(team) = &step.assign_team {
            let to = Assignee::Team(self.cast.teams[team]);
            Command::Assign { to, cause: AssignmentCause::ByHand }
        } else if let Some(reason) = step.resolve {
            Command::Resolve { reason, bulk: None }
        } else if step.like {
            Command::Like { message: last.message }
        } else if step.mask {
            Command::MaskMessage { message: last.message }
        } else if step.block {
            Command::BlockThread
        } else {
            assert!(step.pend, "a step of the demo's story does something");
            Command::Pend { until: None }
        };
        Ok((command, contents))
    }

    async fn reply(&self, step: &Step, last: Last, sealed: &SealedContent) -> Result<Command, DemoError> {
        let loaded = load::<Conversation>(&*self.stage.store, last.conversation.into()).await;
        let seen = loaded.map_err(|error| DemoError::Refused(error.to_string()))?.version;
        let mode = match (step.to, step.quoting) {
            (_, true) => ReplyMode::Quoting(last.message),
            (true, false) => ReplyMode::To(last.message),
            (false, false) => ReplyMode::Plain,
        };
        let reply = ReplySent {
            reply: MessageId(demo_id("reply", step.out.as_deref().unwrap_or_default())),
            content: sealed.reference(),
            kind: usual_kind(&self.source.profile),
            channel: self.source.channel,
            mode,
            attachments: Vec::new(),
            origin: ReplyOrigin::Desk,
        };
        let agent = step.by.as_ref().map(|key| self.cast.agents[key]);
        let context = ReplyContext { agent, seen, first_response_assigns: true };
        Ok(Command::SendReply(SendReply { reply, context, then: Then::Stay }))
    }
}
