//! Accounts, roles and rights.

use super::*;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::ids::TokenId;
use crate::name::NotAName;

const CAROL: AgentId = AgentId(Uuid::from_u128(0xCA201));

fn open(agent: AgentId, login: &str) -> Command {
    Command::OpenAccount { agent, login: login.to_owned(), name: login.trim().to_owned(), roles: roles([Role::Agent]) }
}

fn change_roles<const N: usize>(agent: AgentId, its: [Role; N]) -> Command {
    Command::ChangeRoles { agent, roles: roles(its) }
}

fn closed(agent: AgentId) -> WorkspaceEvent {
    WorkspaceEvent::AccountClosed { agent }
}

fn right_set(right: ChannelRight, before: Option<ChannelRight>) -> WorkspaceEvent {
    WorkspaceEvent::ChannelRightSet { agent: BOB, channel: MAIL, right, before }
}

#[test]
fn an_account_is_opened_once() {
    given::<Workspace>([]).when(open(BOB, " bob ")).then([bob()]);
    given::<Workspace>([bob()]).when(open(BOB, "bob")).then_nothing();
    given::<Workspace>([bob()]).when(open(BOB, "robert")).then_rejected(Rejection::Exists(Thing::Account(BOB)));
}

#[test]
fn an_account_has_a_login_a_name_and_a_role() {
    for login in ["", "b o b", "bob\u{7}", &"b".repeat(101)] {
        given::<Workspace>([]).when(open(BOB, login)).then_rejected(Rejection::NotALogin);
    }
    let nameless =
        Command::OpenAccount { agent: BOB, login: "bob".into(), name: " ".into(), roles: roles([Role::Agent]) };
    given::<Workspace>([]).when(nameless).then_rejected(Rejection::Name(NotAName));
    let idle = Command::OpenAccount { agent: BOB, login: "bob".into(), name: "Bob".into(), roles: roles([]) };
    given::<Workspace>([]).when(idle).then_rejected(Rejection::NoRole);
}

#[test]
fn logins_of_open_accounts_differ() {
    given::<Workspace>([bob()]).when(open(CAROL, "BOB")).then_rejected(Rejection::LoginTaken(BOB));
    given::<Workspace>([bob(), closed(BOB)]).when(open(CAROL, "BOB")).then([opened(CAROL, "BOB", [Role::Agent])]);
}

#[test]
fn a_login_finds_the_open_account_that_has_it() {
    let of = |events: &[WorkspaceEvent], login| Workspace::fold(events).account_by_login(login).map(|(agent, _)| agent);
    assert_eq!(of(&[bob()], " BoB"), Some(BOB));
    assert_eq!(of(&[bob(), closed(BOB)], "bob"), None);
    assert_eq!(of(&[bob(), closed(BOB), opened(CAROL, "Bob", [Role::Agent])], "bob"), Some(CAROL));
}

#[test]
fn an_account_is_renamed() {
    let rename = |name: &str| Command::RenameAccount { agent: BOB, name: name.to_owned() };
    let renamed = WorkspaceEvent::AccountRenamed { agent: BOB, name: "Robert".to_owned() };
    given::<Workspace>([bob()]).when(rename("Robert")).then([renamed]);
    given::<Workspace>([bob()]).when(rename("bob")).then_nothing();
    given::<Workspace>([]).when(rename("a")).then_rejected(Rejection::Unknown(Thing::Account(BOB)));
}

#[test]
fn roles_change() {
    let changed =
        WorkspaceEvent::RolesChanged { agent: BOB, roles: roles([Role::Supervisor]), before: roles([Role::Agent]) };
    given::<Workspace>([bob()]).when(change_roles(BOB, [Role::Supervisor])).then([changed]);
    given::<Workspace>([bob()]).when(change_roles(BOB, [Role::Agent])).then_nothing();
    given::<Workspace>([bob()]).when(change_roles(BOB, [])).then_rejected(Rejection::NoRole);
    given::<Workspace>([bob(), closed(BOB)])
        .when(change_roles(BOB, [Role::Admin]))
        .then_rejected(Rejection::Gone(Thing::Account(BOB)));
}

