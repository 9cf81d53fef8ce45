//! What is known of the workspace, and the questions that its readers ask of it.
//! How events change it stands in `evolve.rs`.

use super::event::{AttributeDefinition, ChannelProfile, ChannelRight, Role, Scope, Settings, TeamSettings, TokenHash};
use super::redactions::Redactions;
use crate::automation::Automation;
use crate::contact::AttributeKey;
use crate::content::ContentRef;
use crate::ids::{AgentId, AwayStatusId, ChannelId, GroupId, TeamId, TokenId, TopicId};
use crate::name;
use crate::sla::Rules;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The workspace as the facts tell: the settings in force.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceState {
    /// Its name; none before it was set up.
    pub name: Option<String>,
    /// Its settings.
    pub settings: Settings,
    /// Every channel that ever was connected.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Every team that ever was.
    pub teams: BTreeMap<TeamId, Team>,
    /// Labels that say what a conversation is about.
    pub topics: Catalog<TopicId>,
    /// Groups of contacts.
    pub groups: Catalog<GroupId>,
    /// Away states that an agent can choose.
    pub away_statuses: Catalog<AwayStatusId>,
    /// Every attribute that ever was defined.
    pub attributes: BTreeMap<AttributeKey, Attribute>,
    /// The rules in force.
    pub automation: Automation,
    /// The service level policies and calendars in force.
    pub sla: Rules,
    /// What is taken out of incoming texts before they are stored.
    pub redactions: Redactions,
    /// Every account that ever was opened.
    pub accounts: BTreeMap<AgentId, Account>,
    /// Every token that ever was issued.
    pub tokens: BTreeMap<TokenId, Token>,
    pub(super) logins: HashMap<String, AgentId>,
    pub(super) token_hashes: HashMap<TokenHash, TokenId>,
    /// The teams that each agent is in, closed ones too.
    pub(super) memberships: BTreeMap<AgentId, BTreeSet<TeamId>>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it is.
    pub profile: ChannelProfile,
    /// The secret that signs its traffic; a [`crate::plaintext::Secret`].
    pub secret: Option<ContentRef>,
    /// Whether it takes no more messages, in or out.
    pub disconnected: bool,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub members: BTreeSet<AgentId>,
    /// What it serves, sees and may do.
    pub settings: TeamSettings,
    /// Whether it is no more.
    pub closed: bool,
}

/// An attribute of contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// How it is shown and filled.
    pub definition: AttributeDefinition,
    /// Whether it can't be filled any more.
    pub retired: bool,
}

/// An account that signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What they sign in with.
    pub login: String,
    /// How they are shown.
    pub name: String,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// The argon2id hash of their password; a [`crate::plaintext::Secret`].
    pub password: Option<ContentRef>,
    /// What they may do on single channels, where that is set.
    pub rights: BTreeMap<ChannelId, ChannelRight>,
    /// Whether it can't be used any more.
    pub closed: bool,
}

/// A bearer token for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The account that it acts for.
    pub agent: AgentId,
    /// What it is called.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: TokenHash,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether it can't be used any more.
    pub revoked: bool,
}

/// Things of one kind that have a name and can be retired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog<Id: Ord>(pub(super) BTreeMap<Id, Named>);

/// An entry of a [`Catalog`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Whether it can't be used any more.
    pub retired: bool,
}

impl<Id: Ord> Default for Catalog<Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Id: Ord + Copy> Catalog<Id> {
    /// The entry, retired or not.
    pub fn get(&self, id: Id) -> Option<&Named> {
        self.0.get(&id)
    }

    /// Whether the entry is there and not retired.
    pub fn is_usable(&self, id: Id) -> bool {
        self.get(id).is_some_and(|entry| !entry.retired)
    }

    /// All entries, retired or not, by id.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Named)> {
        self.0.iter().map(|(id, entry)| (*id, entry))
    }
}

impl WorkspaceState {
    /// The open account with this login, compared without case.
    pub fn account_by_login(&self, login: &str) -> Option<(AgentId, &Account)> {
        let agent = *self.logins.get(&name::folded(login))?;
        self.open_account(agent).map(|account| (agent, account))
    }

    /// The account, if it is not closed.
    pub fn open_account(&self, agent: AgentId) -> Option<&Account> {
        self.accounts.get(&agent).filter(|account| !account.closed)
    }

    /// Whether the account is open and has the role.
    pub fn has_role(&self, agent: AgentId, role: Role) -> bool {
        self.open_account(agent).is_some_and(|account| account.roles.contains(&role))
    }

    /// The token with this hash, if it can be used at `at` and its account is open.
    pub fn token_by_hash(&self, hash: &TokenHash, at: Timestamp) -> Option<(TokenId, &Token)> {
        let id = *self.token_hashes.get(hash)?;
        let token = self.tokens.get(&id)?;
        let expired = token.expires_at.is_some_and(|end| end <= at);
        let usable = !token.revoked && !expired && self.open_account(token.agent).is_some();
        usable.then_some((id, token))
    }

    /// What the agent may do on the channel: what is set for it, or else the most that one of their roles gives.
    /// Nothing for a closed account.
    pub fn right_on(&self, agent: AgentId, channel: ChannelId) -> ChannelRight {
        self.open_account(agent).map_or(ChannelRight::None, |account| {
            let by_roles = || account.roles.iter().map(|role| role.right()).max().unwrap_or(ChannelRight::None);
            account.rights.get(&channel).copied().unwrap_or_else(by_roles)
        })
    }

    /// The channel, if it takes messages.
    pub fn connected_channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(&channel).filter(|it| !it.disconnected)
    }

    /// The team, if it is not closed.
    pub fn open_team(&self, team: TeamId) -> Option<&Team> {
        self.teams.get(&team).filter(|it| !it.closed)
    }

    /// The open teams that the agent is in.
    pub fn teams_of(&self, agent: AgentId) -> impl Iterator<Item = (TeamId, &Team)> {
        let teams = self.memberships.get(&agent).into_iter().flatten();
        teams.filter_map(|id| self.open_team(*id).map(|team| (*id, team)))
    }

    /// The attribute's definition, if it can be filled.
    pub fn usable_attribute(&self, key: &AttributeKey) -> Option<&AttributeDefinition> {
        self.attributes.get(key).filter(|it| !it.retired).map(|it| &it.definition)
    }
}

impl Role {
    /// What the role gives on a channel for which nothing is set.
    pub fn right(self) -> ChannelRight {
        match self {
            Self::Agent => ChannelRight::Contributor,
            Self::Supervisor => ChannelRight::Supervisor,
            Self::Auditor => ChannelRight::Viewer,
            Self::Operator | Self::Admin | Self::Connector => ChannelRight::None,
        }
    }
}
