//! Who wrote: the contact of a handle, made known if this is their first message, and kept current.

use super::message::of_contact;
use super::{ChannelMessage, Ingest, IngestError, Ingested, Source, Verdict, appended, meta};
use clew_domain::contact::{self, Contact, ContactState};
use clew_domain::content::ContactNumber;
use clew_domain::fact::Actor;
use clew_domain::ids::{ContactId, MessageId};
use clew_domain::plaintext::ContactIdentity;
use clew_eventstore::transact::{Effect, transact};
use clew_eventstore::vault::OpenError;

/// A contact as ingest needs them.
pub(super) struct KnownContact {
    pub(super) id: ContactId,
    pub(super) number: ContactNumber,
    pub(super) blocked: bool,
    pub(super) appended: usize,
}

impl Ingest {
    /// The contact of this handle who is not forgotten, made known if this is their first message.
    pub(super) async fn contact(
        &self,
        source: &Source,
        incoming: &ChannelMessage,
    ) -> Result<KnownContact, IngestError> {
        for generation in 0.. {
            let id = self.ids.contact(source.channel, &incoming.contact.handle, generation);
            let loaded = clew_eventstore::transact::load::<Contact>(&*self.store, id.into()).await;
            let state = loaded.map_err(of_contact)?.state;
            if state.forgotten {
                continue;
            }
            return match state.known {
                Some(known) => {
                    let appended = self.keep_name_current(source, id, &state, known.number, incoming).await?;
                    Ok(KnownContact { id, number: known.number, blocked: state.blocked, appended })
                }
                None => self.see_first(source, id, generation, incoming).await,
            };
        }
        unreachable!("a contact is not forgotten four billion times")
    }

    pub(super) async fn see_first(
        &self,
        source: &Source,
        id: ContactId,
        generation: u32,
        incoming: &ChannelMessage,
    ) -> Result<KnownContact, IngestError> {
        let mut contents = Vec::new();
        let number = self.vault.next_contact_number()?;
        let identity = self.seal(number, &incoming.contact, &mut contents)?;
        let command = contact::Command::SeeFirst { number, channel: source.channel, generation, identity };
        let meta = meta(source, Actor::Connector(source.channel), id.0, "see first", incoming.at);
        let done = transact::<Contact>(&*self.store, id.into(), &meta, &command, contents).await;
        let done = done.map_err(of_contact)?;
        // Another writer may have been faster, with another number.
        let number = done.state.known.map_or(number, |known| known.number);
        Ok(KnownContact { id, number, blocked: done.state.blocked, appended: appended(&done) })
    }

    /// Takes the display name that the channel tells, if it is another one.
    pub(super) async fn keep_name_current(
        &self,
        source: &Source,
        id: ContactId,
        state: &ContactState,
        number: ContactNumber,
        incoming: &ChannelMessage,
    ) -> Result<usize, IngestError> {
        let (Some(identity), Some(name)) = (state.identity, &incoming.contact.name) else { return Ok(0) };
        let Some(sealed) = self.store.read_content(identity.id).await? else { return Ok(0) };
        match self.vault.open_value::<ContactIdentity>(&sealed, &identity.commitment) {
            Ok(known) if known.name.as_ref() == Some(name) => return Ok(0),
            Ok(_) => {}
            Err(OpenError::Erased(_)) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
        let mut contents = Vec::new();
        let identity = self.seal(number, &incoming.contact, &mut contents)?;
        let message = self.ids.message(source.channel, &incoming.id);
        let meta = meta(source, Actor::Connector(source.channel), message.0, "rename", incoming.at);
        let command = contact::Command::ChangeIdentity { identity };
        let done = transact::<Contact>(&*self.store, id.into(), &meta, &command, contents).await;
        Ok(appended(&done.map_err(of_contact)?))
    }

    pub(super) async fn number_of(&self, contact: ContactId) -> Result<ContactNumber, IngestError> {
        let loaded = clew_eventstore::transact::load::<Contact>(&*self.store, contact.into()).await;
        let known = loaded.map_err(of_contact)?.state.known;
        Ok(known.ok_or(contact::Rejection::Unknown).map_err(IngestError::Contact)?.number)
    }

    pub(super) async fn refuse(
        &self,
        source: &Source,
        incoming: &ChannelMessage,
        contact: &KnownContact,
        message: MessageId,
    ) -> Result<Ingested, IngestError> {
        let meta = meta(source, Actor::Contact(contact.id), message.0, "refuse", incoming.at);
        let command = contact::Command::RefuseMessage { message };
        let done = transact::<Contact>(&*self.store, contact.id.into(), &meta, &command, Vec::new()).await;
        let done = done.map_err(of_contact)?;
        let appended = appended(&done) + contact.appended;
        let verdict = if done.effect == Effect::Repeated { Verdict::Duplicate } else { Verdict::Refused };
        Ok(Ingested { conversation: None, message, verdict, appended, position: done.position })
    }
}
