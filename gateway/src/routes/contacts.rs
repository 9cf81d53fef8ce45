//! Who writes to us: `/v1/contacts`. What may be done with a contact depends on the right on their channel.

use crate::auth::{Caller, Credential};
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, Query, Receipt};
use crate::reader::Reader;
use crate::routes::me::receipt;
use crate::state::AppState;
use crate::view::{ContactRef, Row};
use crate::wire::{ActorRef, ChannelRef, Ref};
use axum::extract::State;
use clew_domain::contact::{self, AttributeKey, Contact};
use clew_domain::content::ContactNumber;
use clew_domain::ids::{ChannelId, ContactId, GroupId};
use clew_domain::plaintext::AttributeValue;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{AttributeKind, ChannelRight, Rejection, Thing};
use clew_eventstore::cursor::Cursor;
use clew_projections::contacts::{Contact as Known, Filter};
use clew_projections::page::Page;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Contacts of a page, if nothing else is asked for.
const CONTACTS: usize = 50;
/// Conversations shown with a contact.
const CONVERSATIONS_MAX: usize = 50;
/// How long a change of groups waits for the view that tells of the contact's conversations.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(2);
/// How often a contact may have been forgotten, as far as looking for a handle goes.
const GENERATIONS_MAX: u32 = 1_000;

/// What a list of contacts is narrowed to.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Whose handle is this, exactly.
    handle: Option<String>,
    /// On this channel.
    channel: Option<ChannelId>,
    /// In this group.
    group: Option<GroupId>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Contacts at most; 50 if absent.
    limit: Option<usize>,
}

/// A page of contacts.
#[derive(Serialize, ToSchema)]
pub struct Contacts {
    /// Who was first seen last first.
    items: Vec<ContactSummary>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A contact in a list.
#[derive(Serialize, ToSchema)]
pub struct ContactSummary {
    #[serde(flatten)]
    contact: ContactRef,
    /// On which channel they write.
    channel: ChannelRef,
    /// When they first wrote.
    first_seen_at: Timestamp,
    /// The groups that they are in.
    groups: Vec<Ref>,
}

/// Contacts, by handle, channel and group
#[utoipa::path(get, path = "/v1/contacts", tag = "contacts", responses((status = 200, body = Contacts)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Narrowed>,
) -> Result<Json<Contacts>, Problem> {
    let page = if let Some(handle) = &wanted.handle {
        Page { items: by_handle(&app, &caller, wanted.channel, handle)?, next: None }
    } else {
        let filter = Filter { channel: wanted.channel, group: wanted.group };
        app.projections.contacts().list(filter, wanted.cursor.as_deref(), wanted.limit.unwrap_or(CONTACTS))?
    };
    let mut reader = Reader::new(&app, Arc::clone(&caller.workspace));
    let mut items = Vec::with_capacity(page.items.len());
    for known in page.items.iter().filter(|known| caller.may_read(known.channel)) {
        if wanted.group.is_none_or(|group| known.groups.contains(&group)) {
            items.push(summary(&mut reader, known).await?);
        }
    }
    Ok(Json(Contacts { items, next: page.next }))
}

async fn summary(reader: &mut Reader<'_>, known: &Known) -> Result<ContactSummary, Problem> {
    Ok(ContactSummary {
        contact: reader.contact(known.id).await?,
        channel: reader.channel(known.channel)?,
        first_seen_at: known.first_seen_at,
        groups: known.groups.iter().map(|group| reader.group(*group)).collect(),
    })
}

/// A contact's id follows from their handle, so that no handle has to be kept to look for one.
fn by_handle(app: &AppState, caller: &Caller, channel: Option<ChannelId>, handle: &str) -> Result<Vec<Known>, Problem> {
    let contacts = app.projections.contacts();
    let mut found = Vec::new();
    for channel in caller.readable_channels().into_iter().filter(|one| channel.is_none_or(|wanted| wanted == *one)) {
        for generation in 0..GENERATIONS_MAX {
            match contacts.contact(app.ids.contact(channel, handle, generation))? {
                Some(known) if known.forgotten.is_some() => {}
                Some(known) => {
                    found.push(known);
                    break;
                }
                None => break,
            }
        }
    }
    Ok(found)
}

/// A contact and what we know of them.
#[derive(Serialize, ToSchema)]
pub struct ContactView {
    #[serde(flatten)]
    summary: ContactSummary,
    /// What is known, for every attribute that can be filled or is.
    attributes: Vec<AttributeView>,
    /// Their conversations on channels that the caller sees, the newest first.
    conversations: Vec<Row>,
}

