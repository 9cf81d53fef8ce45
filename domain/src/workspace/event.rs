//! What can happen to the workspace: everything that is set up rather than worked on.

use crate::automation::Rule;
use crate::contact::AttributeKey;
use crate::content::{ContentId, ContentRef};
use crate::conversation::Visibility;
use crate::ids::{
    AgentId, AwayStatusId, CalendarId, ChannelId, GroupId, RuleId, SlaPolicyId, TeamId, TokenId, TopicId,
};
use crate::sla::{Calendar, Policy};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An event of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkspaceEvent {
    /// The workspace was set up.
    WorkspaceCreated {
        /// Its name.
        name: String,
    },
    /// Settings are now these.
    SettingsChanged {
        /// All of them.
        settings: Settings,
    },

    /// A channel was connected.
    ChannelConnected {
        /// The channel.
        channel: ChannelId,
        /// What it is; all of it can be changed later but the kind.
        profile: ChannelProfile,
    },
    /// A channel's name or settings changed.
    ChannelChanged {
        /// The channel.
        channel: ChannelId,
        /// What it is now.
        profile: ChannelProfile,
    },
    /// A channel takes no more messages, in or out.
    ChannelDisconnected {
        /// The channel.
        channel: ChannelId,
    },
    /// The secret that signs a channel's traffic was set.
    ChannelSecretSet {
        /// The channel.
        channel: ChannelId,
        /// A [`crate::plaintext::Secret`].
        secret: ContentRef,
        /// The one before, which is erased.
        erased: Option<ContentId>,
    },

    /// A team was made.
    TeamCreated {
        /// The team.
        team: TeamId,
        /// Its name.
        name: String,
    },
    /// A team's name changed.
    TeamRenamed {
        /// The team.
        team: TeamId,
        /// The new name.
        name: String,
    },
    /// A team is no more; what was assigned to it stays so until someone takes it.
    TeamClosed {
        /// The team.
        team: TeamId,
    },
    /// An agent joined a team.
    TeamMemberAdded {
        /// The team.
        team: TeamId,
        /// The agent.
        agent: AgentId,
    },
    /// An agent left a team.
    TeamMemberRemoved {
        /// The team.
        team: TeamId,
        /// The agent.
        agent: AgentId,
    },

    /// What a team serves, sees and may do was set.
    TeamSettingsChanged {
        /// The team.
        team: TeamId,
        /// All of it.
        settings: TeamSettings,
        /// As it was before.
        before: TeamSettings,
    },

    /// A topic was defined.
    TopicDefined {
        /// The topic.
        topic: TopicId,
        /// Its name.
        name: String,
    },
    /// A topic's name changed.
    TopicRenamed {
        /// The topic.
        topic: TopicId,
        /// The new name.
        name: String,
    },
    /// A topic can't be added any more; where it stands it stays.
    TopicRetired {
        /// The topic.
        topic: TopicId,
    },

    /// A group of contacts was defined.
    GroupDefined {
        /// The group.
        group: GroupId,
        /// Its name.
        name: String,
    },
    /// A group's name changed.
    GroupRenamed {
        /// The group.
        group: GroupId,
        /// The new name.
        name: String,
    },
    /// Nobody can be put into the group any more.
    GroupRetired {
        /// The group.
        group: GroupId,
    },

    /// An attribute of contacts was defined, or its definition changed.
    AttributeDefined {
        /// Its key.
        key: AttributeKey,
        /// How it is shown and filled.
        definition: AttributeDefinition,
    },
    /// An attribute can't be filled any more; what it holds stays.
    AttributeRetired {
        /// Its key.
        key: AttributeKey,
    },

    /// An away state was defined.
    AwayStatusDefined {
        /// The state.
        status: AwayStatusId,
        /// Its name.
        name: String,
    },
    /// An away state's name changed.
    AwayStatusRenamed {
        /// The state.
        status: AwayStatusId,
        /// The new name.
        name: String,
    },
    /// An away state can't be chosen any more.
    AwayStatusRetired {
        /// The state.
        status: AwayStatusId,
    },

    /// A calendar of business hours was set, or changed.
    CalendarSet {
        /// The calendar.
        calendar: CalendarId,
        /// When it is open.
        definition: Box<Calendar>,
        /// Whether clocks that run count by it as well, from their start; else only those that start later.
        apply_to_open: bool,
    },
    /// A calendar is no more.
    CalendarRemoved {
        /// The calendar.
        calendar: CalendarId,
    },
    /// The calendar of a channel was chosen, for policies that name none.
    ChannelCalendarSet {
        /// The channel.
        channel: ChannelId,
        /// Its calendar; without one, every hour counts.
        calendar: Option<CalendarId>,
        /// The one before.
        before: Option<CalendarId>,
        /// Whether clocks that run count by it as well, from their start.
        apply_to_open: bool,
    },
    /// A service level policy was set, or changed; a new one comes last in order.
    SlaPolicySet {
        /// The policy.
        policy: SlaPolicyId,
        /// What it promises, and to whom.
        definition: Box<Policy>,
        /// Whether it holds for clocks that run as well, from their start.
        apply_to_open: bool,
    },
    /// The order in which policies are tried was set.
    SlaPoliciesOrdered {
        /// Every policy, the one that is tried first before the others.
        order: Vec<SlaPolicyId>,
        /// Whether it holds for clocks that run as well, from their start.
        apply_to_open: bool,
    },
    /// A service level policy is no more.
    SlaPolicyRemoved {
        /// The policy.
        policy: SlaPolicyId,
        /// Whether clocks that run by it are judged by the others from now on.
        apply_to_open: bool,
    },

    /// A redaction pattern was set, or changed; a new one comes last in order.
    RedactionPatternSet {
        /// The rule that a redacted message names.
        rule: RuleId,
        /// What it finds.
        definition: RedactionPattern,
    },
    /// A redaction pattern finds nothing any more; what it took out does not come back.
    RedactionPatternRemoved {
        /// The rule.
        rule: RuleId,
    },

    /// An account was opened.
    AccountOpened {
        /// Whose.
        agent: AgentId,
        /// What they sign in with; unique in the workspace, compared without case.
        login: String,
        /// How they are shown.
        name: String,
        /// What they may do.
        roles: BTreeSet<Role>,
    },
    /// An account's shown name changed.
    AccountRenamed {
        /// Whose.
        agent: AgentId,
        /// The new name.
        name: String,
    },
    /// What an account may do changed.
    RolesChanged {
        /// Whose.
        agent: AgentId,
        /// All of its roles.
        roles: BTreeSet<Role>,
        /// Its roles before.
        before: BTreeSet<Role>,
    },
    /// A password was set.
    PasswordSet {
        /// Whose.
        agent: AgentId,
        /// Its argon2id hash; a [`crate::plaintext::Secret`].
        hash: ContentRef,
        /// The one before, which is erased.
        erased: Option<ContentId>,
    },
    /// An account can't be used any more.
    AccountClosed {
        /// Whose.
        agent: AgentId,
    },
    /// What an account may do on one channel was set; without one, its roles decide.
    ChannelRightSet {
        /// Whose.
        agent: AgentId,
        /// On which channel.
        channel: ChannelId,
        /// What they may do there.
        right: ChannelRight,
        /// What they could do there before, if it was set.
        before: Option<ChannelRight>,
    },
    /// What an account may do on one channel is up to its roles again.
    ChannelRightCleared {
        /// Whose.
        agent: AgentId,
        /// On which channel.
        channel: ChannelId,
        /// What was set before.
        before: ChannelRight,
    },

    /// A bearer token for programs was issued.
    TokenIssued {
        /// The token.
        token: TokenId,
        /// The account that it acts for.
        agent: AgentId,
        /// What it is called.
        name: String,
        /// SHA-256 of the token, which itself is kept nowhere.
        hash: TokenHash,
        /// What it may be used for.
        scopes: BTreeSet<Scope>,
        /// When it expires, if ever.
        expires_at: Option<Timestamp>,
    },
    /// A token can't be used any more.
    TokenRevoked {
        /// The token.
        token: TokenId,
    },

    /// A rule was set, or changed; a new one is the last in order.
    RuleSet {
        /// The rule.
        rule: RuleId,
        /// What it does, and when.
        definition: Box<Rule>,
    },
    /// Rules are asked in this order.
    RulesOrdered {
        /// All of them.
        order: Vec<RuleId>,
    },
    /// A rule is no more.
    RuleRemoved {
        /// The rule.
        rule: RuleId,
    },
}

