//! Answers kept for later: `/v1/saved-replies`. A team's collection is for its members, an agent's own for them alone;
//! supervisors keep those of every team.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, Path, Query, Receipt, position_of};
use crate::routes::me::receipt;
use crate::state::AppState;
use crate::wire::{AgentRef, Created, Naming};
use axum::extract::State;
use axum::http::StatusCode;
use clew_domain::content::ContactNumber;
use clew_domain::ids::{CollectionId, SavedReplyId};
use clew_domain::plaintext::SavedReply;
use clew_domain::saved_reply::{self, Collection, CollectionOwner};
use clew_domain::workspace::{Rejection, Thing};
use clew_eventstore::transact::load;
use clew_projections::saved_replies::Collection as Kept;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Characters of a title at most.
const TITLE_CHARACTERS_MAX: usize = 200;
/// Characters of a text at most.
const TEXT_CHARACTERS_MAX: usize = 10_000;

/// What the list is narrowed to.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Part of a title or text, whatever its case.
    query: Option<String>,
    /// Of this collection.
    collection: Option<CollectionId>,
}

/// Collections of saved replies.
#[derive(Serialize, ToSchema)]
pub struct Collections {
    /// Those that the caller may use, one's own first, then by name.
    collections: Vec<CollectionView>,
}

/// A collection of saved replies.
#[derive(Serialize, ToSchema)]
pub struct CollectionView {
    id: CollectionId,
    name: String,
    owner: OwnerRef,
    /// Whether it is the caller's own.
    mine: bool,
    /// Whether the caller may change it.
    editable: bool,
    replies: Vec<ReplyView>,
}

/// Whose a collection is.
#[derive(Serialize, ToSchema)]
pub struct OwnerRef {
    kind: OwnerKind,
    id: Uuid,
    name: String,
}

/// What somebody who owns a collection is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A team.
    Team,
    /// An agent.
    Agent,
}

/// A saved reply.
#[derive(Serialize, ToSchema)]
pub struct ReplyView {
    id: SavedReplyId,
    title: String,
    /// What is put into the reply box; `{first_name}` and the like stand for contact attributes.
    text: String,
}

/// Whether the caller may use what this owner has, and whether change it.
fn rights(caller: &Caller, owner: CollectionOwner) -> (bool, bool) {
    let supervises = caller.has(Permission::ActInBulk);
    match owner {
        CollectionOwner::Agent(agent) => (agent == caller.agent, agent == caller.agent),
        CollectionOwner::Team(team) => {
            let member = caller.workspace.open_team(team).is_some_and(|team| team.members.contains(&caller.agent));
            (member || supervises, member || supervises)
        }
    }
}

/// Saved replies that one may use
#[utoipa::path(get, path = "/v1/saved-replies", tag = "workspace", responses((status = 200, body = Collections)))]
pub async fn list(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Narrowed>,
) -> Result<Json<Collections>, Problem> {
    let mut collections = Vec::new();
    for kept in app.projections.saved_replies().collections()? {
        let asked_for = wanted.collection.is_none_or(|id| id == kept.id);
        if asked_for && rights(&caller, kept.owner).0 {
            let found = view(&app, &caller, &kept, wanted.query.as_deref()).await?;
            if wanted.query.is_none() || !found.replies.is_empty() {
                collections.push(found);
            }
        }
    }
    collections.sort_by_key(|it| (!it.mine, it.name.to_lowercase(), it.id));
    Ok(Json(Collections { collections }))
}

async fn view(app: &AppState, caller: &Caller, kept: &Kept, query: Option<&str>) -> Result<CollectionView, Problem> {
    let query = query.unwrap_or_default().trim().to_lowercase();
    let sealed = app.store.read_contents(kept.replies.iter().map(|reply| reply.content.id).collect()).await?;
    let mut replies = Vec::new();
    for (reply, sealed) in kept.replies.iter().zip(sealed) {
        if let Some(SavedReply { title, text }) = app.open_sealed(reply.content, sealed.as_ref())?
            && (title.to_lowercase().contains(&query) || text.to_lowercase().contains(&query))
        {
            replies.push(ReplyView { id: reply.id, title, text });
        }
    }
    let (_, editable) = rights(caller, kept.owner);
    Ok(CollectionView {
        id: kept.id,
        name: kept.name.clone(),
        owner: owner_ref(caller, kept.owner),
        mine: kept.owner == CollectionOwner::Agent(caller.agent),
        editable,
        replies,
    })
}

fn owner_ref(caller: &Caller, owner: CollectionOwner) -> OwnerRef {
    match owner {
        CollectionOwner::Agent(agent) => {
            OwnerRef { kind: OwnerKind::Agent, id: agent.0, name: AgentRef::of(&caller.workspace, agent).name }
        }
        CollectionOwner::Team(team) => {
            let name = caller.workspace.teams.get(&team).map(|team| team.name.clone()).unwrap_or_default();
            OwnerRef { kind: OwnerKind::Team, id: team.0, name }
        }
    }
}

/// The collection to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// Its name.
    name: String,
    /// Whose it is: a team that one is in, or oneself.
    owner: CollectionOwner,
}

type Changed = Result<AtPosition<Json<Receipt>>, Problem>;
type Made = Result<(StatusCode, AtPosition<Json<Created>>), Problem>;

