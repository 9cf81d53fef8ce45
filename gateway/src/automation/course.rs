//! What rules decide, act by act: each sees what those before it changed, and all of it becomes one commit.

use crate::ingest::IngestError;
use clew_domain::automation::{Act, Filling};
use clew_domain::contact::{self, Contact, ContactState};
use clew_domain::content::ContactNumber;
use clew_domain::conversation::{Conversation, State};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{CommandMeta, Event, NewFact, facts_of};
use clew_domain::plaintext::AttributeValue;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::transact::Chain;
use clew_eventstore::vault::Vault;

/// What is being decided.
pub(super) struct Course {
    pub(super) state: State,
    pub(super) contact: ContactState,
    pub(super) chain: Chain,
}

/// What seals what a rule writes.
#[derive(Clone, Copy)]
pub(super) struct Sealing<'a> {
    pub(super) vault: &'a Vault,
    pub(super) number: ContactNumber,
}

impl Course {
    pub(super) fn of(state: State, contact: ContactState) -> Self {
        Self { state, contact, chain: Chain::default() }
    }

    pub(super) fn take(&mut self, facts: Vec<NewFact>) {
        for fact in &facts {
            if let Event::Conversation(event) = &fact.event {
                Conversation::evolve(&mut self.state, event);
            }
        }
        self.chain.second.extend(facts);
    }

    /// Does what a rule asks of the contact; `meta` is that under which it acts on the conversation.
    pub(super) fn on_contact(
        &mut self,
        workspace: &WorkspaceState,
        sealing: Sealing<'_>,
        meta: &CommandMeta,
        acts: &[&Act],
        captured: Option<&str>,
    ) -> Result<(), IngestError> {
        for (index, act) in (0_u32..).zip(acts) {
            let command = match act {
                Act::JoinGroup(group) if workspace.groups.is_usable(*group) => {
                    contact::Command::JoinGroup { group: *group }
                }
                Act::FillAttribute(Filling { key, value }) => {
                    let value = value.as_deref().or(captured);
                    let usable = |value: &&str| workspace.check_attribute(key, value, true).is_ok();
                    let Some(text) = value.filter(usable) else { continue };
                    let sealed = sealing.vault.seal_value(sealing.number, &AttributeValue { text: text.to_owned() })?;
                    let reference = sealed.reference();
                    self.chain.contents.push(sealed);
                    contact::Command::SetAttribute { key: key.clone(), value: reference }
                }
                _ => continue,
            };
            let id = derive::consequence(meta.id.0, &format!("contact {index}"), meta.id.0);
            let meta = CommandMeta { id, ..meta.clone() };
            let events = Contact::decide(&self.contact, &meta, &command).map_err(IngestError::Contact)?;
            for event in &events {
                Contact::evolve(&mut self.contact, event);
            }
            self.chain.first.extend(facts_of::<Contact>(&meta, events));
        }
        Ok(())
    }
}
