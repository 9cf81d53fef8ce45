//! Appends what the clocks of service levels broke, as facts at their due instants. It waits for the next due instant
//! or for the view to move on; it walks no conversations. Which promises are broken is the view's to say.

use crate::error::Problem;
use crate::state::AppState;
use clew_domain::conversation::{Command, Conversation};
use clew_domain::fact::{Actor, CommandMeta};
use clew_eventstore::cursor::Cursor;
use clew_projections::sla::Breached;
use std::time::Duration;

/// Breaches recorded between two looks at the view.
const BREACHES_AT_ONCE_MAX: usize = 500;
/// A machine's clock may be set anew while we wait, so no wait is longer.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// After a failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the view may take to see what was just recorded, before it is asked all the same.
const VIEW_BEHIND_MAX: Duration = Duration::from_secs(5);

/// Records breaches as they come about, until the server stops.
pub async fn run(app: AppState) {
    let mut stopping = app.stopping.clone();
    loop {
        let view = app.projections.sla();
        let seen = view.position();
        let wait = match record(&app).await {
            Ok(wait) => wait,
            Err(problem) => {
                tracing::warn!(problem = problem.kind().slug, "breaches of service levels could not be recorded");
                TRY_AGAIN_AFTER
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = view.moves_on_from(&seen) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Records every breach that is not a fact yet, and says for how long there is nothing to do.
async fn record(app: &AppState) -> Result<Duration, Problem> {
    let view = app.projections.sla();
    // A view that is behind, or is being rebuilt for a new version, does not know yet what was answered in time.
    if view.wait_for(&app.store.head(), VIEW_BEHIND_MAX).await.is_err() {
        return Ok(TRY_AGAIN_AFTER);
    }
    loop {
        let untold = view.untold(app.clock.now(), BREACHES_AT_ONCE_MAX)?;
        if untold.is_empty() {
            break;
        }
        let mut last = None;
        for breached in &untold {
            last = tell(app, breached).await?.or(last);
        }
        if let Some(last) = last {
            // A view that is behind tells the same breaches again, which then changes nothing.
            let _ = view.wait_for(&last, VIEW_BEHIND_MAX).await;
        }
    }
    let Some(due) = view.next_due()? else { return Ok(WAIT_MAX) };
    let ahead_us = (due.micros() - app.clock.now().micros()).max(0).cast_unsigned() + 1;
    Ok(Duration::from_micros(ahead_us).min(WAIT_MAX))
}

/// Several gateways may come to it at once: the command has the same id in each.
async fn tell(app: &AppState, breached: &Breached) -> Result<Option<Cursor>, Problem> {
    let Breached { conversation, breach } = *breached;
    let version = app.directory.settings().version;
    let first = CommandMeta::first(breach.command(conversation), Actor::System, breach.due, version);
    let meta = CommandMeta { causation: Some(breach.clock), ..first };
    let record = Command::RecordBreach(breach);
    let done = app.act::<Conversation>(conversation.into(), &meta, &record, Vec::new()).await?;
    Ok(done.position.map(Cursor::at))
}
