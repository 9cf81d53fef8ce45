//! `clew token`: bearer tokens of a data directory, while no server runs.

use super::offline::Offline;
use super::{Exit, Failure};
use crate::auth::tokens;
use crate::config::Place;
use clap::{Args, Subcommand, ValueEnum};
use clew_domain::ids::TokenId;
use clew_domain::workspace::{Command, Scope};
use uuid::Uuid;

/// The arguments of `clew token`.
#[derive(Args)]
pub(super) struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Issue a token for an account and print it, this once
    Issue {
        /// The account that it acts for
        login: String,
        /// What it is called
        #[arg(long)]
        name: String,
        /// What it may be used for; give it several times for several uses
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<ScopeName>,
        /// Days after which it expires; never, if absent
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List the tokens, without the tokens themselves
    List {
        /// Print one JSON object a token
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Let a token not be used any more
    Revoke {
        /// The id of the token, as `list` shows it
        id: Uuid,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ScopeName {
    Read,
    Write,
    Inbound,
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Write => Self::Write,
            ScopeName::Inbound => Self::Inbound,
            ScopeName::Admin => Self::Admin,
        }
    }
}

impl Token {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let place = match &self.action {
            Action::Issue { place, .. } | Action::List { place, .. } | Action::Revoke { place, .. } => place,
        };
        let desk = Offline::open(place).await?;
        let done = carry_out(&desk, &self.action).await;
        desk.close().await;
        done
    }
}

async fn carry_out(desk: &Offline, action: &Action) -> Result<(), Failure> {
    match action {
        Action::Issue { login, name, scopes, days, json, .. } => {
            let agent = desk.account(login)?;
            let (id, token) = (TokenId(Uuid::new_v4()), tokens::draw());
            let now = desk.app.state.clock.now();
            let expires_at = days.map(|days| now.plus_secs(i64::from(days) * 86_400));
            let scopes = scopes.iter().copied().map(Scope::from).collect();
            let hash = tokens::hash(&token);
            desk.act(
                Command::IssueToken { token: id, agent, name: name.clone(), hash, scopes, expires_at },
                Vec::new(),
            )
            .await?;
            if *json {
                println!("{}", serde_json::json!({ "id": id, "token": *token, "expires_at": expires_at }));
            } else {
                println!("Token {id}, shown this once: {}", *token);
            }
            Ok(())
        }
        Action::List { json, .. } => {
            list(desk, *json);
            Ok(())
        }
        Action::Revoke { id, .. } => {
            if !desk.workspace().tokens.contains_key(&TokenId(*id)) {
                return Err(Failure::new(Exit::NotFound, format!("there is no token {id}")));
            }
            desk.act(Command::RevokeToken { token: TokenId(*id) }, Vec::new()).await?;
            println!("Token {id} is revoked.");
            Ok(())
        }
    }
}

fn list(desk: &Offline, json: bool) {
    let workspace = desk.workspace();
    for (id, token) in &workspace.tokens {
        let login = workspace.accounts.get(&token.agent).map_or("", |account| account.login.as_str());
        if json {
            let line = serde_json::json!({
                "id": id, "name": token.name, "login": login, "scopes": token.scopes,
                "expires_at": token.expires_at, "revoked": token.revoked,
            });
            println!("{line}");
        } else {
            let state = if token.revoked { "revoked" } else { "in use" };
            println!("{id}  {:<24} {:<24} {state}", token.name, login);
        }
    }
}
