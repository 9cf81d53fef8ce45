//! Projections as operators see them, in JSON: the API answers with these types and the command line prints them,
//! from a server or from a data directory alike.

use clew_domain::time::Timestamp;
use clew_projections::rebuild::{self, Building, RebuildOptions};
use clew_projections::registry::{Compared, Details};
use clew_projections::{State, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A projection, and what can be done with it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProjectionView {
    /// What it is called.
    pub name: String,
    /// The version of its fold.
    pub version: u32,
    /// The version whose rows are served; another one while a release that changed the fold is built in.
    pub served_version: u32,
    /// `running`, `halted`, `upgrading`, `mending` or `stopped`.
    pub state: String,
    /// Why it halted, if it did.
    pub reason: Option<String>,
    /// The event that it halted on, if it was one.
    pub halted_on: Option<String>,
    /// The position of that event.
    pub halted_at: Option<String>,
    /// How far it has read.
    pub position: String,
    /// Facts behind the log's end.
    pub lag_events: u64,
    /// Seconds since the first fact was recorded that it has not folded; 0 if there is none.
    pub lag_s: f64,
    /// Facts that it folded in a second, lately.
    pub events_per_s: f64,
    /// Rows and index entries; none while they are not counted.
    pub rows: Option<u64>,
    /// Bytes on disk of what is served.
    pub bytes: u64,
    /// Bytes on disk of what is kept beside: what was rebuilt, and what was served before.
    pub kept_bytes: u64,
    /// The rebuild under way, or the last one since the server started.
    pub rebuild: Option<RebuildView>,
    /// The rebuilds that ended, the last one first.
    pub rebuilds: Vec<EndedRebuildView>,
    /// Whether rebuilt rows wait to be compared and served.
    pub rebuilt: bool,
    /// Whether an interrupted rebuild can be gone on with.
    pub unfinished: bool,
    /// The comparison under way, or the last one.
    pub comparison: Option<ComparedView>,
    /// Whether what was served before is kept to go back to.
    pub can_roll_back: bool,
}

/// How far a rebuild is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RebuildView {
    /// `running`, `ready`, `cancelled` or `failed`.
    pub state: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Facts that an interrupted part of it had folded already.
    pub began_with: u64,
    /// Facts folded.
    pub done: u64,
    /// Facts to fold, as the log is now.
    pub total: u64,
    /// Facts in a second, lately.
    pub events_per_s: Option<f64>,
    /// Seconds that are left, if the rate stays.
    pub time_left_s: Option<f64>,
}

/// How the last rebuild ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EndedRebuildView {
    /// `ready`, `cancelled` or `failed`.
    pub outcome: String,
    /// When.
    pub ended_at: Timestamp,
    /// Facts that it folded.
    pub events: u64,
    /// Seconds that this took.
    pub took_s: f64,
}

/// A comparison of what was rebuilt with what is served.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparedView {
    /// Whether it is under way.
    pub running: bool,
    /// Why nothing came out.
    pub failed: Option<String>,
    /// What came out.
    pub found: Option<ComparisonView>,
}

/// What a comparison found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparisonView {
    /// Rows and index entries of what is served.
    pub served_rows: u64,
    /// Rows and index entries of what was rebuilt.
    pub rebuilt_rows: u64,
    /// Keys at which they differ.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<DifferenceView>,
}

/// A row that differs. Texts and names are not in rows: what refers to them shows as numbers and commitments.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DifferenceView {
    /// The table, a letter.
    pub table: String,
    /// The rest of its key: an id, or in hexadecimal.
    pub key: String,
    /// What is served; none if there is no such row.
    pub served: Option<String>,
    /// What was rebuilt; none if there is no such row.
    pub rebuilt: Option<String>,
}

/// What a rebuild would take.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EstimateView {
    /// Facts to fold.
    pub events: u64,
    /// Facts in a second, by a short trial or the last rebuild, whichever is slower.
    pub events_per_s: f64,
    /// Seconds.
    pub time_s: f64,
    /// Bytes on disk, beside those that are used now.
    pub bytes: u64,
    /// Facts that the trial folded.
    pub tried: u64,
}

/// How to rebuild.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HowToRebuild {
    /// Facts in a second at most; full speed, if absent.
    pub max_rate: Option<u32>,
    /// How much it yields to other work on the processor: 0 not at all, 19 most.
    pub nice: u8,
    /// Begin anew, whatever an interrupted rebuild has left.
    pub afresh: bool,
    /// Only tell what it would take.
    pub dry_run: bool,
}

impl HowToRebuild {
    /// As the projections take it.
    pub fn options(&self) -> RebuildOptions {
        RebuildOptions { max_rate: self.max_rate, afresh: self.afresh, nice: self.nice }
    }
}

impl From<Details> for ProjectionView {
    fn from(details: Details) -> Self {
        let Details { status, lag_s, events_per_s, rows, rebuild, rebuilds, rebuilt, unfinished, .. } = details;
        let Status { name, version, served_version, state, position, lag_events, bytes, .. } = status;
        let (state, reason, event, at) = match state {
            State::Running => ("running", None, None, None),
            State::Upgrading => ("upgrading", None, None, None),
            State::Mending => ("mending", None, None, None),
            State::Stopped => ("stopped", None, None, None),
            State::Halted { event, position, reason } => ("halted", Some(reason), event, position),
        };
        Self {
            name: name.to_owned(),
            version,
            served_version,
            state: state.to_owned(),
            reason,
            halted_on: event.map(|event| event.to_string()),
            halted_at: crate::extract::position_of(at),
            position,
            lag_events,
            lag_s,
            events_per_s,
            rows,
            bytes,
            kept_bytes: details.kept_bytes,
            rebuild: rebuild.map(RebuildView::from),
            rebuilds: rebuilds.into_iter().rev().map(EndedRebuildView::from).collect(),
            rebuilt,
            unfinished,
            comparison: details.comparison.map(ComparedView::from),
            can_roll_back: details.can_roll_back,
        }
    }
}

impl From<Building> for RebuildView {
    fn from(it: Building) -> Self {
        let Building { state, reason, done, total, events_per_s, time_left_s, began_with } = it;
        Self { state: state.to_owned(), reason, began_with, done, total, events_per_s, time_left_s }
    }
}

impl From<rebuild::EndedRebuild> for EndedRebuildView {
    fn from(it: rebuild::EndedRebuild) -> Self {
        let rebuild::EndedRebuild { outcome, ended_at, events, took_s } = it;
        Self { outcome, ended_at, events, took_s }
    }
}

impl From<Compared> for ComparedView {
    fn from(it: Compared) -> Self {
        let Compared { running, found, failed } = it;
        Self { running, failed, found: found.map(ComparisonView::from) }
    }
}

impl From<rebuild::Comparison> for ComparisonView {
    fn from(it: rebuild::Comparison) -> Self {
        let rebuild::Comparison { served_rows, rebuilt_rows, differing, differences } = it;
        let differences = differences.into_iter().map(|it| DifferenceView {
            table: it.table.to_string(),
            key: it.key,
            served: it.served,
            rebuilt: it.rebuilt,
        });
        Self { served_rows, rebuilt_rows, differing, differences: differences.collect() }
    }
}

impl From<rebuild::Estimate> for EstimateView {
    fn from(it: rebuild::Estimate) -> Self {
        let rebuild::Estimate { events, events_per_s, time_s, bytes, tried } = it;
        Self { events, events_per_s, time_s, bytes, tried }
    }
}
