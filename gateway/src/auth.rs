//! Who calls: from a session cookie or a bearer token to a [`Caller`] with permissions and channel rights.
//! Opening and ending sessions is `routes/sessions.rs`; what each role may do stands in `permissions.rs`.

pub mod cookies;
pub mod passwords;
pub mod permissions;
pub mod rate;
pub mod tokens;

use crate::directory::Settings;
use crate::error::{Kind, Problem, kinds};
use crate::state::AppState;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use clew_domain::ids::{AgentId, ChannelId, SessionId, TokenId};
use clew_domain::workspace::{ChannelRight, Role, Scope, TokenHash, WorkspaceState};
use permissions::Permission;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Who calls, and what they may do. The workspace is that of the moment when the request came in.
#[derive(Clone)]
pub struct Caller {
    /// Whose account.
    pub agent: AgentId,
    /// How they proved it.
    pub credential: Credential,
    /// What they may do, wherever channels do not decide.
    pub permissions: BTreeSet<Permission>,
    /// The workspace.
    pub workspace: Arc<WorkspaceState>,
    /// The version of the workspace's stream.
    pub settings_version: u64,
}

/// How a caller proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By the cookie of a sign-in.
    Session(SessionId),
    /// By a bearer token, for these uses.
    Token {
        /// Which token.
        token: TokenId,
        /// What it may be used for.
        scopes: BTreeSet<Scope>,
    },
}

/// What a request says of who sends it.
#[derive(Clone)]
pub enum Identity {
    /// This caller.
    Caller(Box<Caller>),
    /// Nobody: there is neither cookie nor token.
    Nobody,
    /// The cookie or token is not valid (any more), for this reason.
    Refused(&'static Kind),
}

impl Identity {
    /// Who sends a request with these headers. A bearer token counts before a cookie.
    pub fn of(app: &AppState, headers: &HeaderMap) -> Self {
        if let Some(authorization) = headers.get(AUTHORIZATION) {
            return by_token(app, authorization);
        }
        match cookies::session_of(headers, &app.cookie_key) {
            None => Self::Nobody,
            Some(Err(cookies::Forged)) => Self::Refused(&kinds::SESSION_ENDED),
            Some(Ok((agent, session))) => by_session(app, agent, session),
        }
    }

    /// The caller, or why there is none.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        let kind = match self {
            Self::Caller(caller) => return Ok(caller),
            Self::Nobody => &kinds::SIGN_IN_REQUIRED,
            Self::Refused(kind) => kind,
        };
        Err(Problem::new(kind).header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
    }
}

fn by_token(app: &AppState, authorization: &HeaderValue) -> Identity {
    let presented = authorization.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match presented {
        Some(token) => by_token_hash(app, &app.directory.settings(), &tokens::hash(token)),
        None => Identity::Refused(&kinds::TOKEN_INVALID),
    }
}

fn by_token_hash(app: &AppState, settings: &Settings, hash: &TokenHash) -> Identity {
    let known = settings.workspace.token_by_hash(hash, app.clock.now());
    let Some((token, record)) = known else { return Identity::Refused(&kinds::TOKEN_INVALID) };
    let Some(account) = settings.workspace.open_account(record.agent) else {
        return Identity::Refused(&kinds::TOKEN_INVALID);
    };
    Identity::Caller(Box::new(Caller {
        agent: record.agent,
        permissions: permissions::granted(&account.roles, Some(&record.scopes)),
        credential: Credential::Token { token, scopes: record.scopes.clone() },
        settings_version: settings.version,
        workspace: Arc::clone(&settings.workspace),
    }))
}

fn by_session(app: &AppState, agent: AgentId, session: SessionId) -> Identity {
    let settings = app.directory.settings();
    let record = app.directory.agent(agent);
    let open = record.sessions.get(&session).is_some_and(|since| !app.session_is_over(*since));
    match Caller::signed_in(&settings, agent, session) {
        Some(caller) if open => Identity::Caller(Box::new(caller)),
        _ => Identity::Refused(&kinds::SESSION_ENDED),
    }
}

impl Caller {
    /// The holder of this session, which is open, if their account is, too.
    pub fn signed_in(settings: &Settings, agent: AgentId, session: SessionId) -> Option<Self> {
        let account = settings.workspace.open_account(agent)?;
        Some(Self {
            agent,
            credential: Credential::Session(session),
            permissions: permissions::granted(&account.roles, None),
            settings_version: settings.version,
            workspace: Arc::clone(&settings.workspace),
        })
    }

