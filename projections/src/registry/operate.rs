//! What operators do with a projection: rebuild it beside the one that is served, compare, exchange, go back.

use super::{Projections, Running};
use crate::generation::Generation;
use crate::projection::Spec;
use crate::rebuild::{Building, Comparison, Job, RebuildError, RebuildOptions, build};
use crate::runner::Control;
use crate::status::Status;
use crate::table::Table;
use serde::Serialize;
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What was rebuilt and is not served.
#[derive(Clone)]
pub(super) struct Candidate {
    table: Table,
    generation: Option<Generation>,
    /// Whether a comparison found it the same as what is served.
    same: bool,
}

/// A projection in full, as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Details {
    /// How it fares.
    #[serde(flatten)]
    pub status: Status,
    /// Rows and index entries of what is served.
    pub rows: u64,
    /// The rebuild under way, or the last one.
    pub rebuild: Option<Building>,
    /// Whether rebuilt rows wait to be served.
    pub rebuilt: bool,
    /// Whether earlier rows are kept to go back to.
    pub can_roll_back: bool,
}

impl Projections {
    fn find(&self, name: &str) -> Result<&Running, RebuildError> {
        self.running.iter().find(|it| it.shared.spec.name == name).ok_or(RebuildError::Unknown)
    }

    /// A projection in full; counts its rows, which takes a while when there are many.
    pub fn details(&self, name: &str) -> Result<Details, RebuildError> {
        let it = self.find(name)?;
        let table = it.shared.read_live(|live| live.table.clone());
        let rows = table.all().try_fold(0_u64, |rows, entry| entry.map(|_| rows + 1))?;
        Ok(Details {
            status: it.shared.status(&self.store.head()),
            rows,
            rebuild: it.building(),
            rebuilt: it.candidate().is_some(),
            can_roll_back: it.earlier()?.is_some(),
        })
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
            let built = build(spec, candidate.table.clone(), &store, &runtime, options, &job);
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
        let candidate = it.candidate().clone().ok_or(RebuildError::NothingRebuilt)?;
        let table = candidate.table;
        let compared = it.tell(|reply| Control::Compare { table, shown_max, reply }).await?;
        if let Some(candidate) = &mut *it.candidate() {
            candidate.same = compared.is_same();
        }
        Ok(compared)
    }

    /// Serves what was rebuilt from now on; what was served before stays to go back to. Refused without `force` unless
    /// a comparison found the two the same. No reader ever sees half of one and half of the other.
    pub async fn swap(&self, name: &str, force: bool) -> Result<(), RebuildError> {
        let it = self.find(name)?;
        let candidate = it.candidate().clone().ok_or(RebuildError::NothingRebuilt)?;
        if !candidate.same && !force {
            return Err(RebuildError::NotTheSame);
        }
        let Candidate { table, generation, .. } = candidate;
        it.tell(|reply| Control::Exchange { table, generation, reply }).await?;
        *it.candidate() = None;
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
        let Some(home) = &it.home else { return Ok(()) };
        let served = home.served()?;
        for generation in home.generations()? {
            if Some(generation) != served {
                home.drop(generation)?;
            }
        }
        Ok(())
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

    fn earlier(&self) -> Result<Option<Generation>, RebuildError> {
        let Some(home) = &self.home else { return Ok(None) };
        let Some(served) = home.served()? else { return Ok(None) };
        Ok(home.before(served, self.shared.spec.version)?)
    }

    fn begin_job(&self) -> Result<Arc<Job>, RebuildError> {
        let mut slot = self.job();
        if slot.as_ref().is_some_and(|job| job.is_running()) {
            return Err(RebuildError::UnderWay);
        }
        let job = Job::new();
        *slot = Some(Arc::clone(&job));
        Ok(job)
    }

    /// The rows to build: those of an interrupted rebuild, or empty ones.
    fn prepare(&self, options: RebuildOptions) -> Result<Candidate, RebuildError> {
        let kept = self.candidate().take();
        let Some(home) = &self.home else {
            let table = kept.filter(|_| !options.afresh).map_or_else(Table::memory, |it| it.table);
            return Ok(Candidate { table, generation: None, same: false });
        };
        if let Some(kept) = kept
            && !options.afresh
        {
            return Ok(Candidate { same: false, ..kept });
        }
        let Spec { version, .. } = self.shared.spec;
        let served = home.served()?.ok_or(RebuildError::Stopped)?;
        let unfinished = home.candidate(served, version)?;
        if let Some(generation) = unfinished.filter(|_| options.afresh) {
            home.drop(generation)?;
        }
        let generation = match unfinished.filter(|_| !options.afresh) {
            Some(generation) => generation,
            None => home.next(version)?,
        };
        Ok(Candidate { table: home.open(generation)?, generation: Some(generation), same: false })
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
