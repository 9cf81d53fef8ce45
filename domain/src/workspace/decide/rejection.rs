//! Why what was asked of the workspace may not happen, in words that say what to do.

use crate::automation::RuleFault;
use crate::contact::AttributeKey;
use crate::ids::{
    AgentId, AwayStatusId, CalendarId, ChannelId, GroupId, RuleId, SlaPolicyId, TeamId, TokenId, TopicId,
};
use crate::name::NotAName;
use crate::redaction::PatternError;
use crate::sla::{CalendarFault, PolicyFault};
use crate::workspace::attribute::VALUE_CHARACTERS_MAX;
use crate::workspace::event::AttributeKind;
use std::fmt;

/// A thing of the workspace that a refusal speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A channel.
    Channel(ChannelId),
    /// A team.
    Team(TeamId),
    /// A topic.
    Topic(TopicId),
    /// A group of contacts.
    Group(GroupId),
    /// An away state.
    AwayStatus(AwayStatusId),
    /// An attribute of contacts.
    Attribute(AttributeKey),
    /// An account.
    Account(AgentId),
    /// A token.
    Token(TokenId),
    /// A calendar of business hours.
    Calendar(CalendarId),
    /// A service level policy.
    SlaPolicy(SlaPolicyId),
    /// A redaction pattern.
    RedactionPattern(RuleId),
    /// A rule.
    Rule(RuleId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(id) => write!(f, "channel {id}"),
            Self::Team(id) => write!(f, "team {id}"),
            Self::Topic(id) => write!(f, "topic {id}"),
            Self::Group(id) => write!(f, "contact group {id}"),
            Self::AwayStatus(id) => write!(f, "away status {id}"),
            Self::Attribute(key) => write!(f, "attribute {}", key.as_str()),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Token(id) => write!(f, "token {id}"),
            Self::Calendar(id) => write!(f, "calendar {id}"),
            Self::SlaPolicy(id) => write!(f, "SLA policy {id}"),
            Self::RedactionPattern(id) => write!(f, "redaction pattern {id}"),
            Self::Rule(id) => write!(f, "rule {id}"),
        }
    }
}

/// Why what was asked of the workspace may not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such thing.
    #[error("there is no {0}; check the id")]
    Unknown(Thing),
    /// The thing was retired, closed, disconnected or revoked.
    #[error("{0} is no longer in use; choose another one")]
    Gone(Thing),
    /// The id of what was to be made is in use.
    #[error("there is a {0} already; change that one, or choose a fresh id")]
    Exists(Thing),
    /// Another thing of the kind has the name.
    #[error("{0} has this name already; choose another name")]
    NameTaken(Thing),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// The workspace was set up before.
    #[error("the workspace is set up already; there is only one")]
    SetUpAlready,
    /// A setting is out of its bounds.
    #[error("{setting} must be between {min} and {max}; choose such a number")]
    SettingOutOfBounds {
        /// Which setting.
        setting: &'static str,
        /// The least that it takes.
        min: u32,
        /// The most that it takes.
        max: u32,
    },
    /// There are as many as there may be.
    #[error("there are {max} {what} already; close one that is not needed first")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A team would be given what it does not serve.
    #[error(
        "team {team} would be given conversations of channel {channel}, which it does not serve; let it serve the \
         channel, or choose another team"
    )]
    NotServed {
        /// The team.
        team: TeamId,
        /// The channel.
        channel: ChannelId,
    },
    /// The kind of a channel is for ever.
    #[error("{0} can't become another kind of channel; connect a new one instead")]
    ChannelKindFixed(Thing),
    /// A channel that takes no characters takes no reply.
    #[error("a channel's replies need room for a character at least; leave the limit out if there is none")]
    NoRoomForReplies,
    /// The login is none.
    #[error("a login has 1 to 100 characters, without blanks or control characters; give another one")]
    NotALogin,
    /// Another open account has the login.
    #[error("account {0} has this login already; choose another login")]
    LoginTaken(AgentId),
    /// An account without a role could do nothing.
    #[error("an account needs a role at least; give one, or close the account")]
    NoRole,
    /// Without an admin nobody could set up the workspace.
    #[error("this is the last admin account; make another account admin first")]
    LastAdmin,
    /// A token without a scope could do nothing.
    #[error("a token needs a scope at least; give one")]
    NoScope,
    /// The token would never have been usable.
    #[error("a token must expire in the future; give a later time, or none")]
    ExpiresInThePast,
    /// The token is in use under another id.
    #[error("token {0} has this hash already; draw another token")]
    TokenTaken(TokenId),
    /// The calendar can't be used as it is.
    #[error(transparent)]
    Calendar(#[from] CalendarFault),
    /// The policy can't be used as it is.
    #[error(transparent)]
    Policy(#[from] PolicyFault),
    /// The text can't be a redaction pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Something counts by the calendar.
    #[error("{0} counts by this calendar; give it another one first")]
    CalendarInUse(Thing),
    /// The rule can't be used as it is.
    #[error(transparent)]
    Rule(#[from] RuleFault),
    /// An order that leaves some open.
    #[error("an order names every SLA policy, or every rule, exactly once; name all of them")]
    NotAnOrder,
    /// People don't fill this attribute.
    #[error("attribute {} is filled by programs and rules only; fill another one", .0.as_str())]
    FilledByProgramsOnly(AttributeKey),
    /// The value is not of the attribute's kind.
    #[error(
        "attribute {} takes {}, of {} characters at most; give such a value",
        .key.as_str(), .kind.wanted(), VALUE_CHARACTERS_MAX
    )]
    NotA {
        /// Which attribute.
        key: AttributeKey,
        /// What it takes.
        kind: AttributeKind,
    },
}
