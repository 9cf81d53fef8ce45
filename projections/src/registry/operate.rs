//! What operators do with a projection: rebuild it beside the one that is served, compare, exchange, go back.

use super::{Projections, Running};
use crate::generation::{Generation, Home};
use crate::rebuild::{
    Building, Comparison, EndedRebuild, Estimate, Job, RebuildError, RebuildOptions, build, estimate,
};
use crate::runner::Control;
use crate::status::Status;
use crate::table::Table;
use serde::Serialize;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long a comparison waits until what is served has seen as much as what was rebuilt.
const SERVED_WAITED_FOR: Duration = Duration::from_secs(60);

/// What was rebuilt and is not served.
#[derive(Clone)]
pub(super) struct Candidate {
    table: Table,
    generation: Option<Generation>,
    /// Whether a comparison found it the same as what is served.
    same: bool,
}

/// A comparison, asked for and possibly not answered yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// Whether it is under way.
    pub running: bool,
    /// What came out.
    pub found: Option<Comparison>,
    /// Why nothing did.
    pub failed: Option<String>,
}

/// A projection in full, as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Details {
    /// How it fares.
    #[serde(flatten)]
    pub status: Status,
    /// Seconds since the first fact was recorded that it has not folded; 0 if there is none.
    pub lag_s: f64,
    /// Facts that it folded in a second, lately.
    pub events_per_s: f64,
    /// Rows and index entries of what is served, as counted lately; none if they were not counted yet.
    pub rows: Option<u64>,
    /// The rebuild under way, or the last one since the process started.
    pub rebuild: Option<Building>,
    /// The rebuilds that ended, the last one last.
    pub rebuilds: Vec<EndedRebuild>,
    /// Whether rebuilt rows wait to be compared and served.
    pub rebuilt: bool,
    /// Whether an interrupted rebuild can be gone on with.
    pub unfinished: bool,
    /// The last comparison.
    pub comparison: Option<Compared>,
    /// Whether earlier rows are kept to go back to.
    pub can_roll_back: bool,
    /// Bytes on disk of all that is not served.
    pub kept_bytes: u64,
}

impl Projections {
    fn find(&self, name: &str) -> Result<&Running, RebuildError> {
        self.running.iter().find(|it| it.shared.spec.name == name).ok_or(RebuildError::Unknown)
    }

    /// A projection in full. Rows are counted beside, and told when they were.
    pub async fn details(&self, name: &str) -> Result<Details, RebuildError> {
        let it = self.find(name)?;
        let seen = it.shared.read_live(|live| live.cursor.clone());
        let lag_s = crate::status::lag_s(self.store.as_ref(), &seen).await?;
        let version = it.shared.spec.version;
        let kept = it.home.as_ref().map(|home| home.candidate(version)).transpose()?.flatten();
        it.census.begin(&it.shared);
        Ok(Details {
            status: it.shared.status(&self.store.head()),
            lag_s,
            events_per_s: it.pace.per_s(),
            rows: it.census.counted(),
            rebuild: it.building(),
            rebuilds: it.home.as_ref().map(Home::record).transpose()?.map_or_else(Vec::new, |record| record.ended),
            rebuilt: it.candidate().is_some() || kept.is_some_and(|kept| kept.ready),
            unfinished: kept.is_some_and(|kept| !kept.ready) && !it.job().as_ref().is_some_and(|job| job.is_running()),
            comparison: it.compared().clone(),
            can_roll_back: it.earlier()?.is_some(),
            kept_bytes: it.home.as_ref().map(Home::kept_bytes).transpose()?.unwrap_or(0),
        })
    }

    /// All projections, in full.
    pub async fn all_details(&self) -> Result<Vec<Details>, RebuildError> {
        let mut all = Vec::with_capacity(self.running.len());
        for it in &self.running {
            all.push(self.details(it.shared.spec.name).await?);
        }
        Ok(all)
    }

