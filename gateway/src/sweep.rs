//! Ends sessions that are over, so that the log says when an agent was no longer there.

use crate::error::Problem;
use crate::state::AppState;
use clew_domain::agent::{Agent, Command, SignOutCause};
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, SessionId};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);

/// Looks once a minute, until the server stops.
pub async fn run(app: AppState) {
    let mut stopping = app.stopping.clone();
    loop {
        if let Err(problem) = sweep(&app).await {
            tracing::warn!(problem = problem.kind().slug, "sessions that are over could not be ended");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Ends every session that is over by now.
pub async fn sweep(app: &AppState) -> Result<(), Problem> {
    for (agent, record) in app.directory.agents() {
        for (session, began) in &record.sessions {
            if app.session_is_over(*began) {
                end(app, agent, *session).await?;
            }
        }
    }
    Ok(())
}

/// Several gateways may come to it at once: the command has the same id in each.
async fn end(app: &AppState, agent: AgentId, session: SessionId) -> Result<(), Problem> {
    let id = derive::consequence(session.0, "expire", agent.0);
    let meta = CommandMeta::first(id, Actor::System, app.clock.now(), app.directory.settings().version);
    let command = Command::SignOut { session, cause: SignOutCause::Expired };
    app.act::<Agent>(agent.into(), &meta, &command, Vec::new()).await?;
    Ok(())
}
