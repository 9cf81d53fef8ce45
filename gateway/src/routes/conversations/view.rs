//! Reading a conversation: what was said, by whom, and what the caller may do. Also as it was at an instant.

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query};
use crate::past::{self, Then};
use crate::reader::Reader;
use crate::state::AppState;
use crate::view::{
    AttachmentView, ConversationView, DeliveryState, DeliveryView, EarlierConversation, Entry, MaskView, May,
    MessageView, NoteView, Owner, QuotedMessage, ReplyChannel,
};
use crate::wire::ChannelRef;
use axum::extract::State;
use clew_domain::contact::ContactEvent;
use clew_domain::content::ContentRef;
use clew_domain::conversation::{Direction, ReplyMode};
use clew_domain::fact::Event;
use clew_domain::ids::{AgentId, ChannelId, ContactId, ConversationId, GroupId, MessageId};
use clew_domain::plaintext;
use clew_domain::workspace::{ChannelRight, WorkspaceState};
use clew_projections::conversation::{self, ConversationReader, Header, Shown, ShownAttachment};
use clew_projections::queues::Row;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Other conversations of the contact that are listed at most.
const EARLIER_MAX: usize = 20;
/// How long the views of contacts and queues have to catch up with that of conversations; what they miss then is shown
/// with the next event.
const OTHERS_WAITED_FOR: Duration = Duration::from_millis(200);

/// When a conversation is looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Moment {
    /// Show what was there at this instant, or at this position of the log, instead of what is there now. What was
    /// masked since stays masked.
    #[param(value_type = Option<String>, example = "2026-01-31T08:00:00Z")]
    at: Option<past::Moment>,
    /// What the answer must have seen; the header `Clew-Min-Position` does the same.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// A conversation with its messages and notes.
#[utoipa::path(get, path = "/v1/conversations/{conversation}", tag = "conversations",
    params(("conversation" = ConversationId, Path), Moment), responses((status = 200, body = ConversationView)))]
pub async fn read(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
    Query(moment): Query<Moment>,
) -> Result<Json<ConversationView>, Problem> {
    Ok(Json(show(&app, Some(&caller), conversation, moment.at.as_ref()).await?))
}

/// The conversation as the caller may see it, now or as it was; without a caller as the installation's operator
/// sees it at the command line, which is all of it.
pub(crate) async fn show(
    app: &AppState,
    caller: Option<&Caller>,
    id: ConversationId,
    at: Option<&past::Moment>,
) -> Result<ConversationView, Problem> {
    let then = match at {
        None => None,
        Some(moment) => Some(Then::find(app, moment).await?),
    };
    let shown = match &then {
        None => {
            // Each view goes at its own pace; what the contact wrote before comes from others of them.
            let seen = app.projections.conversations().position();
            let _ = app.projections.contacts().wait_for(&seen, OTHERS_WAITED_FOR).await;
            let _ = app.projections.queues().wait_for(&seen, OTHERS_WAITED_FOR).await;
            app.projections.conversations().show(id)?
        }
        Some(then) => past(app, id, then).await?.show(id)?,
    };
    let shown = shown.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    if let Some(caller) = caller {
        caller.require_on(shown.header.started.channel, ChannelRight::Viewer)?;
        caller.require_sight(owner_now(app, id, then.as_ref(), &shown.header)?)?;
    }
    Assembly::new(app, caller, then).conversation(shown).await
}

/// Who owns it now, also where it is shown as it was: what somebody else has since can't be read by asking for before.
fn owner_now(
    app: &AppState,
    id: ConversationId,
    then: Option<&Then>,
    shown: &Header,
) -> Result<Option<AgentId>, Problem> {
    match then {
        None => Ok(shown.agent),
        Some(_) => Ok(app.projections.conversations().header(id)?.and_then(|header| header.agent)),
    }
}

