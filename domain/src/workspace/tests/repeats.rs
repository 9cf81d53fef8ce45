//! A command given again at once changes nothing, whatever went before.

use super::*;
use crate::decider::spec::repeats_change_nothing;
use crate::ids::{TokenId, TopicId};
use proptest::prelude::*;

fn small_id() -> impl Strategy<Value = Uuid> {
    (1..4u128).prop_map(Uuid::from_u128)
}

fn small_name() -> impl Strategy<Value = String> {
    "[abAB]"
}

fn some_roles() -> impl Strategy<Value = BTreeSet<Role>> {
    prop::collection::btree_set(prop_oneof![Just(Role::Agent), Just(Role::Admin)], 1..3)
}

fn a_profile() -> impl Strategy<Value = ChannelProfile> {
    (small_name(), prop::option::of(small_id()))
        .prop_map(|(name, team)| ChannelProfile { team: team.map(TeamId), ..profile(&name) })
}

fn any_channel_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (small_id(), a_profile()).prop_map(|(id, profile)| Command::ConnectChannel { channel: ChannelId(id), profile }),
        (small_id(), a_profile()).prop_map(|(id, profile)| Command::ChangeChannel { channel: ChannelId(id), profile }),
        small_id().prop_map(|id| Command::DisconnectChannel { channel: ChannelId(id) }),
        (small_id(), 1..9u64)
            .prop_map(|(id, n)| Command::SetChannelSecret { channel: ChannelId(id), secret: content(n) }),
        (small_id(), small_id()).prop_map(|(id, agent)| Command::SetChannelRight {
            agent: AgentId(agent),
            channel: ChannelId(id),
            right: ChannelRight::Viewer
        }),
        (small_id(), small_id())
            .prop_map(|(id, agent)| Command::ClearChannelRight { agent: AgentId(agent), channel: ChannelId(id) }),
    ]
}

fn any_list_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (small_id(), small_name()).prop_map(|(id, name)| Command::CreateTeam { team: TeamId(id), name }),
        (small_id(), small_name()).prop_map(|(id, name)| Command::RenameTeam { team: TeamId(id), name }),
        small_id().prop_map(|id| Command::CloseTeam { team: TeamId(id) }),
        (small_id(), small_id())
            .prop_map(|(team, agent)| Command::AddTeamMember { team: TeamId(team), agent: AgentId(agent) }),
        (small_id(), prop::collection::btree_set(small_id().prop_map(ChannelId), 0..2)).prop_map(|(team, channels)| {
            let settings = TeamSettings { channels, ..TeamSettings::default() };
            Command::ChangeTeamSettings { team: TeamId(team), settings }
        }),
        (small_id(), small_name()).prop_map(|(id, name)| Command::DefineTopic { topic: TopicId(id), name }),
        (small_id(), small_name()).prop_map(|(id, name)| Command::RenameTopic { topic: TopicId(id), name }),
        small_id().prop_map(|id| Command::RetireTopic { topic: TopicId(id) }),
    ]
}

fn any_account_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (small_id(), small_name(), some_roles()).prop_map(|(id, name, roles)| Command::OpenAccount {
            agent: AgentId(id),
            login: name.clone(),
            name,
            roles
        }),
        (small_id(), some_roles()).prop_map(|(id, roles)| Command::ChangeRoles { agent: AgentId(id), roles }),
        small_id().prop_map(|id| Command::CloseAccount { agent: AgentId(id) }),
        (small_id(), 1..9u64).prop_map(|(id, n)| Command::SetPassword { agent: AgentId(id), hash: content(n) }),
        (small_id(), small_id(), 1..9u8).prop_map(|(id, agent, n)| Command::IssueToken {
            token: TokenId(id),
            agent: AgentId(agent),
            name: "script".to_owned(),
            hash: TokenHash([n; 32]),
            scopes: BTreeSet::from([Scope::Read]),
            expires_at: None
        }),
        small_id().prop_map(|id| Command::RevokeToken { token: TokenId(id) }),
    ]
}

proptest! {
    #[test]
    fn a_command_given_again_at_once_changes_nothing(
        commands in prop::collection::vec(
            prop_oneof![any_channel_command(), any_list_command(), any_account_command()],
            1..60,
        )
    ) {
        repeats_change_nothing::<Workspace>(&commands)?;
    }
}
