//! `/v1/conversations`: what agents do with a conversation. Each act checks the caller's right on the
//! conversation's channel, then gives one command; what it answers is the version and position to go on from.

pub mod attachments;
pub mod bulk;
pub mod locks;
pub mod messages;
pub mod notes;
pub mod presence;
pub mod replay;
pub mod transcript;
pub mod view;
pub mod work;

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{AtPosition, Command, Json, position_of};
use crate::state::AppState;
use clew_domain::contact::Contact;
use clew_domain::content::ContactNumber;
use clew_domain::conversation::{self, Conversation, Started};
use clew_domain::ids::{CommandId, ContactId, ConversationId, StreamId};
use clew_domain::workspace::ChannelRight;
use clew_eventstore::sealed::SealedContent;
use clew_eventstore::transact::{Done, Loaded, TransactError, load};
use serde::Serialize;

/// What an act on a conversation answers with.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Acted {
    /// The version that the conversation has now.
    pub version: u64,
    /// What to wait for before reading what the act did.
    #[schema(example = "p2a")]
    pub position: Option<String>,
}

/// The answer to an act.
type Answer = Result<AtPosition<Json<Acted>>, Problem>;

/// A conversation that the caller may work on.
struct Open {
    state: conversation::State,
    started: Started,
}

/// The conversation, if the caller sees it and has at least this right on its channel.
async fn open(
    app: &AppState,
    caller: &Caller,
    conversation: ConversationId,
    needed: ChannelRight,
) -> Result<Open, Problem> {
    let loaded = load::<Conversation>(app.store.as_ref(), conversation.into()).await;
    let Loaded { state, .. } = loaded.map_err(Problem::from)?;
    let started = state.started.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    caller.require_on(started.channel, needed)?;
    caller.require_sight(state.agent)?;
    Ok(Open { state, started })
}

/// Checks the right, carries the command out, and answers.
async fn act(
    app: &AppState,
    command: &Command,
    conversation: ConversationId,
    needed: ChannelRight,
    act: conversation::Command,
) -> Answer {
    open(app, &command.caller, conversation, needed).await?;
    acted(carry_out(app, command, conversation, &act, Vec::new()).await?)
}

async fn carry_out(
    app: &AppState,
    command: &Command,
    conversation: ConversationId,
    act: &conversation::Command,
    contents: Vec<SealedContent>,
) -> Result<Done<conversation::State>, Problem> {
    app.act::<Conversation>(conversation.into(), &command.meta, act, contents).await
}

#[expect(clippy::unnecessary_wraps, clippy::needless_pass_by_value, reason = "it ends handlers, which may refuse")]
fn acted(done: Done<conversation::State>) -> Answer {
    let body = Acted { version: done.version, position: position_of(done.position) };
    Ok(AtPosition(done.position, Json(body)))
}

/// The number under which what concerns the contact is sealed.
async fn number_of(app: &AppState, contact: ContactId) -> Result<ContactNumber, Problem> {
    let loaded = load::<Contact>(app.store.as_ref(), contact.into()).await.map_err(Problem::from)?;
    match loaded.state.known {
        Some(_) if loaded.state.forgotten => Err(Problem::new(&kinds::CONTACT_FORGOTTEN)),
        Some(known) => Ok(known.number),
        None => Err(Problem::new(&kinds::NOT_FOUND)),
    }
}

/// Has what a command erased gone for good before it is answered.
async fn erase_what_it_said(app: &AppState, stream: StreamId, command: CommandId) -> Result<(), Problem> {
    for fact in app.store.read_stream(stream, 0).await?.iter().filter(|fact| fact.command == command) {
        app.eraser.erase_now(fact).await?;
    }
    Ok(())
}

/// A rejection of the conversation's rules, if that is what went wrong.
fn rejection<T>(result: Result<T, TransactError<conversation::Rejection>>) -> Result<T, Refusal> {
    result.map_err(|error| match error {
        TransactError::Rejected(rejection) => Refusal::Rejected(rejection),
        TransactError::Store(_) | TransactError::ForeignEvent(_) => Refusal::Broken(error.into()),
    })
}

/// Why an act was not carried out, with the rejection still to be looked at.
enum Refusal {
    Rejected(conversation::Rejection),
    Broken(Problem),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Broken(problem) => problem,
        }
    }
}
