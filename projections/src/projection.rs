//! What a projection is: a name, a version, and a pure fold of facts into rows. Who feeds it, and where its rows
//! lie, is not its business.

use crate::derived::Derive;
use crate::rows::Rows;
use crate::table::TableError;
use clew_domain::fact::Fact;

/// A pure fold of the log into rows that answer one question.
///
/// `fold` reads nothing but its rows and the fact: no clock, no store, no other projection. It never depends on the
/// order between partitions. Whatever way the log is cut into batches, the rows come out the same.
pub trait Projection: Send + Sync + 'static {
    /// What it is called: in directories, metrics and at the command line.
    const NAME: &'static str;
    /// Raised whenever the same facts would give other rows; a rebuild follows by itself.
    const VERSION: u32;

    /// What is kept in memory beside the rows, if anything is.
    #[doc(hidden)]
    const DERIVE: Option<Derive> = None;

    /// Takes a fact into account.
    fn fold(rows: &mut Rows, fact: &Fact) -> Result<(), FoldError>;
}

/// Why a fact could not be folded. The projection halts there; no fact is ever skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A row is not what the fold wrote.
    #[error("a row of table {table} is damaged: {what}")]
    Damaged {
        /// The first byte of its key.
        table: u8,
        /// What does not match.
        what: String,
    },
    /// The fact does not follow from those before it.
    #[error("the fact does not follow from those before it: {0}")]
    Unexpected(&'static str),
    /// The rows can't be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The fold itself broke.
    #[error("the fold panicked")]
    Panicked,
}

/// A projection without its type: what runs it needs no more.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// What it is called.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// Its fold.
    pub fold: fn(&mut Rows, &Fact) -> Result<(), FoldError>,
    /// What is kept in memory beside the rows, if anything is.
    pub derive: Option<Derive>,
}

impl Spec {
    /// The projection `P`.
    pub const fn of<P: Projection>() -> Self {
        Self { name: P::NAME, version: P::VERSION, fold: P::fold, derive: P::DERIVE }
    }
}