/// These messages of a conversation, and its version.
pub(super) async fn messages(
    app: &AppState,
    caller: &Caller,
    id: ConversationId,
    wanted: &[MessageId],
) -> Result<(Vec<MessageView>, u64), Problem> {
    // From the log itself: the view may not have seen what was refused a moment ago.
    let facts = app.store.read_stream(id.into(), 0).await?;
    let shown = ConversationReader::of_facts(&facts).map_err(|_| Problem::new(&kinds::INTERNAL))?.show(id)?;
    let shown = shown.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    let mut assembly = Assembly::new(app, Some(caller), None);
    let mut views = Vec::with_capacity(wanted.len());
    for entry in &shown.entries {
        if let conversation::Entry::Message(message) = entry
            && wanted.contains(&message.id)
        {
            views.push(assembly.message(&shown, message).await?);
        }
    }
    Ok((views, shown.header.version))
}

/// A reader of the conversation as its stream was then.
async fn past(app: &AppState, id: ConversationId, then: &Then) -> Result<ConversationReader, Problem> {
    let facts = app.store.read_stream(id.into(), 0).await?;
    let then = facts.iter().take_while(|fact| then.cursor.has_seen(fact.position));
    let reader = ConversationReader::of_facts(then);
    reader.map_err(|_| Problem::new(&kinds::STORE_CORRUPT))
}

/// What is opened to show an entry.
fn contents_of(entry: &conversation::Entry) -> Vec<ContentRef> {
    match entry {
        conversation::Entry::Message(message) if message.masked.is_none() => {
            let labels = message.attachments.iter().filter(|it| it.masked.is_none()).map(|it| it.label);
            [message.content].into_iter().chain(message.receipt).chain(labels).collect()
        }
        conversation::Entry::Note(note) if note.masked.is_none() => vec![note.content],
        conversation::Entry::Message(_) | conversation::Entry::Note(_) => Vec::new(),
    }
}

struct Assembly<'a> {
    app: &'a AppState,
    caller: Option<&'a Caller>,
    workspace: Arc<WorkspaceState>,
    reader: Reader<'a>,
    then: Option<Then>,
}

impl<'a> Assembly<'a> {
    fn new(app: &'a AppState, caller: Option<&'a Caller>, then: Option<Then>) -> Self {
        let workspace = match (&then, caller) {
            (Some(then), _) => Arc::clone(&then.workspace),
            (None, Some(caller)) => Arc::clone(&caller.workspace),
            (None, None) => app.directory.settings().workspace,
        };
        Self { app, caller, reader: Reader::new(app, Arc::clone(&workspace)), workspace, then }
    }

    fn sees(&self, row: &Row) -> bool {
        self.caller.is_none_or(|caller| caller.sees(row.channel, row.agent))
    }

    fn may_work(&self, channel: ChannelId) -> bool {
        self.caller.is_some_and(|caller| caller.may_work(channel))
    }

    async fn conversation(mut self, shown: Shown) -> Result<ConversationView, Problem> {
        let mut contents: Vec<_> = shown.entries.iter().flat_map(contents_of).collect();
        contents.extend(self.reader.identity(shown.header.started.contact)?);
        self.reader.fetch(contents).await?;
        let mut entries = Vec::with_capacity(shown.entries.len());
        for entry in &shown.entries {
            entries.push(match entry {
                conversation::Entry::Message(message) => Entry::Message(Box::new(self.message(&shown, message).await?)),
                conversation::Entry::Note(note) => Entry::Note(self.note(note).await?),
            });
        }
        // What a channel brought late stands where it belongs.
        entries.sort_by_key(Entry::order);
        let header = &shown.header;
        let contact = self.reader.contact(header.started.contact).await?;
        let groups = self.groups(header.started.contact).await?;
        let channel = header.started.channel;
        let may_work = self.may_work(channel);
        let may_mask = self.caller.is_some_and(|caller| caller.may_mask(channel));
        Ok(ConversationView {
            id: header.id,
            version: header.version,
            queue: header.queue,
            contact,
            channel: self.reader.channel(channel)?,
            visibility: header.started.visibility,
            topics: header.topics.iter().map(|topic| self.reader.topic(*topic)).collect(),
            groups: groups.iter().map(|group| self.reader.group(*group)).collect(),
            assignee: Owner {
                agent: header.agent.map(|agent| self.reader.agent(agent)),
                team: header.team.map(|team| self.reader.team(team)),
            },
            lock: header.lock.map(|agent| self.reader.agent(agent)),
            priority: header.priority,
            blocked: header.blocked,
            pended_until: header.pended_until,
            resolve_reason: header.resolve_reason,
            started_at: header.started_at,
            previous: header.started.previous,
            earlier: self.earlier(header)?,
            entries,
            may: May { work: may_work && self.then.is_none(), mask: may_mask && self.then.is_none() },
            reply_channels: if may_work { self.reply_channels(header) } else { Vec::new() },
        })
    }

