//! Who did what, when: `/v1/audit` over the whole workspace, `/v1/conversations/{id}/audit` for one conversation.
//! An entry holds ids, times and words of ours; names are those that the workspace gave, never a contact's.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query};
use crate::state::AppState;
use crate::wire::{ActorKind, ActorRef};
use axum::extract::State;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{
    AgentId, AwayStatusId, BulkId, ChannelId, CommandId, ContactId, ConversationId, CorrelationId, EventId, GroupId,
    RuleId, StreamId, TeamId, TokenId, TopicId,
};
use clew_domain::installation::DataReading;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{ChannelRight, WorkspaceState};
use clew_eventstore::cursor::Cursor;
use clew_projections::action::Action;
use clew_projections::audit::{Entry, Filter, Object, Order, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Entries of a page, if nothing else is asked for.
const ENTRIES: usize = 100;

/// What the trail is narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Of this conversation.
    conversation: Option<ConversationId>,
    /// What concerns this contact.
    contact: Option<ContactId>,
    /// By this agent; or `system`, `contact:<id>`, `rule:<id>`, `connector:<id>`.
    actor: Option<String>,
    /// This action, by its word.
    action: Option<String>,
    /// What belongs to this correlation: all lines of a bulk act, what a rule did and what set it off. Pages may be empty
    /// before the last one; give `from` with it.
    correlation: Option<CorrelationId>,
    /// Recorded at this instant or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Recorded before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// `newest` first, if absent, or `oldest`.
    #[param(value_type = Option<String>)]
    order: Option<Order>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Entries at most; 100 if absent.
    limit: Option<usize>,
}

/// A page of the trail.
#[derive(Serialize, ToSchema)]
pub struct Trail {
    /// What was done, in order.
    entries: Vec<AuditEntry>,
    /// Where the next page begins.
    next: Option<String>,
}

/// Something that was done.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    /// Where its fact stands in the log.
    position: String,
    event_id: EventId,
    /// When it happened.
    at: Timestamp,
    /// When it was written down.
    recorded_at: Timestamp,
    actor: ActorRef,
    /// What was done, as a stable word.
    action: String,
    object: ObjectView,
    /// What changed, and what was before.
    details: Vec<ChangeView>,
    /// The fact that led to it.
    cause: Option<EventId>,
    correlation: CorrelationId,
    /// The bulk act that it is a line of.
    bulk: Option<BulkId>,
    command: CommandId,
}

/// What something was done to.
#[derive(Serialize, ToSchema)]
pub struct ObjectView {
    /// What it is.
    kind: String,
    /// Its id, or the key of an attribute; none for the workspace and the installation.
    id: Option<String>,
    /// Its name, if the workspace gave it one.
    name: Option<String>,
}

/// What changed of it.
#[derive(Serialize, ToSchema)]
pub struct ChangeView {
    field: String,
    before: Option<ValueView>,
    after: Option<ValueView>,
}

/// A value that changed.
#[derive(Serialize, ToSchema)]
pub struct ValueView {
    /// What it is.
    kind: String,
    /// The value: an id, an instant, a number, a word.
    value: serde_json::Value,
    /// The name of what the id stands for, if the workspace gave it one.
    name: Option<String>,
}

/// The audit trail
///
/// Reading the trail of the whole workspace is itself recorded.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", responses((status = 200, body = Trail)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Narrowed>,
) -> Result<Json<Trail>, Problem> {
    caller.require(Permission::ReadAudit)?;
    let filter = Filter {
        stream: wanted.conversation.map(StreamId::from),
        contact: wanted.contact,
        actor: wanted.actor.as_deref().map(actor).transpose()?,
        action: wanted.action.as_deref().map(action).transpose()?,
        correlation: wanted.correlation,
        from: wanted.from,
        to: wanted.to,
    };
    // Once for a list, not for each of its pages.
    if wanted.cursor.is_none() {
        let what = wanted.conversation.map_or(DataReading::AuditTrail, DataReading::ConversationTrail);
        app.readings.record(app.store.as_ref(), &reading(&app, &caller), what).await?;
    }
    page(&app, &caller, &filter, &wanted)
}

