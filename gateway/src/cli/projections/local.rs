//! The projections of a data directory that no server has open. The log is only read; keys are not needed.

use super::super::{Exit, Failure};
use super::{Act, show, watch};
use crate::app::lock_directory;
use crate::config::{Config, Options, Place};
use crate::operation::{ComparisonView, EstimateView, HowToRebuild, ProjectionView, RebuildView};
use clew_eventstore::backends::embedded;
use clew_eventstore::store::EventStore;
use clew_projections::rebuild::{Offline, RebuildError, RebuildOptions};
use clew_projections::registry::ALL;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// A data directory, kept from others.
pub(super) struct Local {
    derived: PathBuf,
    store: Arc<dyn EventStore>,
    _lock: File,
}

impl Local {
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let data = Config::resolve(place, Options::default())?.data;
        if !data.join("facts").is_dir() {
            let why = format!("{} holds no log; name the data directory with --data", data.display());
            return Err(Failure::new(Exit::NotFound, why));
        }
        let lock = lock_directory(&data)?;
        let opened = embedded::Store::open(&data, embedded::Options::default());
        let (store, _) = opened.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        Ok(Self { derived: data.join("derived"), store: Arc::new(store), _lock: lock })
    }

    /// Carries something out where it may block.
    async fn with<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Offline) -> Result<T, RebuildError> + Send + 'static,
    ) -> Result<T, Failure> {
        let projection =
            Offline::open(&self.derived, name, Arc::clone(&self.store)).map_err(|it| failure(name, &it))?;
        let done = tokio::task::spawn_blocking(move || work(&projection)).await;
        let done = done.map_err(|_| Failure::new(Exit::Failed, format!("{name}: it broke off")))?;
        done.map_err(|error| failure(name, &error))
    }

    pub(super) async fn all(&self) -> Result<Vec<ProjectionView>, Failure> {
        let mut all = Vec::with_capacity(ALL.len());
        for spec in ALL {
            all.push(self.one(spec.name).await?);
        }
        Ok(all)
    }

    pub(super) async fn one(&self, name: &str) -> Result<ProjectionView, Failure> {
        Ok(self.with(name, Offline::details).await?.into())
    }

    pub(super) async fn estimate(&self, name: &str, options: RebuildOptions) -> Result<EstimateView, Failure> {
        Ok(self.with(name, move |it| it.estimate(options)).await?.into())
    }

    pub(super) async fn compare(&self, name: &str, shown_max: usize) -> Result<ComparisonView, Failure> {
        Ok(self.with(name, move |it| it.compare(shown_max)).await?.into())
    }

    pub(super) async fn act(&self, name: &str, act: Act) -> Result<(), Failure> {
        let work = move |it: &Offline| match act {
            Act::Swap { force } => it.swap(force),
            Act::Rollback => it.rollback(),
            Act::Drop => it.drop_old(),
            Act::Retry => Ok(()),
        };
        if matches!(act, Act::Retry) {
            let why = "only a running server has halted projections: each start tries again by itself (--server)";
            return Err(Failure::new(Exit::Refused, why));
        }
        self.with(name, work).await
    }

    /// Rebuilds and shows how far it is; ctrl-c ends it in good order.
    pub(super) async fn rebuild(&self, name: &str, how: &HowToRebuild, shown: bool) -> Result<RebuildView, Failure> {
        let projection =
            Offline::open(&self.derived, name, Arc::clone(&self.store)).map_err(|it| failure(name, &it))?;
        let (job, options) = (projection.job(), how.options());
        let (watched, bar) = (Arc::clone(&job), watch::bar(name, shown));
        let mut working = tokio::task::spawn_blocking(move || projection.run(options, &job));
        let mut look = tokio::time::interval(watch::LOOKED_AT_EVERY);
        loop {
            tokio::select! {
                // How it ended stands in what is watched.
                _ = &mut working => break,
                _ = tokio::signal::ctrl_c() => watched.cancel(),
                _ = look.tick() => show::progress(&bar, &watched.building().into()),
            }
        }
        bar.finish_and_clear();
        Ok(watched.building().into())
    }
}

fn failure(name: &str, error: &RebuildError) -> Failure {
    let exit = match error {
        RebuildError::Unknown => Exit::NotFound,
        RebuildError::UnderWay
        | RebuildError::NothingRebuilt
        | RebuildError::NothingBefore
        | RebuildError::NotTheSame
        | RebuildError::ServedBehind
        | RebuildError::OtherVersion
        | RebuildError::InMemory => Exit::Refused,
        RebuildError::Cancelled
        | RebuildError::Fold(_)
        | RebuildError::Table(_)
        | RebuildError::Store(_)
        | RebuildError::Directory(_)
        | RebuildError::Stopped => Exit::Failed,
    };
    Failure::new(exit, format!("{name}: {error}"))
}
