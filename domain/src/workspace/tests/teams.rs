//! Teams and who is in them.

use super::*;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::name::NotAName;

fn create(team: TeamId, name: &str) -> Command {
    Command::CreateTeam { team, name: name.to_owned() }
}

fn rename(name: &str) -> Command {
    Command::RenameTeam { team: BILLING, name: name.to_owned() }
}

fn billing() -> WorkspaceEvent {
    team_created(BILLING, "Billing")
}

fn closed() -> WorkspaceEvent {
    WorkspaceEvent::TeamClosed { team: BILLING }
}

fn added(agent: AgentId) -> WorkspaceEvent {
    WorkspaceEvent::TeamMemberAdded { team: BILLING, agent }
}

#[test]
fn a_team_is_made_once() {
    given::<Workspace>([]).when(create(BILLING, " Billing ")).then([billing()]);
    given::<Workspace>([billing()]).when(create(BILLING, "Billing")).then_nothing();
    given::<Workspace>([billing()])
        .when(create(BILLING, "Other"))
        .then_rejected(Rejection::Exists(Thing::Team(BILLING)));
    given::<Workspace>([]).when(create(BILLING, "")).then_rejected(Rejection::Name(NotAName));
}

#[test]
fn names_of_open_teams_differ() {
    given::<Workspace>([billing()])
        .when(create(SALES, "BILLING"))
        .then_rejected(Rejection::NameTaken(Thing::Team(BILLING)));
    given::<Workspace>([billing(), closed()]).when(create(SALES, "BILLING")).then([team_created(SALES, "BILLING")]);
}

#[test]
fn open_teams_are_limited() {
    let full = (0..TEAMS_MAX as u128).map(|n| team_created(TeamId(Uuid::from_u128(n)), &format!("team {n}")));
    given::<Workspace>(full)
        .when(create(TeamId(Uuid::from_u128(1 << 64)), "one more"))
        .then_rejected(Rejection::TooMany { what: "open teams", max: TEAMS_MAX });
}

#[test]
fn a_team_is_renamed() {
    let renamed = WorkspaceEvent::TeamRenamed { team: BILLING, name: "BILLING".to_owned() };
    given::<Workspace>([billing()]).when(rename("BILLING")).then([renamed]);
    given::<Workspace>([billing()]).when(rename("Billing")).then_nothing();
    given::<Workspace>([]).when(rename("a")).then_rejected(Rejection::Unknown(Thing::Team(BILLING)));
    given::<Workspace>([billing(), closed()]).when(rename("a")).then_rejected(Rejection::Gone(Thing::Team(BILLING)));
}

#[test]
fn a_closed_team_is_given_no_conversations() {
    let giving = ChannelProfile { team: Some(BILLING), ..profile("Mail") };
    let connected = WorkspaceEvent::ChannelConnected { channel: MAIL, profile: giving };
    let no_longer = WorkspaceEvent::ChannelChanged { channel: MAIL, profile: profile("Mail") };
    let close = Command::CloseTeam { team: BILLING };
    given::<Workspace>([billing(), connected]).when(close.clone()).then([no_longer, closed()]);
    given::<Workspace>([billing(), closed()]).when(close.clone()).then_nothing();
    given::<Workspace>([]).when(close).then_rejected(Rejection::Unknown(Thing::Team(BILLING)));
}

#[test]
fn members_come_and_go_once() {
    let add = Command::AddTeamMember { team: BILLING, agent: BOB };
    let remove = Command::RemoveTeamMember { team: BILLING, agent: BOB };
    let removed = WorkspaceEvent::TeamMemberRemoved { team: BILLING, agent: BOB };
    given::<Workspace>([billing(), bob()]).when(add.clone()).then([added(BOB)]);
    given::<Workspace>([billing(), bob(), added(BOB)]).when(add.clone()).then_nothing();
    given::<Workspace>([billing(), bob(), added(BOB)]).when(remove.clone()).then([removed]);
    given::<Workspace>([billing(), bob()]).when(remove.clone()).then_nothing();
    given::<Workspace>([]).when(remove).then_rejected(Rejection::Unknown(Thing::Team(BILLING)));
    given::<Workspace>([billing()]).when(add.clone()).then_rejected(Rejection::Unknown(Thing::Account(BOB)));
    given::<Workspace>([billing(), bob(), WorkspaceEvent::AccountClosed { agent: BOB }])
        .when(add)
        .then_rejected(Rejection::Gone(Thing::Account(BOB)));
}

#[test]
fn the_teams_of_an_agent_are_the_open_ones() {
    let in_sales = WorkspaceEvent::TeamMemberAdded { team: SALES, agent: BOB };
    let events = [billing(), team_created(SALES, "Sales"), bob(), added(BOB), in_sales, closed()];
    let state = Workspace::fold(&events);
    assert_eq!(state.teams_of(BOB).map(|(team, _)| team).collect::<Vec<_>>(), [SALES]);
    assert!(state.open_team(BILLING).is_none() && state.open_team(SALES).is_some());
}