    /// The caller as they are now; none if the session or token is no longer valid.
    pub fn refreshed(&self, app: &AppState) -> Option<Self> {
        let identity = match &self.credential {
            Credential::Session(session) => by_session(app, self.agent, *session),
            Credential::Token { token, .. } => {
                let settings = app.directory.settings();
                let hash = settings.workspace.tokens.get(token)?.hash;
                by_token_hash(app, &settings, &hash)
            }
        };
        identity.caller().ok().cloned()
    }

    /// The caller's roles.
    pub fn roles(&self) -> BTreeSet<Role> {
        self.workspace.open_account(self.agent).map(|account| account.roles.clone()).unwrap_or_default()
    }

    /// Whether the caller has the permission.
    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Refuses a caller without the permission.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.has(permission) {
            return Ok(());
        }
        Err(Problem::new(&kinds::FORBIDDEN).with("permission", permission))
    }

    /// Refuses a token that is only for reading, whatever its account may do.
    pub fn require_writing(&self) -> Result<(), Problem> {
        match &self.credential {
            Credential::Token { scopes, .. } if scopes.iter().all(|scope| *scope == Scope::Read) => {
                Err(Problem::new(&kinds::FORBIDDEN).detail("the token is for reading only").with("scope", Scope::Write))
            }
            Credential::Token { .. } | Credential::Session(_) => Ok(()),
        }
    }

    /// What the caller may do on the channel: as the workspace says, and no more than a token's scopes let through.
    pub fn right_on(&self, channel: ChannelId) -> ChannelRight {
        let right = self.workspace.right_on(self.agent, channel);
        match &self.credential {
            Credential::Session(_) => right,
            Credential::Token { scopes, .. } if scopes.contains(&Scope::Write) => right,
            Credential::Token { scopes, .. } if scopes.contains(&Scope::Read) => right.min(ChannelRight::Viewer),
            Credential::Token { .. } => ChannelRight::None,
        }
    }

    /// Whether the channel's conversations are shown to the caller.
    pub fn may_read(&self, channel: ChannelId) -> bool {
        self.right_on(channel) >= ChannelRight::Viewer
    }

    /// Whether a conversation on this channel that this agent, or nobody, owns is shown to the caller.
    pub fn sees(&self, channel: ChannelId, owner: Option<AgentId>) -> bool {
        self.may_read(channel) && self.workspace.sees(self.agent, owner)
    }

    /// Refuses a caller whose teams let them see only what nobody owns, and their own, as if it were not there.
    pub fn require_sight(&self, owner: Option<AgentId>) -> Result<(), Problem> {
        if self.workspace.sees(self.agent, owner) { Ok(()) } else { Err(Problem::new(&kinds::NOT_FOUND)) }
    }

    /// Whose conversations are shown to the caller beside nobody's; `None` for everybody's.
    pub fn sees_only_of(&self) -> Option<AgentId> {
        (!self.workspace.sees_all(self.agent)).then_some(self.agent)
    }

    /// Whether the caller works the channel's conversations.
    pub fn may_work(&self, channel: ChannelId) -> bool {
        self.right_on(channel) >= ChannelRight::Contributor
    }

    /// Whether the caller may mask on the channel.
    pub fn may_mask(&self, channel: ChannelId) -> bool {
        let right = self.right_on(channel);
        right >= ChannelRight::Supervisor
            || (self.workspace.settings.agents_may_mask && right >= ChannelRight::Contributor)
    }

    /// The channels, connected or not, whose conversations are shown to the caller.
    pub fn readable_channels(&self) -> BTreeSet<ChannelId> {
        self.workspace.channels.keys().copied().filter(|channel| self.may_read(*channel)).collect()
    }

    /// Refuses a caller who may do less than `needed` on the channel. To a caller who may not even read there, what
    /// lies on it is not there.
    pub fn require_on(&self, channel: ChannelId, needed: ChannelRight) -> Result<(), Problem> {
        let right = self.right_on(channel);
        if right >= needed {
            Ok(())
        } else if right == ChannelRight::None {
            Err(Problem::new(&kinds::NOT_FOUND))
        } else {
            Err(Problem::new(&kinds::CHANNEL_FORBIDDEN).with("needed", needed).with("right", right))
        }
    }
}
