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

fn changed(settings: &TeamSettings) -> WorkspaceEvent {
    WorkspaceEvent::TeamSettingsChanged { team: BILLING, settings: settings.clone(), before: TeamSettings::default() }
}

fn mail_alone() -> TeamSettings {
    TeamSettings { channels: BTreeSet::from([MAIL]), ..TeamSettings::default() }
}

#[test]
fn what_a_team_serves_and_may_do_is_set_whole() {
    let mail = connected(MAIL, "Mail");
    let change = |settings| Command::ChangeTeamSettings { team: BILLING, settings };
    given::<Workspace>([billing(), mail.clone()]).when(change(mail_alone())).then([changed(&mail_alone())]);
    given::<Workspace>([billing()]).when(change(TeamSettings::default())).then_nothing();
    given::<Workspace>([billing(), mail.clone(), changed(&mail_alone())]).when(change(mail_alone())).then_nothing();
    given::<Workspace>([billing()]).when(change(mail_alone())).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
    let gone = WorkspaceEvent::ChannelDisconnected { channel: MAIL };
    given::<Workspace>([billing(), mail.clone(), gone.clone()])
        .when(change(mail_alone()))
        .then_rejected(Rejection::Gone(Thing::Channel(MAIL)));
    let limited = TeamSettings { limit: Some(3), ..mail_alone() };
    let again = WorkspaceEvent::TeamSettingsChanged { team: BILLING, settings: limited.clone(), before: mail_alone() };
    given::<Workspace>([billing(), mail, changed(&mail_alone()), gone]).when(change(limited)).then([again]);
    given::<Workspace>([]).when(change(mail_alone())).then_rejected(Rejection::Unknown(Thing::Team(BILLING)));
    given::<Workspace>([billing(), closed()])
        .when(change(mail_alone()))
        .then_rejected(Rejection::Gone(Thing::Team(BILLING)));
}

#[test]
fn a_limit_is_in_bounds() {
    for limit in [0, 1_001] {
        let settings = TeamSettings { limit: Some(limit), ..TeamSettings::default() };
        given::<Workspace>([billing()])
            .when(Command::ChangeTeamSettings { team: BILLING, settings })
            .then_rejected(Rejection::SettingOutOfBounds { setting: "limit", min: 1, max: 1_000 });
    }
}

#[test]
fn a_channel_gives_its_conversations_to_teams_that_serve_it() {
    let refused = Rejection::NotServed { team: BILLING, channel: CHAT };
    let to_billing = |name: &str| ChannelProfile { team: Some(BILLING), ..profile(name) };
    let chat = WorkspaceEvent::ChannelConnected { channel: CHAT, profile: to_billing("Chat") };
    let before = [billing(), connected(MAIL, "Mail"), connected(CHAT, "Chat"), changed(&mail_alone())];
    given::<Workspace>(before)
        .when(Command::ChangeChannel { channel: CHAT, profile: to_billing("Chat") })
        .then_rejected(refused.clone());
    given::<Workspace>([billing(), connected(MAIL, "Mail"), chat])
        .when(Command::ChangeTeamSettings { team: BILLING, settings: mail_alone() })
        .then_rejected(refused);
}

#[test]
fn of_several_teams_the_most_counts_and_of_limits_the_least() {
    let strict =
        TeamSettings { limit: Some(3), sees: Sees::UnownedAndOwn, may_order: false, may_filter: false, ..mail_alone() };
    let in_sales = WorkspaceEvent::TeamMemberAdded { team: SALES, agent: BOB };
    let mut events = vec![billing(), team_created(SALES, "Sales"), bob(), added(BOB), changed(&strict)];
    let asked = |events: &[WorkspaceEvent]| {
        let state = Workspace::fold(events);
        let serves = [MAIL, CHAT].map(|channel| state.teams_let_serve(BOB, channel));
        let sees = [None, Some(BOB), Some(ALICE)].map(|owner| state.sees(BOB, owner));
        (serves, sees, state.may_order(BOB), state.may_filter(BOB), state.limit_of(BOB))
    };
    let narrow = ([true, false], [true, true, false], false, false, 3);
    assert_eq!(asked(&events), narrow);
    events.push(in_sales);
    let wide = ([true, true], [true; 3], true, true, 3);
    assert_eq!(asked(&events), wide);
    events.push(WorkspaceEvent::TeamClosed { team: SALES });
    assert_eq!(asked(&events), narrow, "a closed team gives nothing");
    let roles =
        WorkspaceEvent::RolesChanged { agent: BOB, roles: roles([Role::Supervisor]), before: roles([Role::Agent]) };
    events.push(roles);
    assert_eq!(asked(&events), ([true, false], [true; 3], true, true, 3), "who sees to others sees all");
    events.push(WorkspaceEvent::TeamMemberRemoved { team: BILLING, agent: BOB });
    assert_eq!(asked(&events), ([true, true], [true; 3], true, true, 5));
}
