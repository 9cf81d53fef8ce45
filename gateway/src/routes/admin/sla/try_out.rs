//! `/v1/admin/sla-policies:try`: when what would be due for a message at an instant. It changes nothing.

use super::super::Admin;
use crate::error::{Problem, kinds};
use crate::extract::Json;
use clew_domain::ids::{CalendarId, ChannelId, GroupId, SlaPolicyId, TeamId, TopicId};
use clew_domain::sla::{Calendar, Metric, Policy, Rules, Schedule, Subject};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that might be.
#[derive(Deserialize, ToSchema)]
pub struct WantedTry {
    /// When it is written.
    at: Timestamp,
    /// On which channel.
    channel: ChannelId,
    /// The topics of its conversation.
    #[serde(default)]
    topics: Vec<TopicId>,
    /// The groups of its contact.
    #[serde(default)]
    groups: Vec<GroupId>,
    /// The team of its conversation.
    team: Option<TeamId>,
    /// A policy to try in place of those in force, whatever its conditions are.
    policy: Option<Policy>,
    /// A calendar to try in place of the one that would count.
    calendar: Option<Calendar>,
}

/// What would be promised.
#[derive(Serialize, ToSchema)]
pub struct Tried {
    /// The policy in force that is for it; none if none is, or if another was tried.
    policy: Option<SlaPolicyId>,
    /// What it promises; none where it has no target, or no policy is for it.
    promises: Vec<TriedPromise>,
}

/// A promise for a message.
#[derive(Serialize, ToSchema)]
pub struct TriedPromise {
    /// What is measured.
    metric: Metric,
    /// When the clock would turn orange; none if never.
    warned_at: Option<Timestamp>,
    /// The last instant at which the promise would be kept; none if that never comes.
    due_at: Option<Timestamp>,
}

/// Try when what would be due for a message
///
/// Under the policies in force, or under a policy or calendar that is not set up yet.
#[utoipa::path(post, path = "/v1/admin/sla-policies:try", tag = "admin", responses((status = 200, body = Tried)))]
pub async fn try_out(Admin(caller): Admin, Json(wanted): Json<WantedTry>) -> Result<Json<Tried>, Problem> {
    let invalid = |why: String| Problem::new(&kinds::INVALID_VALUE).detail(why);
    let channel = caller.workspace.channels.get(&wanted.channel);
    let visibility = channel.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?.profile.visibility;
    let mut rules = Rules::clone(&caller.workspace.sla);
    let tried = SlaPolicyId(Uuid::nil());
    if let Some(mut policy) = wanted.policy {
        policy.check().map_err(|fault| invalid(fault.to_string()))?;
        policy.conditions = clew_domain::sla::Conditions::default();
        rules.policies = vec![(tried, Arc::new(policy))];
    }
    if let Some(calendar) = wanted.calendar {
        calendar.check().map_err(|fault| invalid(fault.to_string()))?;
        let id = CalendarId(Uuid::nil());
        rules.calendars.insert(id, Arc::new(Schedule::new(calendar)));
        for (_, policy) in &mut rules.policies {
            Arc::make_mut(policy).calendar = Some(id);
        }
    }
    let (topics, groups, team) = (&wanted.topics[..], &wanted.groups[..], wanted.team);
    let subject = Subject { channel: wanted.channel, visibility, topics, groups, team };
    let policy = rules.choose(&subject).map(|(id, _)| id).filter(|id| *id != tried);
    let promises = rules.promises(&subject, wanted.at).into_iter().map(|it| TriedPromise {
        metric: it.metric,
        warned_at: it.warned_at,
        due_at: it.due_at,
    });
    Ok(Json(Tried { policy, promises: promises.collect() }))
}