#[test]
fn the_last_admin_stays_admin() {
    let demote = change_roles(ALICE, [Role::Agent]);
    given::<Workspace>([alice(), bob()]).when(demote.clone()).then_rejected(Rejection::LastAdmin);
    let close = Command::CloseAccount { agent: ALICE };
    given::<Workspace>([alice(), bob()]).when(close.clone()).then_rejected(Rejection::LastAdmin);
    let carol = opened(CAROL, "carol", [Role::Admin]);
    given::<Workspace>([alice(), carol.clone(), closed(CAROL)]).when(close.clone()).then_rejected(Rejection::LastAdmin);
    given::<Workspace>([alice(), carol]).when(close).then([closed(ALICE)]);
}

#[test]
fn a_closed_account_leaves_its_teams_and_its_tokens() {
    let token = TokenId(Uuid::from_u128(1));
    let issued = WorkspaceEvent::TokenIssued {
        token,
        agent: BOB,
        name: "script".to_owned(),
        hash: TokenHash([1; 32]),
        scopes: BTreeSet::from([Scope::Read]),
        expires_at: None,
    };
    let joined = WorkspaceEvent::TeamMemberAdded { team: BILLING, agent: BOB };
    let given_ = [alice(), bob(), team_created(BILLING, "Billing"), joined, issued];
    given::<Workspace>(given_).when(Command::CloseAccount { agent: BOB }).then([
        WorkspaceEvent::TokenRevoked { token },
        WorkspaceEvent::TeamMemberRemoved { team: BILLING, agent: BOB },
        closed(BOB),
    ]);
}

#[test]
fn an_account_is_closed_once() {
    let close = Command::CloseAccount { agent: BOB };
    given::<Workspace>([bob(), closed(BOB)]).when(close.clone()).then_nothing();
    given::<Workspace>([]).when(close).then_rejected(Rejection::Unknown(Thing::Account(BOB)));
}

#[test]
fn a_new_password_erases_the_one_before() {
    let set = |id| Command::SetPassword { agent: BOB, hash: content(id) };
    let was_set = |id, erased: Option<u64>| WorkspaceEvent::PasswordSet {
        agent: BOB,
        hash: content(id),
        erased: erased.map(ContentId),
    };
    given::<Workspace>([bob()]).when(set(1)).then([was_set(1, None)]);
    given::<Workspace>([bob(), was_set(1, None)]).when(set(2)).then([was_set(2, Some(1))]);
    given::<Workspace>([bob(), was_set(1, None)]).when(set(1)).then_nothing();
    given::<Workspace>([bob(), closed(BOB)]).when(set(1)).then_rejected(Rejection::Gone(Thing::Account(BOB)));
}

#[test]
fn a_right_on_a_channel_is_set_and_cleared() {
    let set = |right| Command::SetChannelRight { agent: BOB, channel: MAIL, right };
    let clear = Command::ClearChannelRight { agent: BOB, channel: MAIL };
    let base = [bob(), connected(MAIL, "Mail")];
    let viewer = right_set(ChannelRight::Viewer, None);
    given::<Workspace>(base.clone()).when(set(ChannelRight::Viewer)).then([viewer.clone()]);
    let with_right = || base.iter().cloned().chain([viewer.clone()]);
    given::<Workspace>(with_right())
        .when(set(ChannelRight::None))
        .then([right_set(ChannelRight::None, Some(ChannelRight::Viewer))]);
    given::<Workspace>(with_right()).when(set(ChannelRight::Viewer)).then_nothing();
    let cleared = WorkspaceEvent::ChannelRightCleared { agent: BOB, channel: MAIL, before: ChannelRight::Viewer };
    given::<Workspace>(with_right()).when(clear.clone()).then([cleared]);
    given::<Workspace>(base).when(clear.clone()).then_nothing();
    given::<Workspace>([bob()]).when(clear).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
    given::<Workspace>([bob()]).when(set(ChannelRight::None)).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
}

#[test]
fn what_is_set_for_a_channel_goes_before_the_roles() {
    let both = opened(BOB, "bob", [Role::Auditor, Role::Agent, Role::Admin]);
    let right = |events: &[WorkspaceEvent], channel| Workspace::fold(events).right_on(BOB, channel);
    let none = [both.clone(), right_set(ChannelRight::None, None)];
    assert_eq!(right(&none, MAIL), ChannelRight::None);
    assert_eq!(right(&none, CHAT), ChannelRight::Contributor);
    assert_eq!(right(&[alice()], MAIL), ChannelRight::None);
    assert_eq!(right(&[both, closed(BOB)], CHAT), ChannelRight::None);
}
