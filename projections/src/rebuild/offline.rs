//! One projection of a data directory that no server has open: the same acts that a running server offers, done by
//! whoever calls. Nothing follows the log meanwhile.

use super::job::weight;
use super::{Comparison, Estimate, Job, RebuildError, RebuildOptions, build, catch_up, compare, estimate};
use crate::catalogue::Kept;
use crate::generation::{Generation, Home};
use crate::projection::Spec;
use crate::registry::{ALL, Details, Options};
use crate::status::{State, Status, lag};
use crate::table::Table;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A projection whose rows nobody else has open. Its calls block: they are not for a thread that serves others.
pub struct Offline {
    spec: Spec,
    home: Home,
    store: Arc<dyn EventStore>,
    runtime: Handle,
}

impl Offline {
    /// The projection of that name, with its rows under `dir`. To be called inside a tokio runtime.
    pub fn open(dir: &Path, name: &str, store: Arc<dyn EventStore>) -> Result<Self, RebuildError> {
        let spec = *ALL.iter().find(|spec| spec.name == name).ok_or(RebuildError::Unknown)?;
        Self::of(spec, dir, store)
    }

    pub(crate) fn of(spec: Spec, dir: &Path, store: Arc<dyn EventStore>) -> Result<Self, RebuildError> {
        let home = Home::of(spec, dir, Options::default().cache_bytes)?;
        Ok(Self { spec, home, store, runtime: Handle::current() })
    }

    fn served(&self) -> Result<Option<(Generation, Table)>, RebuildError> {
        let Some(generation) = self.home.served()? else { return Ok(None) };
        Ok(Some((generation, self.home.open(generation)?)))
    }

    /// How it fares. Counts its rows, which takes a while when there are many.
    pub fn details(&self) -> Result<Details, RebuildError> {
        let served = self.served()?;
        let (version, bytes) = match &served {
            Some((generation, _)) => (generation.version, self.home.bytes(*generation)),
            None => (self.spec.version, 0),
        };
        let start = || Cursor::start(self.store.partitions());
        let cursor = match &served {
            Some((_, table)) => table.checkpoint()?.unwrap_or_else(start),
            None => start(),
        };
        let rows = match &served {
            Some((_, table)) => table.all().try_fold(0_u64, |rows, entry| entry.map(|_| rows + 1))?,
            None => 0,
        };
        let status = Status {
            name: self.spec.name,
            version: self.spec.version,
            served_version: version,
            state: State::Stopped,
            position: cursor.to_string(),
            lag_events: lag(&self.store.head(), &cursor),
            folded_recorded_at: None,
            folded: 0,
            bytes,
        };
        let candidate = self.home.candidate(self.spec.version)?;
        Ok(Details {
            lag_s: self.runtime.block_on(crate::status::lag_s(self.store.as_ref(), &cursor))?,
            status,
            events_per_s: 0.0,
            rows: Some(rows),
            rebuild: None,
            rebuilds: self.home.record()?.ended,
            rebuilt: candidate.is_some_and(|it| it.ready),
            unfinished: candidate.is_some_and(|it| !it.ready),
            comparison: None,
            can_roll_back: self.home.before(self.spec.version)?.is_some(),
            kept_bytes: self.home.kept_bytes()?,
        })
    }

    /// What a rebuild would take.
    pub fn estimate(&self, options: RebuildOptions) -> Result<Estimate, RebuildError> {
        let done = match self.home.candidate(self.spec.version)? {
            Some(kept) if !options.afresh => self.home.open(kept.generation)?.checkpoint()?.map_or(0, |it| weight(&it)),
            Some(_) | None => 0,
        };
        estimate(self.spec, &self.home, &self.store, &self.runtime, options, done)
    }

    /// A rebuild to be [`run`](Self::run), and watched or cancelled by another thread.
    pub fn job(&self) -> Arc<Job> {
        Job::new(Some(self.home.clone()))
    }

    /// Rebuilds the projection beside what is served; goes on with a rebuild that was interrupted.
    pub fn run(&self, options: RebuildOptions, job: &Job) -> Result<(), RebuildError> {
        let began = self.home.begin_rebuild(self.spec.version, options.afresh);
        let built = began.map_err(RebuildError::from).and_then(|generation| {
            let table = self.home.open(generation)?;
            build(self.spec, (table, Some(generation)), &self.store, &self.runtime, options, job)
        });
        job.end(&built);
        built
    }

    fn candidate(&self) -> Result<Kept, RebuildError> {
        let kept = self.home.candidate(self.spec.version)?;
        kept.filter(|it| it.ready).ok_or(RebuildError::NothingRebuilt)
    }

    /// Brings what is served and what was rebuilt to the log's end, and compares them row by row.
    pub fn compare(&self, shown_max: usize) -> Result<Comparison, RebuildError> {
        let kept = self.candidate()?;
        let (generation, served) = self.served()?.ok_or(RebuildError::NothingBefore)?;
        if generation.version != self.spec.version {
            return Err(RebuildError::OtherVersion);
        }
        let (rebuilt, head) = (self.home.open(kept.generation)?, self.store.head());
        catch_up(self.spec, &served, &self.store, &self.runtime, &head).map_err(|_| RebuildError::ServedBehind)?;
        catch_up(self.spec, &rebuilt, &self.store, &self.runtime, &head)?;
        let compared = compare(&served, &rebuilt, shown_max)?;
        self.home.remember(|record| {
            if let Some(kept) = &mut record.candidate {
                kept.same = compared.is_same();
            }
        })?;
        Ok(compared)
    }

    /// Has what was rebuilt served at the next start. Refused without `force` unless the two compare as the same.
    pub fn swap(&self, force: bool) -> Result<(), RebuildError> {
        let kept = self.candidate()?;
        if !kept.same && !force {
            return Err(RebuildError::NotTheSame);
        }
        Ok(self.home.exchange(kept.generation)?)
    }

    /// Has what was served before the last exchange served at the next start.
    pub fn rollback(&self) -> Result<(), RebuildError> {
        let before = self.home.before(self.spec.version)?.ok_or(RebuildError::NothingBefore)?;
        Ok(self.home.exchange(before)?)
    }

    /// Deletes all rows but those that are served.
    pub fn drop_old(&self) -> Result<(), RebuildError> {
        Ok(self.home.drop_all_but_served()?)
    }
}
