//! Calendars and service level policies: `/v1/admin/calendars`, `/v1/admin/sla-policies`. What a policy would make of
//! a message is in `try_out.rs`.

pub mod try_out;

use super::{Admin, AdminCommand, Changed, Made, change, make};
use crate::extract::{Json, Path, Receipt};
use crate::state::AppState;
use crate::wire::{Created, Items};
use axum::extract::State;
use clew_domain::ids::{CalendarId, ChannelId, SlaPolicyId};
use clew_domain::sla::{Calendar, Policy};
use clew_domain::workspace::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A calendar of business hours.
#[derive(Serialize, ToSchema)]
pub struct CalendarSetup {
    id: CalendarId,
    /// The channels that count by it where a policy names no calendar.
    channels: Vec<ChannelId>,
    #[serde(flatten)]
    definition: Calendar,
}

/// A calendar as it is to be.
#[derive(Deserialize, ToSchema)]
pub struct WantedCalendar {
    /// When it is open.
    definition: Calendar,
    /// Whether clocks that run count by it as well, from their start.
    #[serde(default)]
    apply_to_open: bool,
}

/// A service level policy; listed in the order in which they are tried.
#[derive(Serialize, ToSchema)]
pub struct PolicySetup {
    id: SlaPolicyId,
    #[serde(flatten)]
    definition: Policy,
}

/// A policy as it is to be.
#[derive(Deserialize, ToSchema)]
pub struct WantedPolicy {
    /// What it promises, and to whom.
    definition: Policy,
    /// Whether it holds for clocks that run as well, from their start.
    #[serde(default)]
    apply_to_open: bool,
}

/// An order of policies.
#[derive(Deserialize, ToSchema)]
pub struct WantedOrder {
    /// Every policy once, the one that is tried first before the others.
    order: Vec<SlaPolicyId>,
    /// Whether it holds for clocks that run as well, from their start.
    #[serde(default)]
    apply_to_open: bool,
}

/// The calendar of a channel.
#[derive(Deserialize, ToSchema)]
pub struct WantedChannelCalendar {
    /// The calendar; without one, every hour counts.
    calendar: Option<CalendarId>,
    /// Whether clocks that run count by it as well, from their start.
    #[serde(default)]
    apply_to_open: bool,
}

/// Calendars
#[utoipa::path(get, path = "/v1/admin/calendars", tag = "admin",
    responses((status = 200, body = Items<CalendarSetup>)))]
pub async fn calendars(Admin(caller): Admin) -> Json<Items<CalendarSetup>> {
    let rules = &caller.workspace.sla;
    let items = rules.calendars.iter().map(|(id, it)| CalendarSetup {
        id: *id,
        channels: rules.channels.iter().filter(|(_, of)| *of == id).map(|(channel, _)| *channel).collect(),
        definition: it.calendar().clone(),
    });
    Json(Items { items: items.collect() })
}

/// Make a calendar
#[utoipa::path(post, path = "/v1/admin/calendars", tag = "admin", responses((status = 201, body = Created)))]
pub async fn make_calendar(
    State(app): State<AppState>,
    command: AdminCommand,
    Json(wanted): Json<WantedCalendar>,
) -> Made {
    let WantedCalendar { definition, apply_to_open } = wanted;
    make(&app, command, |id| Command::SetCalendar { calendar: CalendarId(id), definition, apply_to_open }).await
}

/// Change a calendar
#[utoipa::path(put, path = "/v1/admin/calendars/{calendar}", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn change_calendar(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(calendar): Path<CalendarId>,
    Json(wanted): Json<WantedCalendar>,
) -> Changed {
    let WantedCalendar { definition, apply_to_open } = wanted;
    change(&app, command, Command::SetCalendar { calendar, definition, apply_to_open }).await
}

/// Do away with a calendar
#[utoipa::path(delete, path = "/v1/admin/calendars/{calendar}", tag = "admin",
    responses((status = 200, body = Receipt)))]
pub async fn remove_calendar(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(calendar): Path<CalendarId>,
) -> Changed {
    change(&app, command, Command::RemoveCalendar { calendar }).await
}

/// Choose a channel's calendar
#[utoipa::path(put, path = "/v1/admin/channels/{channel}/calendar", tag = "admin",
    responses((status = 200, body = Receipt)))]
pub async fn choose_calendar(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(channel): Path<ChannelId>,
    Json(wanted): Json<WantedChannelCalendar>,
) -> Changed {
    let WantedChannelCalendar { calendar, apply_to_open } = wanted;
    change(&app, command, Command::SetChannelCalendar { channel, calendar, apply_to_open }).await
}

/// Policies, in the order in which they are tried
#[utoipa::path(get, path = "/v1/admin/sla-policies", tag = "admin",
    responses((status = 200, body = Items<PolicySetup>)))]
pub async fn policies(Admin(caller): Admin) -> Json<Items<PolicySetup>> {
    let policies = caller.workspace.sla.policies.iter();
    let items = policies.map(|(id, it)| PolicySetup { id: *id, definition: Policy::clone(it) });
    Json(Items { items: items.collect() })
}

/// Make a policy, the last in order
#[utoipa::path(post, path = "/v1/admin/sla-policies", tag = "admin", responses((status = 201, body = Created)))]
pub async fn make_policy(State(app): State<AppState>, command: AdminCommand, Json(wanted): Json<WantedPolicy>) -> Made {
    let WantedPolicy { definition, apply_to_open } = wanted;
    make(&app, command, |id| Command::SetSlaPolicy { policy: SlaPolicyId(id), definition, apply_to_open }).await
}

/// Change a policy
#[utoipa::path(put, path = "/v1/admin/sla-policies/{policy}", tag = "admin",
    responses((status = 200, body = Receipt)))]
pub async fn change_policy(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(policy): Path<SlaPolicyId>,
    Json(wanted): Json<WantedPolicy>,
) -> Changed {
    let WantedPolicy { definition, apply_to_open } = wanted;
    change(&app, command, Command::SetSlaPolicy { policy, definition, apply_to_open }).await
}

/// Do away with a policy; clocks that run keep it
#[utoipa::path(delete, path = "/v1/admin/sla-policies/{policy}", tag = "admin",
    responses((status = 200, body = Receipt)))]
pub async fn remove_policy(
    State(app): State<AppState>,
    command: AdminCommand,
    Path(policy): Path<SlaPolicyId>,
) -> Changed {
    change(&app, command, Command::RemoveSlaPolicy { policy, apply_to_open: false }).await
}

/// Set the order in which policies are tried
#[utoipa::path(put, path = "/v1/admin/sla-policies", tag = "admin", responses((status = 200, body = Receipt)))]
pub async fn order_policies(
    State(app): State<AppState>,
    command: AdminCommand,
    Json(wanted): Json<WantedOrder>,
) -> Changed {
    let WantedOrder { order, apply_to_open } = wanted;
    change(&app, command, Command::OrderSlaPolicies { order, apply_to_open }).await
}
