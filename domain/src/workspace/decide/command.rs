//! What may be asked of the workspace.

use crate::automation::Rule;
use crate::contact::AttributeKey;
use crate::content::ContentRef;
use crate::ids::{
    AgentId, AwayStatusId, CalendarId, ChannelId, GroupId, RuleId, SlaPolicyId, TeamId, TokenId, TopicId,
};
use crate::sla::{Calendar, Policy};
use crate::time::Timestamp;
use crate::workspace::event::{
    AttributeDefinition, ChannelProfile, ChannelRight, RedactionPattern, Role, Scope, Settings, TeamSettings, TokenHash,
};
use std::collections::BTreeSet;

/// What may be asked of the workspace. Ids of what is made are fresh; names are trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set up the workspace.
    Create {
        /// Its name.
        name: String,
    },
    /// Set these settings.
    ChangeSettings {
        /// All of them.
        settings: Settings,
    },

    /// Connect a channel.
    ConnectChannel {
        /// The channel.
        channel: ChannelId,
        /// What it is.
        profile: ChannelProfile,
    },
    /// Change a channel; its kind stays.
    ChangeChannel {
        /// The channel.
        channel: ChannelId,
        /// What it is from now on.
        profile: ChannelProfile,
    },
    /// Take no more messages, in or out.
    DisconnectChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Set the secret that signs a channel's traffic; the one before is erased.
    SetChannelSecret {
        /// The channel.
        channel: ChannelId,
        /// A [`crate::plaintext::Secret`].
        secret: ContentRef,
    },

    /// Make a team.
    CreateTeam {
        /// The team.
        team: TeamId,
        /// Its name.
        name: String,
    },
    /// Give a team another name.
    RenameTeam {
        /// The team.
        team: TeamId,
        /// The new name.
        name: String,
    },
    /// Close a team; channels that gave it new conversations give them to nobody.
    CloseTeam {
        /// The team.
        team: TeamId,
    },
    /// Put an agent into a team.
    AddTeamMember {
        /// The team.
        team: TeamId,
        /// The agent.
        agent: AgentId,
    },
    /// Take an agent out of a team.
    RemoveTeamMember {
        /// The team.
        team: TeamId,
        /// The agent.
        agent: AgentId,
    },

    /// Say what a team serves, sees and may do.
    ChangeTeamSettings {
        /// The team.
        team: TeamId,
        /// All of it.
        settings: TeamSettings,
    },
    /// Define a topic.
    DefineTopic {
        /// The topic.
        topic: TopicId,
        /// Its name.
        name: String,
    },
    /// Give a topic another name.
    RenameTopic {
        /// The topic.
        topic: TopicId,
        /// The new name.
        name: String,
    },
    /// Let a topic not be added any more.
    RetireTopic {
        /// The topic.
        topic: TopicId,
    },
    /// Define a group of contacts.
    DefineGroup {
        /// The group.
        group: GroupId,
        /// Its name.
        name: String,
    },
    /// Give a group another name.
    RenameGroup {
        /// The group.
        group: GroupId,
        /// The new name.
        name: String,
    },
    /// Let nobody be put into a group any more.
    RetireGroup {
        /// The group.
        group: GroupId,
    },
    /// Define an away state.
    DefineAwayStatus {
        /// The state.
        status: AwayStatusId,
        /// Its name.
        name: String,
    },
    /// Give an away state another name.
    RenameAwayStatus {
        /// The state.
        status: AwayStatusId,
        /// The new name.
        name: String,
    },
    /// Let an away state not be chosen any more. Who is in it leaves it by
    /// [`LeaveRetiredStatus`](crate::agent::Command::LeaveRetiredStatus).
    RetireAwayStatus {
        /// The state.
        status: AwayStatusId,
    },
    /// Define an attribute of contacts, or define it anew.
    DefineAttribute {
        /// Its key.
        key: AttributeKey,
        /// How it is shown and filled.
        definition: AttributeDefinition,
    },
    /// Let an attribute not be filled any more.
    RetireAttribute {
        /// Its key.
        key: AttributeKey,
    },

    /// Set a calendar of business hours, new or not.
    SetCalendar {
        /// The calendar.
        calendar: CalendarId,
        /// When it is open.
        definition: Calendar,
        /// Whether clocks that run count by it as well.
        apply_to_open: bool,
    },
    /// Do away with a calendar that nothing uses.
    RemoveCalendar {
        /// The calendar.
        calendar: CalendarId,
    },
    /// Choose the calendar of a channel.
    SetChannelCalendar {
        /// The channel.
        channel: ChannelId,
        /// Its calendar; without one, every hour counts.
        calendar: Option<CalendarId>,
        /// Whether clocks that run count by it as well.
        apply_to_open: bool,
    },
    /// Set a service level policy; a new one comes last in order.
    SetSlaPolicy {
        /// The policy.
        policy: SlaPolicyId,
        /// What it promises, and to whom.
        definition: Policy,
        /// Whether it holds for clocks that run as well.
        apply_to_open: bool,
    },
    /// Set the order in which policies are tried.
    OrderSlaPolicies {
        /// Every policy once.
        order: Vec<SlaPolicyId>,
        /// Whether it holds for clocks that run as well.
        apply_to_open: bool,
    },
    /// Do away with a service level policy.
    RemoveSlaPolicy {
        /// The policy.
        policy: SlaPolicyId,
        /// Whether clocks that run by it are judged by the others from now on.
        apply_to_open: bool,
    },

    /// Set a redaction pattern, new or not; a new one comes last in order.
    SetRedactionPattern {
        /// The rule that a redacted message names.
        rule: RuleId,
        /// What it finds.
        definition: RedactionPattern,
    },
    /// Have a redaction pattern find nothing any more.
    RemoveRedactionPattern {
        /// The rule.
        rule: RuleId,
    },

    /// Open an account.
    OpenAccount {
        /// Whose.
        agent: AgentId,
        /// What they sign in with.
        login: String,
        /// How they are shown.
        name: String,
        /// What they may do.
        roles: BTreeSet<Role>,
    },
    /// Show an account under another name.
    RenameAccount {
        /// Whose.
        agent: AgentId,
        /// The new name.
        name: String,
    },
    /// Let an account do this.
    ChangeRoles {
        /// Whose.
        agent: AgentId,
        /// All of its roles.
        roles: BTreeSet<Role>,
    },
    /// Set a password; the one before is erased.
    SetPassword {
        /// Whose.
        agent: AgentId,
        /// Its argon2id hash; a [`crate::plaintext::Secret`].
        hash: ContentRef,
    },
    /// Close an account: it leaves its teams and its tokens are revoked.
    CloseAccount {
        /// Whose.
        agent: AgentId,
    },
    /// Let an account do this on one channel, whatever its roles.
    SetChannelRight {
        /// Whose.
        agent: AgentId,
        /// On which channel.
        channel: ChannelId,
        /// What they may do there.
        right: ChannelRight,
    },
    /// Let an account's roles decide on one channel.
    ClearChannelRight {
        /// Whose.
        agent: AgentId,
        /// On which channel.
        channel: ChannelId,
    },
    /// Issue a bearer token.
    IssueToken {
        /// The token.
        token: TokenId,
        /// The account that it acts for.
        agent: AgentId,
        /// What it is called.
        name: String,
        /// SHA-256 of the token.
        hash: TokenHash,
        /// What it may be used for.
        scopes: BTreeSet<Scope>,
        /// When it expires, if ever.
        expires_at: Option<Timestamp>,
    },
    /// Let a token not be used any more.
    RevokeToken {
        /// The token.
        token: TokenId,
    },
    /// Make a rule, or change it.
    SetRule {
        /// The rule.
        rule: RuleId,
        /// What it does, and when.
        definition: Rule,
    },
    /// Ask rules in this order.
    OrderRules {
        /// All of them.
        order: Vec<RuleId>,
    },
    /// Do away with a rule.
    RemoveRule {
        /// The rule.
        rule: RuleId,
    },
}