/// What is known of a contact under one key.
#[derive(Serialize, ToSchema)]
pub struct AttributeView {
    key: AttributeKey,
    label: String,
    kind: AttributeKind,
    /// Whether only programs and rules fill it.
    system: bool,
    /// The value, if there is one.
    value: Option<String>,
    set_at: Option<Timestamp>,
    set_by: Option<ActorRef>,
}

/// A contact
#[utoipa::path(get, path = "/v1/contacts/{contact}", tag = "contacts", responses((status = 200, body = ContactView)))]
pub async fn show(
    State(app): State<AppState>,
    caller: Caller,
    Path(contact): Path<ContactId>,
) -> Result<Json<ContactView>, Problem> {
    let known = known(&app, &caller, contact, ChannelRight::Viewer)?;
    let mut reader = Reader::new(&app, Arc::clone(&caller.workspace));
    let summary = summary(&mut reader, &known).await?;
    let ids = app.projections.contacts().conversations(contact, CONVERSATIONS_MAX)?;
    let mut conversations = Vec::new();
    let mut rows = app.projections.queues().rows(ids)?;
    rows.retain(|row| caller.sees(row.channel, row.agent));
    reader.fetch_rows(&rows).await?;
    for row in &rows {
        conversations.push(reader.row(row).await?);
    }
    let attributes = attributes(&caller, &mut reader, &known).await?;
    Ok(Json(ContactView { summary, attributes, conversations }))
}

async fn attributes(caller: &Caller, reader: &mut Reader<'_>, known: &Known) -> Result<Vec<AttributeView>, Problem> {
    if known.forgotten.is_none() {
        reader.fetch(known.attributes.values().map(|held| held.value)).await?;
    }
    let mut views = Vec::new();
    for (key, defined) in &caller.workspace.attributes {
        let held = if known.forgotten.is_some() { None } else { known.attributes.get(key) };
        if defined.retired && held.is_none() {
            continue;
        }
        let value = match held {
            Some(held) => reader.open::<AttributeValue>(held.value).await?.map(|value| value.text),
            None => None,
        };
        let set_by = match held {
            Some(held) => Some(reader.actor(held.set_by).await?),
            None => None,
        };
        views.push(AttributeView {
            key: key.clone(),
            label: defined.definition.label.clone(),
            kind: defined.definition.kind,
            system: defined.definition.system,
            value,
            set_at: held.map(|held| held.set_at),
            set_by,
        });
    }
    Ok(views)
}

/// The contact, if the caller has this right on their channel.
fn known(app: &AppState, caller: &Caller, contact: ContactId, needed: ChannelRight) -> Result<Known, Problem> {
    let known = app.projections.contacts().contact(contact)?.ok_or(&kinds::NOT_FOUND)?;
    caller.require_on(known.channel, needed)?;
    Ok(known)
}

type Changed = Result<AtPosition<Json<Receipt>>, Problem>;

async fn change(app: &AppState, command: &Command, contact: ContactId, wanted: contact::Command) -> Changed {
    known(app, &command.caller, contact, ChannelRight::Contributor)?;
    Ok(receipt(&app.act::<Contact>(contact.into(), &command.meta, &wanted, Vec::new()).await?))
}

/// A change of groups, and what rules make of it in the contact's open conversations, each in a commit of its own. Asked
/// again under the same key, it does what is still to be done.
async fn change_groups(
    app: &AppState,
    command: &Command,
    contact: ContactId,
    group: GroupId,
    wanted: contact::Command,
) -> Changed {
    known(app, &command.caller, contact, ChannelRight::Contributor)?;
    let done = app.act::<Contact>(contact.into(), &command.meta, &wanted, Vec::new()).await?;
    let facts = app.store.read_stream(contact.into(), 0).await?;
    let Some(trigger) = facts.iter().find(|fact| fact.command == command.meta.id) else { return Ok(receipt(&done)) };
    let contacts = app.projections.contacts();
    // A conversation that began a moment before is among them.
    let _ = contacts.wait_for(&Cursor::at(trigger.position), CAUGHT_UP_MAX).await;
    for conversation in contacts.conversations(contact, CONVERSATIONS_MAX)? {
        let by_hand = app.by_hand(&command.caller.workspace);
        by_hand.on_group(&command.meta, contact, conversation, (group, trigger.id)).await.map_err(Problem::from)?;
    }
    Ok(receipt(&done))
}

