//! `/v1/sla/summary`: how many promises are broken and how many are due soon, by queue, channel, team and policy.

use crate::auth::Caller;
use crate::error::Problem;
use crate::extract::Json;
use crate::state::AppState;
use axum::extract::State;
use clew_domain::ids::{ChannelId, SlaPolicyId, TeamId};
use clew_domain::time::Timestamp;
use clew_projections::sla::{Scope, SlaReader};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Clocks of one line that are counted at most: beyond that, a page of them says more than a number.
const COUNTED_MAX: usize = 1_000;
/// What is due within so many seconds is due soon.
const SOON_S: i64 = 3_600;

/// How things stand.
#[derive(Serialize, ToSchema)]
pub struct Summary {
    /// At which instant.
    now: Timestamp,
    /// A count that reaches this is no more than "so many at least".
    counted_max: usize,
    /// By queue; none for callers who may not read every channel.
    queues: Option<OfQueues>,
    /// By channel, of those that the caller may read.
    channels: Vec<OfChannel>,
    /// By team; empty for callers who may not read every channel.
    teams: Vec<OfTeam>,
    /// By policy; empty for callers who may not read every channel.
    policies: Vec<OfPolicy>,
}

/// How the clocks of one kind stand.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub struct Standings {
    /// Broken promises whose clocks run.
    breached: usize,
    /// Promises that are due within the next hour.
    due_soon: usize,
}

/// The clocks in the queues.
#[derive(Serialize, ToSchema)]
pub struct OfQueues {
    new: Standings,
    pending: Standings,
}

/// The clocks on a channel.
#[derive(Serialize, ToSchema)]
pub struct OfChannel {
    channel: ChannelId,
    #[serde(flatten)]
    standings: Standings,
}

/// The clocks of a team's conversations.
#[derive(Serialize, ToSchema)]
pub struct OfTeam {
    team: TeamId,
    #[serde(flatten)]
    standings: Standings,
}

/// The clocks under a policy.
#[derive(Serialize, ToSchema)]
pub struct OfPolicy {
    policy: SlaPolicyId,
    /// What it is called.
    name: String,
    #[serde(flatten)]
    standings: Standings,
}

/// How many promises are broken and how many are due within the hour
#[utoipa::path(get, path = "/v1/sla/summary", tag = "sla", responses((status = 200, body = Summary)))]
pub async fn summary(State(app): State<AppState>, caller: Caller) -> Result<Json<Summary>, Problem> {
    let (view, now) = (app.projections.sla(), app.clock.now());
    let of = |scope| standings(&view, scope, now);
    let channels = caller.readable_channels();
    // Of sums over what others own, somebody who sees only their own hears nothing.
    let channels = if caller.sees_only_of().is_some() { BTreeSet::new() } else { channels };
    let sees_all = channels.len() == caller.workspace.channels.len();
    let mut of_channels = Vec::with_capacity(channels.len());
    for channel in channels {
        of_channels.push(OfChannel { channel, standings: of(Scope::Channel(channel))? });
    }
    let (mut queues, mut teams, mut policies) = (None, Vec::new(), Vec::new());
    if sees_all {
        queues = Some(OfQueues { new: of(Scope::New)?, pending: of(Scope::Pending)? });
        for (team, _) in caller.workspace.teams.iter().filter(|(_, it)| !it.closed) {
            teams.push(OfTeam { team: *team, standings: of(Scope::Team(*team))? });
        }
        for (policy, it) in &caller.workspace.sla.policies {
            policies.push(OfPolicy { policy: *policy, name: it.name.clone(), standings: of(Scope::Policy(*policy))? });
        }
    }
    Ok(Json(Summary { now, counted_max: COUNTED_MAX, queues, channels: of_channels, teams, policies }))
}

fn standings(view: &SlaReader, scope: Scope, now: Timestamp) -> Result<Standings, Problem> {
    let breached = view.breached_count(scope, now, COUNTED_MAX)?;
    let due_soon = view.due_count(scope, now, now.plus_secs(SOON_S), COUNTED_MAX)?;
    Ok(Standings { breached, due_soon })
}