/// SHA-256 of a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

/// Settings of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// Whether agents may mask; supervisors always may.
    pub agents_may_mask: bool,
    /// Whether the first to answer an unowned conversation becomes its owner.
    pub first_response_assigns: bool,
    /// Conversations in New that an agent is given at most at the same time.
    pub conversations_per_agent_max: u16,
    /// How long a lock outlives a lost connection, in seconds.
    pub lock_grace_s: u32,
    /// What becomes of what an agent has in New when they sign out or their connection is lost.
    #[serde(default)]
    pub when_agent_leaves: WhenAgentLeaves,
}

/// What becomes of the conversations in New of an agent who is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenAgentLeaves {
    /// They are given to others at once; what is pending stays theirs until the contact writes.
    #[default]
    HandOver,
    /// They stay theirs.
    Keep,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            agents_may_mask: false,
            first_response_assigns: true,
            conversations_per_agent_max: 5,
            lock_grace_s: 60,
            when_agent_leaves: WhenAgentLeaves::HandOver,
        }
    }
}

/// What a team serves, sees and may do. Of an agent in several teams, the most that one of them gives counts, but of
/// the limits the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TeamSettings {
    /// The channels whose conversations it can be given; all, if none is named.
    pub channels: BTreeSet<ChannelId>,
    /// Conversations in New that a member is given at most at the same time, if fewer than the workspace says.
    pub limit: Option<u16>,
    /// Which conversations its agents see.
    pub sees: Sees,
    /// Whether its agents choose the order of a queue.
    pub may_order: bool,
    /// Whether its agents narrow a queue to channels, teams, topics, other agents or words.
    pub may_filter: bool,
}

