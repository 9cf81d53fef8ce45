//! `clew user`: accounts of a data directory, while no server runs.

use super::offline::Offline;
use super::{Exit, Failure};
use crate::auth::passwords::{self, Password};
use crate::config::Place;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use clew_domain::agent::{Agent, Command as AgentCommand, SignOutCause};
use clew_domain::ids::AgentId;
use clew_domain::workspace::{Command, Role};
use std::collections::BTreeSet;
use std::io::{BufRead, stdin};
use uuid::Uuid;

/// The arguments of `clew user`.
#[derive(Args)]
pub(super) struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Open an account and print its password, drawn at random unless one is given
    Add {
        /// What they sign in with
        login: String,
        /// How they are shown [default: the login]
        #[arg(long)]
        name: Option<String>,
        /// What they may do; give it several times for several roles
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<RoleName>,
        #[command(flatten)]
        password: PasswordSource,
        #[command(flatten)]
        place: Place,
    },
    /// List the accounts
    List {
        /// Print one JSON object an account
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Set another password and print it, drawn at random unless one is given
    Password {
        /// Whose
        login: String,
        #[command(flatten)]
        password: PasswordSource,
        #[command(flatten)]
        place: Place,
    },
    /// Give an account these roles in place of those it has
    Roles {
        /// Whose
        login: String,
        /// What they may do; give it several times for several roles
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<RoleName>,
        #[command(flatten)]
        place: Place,
    },
    /// Close an account: its sessions end, its tokens are revoked, it leaves its teams
    Close {
        /// Whose
        login: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    Agent,
    Supervisor,
    Auditor,
    Operator,
    Admin,
    Connector,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Agent => Self::Agent,
            RoleName::Supervisor => Self::Supervisor,
            RoleName::Auditor => Self::Auditor,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
            RoleName::Connector => Self::Connector,
        }
    }
}

impl User {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Add { login, name, roles, password, place } => {
                let desk = Offline::open(&place).await?;
                let added = add(&desk, login, name, roles, &password).await;
                desk.close().await;
                added
            }
            Action::List { json, place } => {
                let desk = Offline::open(&place).await?;
                list(&desk, json);
                desk.close().await;
                Ok(())
            }
            Action::Password { login, password, place } => {
                let desk = Offline::open(&place).await?;
                let changed = change_password(&desk, &login, &password).await;
                desk.close().await;
                changed
            }
            Action::Roles { login, roles, place } => {
                let desk = Offline::open(&place).await?;
                let changed = change_roles(&desk, &login, roles).await;
                desk.close().await;
                changed
            }
            Action::Close { login, place } => {
                let desk = Offline::open(&place).await?;
                let closed = close(&desk, &login).await;
                desk.close().await;
                closed
            }
        }
    }
}

async fn add(
    desk: &Offline,
    login: String,
    name: Option<String>,
    roles: Vec<RoleName>,
    source: &PasswordSource,
) -> Result<(), Failure> {
    let (hash, shown) = source.hash()?;
    let agent = AgentId(Uuid::new_v4());
    let roles: BTreeSet<Role> = roles.into_iter().map(Role::from).collect();
    let name = name.unwrap_or_else(|| login.clone());
    desk.act(Command::OpenAccount { agent, login: login.clone(), name, roles }, Vec::new()).await?;
    desk.set_password(agent, hash).await?;
    println!("Account {login} is open.");
    tell(shown.as_deref());
    Ok(())
}

async fn change_password(desk: &Offline, login: &str, source: &PasswordSource) -> Result<(), Failure> {
    let agent = desk.account(login)?;
    let (hash, shown) = source.hash()?;
    desk.set_password(agent, hash).await?;
    println!("The password of {login} is changed.");
    tell(shown.as_deref());
    Ok(())
}

async fn change_roles(desk: &Offline, login: &str, roles: Vec<RoleName>) -> Result<(), Failure> {
    let agent = desk.account(login)?;
    let roles = roles.into_iter().map(Role::from).collect();
    desk.act(Command::ChangeRoles { agent, roles }, Vec::new()).await?;
    println!("The roles of {login} are changed.");
    Ok(())
}

async fn close(desk: &Offline, login: &str) -> Result<(), Failure> {
    let agent = desk.account(login)?;
    desk.act(Command::CloseAccount { agent }, Vec::new()).await?;
    let out = AgentCommand::SignOutEverywhere { cause: SignOutCause::Revoked };
    desk.app.state.act::<Agent>(agent.into(), &desk.meta(), &out, Vec::new()).await?;
    println!("Account {login} is closed.");
    Ok(())
}

fn list(desk: &Offline, json: bool) {
    for (id, account) in &desk.workspace().accounts {
        let roles: Vec<_> = account.roles.iter().map(|role| serde_json::json!(role)).collect();
        if json {
            let line = serde_json::json!({
                "id": id, "login": account.login, "name": account.name, "roles": roles, "closed": account.closed,
            });
            println!("{line}");
        } else {
            let words: Vec<&str> = roles.iter().filter_map(serde_json::Value::as_str).collect();
            let closed = if account.closed { "  (closed)" } else { "" };
            println!("{:<24} {:<32} {}{closed}", account.login, account.name, words.join(", "));
        }
    }
}

impl PasswordSource {
    /// The hash, and the password itself where it was drawn here and must be told.
    fn hash(&self) -> Result<(String, Option<String>), Failure> {
        let (text, drawn) = if self.password_stdin {
            let mut line = String::new();
            stdin().lock().read_line(&mut line)?;
            (line.trim_end_matches(['\r', '\n']).to_owned(), false)
        } else {
            let mut bytes = [0; 15];
            getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
            (URL_SAFE_NO_PAD.encode(bytes), true)
        };
        let hash = passwords::hash(&Password::new(text.clone()));
        let hash = hash.map_err(|why| Failure::new(Exit::Refused, why.to_string()))?;
        Ok((hash, drawn.then_some(text)))
    }
}

fn tell(password: Option<&str>) {
    if let Some(password) = password {
        println!("Password, shown this once: {password}");
    }
}
