//! A data directory's log, to be read and nothing else: no view, no key and no background work is started over it.

use super::super::{Exit, Failure};
use crate::config::{Config, Options, Place};
use clew_domain::decider::Decider;
use clew_domain::fact::{Event, Fact};
use clew_domain::workspace::{Workspace, WorkspaceState};
use clew_eventstore::backends::embedded;
use clew_eventstore::store::{EventStore, StoreError};
use std::fs::{File, TryLockError};

/// An open log.
pub(super) struct Log {
    pub(super) store: embedded::Store,
    /// Keeps servers out meanwhile.
    _lock: File,
}

impl Log {
    /// Opens the log of a data directory that is there and that no server has open.
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let dir = Config::resolve(place, Options::default())?.data;
        if !dir.join("facts").is_dir() {
            let why = format!("there is no log in {}; name the data directory with --data", dir.display());
            return Err(Failure::new(Exit::NotFound, why));
        }
        let in_use = || format!("{} is in use by another clew; stop it, or read a copy", dir.display());
        let lock = File::create(dir.join("clew.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Failure::new(Exit::InUse, in_use())),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let (store, _) = embedded::Store::open(&dir, embedded::Options::default())?;
        Ok(Self { store, _lock: lock })
    }

    /// How many facts it holds.
    pub(super) fn facts(&self) -> u64 {
        self.store.head().sequence(0)
    }

    /// The workspace as the whole log tells.
    pub(super) fn workspace(&self) -> Result<WorkspaceState, Failure> {
        let mut workspace = WorkspaceState::default();
        for fact in self.store.read_stream_blocking(clew_domain::ids::StreamId::WORKSPACE, 0)? {
            if let Event::Workspace(event) = &fact.event {
                Workspace::evolve(&mut workspace, event);
            }
        }
        Ok(workspace)
    }

    /// Every fact, in order.
    pub(super) fn scan(&self, mut each: impl FnMut(&Fact)) -> Result<(), Failure> {
        Ok(self.store.scan(0, |fact| {
            each(&fact);
            true
        })?)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}