    /// What a rebuild would take; a short trial is made to know it.
    pub async fn estimate(&self, name: &str, options: RebuildOptions) -> Result<Estimate, RebuildError> {
        let it = self.find(name)?;
        let Some(home) = it.home.clone() else { return Err(RebuildError::InMemory) };
        let resumed = if options.afresh { None } else { it.building().filter(|it| it.state == "cancelled") };
        let done = resumed.map_or(0, |it| it.done);
        let (spec, store, runtime) = (it.shared.spec, Arc::clone(&self.store), Handle::current());
        let work = move || estimate(spec, &home, &store, &runtime, options, done);
        tokio::task::spawn_blocking(work).await.map_err(|_| RebuildError::Stopped)?
    }

    /// How far the rebuild of a projection is, or how the last one ended.
    pub fn building(&self, name: &str) -> Result<Option<Building>, RebuildError> {
        Ok(self.find(name)?.building())
    }

    /// Begins to rebuild a projection beside the one that is served; [`building`](Self::building) tells how far it is.
    /// An interrupted rebuild is gone on with.
    pub fn rebuild(&self, name: &str, options: RebuildOptions) -> Result<(), RebuildError> {
        let it = self.find(name)?;
        let job = it.begin_job()?;
        let prepared = it.prepare(options);
        let candidate = prepared.inspect_err(|_| job.end(&Err(RebuildError::NothingRebuilt)))?;
        let (spec, store, runtime) = (it.shared.spec, Arc::clone(&self.store), Handle::current());
        let slot = Arc::clone(&it.candidate);
        let work = move || {
            let built = build(spec, (candidate.table.clone(), candidate.generation), &store, &runtime, options, &job);
            if built.is_ok() {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(candidate);
            } else {
                // Closed first: whoever sees the end may go on with it at once.
                drop(candidate);
            }
            job.end(&built);
        };
        std::thread::Builder::new().name(format!("rebuild-{}", spec.name)).spawn(work)?;
        Ok(())
    }

    /// Ends a rebuild; what it built stays to go on from.
    pub fn cancel_rebuild(&self, name: &str) -> Result<(), RebuildError> {
        if let Some(job) = &*self.find(name)?.job() {
            job.cancel();
        }
        Ok(())
    }

    /// Compares what was rebuilt with what is served, row by row, both at the same position. Reads go on; what is
    /// served stands still meanwhile.
    pub async fn compare(&self, name: &str, shown_max: usize) -> Result<Comparison, RebuildError> {
        let it = self.find(name)?;
        if it.job().as_ref().is_some_and(|job| job.is_running()) {
            return Err(RebuildError::UnderWay);
        }
        let candidate = it.ready_candidate().await?;
        *it.compared() = Some(Compared { running: true, ..Compared::default() });
        let outcome = it.compare(candidate, shown_max).await;
        let told = outcome.as_ref().map_or_else(
            |error| Compared { failed: Some(error.to_string()), ..Compared::default() },
            |found| Compared { found: Some(found.clone()), ..Compared::default() },
        );
        *it.compared() = Some(told);
        outcome
    }

    /// Serves what was rebuilt from now on; what was served before stays to go back to. Refused without `force` unless
    /// a comparison found the two the same. No reader ever sees half of one and half of the other.
    pub async fn swap(&self, name: &str, force: bool) -> Result<(), RebuildError> {
        let it = self.find(name)?;
        if it.job().as_ref().is_some_and(|job| job.is_running()) {
            return Err(RebuildError::UnderWay);
        }
        let candidate = it.ready_candidate().await?;
        if !candidate.same && !force {
            return Err(RebuildError::NotTheSame);
        }
        let Candidate { table, generation, .. } = candidate;
        it.tell(|reply| Control::Exchange { table, generation, reply }).await?;
        *it.candidate() = None;
        *it.compared() = None;
        Ok(())
    }

    /// Serves the rows again that were served before the last exchange; they are brought up to date first.
    pub async fn rollback(&self, name: &str) -> Result<(), RebuildError> {
        let it = self.find(name)?;
        let (Some(home), Some(generation)) = (&it.home, it.earlier()?) else {
            return Err(RebuildError::NothingBefore);
        };
        let home = home.clone();
        let opened = tokio::task::spawn_blocking(move || home.open(generation)).await;
        let table = opened.map_err(|_| RebuildError::Stopped)??;
        it.tell(|reply| Control::Exchange { table, generation: Some(generation), reply }).await
    }