fn reading(app: &AppState, caller: &Caller) -> CommandMeta {
    let id = CommandId(Uuid::new_v4());
    CommandMeta::first(id, Actor::Agent(caller.agent), app.clock.now(), caller.settings_version)
}

/// Tells the log that somebody read what others did; a page that refreshes itself is one reading.
pub(super) async fn record(app: &AppState, caller: &Caller, what: DataReading) -> Result<(), Problem> {
    app.readings.record_once(app.store.as_ref(), &reading(app, caller), what).await
}

/// Whether a conversation is the caller's own work: it is theirs or their team's, or they have it open, or it is
/// nobody's and they work its channel. Its trail is then a tool of that work; anybody else reads what others did.
pub(super) fn works_on(
    caller: &Caller,
    channel: ChannelId,
    agent: Option<AgentId>,
    team: Option<TeamId>,
    lock: Option<AgentId>,
) -> bool {
    let me = Some(caller.agent);
    if agent == me || lock == me {
        return true;
    }
    let in_team = |team: TeamId| {
        caller.workspace.teams.get(&team).is_some_and(|team| !team.closed && team.members.contains(&caller.agent))
    };
    match (agent, team) {
        (None, None) => caller.may_work(channel),
        (None, Some(team)) => in_team(team),
        (Some(_), _) => false,
    }
}

/// What was done with a conversation
///
/// That somebody reads it who does not work on the conversation is recorded.
#[utoipa::path(
    get, path = "/v1/conversations/{conversation}/audit", tag = "audit", responses((status = 200, body = Trail))
)]
pub async fn of_conversation(
    State(app): State<AppState>,
    caller: Caller,
    Path(conversation): Path<ConversationId>,
) -> Result<Json<Trail>, Problem> {
    let row = app.projections.queues().row(conversation)?.ok_or(&kinds::NOT_FOUND)?;
    caller.require_on(row.channel, ChannelRight::Viewer)?;
    caller.require_sight(row.agent)?;
    if !works_on(&caller, row.channel, row.agent, row.team, row.lock) {
        record(&app, &caller, DataReading::ConversationTrail(conversation)).await?;
    }
    let wanted = Narrowed { order: Some(Order::Oldest), limit: Some(usize::MAX), ..Narrowed::default() };
    page(&app, &caller, &Filter::conversation(conversation), &wanted)
}

fn page(app: &AppState, caller: &Caller, filter: &Filter, wanted: &Narrowed) -> Result<Json<Trail>, Problem> {
    let audit = app.projections.audit();
    let limit = wanted.limit.unwrap_or(ENTRIES);
    let page = audit.page(filter, wanted.order.unwrap_or_default(), wanted.cursor.as_deref(), limit)?;
    let entries = page.items.into_iter().map(|entry| view(&caller.workspace, entry));
    Ok(Json(Trail { entries: entries.collect(), next: page.next }))
}

fn actor(text: &str) -> Result<Actor, Problem> {
    let (kind, id) = text.split_once(':').unwrap_or(("agent", text));
    let parsed = || Uuid::parse_str(id).ok();
    let actor = match (kind, parsed()) {
        _ if text == "system" => Some(Actor::System),
        ("agent", Some(id)) => Some(Actor::Agent(AgentId(id))),
        ("contact", Some(id)) => Some(Actor::Contact(ContactId(id))),
        ("rule", Some(id)) => Some(Actor::Rule(RuleId(id))),
        ("connector", Some(id)) => Some(Actor::Connector(ChannelId(id))),
        _ => None,
    };
    actor.ok_or_else(|| Problem::new(&kinds::INVALID_QUERY).detail("actor is an agent's id, `system`, or kind:id"))
}