/// Make a collection
#[utoipa::path(
    post, path = "/v1/saved-replies/collections", tag = "workspace", responses((status = 201, body = Created))
)]
pub async fn create(State(app): State<AppState>, command: Command, Json(wanted): Json<NewCollection>) -> Made {
    if let CollectionOwner::Team(team) = wanted.owner
        && command.caller.workspace.open_team(team).is_none()
    {
        return Err(Rejection::Unknown(Thing::Team(team)).into());
    }
    require_edit(&command.caller, wanted.owner)?;
    let id = CollectionId(command.fresh("collection"));
    let create = saved_reply::Command::Create { owner: wanted.owner, name: wanted.name };
    let done = app.act::<Collection>(id.into(), &command.meta, &create, Vec::new()).await?;
    let created = Created { id: id.0, position: position_of(done.position) };
    Ok((StatusCode::CREATED, AtPosition(done.position, Json(created))))
}

fn require_edit(caller: &Caller, owner: CollectionOwner) -> Result<(), Problem> {
    if rights(caller, owner).1 {
        return Ok(());
    }
    Err(Problem::new(&kinds::FORBIDDEN).detail("the collection is another agent's, or of a team that one is not in"))
}

/// Refuses who may not change the collection; to who may not even use it, it is not there.
async fn open(app: &AppState, caller: &Caller, collection: CollectionId) -> Result<(), Problem> {
    let loaded = load::<Collection>(app.store.as_ref(), collection.into()).await?;
    let owner = loaded.state.owner.filter(|owner| rights(caller, *owner).0).ok_or(&kinds::NOT_FOUND)?;
    require_edit(caller, owner)
}

async fn change(app: &AppState, command: &Command, id: CollectionId, wanted: saved_reply::Command) -> Changed {
    open(app, &command.caller, id).await?;
    Ok(receipt(&app.act::<Collection>(id.into(), &command.meta, &wanted, Vec::new()).await?))
}

/// Rename a collection
#[utoipa::path(
    put, path = "/v1/saved-replies/collections/{collection}", tag = "workspace",
    responses((status = 200, body = Receipt))
)]
pub async fn rename(
    State(app): State<AppState>,
    command: Command,
    Path(id): Path<CollectionId>,
    Json(wanted): Json<Naming>,
) -> Changed {
    change(&app, &command, id, saved_reply::Command::Rename { name: wanted.name }).await
}

/// Delete a collection and all its replies
#[utoipa::path(
    delete, path = "/v1/saved-replies/collections/{collection}", tag = "workspace",
    responses((status = 200, body = Receipt))
)]
pub async fn delete(State(app): State<AppState>, command: Command, Path(id): Path<CollectionId>) -> Changed {
    change(&app, &command, id, saved_reply::Command::Delete).await
}

/// What a saved reply says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyText {
    /// What it is found by: 1 to 200 characters.
    title: String,
    /// What is put into the reply box: 1 to 10000 characters.
    text: String,
}

impl ReplyText {
    fn checked(self) -> Result<SavedReply, Problem> {
        let bounded = |field: &str, text: &str, max: usize| {
            let fits = !text.trim().is_empty() && text.chars().count() <= max;
            let problem = || Problem::new(&kinds::INVALID_VALUE).with("field", field).with("characters_max", max);
            if fits { Ok(()) } else { Err(problem()) }
        };
        bounded("title", &self.title, TITLE_CHARACTERS_MAX)?;
        bounded("text", &self.text, TEXT_CHARACTERS_MAX)?;
        Ok(SavedReply { title: self.title.trim().to_owned(), text: self.text })
    }
}

/// Save a reply
#[utoipa::path(
    post, path = "/v1/saved-replies/collections/{collection}/replies", tag = "workspace",
    responses((status = 201, body = Created))
)]
pub async fn add(
    State(app): State<AppState>,
    command: Command,
    Path(id): Path<CollectionId>,
    Json(wanted): Json<ReplyText>,
) -> Made {
    open(&app, &command.caller, id).await?;
    let reply = SavedReplyId(command.fresh("saved reply"));
    let (sealed, content) = app.seal(ContactNumber::WORKSPACE, &wanted.checked()?)?;
    let add = saved_reply::Command::AddReply { reply, content };
    let done = app.act::<Collection>(id.into(), &command.meta, &add, vec![sealed]).await?;
    let created = Created { id: reply.0, position: position_of(done.position) };
    Ok((StatusCode::CREATED, AtPosition(done.position, Json(created))))
}

/// Rewrite a saved reply
#[utoipa::path(
    put, path = "/v1/saved-replies/collections/{collection}/replies/{reply}", tag = "workspace",
    responses((status = 200, body = Receipt))
)]
pub async fn edit(
    State(app): State<AppState>,
    command: Command,
    Path((id, reply)): Path<(CollectionId, SavedReplyId)>,
    Json(wanted): Json<ReplyText>,
) -> Changed {
    open(&app, &command.caller, id).await?;
    let (sealed, content) = app.seal(ContactNumber::WORKSPACE, &wanted.checked()?)?;
    let edit = saved_reply::Command::EditReply { reply, content };
    Ok(receipt(&app.act::<Collection>(id.into(), &command.meta, &edit, vec![sealed]).await?))
}

/// Delete a saved reply
#[utoipa::path(
    delete, path = "/v1/saved-replies/collections/{collection}/replies/{reply}", tag = "workspace",
    responses((status = 200, body = Receipt))
)]
pub async fn remove(
    State(app): State<AppState>,
    command: Command,
    Path((id, reply)): Path<(CollectionId, SavedReplyId)>,
) -> Changed {
    change(&app, &command, id, saved_reply::Command::DeleteReply { reply }).await
}