impl Default for TeamSettings {
    fn default() -> Self {
        Self { channels: BTreeSet::new(), limit: None, sees: Sees::All, may_order: true, may_filter: true }
    }
}

/// Which conversations agents see, on the channels that they may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sees {
    /// All.
    #[default]
    All,
    /// Those that no agent owns, and their own.
    UnownedAndOwn,
}

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelProfile {
    /// What kind of account.
    pub kind: ChannelKind,
    /// Its name, as agents see it.
    pub name: String,
    /// Whether what is written there can be read by anyone.
    pub visibility: Visibility,
    /// Whether a contact's message reopens a resolved conversation instead of starting a new one.
    pub reopens: bool,
    /// The team that new conversations are given to.
    pub team: Option<TeamId>,
    /// Characters in one reply at most, if the channel limits them.
    pub reply_characters_max: Option<u32>,
}

/// A kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// X (Twitter).
    Twitter,
    /// A Facebook page.
    Facebook,
    /// Instagram.
    Instagram,
    /// `WhatsApp`.
    WhatsApp,
    /// Text messages.
    Sms,
    /// E-mail.
    Email,
    /// The chat on a web site.
    WebChat,
    /// Anything else that speaks our inbound API.
    Generic,
}

/// How an attribute of contacts is shown and filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttributeDefinition {
    /// Its label.
    pub label: String,
    /// What it takes.
    pub kind: AttributeKind,
    /// Whether only programs and rules fill it.
    pub system: bool,
}

/// What an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Any text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A number.
    Number,
    /// A date (ISO 8601).
    Date,
    /// A web address.
    Url,
    /// Yes or no.
    Boolean,
}

/// What is taken out of an incoming text before it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedactionPattern {
    /// What it is called, where the audit trail speaks of it.
    pub name: String,
    /// A regular expression of the `regex` crate: without look-around and back-references, so that it is matched in
    /// linear time.
    pub pattern: String,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works conversations.
    Agent,
    /// Works conversations, masks, acts in bulk, sees everybody's work.
    Supervisor,
    /// Reads everything and the audit trail, changes nothing.
    Auditor,
    /// Runs the installation: health, projections, backups. Reads no conversation.
    Operator,
    /// Sets up the workspace.
    Admin,
    /// A program that brings messages in and takes replies out.
    Connector,
}

/// What an account may do on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelRight {
    /// Nothing: the channel's conversations are not shown.
    None,
    /// Reads.
    Viewer,
    /// Reads and works.
    Contributor,
    /// Reads, works, masks and acts in bulk.
    Supervisor,
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read what its account may read.
    Read,
    /// Act as its account may.
    Write,
    /// Bring messages in and report deliveries.
    Inbound,
    /// Administer, where its account may.
    Admin,
}
