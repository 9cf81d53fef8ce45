//! What the commands share that work on a data directory while no server runs: opening it, and one command on the
//! workspace by the operator. While a server has it open they are refused, and the API does the same.

use super::{Exit, Failure};
use crate::app::App;
use crate::config::{Config, Options, Place};
use crate::error::Problem;
use clew_domain::content::ContactNumber;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, CommandId, StreamId};
use clew_domain::installation::DataReading;
use clew_domain::plaintext::Secret;
use clew_domain::workspace::{self, Workspace, WorkspaceState};
use clew_eventstore::sealed::SealedContent;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long the views may take to catch up with the log.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);

/// An open data directory.
pub(super) struct Offline {
    pub(super) app: App,
}

impl Offline {
    /// Opens the directory, and sets up a workspace in an empty one.
    pub(super) async fn open(place: &Place) -> Result<Self, Failure> {
        let app = App::open(Config::resolve(place, Options::default())?).await?;
        app.set_up("Clew").await?;
        Ok(Self { app })
    }

    pub(super) fn workspace(&self) -> Arc<WorkspaceState> {
        self.app.state.directory.settings().workspace
    }

    pub(super) fn meta(&self) -> CommandMeta {
        let version = self.app.state.directory.settings().version;
        CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, self.app.state.clock.now(), version)
    }

    /// The open account with this login.
    pub(super) fn account(&self, login: &str) -> Result<AgentId, Failure> {
        let found = self.workspace().account_by_login(login).map(|(agent, _)| agent);
        found.ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no open account with the login {login}")))
    }

    /// Carries out a command on the workspace.
    pub(super) async fn act(&self, command: workspace::Command, contents: Vec<SealedContent>) -> Result<(), Failure> {
        self.app.state.act::<Workspace>(StreamId::WORKSPACE, &self.meta(), &command, contents).await?;
        Ok(())
    }

    /// Seals a password's hash and sets it.
    pub(super) async fn set_password(&self, agent: AgentId, hash: String) -> Result<(), Failure> {
        let (sealed, hash) = self.app.state.seal(ContactNumber::WORKSPACE, &Secret { secret: hash })?;
        self.act(workspace::Command::SetPassword { agent, hash }, vec![sealed]).await
    }

    /// Waits until the views show all that the log holds.
    pub(super) async fn catch_up(&self) -> Result<(), Failure> {
        let state = &self.app.state;
        Ok(state.wait_for(&state.store.head(), CATCH_UP_MAX).await?)
    }

    /// Records that somebody took data out.
    pub(super) async fn record_reading(&self, what: DataReading) -> Result<(), Failure> {
        self.app.state.readings.record(self.app.state.store.as_ref(), &self.meta(), what).await?;
        Ok(())
    }

    pub(super) async fn close(self) {
        self.app.close().await;
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.kind().status.as_u16() {
            404 => Exit::NotFound,
            400..=499 => Exit::Refused,
            _ => Exit::Failed,
        };
        let details = problem.details();
        Self::new(exit, details.detail.unwrap_or(details.title))
    }
}

impl From<crate::app::OpenError> for Failure {
    fn from(error: crate::app::OpenError) -> Self {
        let exit = if error.is_in_use() { Exit::InUse } else { Exit::Failed };
        Self::new(exit, error.to_string())
    }
}
