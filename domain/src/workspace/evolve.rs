//! How each event changes what is known of the workspace. What may happen at all is `decide.rs`'s.

use super::event::WorkspaceEvent;
use super::state::{Account, Attribute, Catalog, Channel, Named, Team, Token, WorkspaceState};
use crate::ids::{AgentId, ChannelId, TeamId, TokenId};
use crate::name;
use std::collections::BTreeMap;

impl WorkspaceState {
    // One arm an event: the length is the vocabulary's.
    #[allow(clippy::too_many_lines)]
    pub(super) fn take(&mut self, event: &WorkspaceEvent) {
        match event {
            WorkspaceEvent::WorkspaceCreated { name } => self.name = Some(name.clone()),
            WorkspaceEvent::SettingsChanged { settings } => self.settings = settings.clone(),

            WorkspaceEvent::ChannelConnected { channel, profile } => {
                let opened = Channel { profile: profile.clone(), secret: None, disconnected: false };
                self.channels.insert(*channel, opened);
            }
            WorkspaceEvent::ChannelChanged { channel, profile } => {
                self.on_channel(*channel, |it| it.profile = profile.clone());
            }
            WorkspaceEvent::ChannelDisconnected { channel } => self.on_channel(*channel, |it| it.disconnected = true),
            WorkspaceEvent::ChannelSecretSet { channel, secret, erased: _ } => {
                self.on_channel(*channel, |it| it.secret = Some(*secret));
            }

            WorkspaceEvent::TeamCreated { team, name } => {
                self.teams.insert(*team, Team::named(name));
            }
            WorkspaceEvent::TeamRenamed { team, name } => self.on_team(*team, |it| it.name.clone_from(name)),
            WorkspaceEvent::TeamClosed { team } => self.on_team(*team, |it| it.closed = true),
            WorkspaceEvent::TeamMemberAdded { team, agent } => {
                self.on_team(*team, |it| {
                    it.members.insert(*agent);
                });
                self.memberships.entry(*agent).or_default().insert(*team);
            }
            WorkspaceEvent::TeamMemberRemoved { team, agent } => {
                self.on_team(*team, |it| {
                    it.members.remove(agent);
                });
                self.memberships.entry(*agent).or_default().remove(team);
            }
            WorkspaceEvent::TeamSettingsChanged { team, settings, before: _ } => {
                self.on_team(*team, |it| it.settings.clone_from(settings));
            }

            WorkspaceEvent::TopicDefined { topic, name } => self.topics.define(*topic, name),
            WorkspaceEvent::TopicRenamed { topic, name } => self.topics.rename(*topic, name),
            WorkspaceEvent::TopicRetired { topic } => self.topics.retire(*topic),
            WorkspaceEvent::GroupDefined { group, name } => self.groups.define(*group, name),
            WorkspaceEvent::GroupRenamed { group, name } => self.groups.rename(*group, name),
            WorkspaceEvent::GroupRetired { group } => self.groups.retire(*group),
            WorkspaceEvent::AwayStatusDefined { status, name } => self.away_statuses.define(*status, name),
            WorkspaceEvent::AwayStatusRenamed { status, name } => self.away_statuses.rename(*status, name),
            WorkspaceEvent::AwayStatusRetired { status } => self.away_statuses.retire(*status),

            WorkspaceEvent::AttributeDefined { key, definition } => {
                self.attributes.insert(key.clone(), Attribute { definition: definition.clone(), retired: false });
            }
            WorkspaceEvent::AttributeRetired { key } => {
                if let Some(attribute) = self.attributes.get_mut(key) {
                    attribute.retired = true;
                }
            }

            WorkspaceEvent::CalendarSet { .. }
            | WorkspaceEvent::CalendarRemoved { .. }
            | WorkspaceEvent::ChannelCalendarSet { .. }
            | WorkspaceEvent::SlaPolicySet { .. }
            | WorkspaceEvent::SlaPoliciesOrdered { .. }
            | WorkspaceEvent::SlaPolicyRemoved { .. } => {
                self.sla.take(event);
            }

            WorkspaceEvent::RedactionPatternSet { rule, definition } => self.redactions.set(*rule, definition),
            WorkspaceEvent::RedactionPatternRemoved { rule } => self.redactions.remove(*rule),

            WorkspaceEvent::AccountOpened { agent, login, name, roles } => {
                self.logins.insert(name::folded(login), *agent);
                let account = Account {
                    login: login.clone(),
                    name: name.clone(),
                    roles: roles.clone(),
                    password: None,
                    rights: BTreeMap::new(),
                    closed: false,
                };
                self.accounts.insert(*agent, account);
            }
            WorkspaceEvent::AccountRenamed { agent, name } => self.on_account(*agent, |it| it.name.clone_from(name)),
            WorkspaceEvent::RolesChanged { agent, roles, before: _ } => {
                self.on_account(*agent, |it| it.roles.clone_from(roles));
            }
            WorkspaceEvent::PasswordSet { agent, hash, erased: _ } => {
                self.on_account(*agent, |it| it.password = Some(*hash));
            }
            WorkspaceEvent::AccountClosed { agent } => self.on_account(*agent, |it| it.closed = true),
            WorkspaceEvent::ChannelRightSet { agent, channel, right, before: _ } => self.on_account(*agent, |it| {
                it.rights.insert(*channel, *right);
            }),
            WorkspaceEvent::ChannelRightCleared { agent, channel, before: _ } => self.on_account(*agent, |it| {
                it.rights.remove(channel);
            }),

            WorkspaceEvent::TokenIssued { token, agent, name, hash, scopes, expires_at } => {
                self.token_hashes.insert(*hash, *token);
                let issued = Token {
                    agent: *agent,
                    name: name.clone(),
                    hash: *hash,
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    revoked: false,
                };
                self.tokens.insert(*token, issued);
            }
            WorkspaceEvent::TokenRevoked { token } => self.on_token(*token, |it| it.revoked = true),

            WorkspaceEvent::RuleSet { rule, definition } => self.automation.set(*rule, definition),
            WorkspaceEvent::RulesOrdered { order } => self.automation.order(order),
            WorkspaceEvent::RuleRemoved { rule } => self.automation.remove(*rule),
        }
    }

    fn on_channel(&mut self, channel: ChannelId, change: impl FnOnce(&mut Channel)) {
        self.channels.get_mut(&channel).map(change);
    }

    fn on_team(&mut self, team: TeamId, change: impl FnOnce(&mut Team)) {
        self.teams.get_mut(&team).map(change);
    }

    fn on_account(&mut self, agent: AgentId, change: impl FnOnce(&mut Account)) {
        self.accounts.get_mut(&agent).map(change);
    }

    fn on_token(&mut self, token: TokenId, change: impl FnOnce(&mut Token)) {
        self.tokens.get_mut(&token).map(change);
    }
}

impl<Id: Ord + Copy> Catalog<Id> {
    fn define(&mut self, id: Id, name: &str) {
        self.0.insert(id, Named { name: name.to_owned(), retired: false });
    }

    fn rename(&mut self, id: Id, name: &str) {
        if let Some(entry) = self.0.get_mut(&id) {
            name.clone_into(&mut entry.name);
        }
    }

    fn retire(&mut self, id: Id) {
        if let Some(entry) = self.0.get_mut(&id) {
            entry.retired = true;
        }
    }
}
