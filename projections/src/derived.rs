//! What a projection keeps in memory beside its rows, made from them alone: an order in which they are looked up. It
//! is made when rows are opened, follows each save, and is never written down.

use crate::projection::FoldError;
use crate::table::{Change, Table};
use std::any::Any;
use std::sync::Arc;

/// An order of a projection's rows, in memory. Readers see it move together with the rows.
pub trait Derived: Any + Send + Sync {
    /// Reads what was changed. What it returns is called as soon as the changes are saved, before anybody can read.
    fn follow<'a>(&'a self, changes: &[Change]) -> Result<Box<dyn FnOnce() + 'a>, FoldError>;
}

/// Makes what is derived from the rows of a table.
pub type Derive = fn(&Table) -> Result<Arc<dyn Derived>, FoldError>;