/// A value to fill an attribute with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// The value, as text that fits the attribute's kind.
    value: String,
}

/// Fill an attribute
#[utoipa::path(
    put, path = "/v1/contacts/{contact}/attributes/{key}", tag = "contacts",
    params(("contact" = ContactId, Path), ("key" = String, Path)), responses((status = 200, body = Receipt))
)]
pub async fn set_attribute(
    State(app): State<AppState>,
    command: Command,
    Path((contact, key)): Path<(ContactId, AttributeKey)>,
    Json(NewValue { value }): Json<NewValue>,
) -> Changed {
    let known = known(&app, &command.caller, contact, ChannelRight::Contributor)?;
    let by_program = matches!(command.caller.credential, Credential::Token { .. });
    command.caller.workspace.check_attribute(&key, &value, by_program)?;
    if known.number == ContactNumber::WORKSPACE || known.forgotten.is_some() {
        return Err(Problem::new(&kinds::CONTACT_FORGOTTEN));
    }
    let (sealed, value) = app.seal(known.number, &AttributeValue { text: value.trim().to_owned() })?;
    let wanted = contact::Command::SetAttribute { key, value };
    Ok(receipt(&app.act::<Contact>(contact.into(), &command.meta, &wanted, vec![sealed]).await?))
}

/// Empty an attribute
#[utoipa::path(
    delete, path = "/v1/contacts/{contact}/attributes/{key}", tag = "contacts",
    params(("contact" = ContactId, Path), ("key" = String, Path)), responses((status = 200, body = Receipt))
)]
pub async fn remove_attribute(
    State(app): State<AppState>,
    command: Command,
    Path((contact, key)): Path<(ContactId, AttributeKey)>,
) -> Changed {
    change(&app, &command, contact, contact::Command::RemoveAttribute { key }).await
}

/// Put a contact into a group
#[utoipa::path(
    put, path = "/v1/contacts/{contact}/groups/{group}", tag = "contacts", responses((status = 200, body = Receipt))
)]
pub async fn join_group(
    State(app): State<AppState>,
    command: Command,
    Path((contact, group)): Path<(ContactId, GroupId)>,
) -> Changed {
    if !command.caller.workspace.groups.is_usable(group) {
        return Err(Rejection::Unknown(Thing::Group(group)).into());
    }
    change_groups(&app, &command, contact, group, contact::Command::JoinGroup { group }).await
}

/// Take a contact out of a group
#[utoipa::path(
    delete, path = "/v1/contacts/{contact}/groups/{group}", tag = "contacts", responses((status = 200, body = Receipt))
)]
pub async fn leave_group(
    State(app): State<AppState>,
    command: Command,
    Path((contact, group)): Path<(ContactId, GroupId)>,
) -> Changed {
    change_groups(&app, &command, contact, group, contact::Command::LeaveGroup { group }).await
}

/// Refuse what a contact writes from now on
#[utoipa::path(put, path = "/v1/contacts/{contact}/block", tag = "contacts", responses((status = 200, body = Receipt)))]
pub async fn block(State(app): State<AppState>, command: Command, Path(contact): Path<ContactId>) -> Changed {
    change(&app, &command, contact, contact::Command::Block).await
}

/// Take in what a contact writes again
#[utoipa::path(
    delete, path = "/v1/contacts/{contact}/block", tag = "contacts", responses((status = 200, body = Receipt))
)]
pub async fn unblock(State(app): State<AppState>, command: Command, Path(contact): Path<ContactId>) -> Changed {
    change(&app, &command, contact, contact::Command::Unblock).await
}

/// Forget a contact: erase all that they wrote and all that is known of them, for good
///
/// The facts stay: that somebody wrote, when, and what was done about it.
#[utoipa::path(post, path = "/v1/contacts/{contact}/forget", tag = "contacts", responses((status = 200, body = Receipt)))]
pub async fn forget(State(app): State<AppState>, command: Command, Path(contact): Path<ContactId>) -> Changed {
    known(&app, &command.caller, contact, ChannelRight::Supervisor)?;
    let done = app.act::<Contact>(contact.into(), &command.meta, &contact::Command::Forget, Vec::new()).await?;
    for fact in app.store.read_stream(contact.into(), 0).await?.iter().filter(|it| it.command == command.meta.id) {
        app.eraser.erase_now(fact).await?;
    }
    Ok(receipt(&done))
}