    /// Deletes all rows of a projection but those that are served.
    pub fn drop_old(&self, name: &str) -> Result<(), RebuildError> {
        let it = self.find(name)?;
        if it.job().as_ref().is_some_and(|job| job.is_running()) {
            return Err(RebuildError::UnderWay);
        }
        *it.candidate() = None;
        *it.compared() = None;
        Ok(it.home.as_ref().map_or(Ok(()), Home::drop_all_but_served)?)
    }
}

impl Running {
    fn job(&self) -> MutexGuard<'_, Option<Arc<Job>>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn building(&self) -> Option<Building> {
        self.job().as_ref().map(|job| job.building())
    }

    fn candidate(&self) -> MutexGuard<'_, Option<Candidate>> {
        self.candidate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compared(&self) -> MutexGuard<'_, Option<Compared>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn earlier(&self) -> Result<Option<Generation>, RebuildError> {
        let Some(home) = &self.home else { return Ok(None) };
        Ok(home.before(self.shared.spec.version)?)
    }

    fn begin_job(&self) -> Result<Arc<Job>, RebuildError> {
        let mut slot = self.job();
        if slot.as_ref().is_some_and(|job| job.is_running()) {
            return Err(RebuildError::UnderWay);
        }
        let job = Job::new(self.home.clone());
        *slot = Some(Arc::clone(&job));
        Ok(job)
    }

    /// The rows to build: those of an interrupted rebuild, or empty ones. What was ready is built anew, from where it
    /// is to the log's end.
    fn prepare(&self, options: RebuildOptions) -> Result<Candidate, RebuildError> {
        let kept = self.candidate().take();
        *self.compared() = None;
        let Some(home) = &self.home else {
            let table = kept.filter(|_| !options.afresh).map_or_else(Table::memory, |it| it.table);
            return Ok(Candidate { table, generation: None, same: false });
        };
        // Closed before it may be opened again or deleted.
        drop(kept);
        let generation = home.begin_rebuild(self.shared.spec.version, options.afresh)?;
        Ok(Candidate { table: home.open(generation)?, generation: Some(generation), same: false })
    }

    /// What was rebuilt to the log's end, also by a process before this one.
    async fn ready_candidate(&self) -> Result<Candidate, RebuildError> {
        if let Some(candidate) = &*self.candidate() {
            return Ok(candidate.clone());
        }
        let Some(home) = self.home.clone() else { return Err(RebuildError::NothingRebuilt) };
        let kept = home.candidate(self.shared.spec.version)?.filter(|kept| kept.ready);
        let kept = kept.ok_or(RebuildError::NothingRebuilt)?;
        let opened = tokio::task::spawn_blocking(move || home.open(kept.generation)).await;
        let table = opened.map_err(|_| RebuildError::Stopped)??;
        let candidate = Candidate { table, generation: Some(kept.generation), same: kept.same };
        Ok(self.candidate().get_or_insert(candidate).clone())
    }

    async fn compare(&self, candidate: Candidate, shown_max: usize) -> Result<Comparison, RebuildError> {
        let table = candidate.table;
        if let Some(reached) = table.checkpoint()? {
            let waited = self.shared.wait_for(&reached, SERVED_WAITED_FOR).await;
            waited.map_err(|_| RebuildError::ServedBehind)?;
        }
        let found = self.tell(|reply| Control::Compare { table, shown_max, reply }).await?;
        if let Some(candidate) = &mut *self.candidate() {
            candidate.same = found.is_same();
        }
        if let Some(home) = &self.home {
            home.remember(|record| {
                if let Some(kept) = &mut record.candidate {
                    kept.same = found.is_same();
                }
            })?;
        }
        Ok(found)
    }

    async fn tell<T>(
        &self,
        control: impl FnOnce(oneshot::Sender<Result<T, RebuildError>>) -> Control,
    ) -> Result<T, RebuildError> {
        let (reply, answer) = oneshot::channel();
        self.control.send(control(reply)).map_err(|_| RebuildError::Stopped)?;
        answer.await.map_err(|_| RebuildError::Stopped)?
    }
}
