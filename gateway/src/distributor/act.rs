//! One piece of routing's work, written: each by a command whose id derives from what led to it.

use crate::automation;
use clew_domain::agent::{self, Agent, AgentState, FreeCause};
use clew_domain::conversation::{self, Conversation, Queue, ReturnCause, RuleOrder};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, ConversationId, EventId};
use clew_domain::routing::{Class, Offer, Ruling, Work, may_serve};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::transact::{Loaded, TransactError, transact, transact_pair};
use uuid::Uuid;

/// Why a piece of work is not to be done after all: what it rested on has changed.
#[derive(Debug, thiserror::Error)]
#[error("what it rested on has changed")]
struct Changed;

/// Does it, or finds that it is done or no longer to be done. An error says that the store did not tell.
pub(super) async fn carry_out(
    store: &dyn EventStore,
    work: &Work,
    known: Option<Loaded<AgentState>>,
    workspace: &WorkspaceState,
    settings_version: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let meta = |cause: EventId, purpose: &str, subject: Uuid, at: Timestamp| {
        let id = derive::consequence(cause.0, purpose, subject);
        CommandMeta { causation: Some(cause), ..CommandMeta::first(id, Actor::System, at, settings_version) }
    };
    let known = known.unwrap_or_else(|| Loaded::at(AgentState::default(), 0));
    match work {
        &Work::Give(offer, cause) => {
            give(store, known, offer, workspace, &meta(cause, "distribution", offer.agent.0, now)).await
        }
        &Work::Count(agent, conversation) => {
            // Not derived: the same may have to be counted again and again, and counting twice changes nothing.
            let id = clew_domain::ids::CommandId(Uuid::new_v4());
            let meta = CommandMeta::first(id, Actor::System, now, settings_version);
            count(store, known, agent, conversation, &meta).await
        }
        &Work::Release(agent, conversation, cause) => {
            let command = conversation::Command::Release { agent };
            one(store, conversation, &meta(cause, "agent left", agent.0, now), &command).await
        }
        &Work::Unlock(agent, conversation, why, cause) => {
            let command = conversation::Command::ReleaseLock { agent, cause: why };
            one(store, conversation, &meta(cause, "unlock", agent.0, now), &command).await
        }
        &Work::Return(conversation, at, cause) => {
            let command = conversation::Command::ReturnToNew { cause: ReturnCause::TimeCame };
            one(store, conversation, &meta(cause, "time came", conversation.0, at), &command).await
        }
        Work::Rule(ruling) => rule(store, ruling, workspace, settings_version).await,
    }
}

async fn one(
    store: &dyn EventStore,
    conversation: ConversationId,
    meta: &CommandMeta,
    command: &conversation::Command,
) -> Result<(), StoreError> {
    answered(transact::<Conversation>(store, conversation.into(), meta, command, Vec::new()).await)
}

/// The last fact that was not a rule's and the rule name the act, so it is done once however often it is tried.
async fn rule(
    store: &dyn EventStore,
    Ruling { conversation, channel, version, rule: (id, rule), due, active }: &Ruling,
    workspace: &WorkspaceState,
    settings_version: u64,
) -> Result<(), StoreError> {
    let command = derive::consequence(active.0, "quiet rule", id.0);
    let first = CommandMeta::first(command, Actor::Rule(*id), *due, settings_version);
    let meta = CommandMeta { causation: Some(*active), ..first };
    let acts = automation::of_quiet(workspace, *channel, rule);
    let order = RuleOrder { trigger: *active, version: *version, acts };
    one(store, *conversation, &meta, &conversation::Command::ApplyRule(order)).await
}

/// The claim, the limit, the availability and the right are all decided on what the two streams hold when the one
/// commit is written.
async fn give(
    store: &dyn EventStore,
    known: Loaded<AgentState>,
    Offer { agent, conversation }: Offer,
    workspace: &WorkspaceState,
    meta: &CommandMeta,
) -> Result<(), StoreError> {
    let held_max = workspace.limit_of(agent);
    let claim = agent::Command::Claim { conversation, held_max };
    let distribute = conversation::Command::Distribute { agent };
    let decide = |desk: &AgentState, there: &conversation::State| {
        let started = there.started.ok_or(Changed)?;
        if !may_serve(workspace, agent, Class { channel: started.channel, team: there.team }) {
            return Err(Changed);
        }
        let given = Conversation::decide(there, meta, &distribute).map_err(|_| Changed)?;
        let claimed = Agent::decide(desk, meta, &claim).map_err(|_| Changed)?;
        Ok((claimed, given))
    };
    let first = (agent.into(), known);
    answered(transact_pair::<Agent, Conversation, Changed>(store, first, conversation.into(), meta, decide).await)
}

/// Brings the agent's stream into line with what the conversation's says.
async fn count(
    store: &dyn EventStore,
    known: Loaded<AgentState>,
    agent: AgentId,
    conversation: ConversationId,
    meta: &CommandMeta,
) -> Result<(), StoreError> {
    let decide = |desk: &AgentState, there: &conversation::State| {
        let cause = match (there.queue, there.agent) {
            (Queue::New, Some(owner)) if owner == agent => None,
            (Queue::Pending, Some(owner)) if owner == agent => Some(FreeCause::Pended),
            (Queue::Resolved, _) => Some(FreeCause::Resolved),
            (Queue::New | Queue::Pending, _) => Some(FreeCause::Reassigned),
        };
        let command = match cause {
            None => agent::Command::Count { conversation },
            Some(cause) => agent::Command::Free { conversation, cause },
        };
        let events = Agent::decide(desk, meta, &command).map_err(|_| Changed)?;
        Ok((events, Vec::new()))
    };
    let first = (agent.into(), known);
    answered(transact_pair::<Agent, Conversation, Changed>(store, first, conversation.into(), meta, decide).await)
}

/// A refusal means that somebody was faster: the facts that say so are on their way.
fn answered<T, R: std::fmt::Debug>(result: Result<T, TransactError<R>>) -> Result<(), StoreError> {
    match result {
        Ok(_) | Err(TransactError::Rejected(_)) => Ok(()),
        Err(TransactError::Store(error)) => Err(error),
        Err(TransactError::ForeignEvent(stream)) => Err(StoreError::Corrupt {
            place: stream.to_string(),
            what: "it holds an event that does not belong there".into(),
        }),
    }
}
