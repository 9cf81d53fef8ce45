//! What is taken out of incoming texts before they are stored: `/v1/admin/redactions`. Card numbers always are; the
//! workspace adds patterns of its own.

use super::{Admin, AdminCommand, Changed, Made, change, make};
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Receipt};
use crate::ingest::check::TEXT_CHARS_MAX;
use crate::state::AppState;
use crate::wire::{Created, Items};
use axum::extract::State;
use clew_domain::ids::RuleId;
use clew_domain::redaction::Redactor;
use clew_domain::workspace::{Command, RedactionPattern, Rejection};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A pattern, removed or not.
#[derive(Serialize, ToSchema)]
pub struct RedactionSetup {
    id: RuleId,
    #[serde(flatten)]
    definition: RedactionPattern,
    /// Whether it finds nothing any more.
    removed: bool,
}

/// What to try patterns on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactionTrial {
    /// The sample; it is stored nowhere.
    text: String,
    /// A pattern that is not set yet; without one, all those in force are tried.
    pattern: Option<String>,
}

/// What became of a sample.
#[derive(Serialize, ToSchema)]
pub struct RedactionOutcome {
    /// What would be stored.
    text: String,
    /// What was found, by rule.
    found: Vec<Found>,
}

/// What one rule found.
#[derive(Serialize, ToSchema)]
pub struct Found {
    /// The pattern; none for card numbers, and for the one that is tried.
    rule: Option<RuleId>,
    /// What finds it: the pattern's name, `card_numbers`, or `tried`.
    name: String,
    /// In how many places.
    places: u32,
}

/// Patterns, removed ones too, in the order in which they are tried
#[utoipa::path(
    get, path = "/v1/admin/redactions", tag = "admin", responses((status = 200, body = Items<RedactionSetup>))
)]
pub async fn list(Admin(caller): Admin) -> Json<Items<RedactionSetup>> {
    let patterns = caller.workspace.redactions.iter().map(|(id, it)| RedactionSetup {
        id,
        definition: it.definition.clone(),
        removed: it.removed,
    });
    Json(Items { items: patterns.collect() })
}

/// Add a pattern
#[utoipa::path(
    post, path = "/v1/admin/redactions", tag = "admin", request_body = RedactionPattern,
    responses((status = 201, body = Created))
)]
pub async fn add(State(app): State<AppState>, command: AdminCommand, Json(definition): Json<RedactionPattern>) -> Made {
    make(&app, command, |id| Command::SetRedactionPattern { rule: RuleId(id), definition }).await
}

/// Change a pattern: what came in before stays as it is
#[utoipa::path(
    put, path = "/v1/admin/redactions/{rule}", tag = "admin", request_body = RedactionPattern,
    responses((status = 200, body = Receipt))
)]
pub async fn replace(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(rule): Path<RuleId>,
    Json(definition): Json<RedactionPattern>,
) -> Changed {
    if command.0.caller.workspace.redactions.get(rule).is_none() {
        return Err(Problem::new(&kinds::NOT_FOUND));
    }
    change(&app, command, Command::SetRedactionPattern { rule, definition }).await
}

/// Remove a pattern: it finds nothing any more, and what it took out does not come back
#[utoipa::path(delete, path = "/v1/admin/redactions/{rule}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn remove(State(app): State<AppState>, command: AdminCommand, Path(rule): Path<RuleId>) -> Changed {
    change(&app, command, Command::RemoveRedactionPattern { rule }).await
}

/// Try patterns on a sample
///
/// Nothing of it is stored.
#[utoipa::path(
    post, path = "/v1/admin/redactions/try", tag = "admin", request_body = RedactionTrial,
    responses((status = 200, body = RedactionOutcome))
)]
pub async fn attempt(
    Admin(caller): Admin,
    Json(trial): Json<RedactionTrial>,
) -> Result<Json<RedactionOutcome>, Problem> {
    if trial.text.chars().count() > TEXT_CHARS_MAX {
        let why = format!("a sample has at most {TEXT_CHARS_MAX} characters, as a message has");
        return Err(Problem::new(&kinds::INVALID_VALUE).with("field", "text").detail(why));
    }
    let tried = RuleId(Uuid::nil());
    let redactor = match &trial.pattern {
        None => caller.workspace.redactions.redactor(),
        Some(pattern) => Arc::new(Redactor::new([(tried, pattern.as_str())]).map_err(Rejection::from)?),
    };
    let redacted = redactor.redact(&trial.text);
    let name = |rule: Option<RuleId>| match rule {
        None => "card_numbers".to_owned(),
        Some(rule) => match caller.workspace.redactions.get(rule) {
            Some(known) => known.definition.name.clone(),
            None => "tried".to_owned(),
        },
    };
    let found = redacted.places.into_iter().map(|(rule, places)| Found {
        rule: rule.filter(|rule| *rule != tried),
        name: name(rule),
        places,
    });
    Ok(Json(RedactionOutcome { found: found.collect(), text: redacted.text }))
}
