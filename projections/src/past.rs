//! The past: what a projection showed at an earlier position, from the nearest state that was kept and the facts after
//! it. Under which settings it is read, and what of it may still be opened, is the gateway's to say.

mod keep;
mod overlay;

pub(crate) use keep::{Keeper, newest_before};
pub use overlay::{Overlay, Walk};

use crate::engine::Engine;
use crate::generation::Home;
use crate::projection::{FoldError, Projection, Spec};
use crate::reader::{Reader, Shared};
use crate::table::{Table, TableError};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// Facts folded for one look at the past at most: memory and patience are bounded.
const FACTS_FOLDED_MAX: u64 = 3_000_000;

/// Facts that are read at once.
const FACTS_READ: usize = 4_096;

/// Looks at the past that stay in memory, so that the next page of the same instant is there at once: of the queues, the
/// promises and the agents one each. Each may be as large as what is served.
const LOOKS_KEPT_MAX: usize = 3;

/// Why the past can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// No state was kept near enough.
    #[error(
        "no state of {projection} is kept near that instant ({facts} facts before it); `clew projections rebuild {projection}`, then swap, keeps some"
    )]
    TooFar {
        /// Which projection.
        projection: &'static str,
        /// How many facts would have to be folded.
        facts: u64,
    },
    /// A fact could not be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Rows can't be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was broken off.
    #[error("the past was not looked up: the server is stopping")]
    BrokenOff,
}

impl PastError {
    /// Whether it is the rows on disk that can't be read.
    fn is_of_rows(&self) -> bool {
        match self {
            Self::Table(error) | Self::Fold(FoldError::Table(error)) => !error.0.contains("acquire lock"),
            Self::Fold(_) | Self::TooFar { .. } | Self::Store(_) | Self::BrokenOff => false,
        }
    }
}

/// One look at the past.
struct Look {
    projection: &'static str,
    at: Cursor,
    /// The rows as of then, with what is kept in memory beside them.
    shown: Arc<Shared>,
    /// The kept state below, which can be open once only.
    base: Option<(PathBuf, Table)>,
}

/// Looks at the past, one after the other; the last few stay.
#[derive(Clone, Default)]
pub(crate) struct Past(Arc<Mutex<VecDeque<Look>>>);

impl Past {
    /// The rows of the projection at a position of the log, which must reach so far.
    pub(crate) async fn read<P: Projection>(
        &self,
        home: Option<Home>,
        store: Arc<dyn EventStore>,
        at: Cursor,
    ) -> Result<Reader<P>, PastError> {
        let (past, runtime) = (self.clone(), Handle::current());
        let work = move || past.look(Spec::of::<P>(), home.as_ref(), &store, &runtime, &at).map(Reader::new);
        tokio::task::spawn_blocking(work).await.map_err(|_| PastError::BrokenOff)?
    }

    fn look(
        &self,
        spec: Spec,
        home: Option<&Home>,
        store: &Arc<dyn EventStore>,
        runtime: &Handle,
        at: &Cursor,
    ) -> Result<Arc<Shared>, PastError> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = looks.iter().find(|look| look.projection == spec.name && look.at == *at) {
            return Ok(Arc::clone(&found.shown));
        }
        let (rows, base) = loop {
            let kept = home.and_then(|home| home.kept_states(spec.version)).and_then(|dir| newest_before(&dir, at));
            let base = home.zip(kept.as_ref()).map(|(home, path)| {
                let open = looks.iter().filter_map(|look| look.base.as_ref()).find(|(there, _)| there == path);
                let table = open.map_or_else(|| home.open_kept(path), |(_, table)| Ok(table.clone()))?;
                Ok::<_, TableError>((path.clone(), table))
            });
            let folded = base.transpose().map_err(PastError::from).and_then(|base| {
                let rows = base.as_ref().map_or_else(Table::memory, |(_, table)| Table::over(table.clone()));
                fold_up_to(spec, &rows, store, runtime, at).map(|()| (rows, base))
            });
            match (folded, kept) {
                (Err(error), Some(path)) if error.is_of_rows() => {
                    tracing::warn!(projection = spec.name, %error, "a kept state is damaged; the one before it is taken");
                    std::fs::remove_dir_all(path).map_err(|_| error)?;
                }
                (folded, _) => break folded?,
            }
        };
        while looks.len() >= LOOKS_KEPT_MAX {
            looks.pop_front();
        }
        let shown = Shared::still(spec, rows, at.clone());
        looks.push_back(Look { projection: spec.name, at: at.clone(), shown: Arc::clone(&shown), base });
        Ok(shown)
    }
}

fn fold_up_to(
    spec: Spec,
    rows: &Table,
    store: &Arc<dyn EventStore>,
    runtime: &Handle,
    at: &Cursor,
) -> Result<(), PastError> {
    let mut engine = Engine::resume(spec, rows.clone(), store.partitions())?;
    let facts = crate::status::lag(at, engine.cursor());
    if facts > FACTS_FOLDED_MAX {
        return Err(PastError::TooFar { projection: spec.name, facts });
    }
    for partition in 0..at.partitions() {
        while engine.cursor().sequence(partition) < at.sequence(partition) {
            let mut facts = runtime.block_on(store.read_all(engine.cursor().position(partition), FACTS_READ))?;
            facts.retain(|fact| at.has_seen(fact.position));
            if facts.is_empty() {
                break;
            }
            engine.fold(&facts).map_err(|stuck| stuck.error)?;
        }
    }
    let (changes, cursor) = engine.changes()?;
    Ok(rows.save(changes, cursor)?)
}
