//! How long agents were available, away and signed out: `/v1/reports/agent-times`, computed from their facts.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Query};
use crate::state::AppState;
use crate::wire::{AgentRef, Items};
use axum::extract::State;
use clew_domain::agent::{Agent, Availability, Presence, times};
use clew_domain::fact::Aggregate;
use clew_domain::ids::AgentId;
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The days of a report at most.
const DAYS_MAX: i64 = 366;
const DAY_MICROS: i64 = 86_400_000_000;

/// The time that is reported.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From this instant; a day before its end if absent.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until this instant; now if absent or ahead.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// This agent alone.
    agent: Option<AgentId>,
}

/// How an agent spent the time.
#[derive(Serialize, ToSchema)]
pub struct AgentTimes {
    /// Who.
    agent: AgentRef,
    /// How long in each state; one in which they were not is absent.
    states: Vec<StateTime>,
}

/// How long an agent was in a state.
#[derive(Serialize, ToSchema)]
pub struct StateTime {
    /// Whether they were signed in.
    signed_in: bool,
    /// Their availability while signed in.
    availability: Option<Availability>,
    /// How long, in whole seconds.
    seconds: i64,
}

/// How long agents were in each state
#[utoipa::path(get, path = "/v1/reports/agent-times", tag = "workspace", params(Span),
    responses((status = 200, body = Items<AgentTimes>)))]
pub async fn report(
    State(app): State<AppState>,
    caller: Caller,
    Query(span): Query<Span>,
) -> Result<Json<Items<AgentTimes>>, Problem> {
    caller.require(Permission::SeeEveryone)?;
    let now = app.clock.now();
    let to = span.to.unwrap_or(now).min(now);
    let from = span.from.unwrap_or_else(|| to.plus_micros(-DAY_MICROS));
    if to.micros().saturating_sub(from.micros()) > DAYS_MAX * DAY_MICROS || from > to {
        let why = format!("give an instant before `to`, {DAYS_MAX} days at most");
        return Err(Problem::new(&kinds::INVALID_VALUE).with("field", "from").detail(why));
    }
    let workspace = &caller.workspace;
    let wanted = |id: &AgentId| span.agent.map_or_else(|| workspace.open_account(*id).is_some(), |one| one == *id);
    let mut items = Vec::new();
    for id in workspace.accounts.keys().copied().filter(wanted) {
        let facts = app.store.read_stream(id.into(), 0).await?;
        let events = facts.iter().filter_map(|fact| Some((fact.occurred_at, Agent::unwrap(&fact.event)?)));
        let states = times(events, from, to).into_iter().map(|(presence, micros)| {
            let availability = match presence {
                Presence::SignedOut => None,
                Presence::SignedIn(availability) => Some(availability),
            };
            StateTime { signed_in: availability.is_some(), availability, seconds: micros / 1_000_000 }
        });
        items.push(AgentTimes { agent: AgentRef::of(workspace, id), states: states.collect() });
    }
    items.sort_by_key(|it| it.agent.name.to_lowercase());
    Ok(Json(Items { items }))
}