fn action(text: &str) -> Result<Action, Problem> {
    text.parse().map_err(|_| Problem::new(&kinds::INVALID_QUERY).detail("action is none of the words of the trail"))
}

/// An entry as the API and the command line show it.
pub fn view(workspace: &WorkspaceState, entry: Entry) -> AuditEntry {
    let changes = entry.changes.into_iter().map(|change| ChangeView {
        field: change.field,
        before: change.before.map(|value| value_view(workspace, &value)),
        after: change.after.map(|value| value_view(workspace, &value)),
    });
    AuditEntry {
        position: Cursor::at(entry.position).to_string(),
        event_id: entry.event_id,
        at: entry.at,
        recorded_at: entry.recorded_at,
        actor: ActorRef::of(workspace, entry.actor, None),
        action: entry.action.slug().to_owned(),
        object: object_view(workspace, &entry.object),
        details: changes.collect(),
        cause: entry.cause,
        correlation: entry.correlation,
        bulk: entry.bulk,
        command: entry.command,
    }
}

/// The tag and the id of a reference, as it is written in JSON.
fn tagged(value: &impl Serialize, content: &str) -> (String, Option<serde_json::Value>) {
    let mut json = serde_json::to_value(value).expect("a reference is plain data");
    let kind = json["kind"].as_str().unwrap_or_default().to_owned();
    let content = json.get_mut(content).map(serde_json::Value::take);
    (kind, content)
}

fn object_view(workspace: &WorkspaceState, object: &Object) -> ObjectView {
    let (kind, id) = match serde_json::to_value(object).expect("a reference is plain data") {
        serde_json::Value::Object(member) => {
            let (kind, id) = member.into_iter().next().expect("a tagged reference has one member");
            (kind, id.as_str().map(str::to_owned))
        }
        tag => (tag.as_str().unwrap_or_default().to_owned(), None),
    };
    let name = id.as_deref().and_then(|id| name_of(workspace, &kind, id));
    ObjectView { kind, id, name }
}

fn value_view(workspace: &WorkspaceState, value: &Value) -> ValueView {
    let (kind, value) = tagged(value, "value");
    let value = value.unwrap_or_default();
    let name = value.as_str().and_then(|id| name_of(workspace, &kind, id));
    ValueView { kind, value, name }
}

/// The name that the workspace gave to what this id stands for.
fn name_of(workspace: &WorkspaceState, kind: &str, id: &str) -> Option<String> {
    let uuid = Uuid::parse_str(id).ok()?;
    match kind {
        "agent" => workspace.accounts.get(&AgentId(uuid)).map(|it| it.name.clone()),
        "team" => workspace.teams.get(&TeamId(uuid)).map(|it| it.name.clone()),
        "channel" => workspace.channels.get(&ChannelId(uuid)).map(|it| it.profile.name.clone()),
        "topic" => workspace.topics.get(TopicId(uuid)).map(|it| it.name.clone()),
        "group" => workspace.groups.get(GroupId(uuid)).map(|it| it.name.clone()),
        "away_status" => workspace.away_statuses.get(AwayStatusId(uuid)).map(|it| it.name.clone()),
        "rule" | "redaction_pattern" => workspace.redactions.get(RuleId(uuid)).map(|it| it.definition.name.clone()),
        "token" => workspace.tokens.get(&TokenId(uuid)).map(|it| it.name.clone()),
        _ => None,
    }
}

impl AuditEntry {
    /// The entry on one line, for people.
    pub fn line(&self) -> String {
        let actor = self.actor.name.as_deref().unwrap_or(match self.actor.kind {
            ActorKind::System => "system",
            ActorKind::Contact => "contact",
            ActorKind::Agent => "agent",
            ActorKind::Rule => "rule",
            ActorKind::Connector => "connector",
        });
        let object = self.object.name.as_deref().or(self.object.id.as_deref()).unwrap_or_default();
        format!("{}  {}  {}  {} {}", self.recorded_at, actor, self.action, self.object.kind, object)
    }
}
