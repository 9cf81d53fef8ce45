//! The desk as it was: at an instant, or at a position of the log. What was shown then, under the settings of then, as
//! far as the caller may see it now. What was masked since stays masked: texts are opened as they are now.

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::reader::Reader;
use crate::state::AppState;
use clew_domain::decider::Decider;
use clew_domain::fact::{Event, Position};
use clew_domain::ids::StreamId;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{Workspace, WorkspaceState};
use clew_eventstore::cursor::Cursor;
use clew_projections::Projection;
use clew_projections::past::PastError;
use clew_projections::queues::QueueReader;
use clew_projections::sla::SlaReader;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;

/// When: an instant (RFC 3339), or a position as answers carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// All that was recorded up to this instant.
    Instant(Timestamp),
    /// All up to this position.
    Position(Cursor),
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(cursor) = text.parse() {
            return Ok(Self::Position(cursor));
        }
        let instant = text.parse().map_err(|_| {
            serde::de::Error::custom(format!(
                "'{text}' is neither an instant like 2026-01-31T08:00:00Z nor a position as answers tell it, like p1f4"
            ))
        })?;
        Ok(Self::Instant(instant))
    }
}

/// A moment of the past, found in the log.
#[derive(Clone)]
pub struct Then {
    /// How far the log reached.
    pub cursor: Cursor,
    /// What time it was.
    pub instant: Timestamp,
    /// The settings in force.
    pub workspace: Arc<WorkspaceState>,
}

impl Then {
    /// The log and the settings at that moment; of a moment that has not come, as they are now.
    pub async fn find(app: &AppState, moment: &Moment) -> Result<Self, Problem> {
        let head = app.store.head();
        let now = app.clock.now();
        let (cursor, instant) = match moment {
            Moment::Instant(at) => (app.store.cursor_at(*at).await?, (*at).min(now)),
            Moment::Position(cursor) => (within(cursor, &head), recorded_at(app, &within(cursor, &head)).await?),
        };
        let mut workspace = WorkspaceState::default();
        for fact in app.store.read_stream(StreamId::WORKSPACE, 0).await? {
            if let (Event::Workspace(event), true) = (&fact.event, cursor.has_seen(fact.position)) {
                Workspace::evolve(&mut workspace, event);
            }
        }
        Ok(Self { cursor, instant, workspace: Arc::new(workspace) })
    }

    /// What the projection `P` showed then.
    pub async fn view<P: Projection>(&self, app: &AppState) -> Result<clew_projections::Reader<P>, Problem> {
        Ok(app.projections.past::<P>(&self.cursor).await?)
    }
}

/// The views that lists are made of, as they are or as they were.
pub struct Views {
    /// The queues.
    pub queues: QueueReader,
    /// The clocks of promises.
    pub sla: SlaReader,
    /// What time it is there.
    pub now: Timestamp,
    workspace: Option<Arc<WorkspaceState>>,
}

impl Views {
    /// As they were at that moment, or as they are.
    pub async fn at(app: &AppState, moment: Option<&Moment>) -> Result<Self, Problem> {
        let Some(moment) = moment else { return Ok(Self::now(app)) };
        let then = Then::find(app, moment).await?;
        let (queues, sla) = (then.view(app).await?, then.view(app).await?);
        Ok(Self { queues, sla, now: then.instant, workspace: Some(then.workspace) })
    }

    fn now(app: &AppState) -> Self {
        let (queues, sla) = (app.projections.queues(), app.projections.sla());
        Self { queues, sla, now: app.clock.now(), workspace: None }
    }

    /// Looks up names and clocks there; texts as far as they can be opened now.
    pub fn reader<'a>(&self, app: &'a AppState, caller: &Caller) -> Reader<'a> {
        let workspace = self.workspace.as_ref().unwrap_or(&caller.workspace);
        Reader::new(app, Arc::clone(workspace)).with_clocks(self.sla.clone(), self.now)
    }
}

fn within(cursor: &Cursor, head: &Cursor) -> Cursor {
    let mut within = Cursor::start(head.partitions());
    for partition in 0..head.partitions() {
        let sequence = cursor.sequence(partition).min(head.sequence(partition));
        within.advance(Position { partition, sequence });
    }
    within
}

/// When the last fact up to there was recorded.
async fn recorded_at(app: &AppState, cursor: &Cursor) -> Result<Timestamp, Problem> {
    let mut latest = Timestamp::default();
    for partition in 0..cursor.partitions() {
        let Position { partition, sequence } = cursor.position(partition);
        if sequence > 0 {
            let before = Position { partition, sequence: sequence - 1 };
            let last = app.store.read_all(before, 1).await?;
            latest = last.first().map_or(latest, |fact| latest.max(fact.recorded_at));
        }
    }
    Ok(latest)
}

impl From<PastError> for Problem {
    fn from(error: PastError) -> Self {
        let kind = match &error {
            PastError::TooFar { .. } => &kinds::PAST_NOT_KEPT,
            PastError::Store(_) | PastError::BrokenOff => &kinds::STORE_UNAVAILABLE,
            PastError::Fold(_) | PastError::Table(_) => &kinds::VIEW_DAMAGED,
        };
        Self::new(kind).detail(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_instant_or_a_position() {
        let parse = |text: &str| serde_json::from_value::<Moment>(serde_json::json!(text));
        assert_eq!(parse("p2a").ok(), Some(Moment::Position("p2a".parse().expect("a cursor"))));
        assert_eq!(parse("1970-01-01T00:00:01Z").ok(), Some(Moment::Instant(Timestamp::from_micros(1_000_000))));
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn a_position_behind_the_end_is_the_end() {
        let cursor = |text: &str| text.parse::<Cursor>().expect("a cursor");
        assert_eq!(within(&cursor("p5.9"), &cursor("p7.8")), cursor("p5.8"));
        assert_eq!(within(&cursor("p5"), &cursor("p7.8")), cursor("p5.0"));
    }
}
