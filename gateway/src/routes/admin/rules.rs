//! Rules of the workspace: `/v1/admin/rules`.

use super::{Admin, AdminCommand, Changed, Made, change, make};
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Receipt};
use crate::state::AppState;
use crate::wire::{Created, Items};
use axum::extract::State;
use clew_domain::automation::{Act, Automation, Rule, Subject, Text};
use clew_domain::ids::{ChannelId, GroupId, RuleId, TeamId, TopicId};
use clew_domain::time::Timestamp;
use clew_domain::workspace::Command;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A rule; listed in the order in which they are asked.
#[derive(Serialize, ToSchema)]
pub struct RuleSetup {
    id: RuleId,
    definition: Rule,
}

/// A rule as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedRule {
    /// What it does, and when.
    definition: Rule,
}

/// An order of rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedRuleOrder {
    /// Every rule once, the one that is asked first before the others.
    order: Vec<RuleId>,
}

/// A message to try rules on. Nothing is written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What it says.
    text: String,
    /// On which channel it comes.
    channel: ChannelId,
    /// When it is written; now if not told.
    at: Option<Timestamp>,
    /// Whether it is the first of its conversation.
    #[serde(default = "yes")]
    first: bool,
    /// The topics that the conversation has.
    #[serde(default)]
    topics: BTreeSet<TopicId>,
    /// The groups that the contact is in.
    #[serde(default)]
    groups: BTreeSet<GroupId>,
    /// The team that the conversation has.
    team: Option<TeamId>,
    /// A rule that is tried alone, as it stands here; else all that are switched on.
    definition: Option<Rule>,
}

fn yes() -> bool {
    true
}

/// A rule that the message would set off.
#[derive(Serialize, ToSchema)]
pub struct SampleMatch {
    /// Which rule; none for one that is tried alone.
    id: Option<RuleId>,
    /// Its name.
    name: String,
    /// What it would do.
    acts: Vec<Act>,
    /// What the parentheses of its pattern match.
    captured: Option<String>,
}

/// Rules, in the order in which they are asked
#[utoipa::path(get, path = "/v1/admin/rules", tag = "admin", responses((status = 200, body = Items<RuleSetup>)))]
pub async fn list(Admin(caller): Admin) -> Json<Items<RuleSetup>> {
    let rules = caller.workspace.automation.iter();
    Json(Items { items: rules.map(|(id, it)| RuleSetup { id, definition: it.rule().clone() }).collect() })
}

/// Make a rule, the last in order
#[utoipa::path(post, path = "/v1/admin/rules", tag = "admin", responses((status = 201, body = Created)))]
pub async fn create(State(app): State<AppState>, command: AdminCommand, Json(wanted): Json<WantedRule>) -> Made {
    make(&app, command, |id| Command::SetRule { rule: RuleId(id), definition: wanted.definition }).await
}

/// Set the order in which rules are asked
#[utoipa::path(put, path = "/v1/admin/rules", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn order(State(app): State<AppState>, command: AdminCommand, Json(wanted): Json<WantedRuleOrder>) -> Changed {
    change(&app, command, Command::OrderRules { order: wanted.order }).await
}

/// Change a rule, switch it on or off
#[utoipa::path(put, path = "/v1/admin/rules/{rule}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn replace(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(rule): Path<RuleId>,
    Json(wanted): Json<WantedRule>,
) -> Changed {
    let there = command.0.caller.workspace.automation.rule(rule).is_some();
    if !there {
        return Err(Problem::new(&kinds::NOT_FOUND));
    }
    change(&app, command, Command::SetRule { rule, definition: wanted.definition }).await
}

/// Do away with a rule
#[utoipa::path(delete, path = "/v1/admin/rules/{rule}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn remove(State(app): State<AppState>, command: AdminCommand, Path(rule): Path<RuleId>) -> Changed {
    change(&app, command, Command::RemoveRule { rule }).await
}

/// Try rules on a message
#[utoipa::path(post, path = "/v1/admin/rules:try", tag = "admin", request_body = Sample,
    responses((status = 200, body = Items<SampleMatch>)))]
pub async fn attempt(
    State(app): State<AppState>,
    Admin(caller): Admin,
    Json(sample): Json<Sample>,
) -> Result<Json<Items<SampleMatch>>, Problem> {
    let invalid = |field: &str, why: String| Problem::new(&kinds::INVALID_VALUE).with("field", field).detail(why);
    let workspace = &caller.workspace;
    let channel = workspace.connected_channel(sample.channel);
    let channel = channel.ok_or_else(|| invalid("channel", "there is no such channel; choose another".into()))?;
    let alone = match sample.definition {
        None => None,
        Some(rule) => {
            rule.check().map_err(|fault| invalid("definition", fault.to_string()))?;
            Some(Automation::of_one(Rule { on: true, ..rule }))
        }
    };
    let text = Text::new(&sample.text);
    let subject = Subject {
        text: &text,
        at: sample.at.unwrap_or_else(|| app.clock.now()),
        first: sample.first,
        channel: sample.channel,
        visibility: channel.profile.visibility,
        topics: sample.topics,
        team: sample.team.or(channel.profile.team),
        takers: workspace.teams_serving(sample.channel),
        owned: false,
        groups: sample.groups,
        sla: &workspace.sla,
    };
    let matched = alone.as_ref().unwrap_or(&workspace.automation).matching(subject);
    let items = matched.into_iter().map(|it| SampleMatch {
        id: alone.is_none().then_some(it.rule),
        name: it.name.to_owned(),
        acts: it.acts.into_iter().cloned().chain(it.priority.map(Act::Score)).collect(),
        captured: it.captured,
    });
    Ok(Json(Items { items: items.collect() }))
}