    /// The groups that the contact is in, or was.
    async fn groups(&self, contact: ContactId) -> Result<BTreeSet<GroupId>, Problem> {
        let Some(then) = &self.then else {
            let contact = self.app.projections.contacts().contact(contact)?;
            return Ok(contact.map(|contact| contact.groups).unwrap_or_default());
        };
        let mut groups = BTreeSet::new();
        for fact in self.app.store.read_stream(contact.into(), 0).await? {
            match &fact.event {
                Event::Contact(ContactEvent::GroupJoined { group }) if then.cursor.has_seen(fact.position) => {
                    groups.insert(*group);
                }
                Event::Contact(ContactEvent::GroupLeft { group }) if then.cursor.has_seen(fact.position) => {
                    groups.remove(group);
                }
                _ => {}
            }
        }
        Ok(groups)
    }

    pub(super) async fn message(
        &mut self,
        shown: &Shown,
        message: &conversation::Message,
    ) -> Result<MessageView, Problem> {
        let said: Option<plaintext::Message> = match message.masked {
            Some(_) => None,
            None => self.reader.open(message.content).await?,
        };
        let receipt: Option<plaintext::Delivery> = match (message.masked, message.receipt) {
            (None, Some(receipt)) => self.reader.open(receipt).await?,
            (Some(_), _) | (None, None) => None,
        };
        let mut sender = self.reader.actor(message.sender).await?;
        let link = said.as_ref().and_then(|said| said.link.clone());
        if let Some(author) = said.as_ref().and_then(|said| said.author.clone()) {
            sender.name = Some(author);
        }
        let refers_to = match message.mode {
            ReplyMode::Plain => message.answers,
            ReplyMode::To(to) | ReplyMode::Quoting(to) => Some(to),
        };
        let quoted = match refers_to {
            Some(to) => self.quoted(shown, to).await?,
            None => None,
        };
        let mut attachments = Vec::with_capacity(message.attachments.len());
        for attachment in &message.attachments {
            attachments.push(self.attachment(shown.header.id, message, attachment).await?);
        }
        Ok(MessageView {
            id: message.id,
            direction: message.direction,
            kind: message.kind,
            sender,
            at: message.at,
            recorded_at: message.recorded_at,
            link: link.or_else(|| receipt.and_then(|receipt| receipt.link)),
            masked: self.mask(message.masked, said.is_none()).await?,
            text: said.map(|said| said.text),
            liked: message.liked,
            redacted: message.redacted,
            mode: (message.direction == Direction::Out).then_some(message.mode),
            answers: message.answers,
            quoted,
            attachments,
            delivery: message.delivery.map(|delivery| {
                let (state, cause) = match delivery.state {
                    conversation::DeliveryState::Pending => (DeliveryState::Pending, None),
                    conversation::DeliveryState::Accepted => (DeliveryState::Accepted, None),
                    conversation::DeliveryState::Failed(cause) => (DeliveryState::Failed, Some(cause)),
                };
                DeliveryView { state, cause, at: delivery.at }
            }),
            version: message.version,
        })
    }

