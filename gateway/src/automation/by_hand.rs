//! What rules make of a change by hand: of a conversation's topics, with it in one commit; of its contact's groups,
//! behind it. Only people come here, never what a rule did, so nothing can go round in circles.

use super::course::{Course, Sealing};
use super::orders;
use crate::ingest::IngestError;
use clew_domain::automation::{Subject, Text, Turned};
use clew_domain::contact::{Contact, ContactState};
use clew_domain::conversation::{Command, Conversation, Direction, Queue, RuleAct, RuleOrder, State};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta, facts_of};
use clew_domain::ids::{CommandId, ContactId, ConversationId, EventId, GroupId, TopicId};
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::store::EventStore;
use clew_eventstore::transact::{Chain, Done, Loaded, TransactError, transact_chain};
use clew_eventstore::vault::Vault;
use std::collections::BTreeSet;

/// Where a change by hand is judged.
#[derive(Clone, Copy)]
pub(crate) struct ByHand<'a> {
    pub(crate) store: &'a dyn EventStore,
    pub(crate) vault: &'a Vault,
    /// The settings whose rules act on it.
    pub(crate) workspace: &'a WorkspaceState,
}

type Outcome = Result<Done<State>, TransactError<IngestError>>;

impl ByHand<'_> {
    /// Changes a conversation by `command`, a change of its topics, and does what follows.
    pub(crate) async fn on_topics(
        self,
        meta: &CommandMeta,
        contact: ContactId,
        conversation: ConversationId,
        command: &Command,
    ) -> Outcome {
        let decide = |contact: &ContactState, there: &Loaded<State>| -> Result<Chain, IngestError> {
            let events = Conversation::decide(&there.state, meta, command)?;
            let mut course = Course::of(there.state.clone(), contact.clone());
            let facts = facts_of::<Conversation>(meta, events);
            let Some(trigger) = facts.first().map(|fact| fact.id) else { return Ok(Chain::default()) };
            course.take(facts);
            let (before, after) = (&there.state.topics, course.state.topics.clone());
            let turned = self.turned(meta, &course, (before, &after), (&contact.groups, &contact.groups));
            for turned in turned {
                let id = derive::consequence(trigger.0, "rule", turned.rule.0);
                self.apply(&mut course, meta, id, trigger, &turned)?;
            }
            Ok(course.chain)
        };
        let (first, second) = (contact.into(), conversation.into());
        transact_chain::<Contact, Conversation, IngestError>(self.store, first, second, meta, decide).await
    }

    /// Does in a conversation what follows from its contact's having been put into a group, or taken out of it, by the
    /// fact `trigger`. Done again for the same fact, it changes nothing.
    pub(crate) async fn on_group(
        self,
        meta: &CommandMeta,
        contact: ContactId,
        conversation: ConversationId,
        (group, trigger): (GroupId, EventId),
    ) -> Outcome {
        // All that follows is looked for by the first of it.
        let first_id = derive::consequence(trigger.0, "group", conversation.0);
        let looked_for = CommandMeta { id: first_id, ..meta.clone() };
        let decide = |contact: &ContactState, there: &Loaded<State>| -> Result<Chain, IngestError> {
            let mut course = Course::of(there.state.clone(), contact.clone());
            if there.state.queue == Queue::Resolved {
                return Ok(Chain::default());
            }
            let (with, mut without) = (contact.groups.clone(), contact.groups.clone());
            let joined = without.remove(&group);
            let before = if joined { without } else { with.iter().copied().chain([group]).collect() };
            let topics = course.state.topics.clone();
            let turned = self.turned(meta, &course, (&topics, &topics), (&before, &with));
            for turned in turned {
                let follows = || derive::consequence(first_id.0, "rule", turned.rule.0);
                let id = if course.chain.second.is_empty() { first_id } else { follows() };
                self.apply(&mut course, meta, id, trigger, &turned)?;
            }
            Ok(course.chain)
        };
        let (first, second) = (contact.into(), conversation.into());
        transact_chain::<Contact, Conversation, IngestError>(self.store, first, second, &looked_for, decide).await
    }

    fn turned(
        &self,
        meta: &CommandMeta,
        course: &Course,
        topics: (&BTreeSet<TopicId>, &BTreeSet<TopicId>),
        groups: (&BTreeSet<GroupId>, &BTreeSet<GroupId>),
    ) -> Vec<Turned<'_>> {
        let Some(started) = course.state.started else { return Vec::new() };
        let text = Text::new("");
        let received = course.state.messages.values().filter(|message| message.direction == Direction::In);
        let after = Subject {
            text: &text,
            at: meta.at,
            first: received.count() == 1,
            channel: started.channel,
            visibility: started.visibility,
            topics: topics.1.clone(),
            team: course.state.team,
            takers: self.workspace.teams_serving(started.channel),
            owned: course.state.agent.is_some(),
            groups: groups.1.clone(),
            sla: &self.workspace.sla,
        };
        let before = Subject { topics: topics.0.clone(), groups: groups.0.clone(), ..after.clone() };
        self.workspace.automation.turned(&before, after)
    }

    fn apply(
        &self,
        course: &mut Course,
        meta: &CommandMeta,
        id: CommandId,
        trigger: EventId,
        turned: &Turned<'_>,
    ) -> Result<(), IngestError> {
        let Some(started) = course.state.started else { return Ok(()) };
        let meta = CommandMeta { id, actor: Actor::Rule(turned.rule), causation: Some(trigger), ..meta.clone() };
        let priority = course.state.priority.saturating_add(turned.rise);
        let command = if turned.matches {
            let mut acts: Vec<RuleAct> =
                turned.acts.iter().filter_map(|act| orders::of_act(self.workspace, started.channel, act)).collect();
            acts.extend((turned.rise != 0).then_some(RuleAct::SetPriority(priority)));
            Command::ApplyRule(RuleOrder { trigger, version: course.state.version, acts })
        } else {
            Command::SetPriority { priority }
        };
        let events = Conversation::decide(&course.state, &meta, &command)?;
        course.take(facts_of::<Conversation>(&meta, events));
        match course.contact.known.filter(|_| !course.contact.forgotten) {
            Some(known) => {
                let sealing = Sealing { vault: self.vault, number: known.number };
                course.on_contact(self.workspace, sealing, &meta, &turned.acts, None)
            }
            None => Ok(()),
        }
    }
}
