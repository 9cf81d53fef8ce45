//! What follows from what is asked of the workspace: one line a command here, the rules in `decide/`, by subject.
//! Who may ask is the gateway's to check, with the questions of [`WorkspaceState`].

mod accounts;
mod catalog;
mod channels;
mod command;
mod redaction;
mod rejection;
mod rules;
mod sla;
mod teams;
mod tokens;

pub use command::Command;
pub use rejection::{Rejection, Thing};

use super::event::{Settings, WorkspaceEvent};
use super::state::WorkspaceState;
use crate::decider::Decider;
use crate::fact::CommandMeta;
use crate::name;

/// The connected channels at most.
pub const CHANNELS_MAX: usize = 500;
/// The open teams at most.
pub const TEAMS_MAX: usize = 400;
/// The calendars at most.
pub const CALENDARS_MAX: usize = 100;
/// The service level policies at most.
pub const SLA_POLICIES_MAX: usize = 100;
/// The redaction patterns in force at most.
pub const REDACTION_PATTERNS_MAX: usize = 50;
/// The usable tokens of one account at most.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 100;

/// What is decided: the events, none where nothing changes.
type Decision = Result<Vec<WorkspaceEvent>, Rejection>;

/// The rules of the workspace.
pub struct Workspace;

impl Decider for Workspace {
    type State = WorkspaceState;
    type Command = Command;
    type Event = WorkspaceEvent;
    type Rejection = Rejection;

    // One arm a command: the length is the vocabulary's.
    #[allow(clippy::too_many_lines)]
    fn decide(state: &WorkspaceState, meta: &CommandMeta, command: &Command) -> Decision {
        match command {
            Command::Create { name } => create(state, name),
            Command::ChangeSettings { settings } => change_settings(state, settings),

            Command::ConnectChannel { channel, profile } => channels::connect(state, *channel, profile),
            Command::ChangeChannel { channel, profile } => channels::change(state, *channel, profile),
            Command::DisconnectChannel { channel } => channels::disconnect(state, *channel),
            Command::SetChannelSecret { channel, secret } => channels::set_secret(state, *channel, *secret),

            Command::CreateTeam { team, name } => teams::create(state, *team, name),
            Command::RenameTeam { team, name } => teams::rename(state, *team, name),
            Command::CloseTeam { team } => teams::close(state, *team),
            Command::AddTeamMember { team, agent } => teams::add_member(state, *team, *agent),
            Command::ChangeTeamSettings { team, settings } => teams::change_settings(state, *team, settings),
            Command::RemoveTeamMember { team, agent } => teams::remove_member(state, *team, *agent),

            Command::DefineTopic { topic, name } => catalog::define(&state.topics, *topic, name),
            Command::RenameTopic { topic, name } => catalog::rename(&state.topics, *topic, name),
            Command::RetireTopic { topic } => catalog::retire(&state.topics, *topic),
            Command::DefineGroup { group, name } => catalog::define(&state.groups, *group, name),
            Command::RenameGroup { group, name } => catalog::rename(&state.groups, *group, name),
            Command::RetireGroup { group } => catalog::retire(&state.groups, *group),
            Command::DefineAwayStatus { status, name } => catalog::define(&state.away_statuses, *status, name),
            Command::RenameAwayStatus { status, name } => catalog::rename(&state.away_statuses, *status, name),
            Command::RetireAwayStatus { status } => catalog::retire(&state.away_statuses, *status),
            Command::DefineAttribute { key, definition } => catalog::define_attribute(state, key, definition),
            Command::RetireAttribute { key } => catalog::retire_attribute(state, key),

            Command::SetCalendar { calendar, definition, apply_to_open } => {
                sla::set_calendar(state, *calendar, definition, *apply_to_open)
            }
            Command::RemoveCalendar { calendar } => sla::remove_calendar(state, *calendar),
            Command::SetChannelCalendar { channel, calendar, apply_to_open } => {
                sla::set_channel_calendar(state, *channel, *calendar, *apply_to_open)
            }
            Command::SetSlaPolicy { policy, definition, apply_to_open } => {
                sla::set_policy(state, *policy, definition, *apply_to_open)
            }
            Command::OrderSlaPolicies { order, apply_to_open } => sla::order_policies(state, order, *apply_to_open),
            Command::RemoveSlaPolicy { policy, apply_to_open } => sla::remove_policy(state, *policy, *apply_to_open),

            Command::SetRedactionPattern { rule, definition } => redaction::set(state, *rule, definition),
            Command::RemoveRedactionPattern { rule } => redaction::remove(state, *rule),

            Command::OpenAccount { agent, login, name, roles } => accounts::open(state, *agent, login, name, roles),
            Command::RenameAccount { agent, name } => accounts::rename(state, *agent, name),
            Command::ChangeRoles { agent, roles } => accounts::change_roles(state, *agent, roles),
            Command::SetPassword { agent, hash } => accounts::set_password(state, *agent, *hash),
            Command::CloseAccount { agent } => accounts::close(state, *agent),
            Command::SetChannelRight { agent, channel, right } => accounts::set_right(state, *agent, *channel, *right),
            Command::ClearChannelRight { agent, channel } => accounts::clear_right(state, *agent, *channel),

            Command::IssueToken { token, agent, name, hash, scopes, expires_at } => {
                let wanted =
                    tokens::Wanted { token: *token, agent: *agent, name, hash: *hash, scopes, expires_at: *expires_at };
                tokens::issue(state, meta.at, &wanted)
            }
            Command::RevokeToken { token } => tokens::revoke(state, *token),

            Command::SetRule { rule, definition } => rules::set(state, *rule, definition),
            Command::OrderRules { order } => rules::order(state, order),
            Command::RemoveRule { rule } => rules::remove(state, *rule),
        }
    }

    fn evolve(state: &mut WorkspaceState, event: &WorkspaceEvent) {
        state.take(event);
    }
}

fn create(state: &WorkspaceState, name: &str) -> Decision {
    let name = name::tidy(name)?;
    match &state.name {
        None => Ok(vec![WorkspaceEvent::WorkspaceCreated { name }]),
        Some(there) if *there == name => Ok(Vec::new()),
        Some(_) => Err(Rejection::SetUpAlready),
    }
}

fn change_settings(state: &WorkspaceState, settings: &Settings) -> Decision {
    within("conversations_per_agent_max", u32::from(settings.conversations_per_agent_max), 1, 1_000)?;
    within("lock_grace_s", settings.lock_grace_s, 5, 86_400)?;
    only(*settings != state.settings, || WorkspaceEvent::SettingsChanged { settings: settings.clone() })
}

fn within(setting: &'static str, value: u32, min: u32, max: u32) -> Result<(), Rejection> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(Rejection::SettingOutOfBounds { setting, min, max }) }
}

/// The events of a change that takes place only if it changes something.
#[allow(clippy::unnecessary_wraps)] // It ends deciders, which may refuse.
fn only(changes: bool, event: impl FnOnce() -> WorkspaceEvent) -> Decision {
    Ok(if changes { vec![event()] } else { Vec::new() })
}
