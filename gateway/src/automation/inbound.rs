//! A message of a contact, and what the rules make of it.

use super::course::{Course, Sealing};
use super::orders;
use crate::ingest::{IngestError, usual_kind};
use clew_domain::automation::{Act, Matched, Subject, Text};
use clew_domain::contact::ContactState;
use clew_domain::content::ContactNumber;
use clew_domain::conversation::{
    Command, Conversation, ConversationEvent, Direction, ReplyMode, ReplyOrigin, ReplySent, RuleAct, RuleOrder, State,
    Visibility,
};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta, Event, NewFact, facts_of};
use clew_domain::ids::{EventId, MessageId};
use clew_domain::plaintext::Message;
use clew_domain::workspace::{ChannelProfile, WorkspaceState};
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::transact::{Chain, Loaded};
use clew_eventstore::vault::Vault;

/// A message that comes in, with all that rules need to judge it.
pub(crate) struct Inbound<'a> {
    /// Under which command.
    pub(crate) meta: &'a CommandMeta,
    /// What is asked of the conversation.
    pub(crate) command: &'a Command,
    /// What the message refers to.
    pub(crate) contents: &'a [SealedContent],
    /// What it says.
    pub(crate) text: &'a Text,
    /// Under which number its contact's contents are sealed.
    pub(crate) number: ContactNumber,
    /// The channel.
    pub(crate) profile: &'a ChannelProfile,
    /// The settings whose rules act on it; none for what is only taken over from elsewhere.
    pub(crate) workspace: Option<&'a WorkspaceState>,
    /// Seals what a rule writes.
    pub(crate) vault: &'a Vault,
}

impl Inbound<'_> {
    /// The facts of the message and of every rule that it sets off.
    pub(crate) fn decide(&self, contact: &ContactState, there: &Loaded<State>) -> Result<Chain, IngestError> {
        let events = Conversation::decide(&there.state, self.meta, self.command)?;
        if events.is_empty() {
            return Ok(Chain::default());
        }
        let facts = facts_of::<Conversation>(self.meta, events);
        let trigger = facts.iter().find_map(received);
        let mut course = Course::of(there.state.clone(), contact.clone());
        course.chain.contents = self.contents.to_vec();
        course.take(facts);
        if let (Some((trigger, message)), Some(workspace)) = (trigger, self.workspace) {
            for matched in self.matching(workspace, &course) {
                self.apply(workspace, &mut course, trigger, message, &matched)?;
            }
        }
        note_groups(&mut course);
        Ok(course.chain)
    }

    fn matching<'w>(&self, workspace: &'w WorkspaceState, course: &Course) -> Vec<Matched<'w>> {
        let Some(started) = course.state.started else { return Vec::new() };
        let received = course.state.messages.values().filter(|message| message.direction == Direction::In);
        workspace.automation.matching(Subject {
            text: self.text,
            at: self.meta.at,
            first: received.count() == 1,
            channel: started.channel,
            visibility: started.visibility,
            topics: course.state.topics.clone(),
            team: course.state.team,
            takers: workspace.teams_serving(started.channel),
            owned: course.state.agent.is_some(),
            groups: course.contact.groups.clone(),
            sla: &workspace.sla,
        })
    }

    fn apply(
        &self,
        workspace: &WorkspaceState,
        course: &mut Course,
        trigger: EventId,
        message: MessageId,
        matched: &Matched<'_>,
    ) -> Result<(), IngestError> {
        let meta = CommandMeta {
            id: derive::consequence(trigger.0, "rule", matched.rule.0),
            actor: Actor::Rule(matched.rule),
            causation: Some(trigger),
            ..self.meta.clone()
        };
        let started = course.state.started.ok_or(clew_domain::conversation::Rejection::NotStarted)?;
        let mut acts = Vec::new();
        let mut reply = None;
        for act in &matched.acts {
            match act {
                Act::Reply(text) if self.fits(text) => {
                    let (sealed, sent) = self.reply(&meta, message, text, course)?;
                    reply = Some(sealed);
                    acts.push(RuleAct::Reply(sent));
                }
                act => acts.extend(orders::of_act(workspace, started.channel, act)),
            }
        }
        acts.extend(matched.priority.map(RuleAct::SetPriority));
        let order = Command::ApplyRule(RuleOrder { trigger, version: course.state.version, acts });
        let events = Conversation::decide(&course.state, &meta, &order)?;
        let replies = events.iter().any(|event| matches!(event, ConversationEvent::ReplySent(_)));
        course.chain.contents.extend(reply.filter(|_| replies));
        course.take(facts_of::<Conversation>(&meta, events));
        let sealing = Sealing { vault: self.vault, number: self.number };
        course.on_contact(workspace, sealing, &meta, &matched.acts, matched.captured.as_deref())
    }

    /// Whether the channel takes a text of this length.
    fn fits(&self, text: &str) -> bool {
        self.profile.reply_characters_max.is_none_or(|max| text.chars().count() <= max as usize)
    }

    fn reply(
        &self,
        meta: &CommandMeta,
        message: MessageId,
        text: &str,
        course: &Course,
    ) -> Result<(SealedContent, ReplySent), IngestError> {
        let started = course.state.started.ok_or(clew_domain::conversation::Rejection::NotStarted)?;
        let sealed = self.vault.seal_value(self.number, &Message { text: text.to_owned(), ..Message::default() })?;
        let mode = match started.visibility {
            Visibility::Public => ReplyMode::To(message),
            Visibility::Private => ReplyMode::Plain,
        };
        let sent = ReplySent {
            reply: MessageId(derive::consequence(meta.id.0, "reply", message.0).0),
            content: sealed.reference(),
            kind: usual_kind(self.profile),
            channel: started.channel,
            mode,
            attachments: Vec::new(),
            origin: ReplyOrigin::Automation,
        };
        Ok((sealed, sent))
    }
}

/// The message says in which groups its contact is: those that the rules put them into for it as well.
fn note_groups(course: &mut Course) {
    let groups: Vec<_> = course.contact.groups.iter().copied().collect();
    for fact in &mut course.chain.second {
        if let Event::Conversation(ConversationEvent::MessageReceived(received)) = &mut fact.event {
            received.groups = Some(groups.clone());
        }
    }
}

fn received(fact: &NewFact) -> Option<(EventId, MessageId)> {
    match &fact.event {
        Event::Conversation(ConversationEvent::MessageReceived(received)) => Some((fact.id, received.message)),
        _ => None,
    }
}