    /// Who masked it. A content that is gone without a mask of its own went with its contact.
    async fn mask(&mut self, masked: Option<conversation::Masked>, gone: bool) -> Result<Option<MaskView>, Problem> {
        Ok(match masked {
            Some(masked) => Some(MaskView { by: Some(self.reader.actor(masked.by).await?), at: Some(masked.at) }),
            None if gone => Some(MaskView { by: None, at: None }),
            None => None,
        })
    }

    async fn quoted(&mut self, shown: &Shown, id: MessageId) -> Result<Option<QuotedMessage>, Problem> {
        let found = shown.entries.iter().find_map(|entry| match entry {
            conversation::Entry::Message(message) if message.id == id => Some(message),
            conversation::Entry::Message(_) | conversation::Entry::Note(_) => None,
        });
        let Some(message) = found else { return Ok(None) };
        let said: Option<plaintext::Message> = match message.masked {
            Some(_) => None,
            None => self.reader.open(message.content).await?,
        };
        let sender = self.reader.actor(message.sender).await?;
        let masked = said.is_none();
        Ok(Some(QuotedMessage { id, sender, at: message.at, text: said.map(|said| said.text), masked }))
    }

    async fn attachment(
        &self,
        conversation: ConversationId,
        message: &conversation::Message,
        attachment: &ShownAttachment,
    ) -> Result<AttachmentView, Problem> {
        let label: Option<plaintext::AttachmentLabel> = match attachment.masked {
            Some(_) => None,
            None => self.reader.open(attachment.label).await?,
        };
        let id = attachment.id;
        let address = || format!("/v1/conversations/{conversation}/messages/{}/attachments/{id}", message.id);
        Ok(AttachmentView {
            id,
            masked: label.is_none(),
            url: label.is_some().then(address),
            size_bytes: label.as_ref().map(|label| label.size_bytes),
            media_type: label.as_ref().map(|label| label.media_type.clone()),
            name: label.map(|label| label.name),
        })
    }

    async fn note(&mut self, note: &conversation::Note) -> Result<NoteView, Problem> {
        let said: Option<plaintext::Note> = match note.masked {
            Some(_) => None,
            None => self.reader.open(note.content).await?,
        };
        Ok(NoteView {
            id: note.id,
            author: self.reader.actor(note.author).await?,
            at: note.at,
            edited_at: note.edited.map(|(at, _)| at),
            masked: self.mask(note.masked, said.is_none()).await?,
            text: said.map(|said| said.text),
            on: note.on,
            version: note.version,
        })
    }

    /// The contact's other conversations that the caller may see.
    fn earlier(&self, header: &Header) -> Result<Vec<EarlierConversation>, Problem> {
        let contact: ContactId = header.started.contact;
        let ids = self.app.projections.contacts().conversations(contact, EARLIER_MAX + 1)?;
        let rows = self.app.projections.queues().rows(ids.into_iter().filter(|id| *id != header.id))?;
        let seen = rows.into_iter().filter(|row| self.sees(row)).take(EARLIER_MAX);
        seen.map(|row| {
            let channel = self.reader.channel(row.channel)?;
            Ok(EarlierConversation { id: row.id, queue: row.queue, channel, started_at: row.started_at })
        })
        .collect()
    }

    /// The conversation's own account first, then others of its kind that the caller works.
    fn reply_channels(&self, header: &Header) -> Vec<ReplyChannel> {
        let workspace = &self.workspace;
        let own = header.started.channel;
        let kind = workspace.channels.get(&own).map(|channel| channel.profile.kind);
        let connected = workspace
            .channels
            .iter()
            .filter(|(id, channel)| !channel.disconnected && Some(channel.profile.kind) == kind && self.may_work(**id));
        let mut channels: Vec<ReplyChannel> = connected
            .filter_map(|(id, channel)| {
                Some(ReplyChannel {
                    channel: ChannelRef::of(workspace, *id)?,
                    active: *id == own,
                    reply_characters_max: channel.profile.reply_characters_max,
                })
            })
            .collect();
        channels.sort_by_key(|channel| !channel.active);
        channels
    }
}
