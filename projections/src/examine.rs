//! Looks at every row that is served while nobody has it open: whether it can be read, and is of this log. Says nothing
//! of whether a fold made it right; a comparison with a rebuild does.

use crate::generation::{Generation, Home};
use crate::projection::Spec;
use crate::registry::{ALL, Options};
use crate::table::TableError;
use clew_eventstore::cursor::Cursor;
use std::io;
use std::path::Path;

/// What a look at the rows of one projection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whose rows.
    pub name: &'static str,
    /// How many can be read.
    pub rows: u64,
    /// Why they are of no use, if they are not.
    pub damage: Option<String>,
}

/// Looks at the rows of all projections under `dir`; those that are not there are folded from the log anyway. With
/// `repair`, damaged ones are set aside, so that the next start folds them anew.
pub fn examine(dir: &Path, head: &Cursor, repair: bool) -> io::Result<Vec<Examined>> {
    let there = ALL.iter().filter(|spec| dir.join(spec.name).is_dir());
    there.map(|spec| examine_one(*spec, dir, head, repair)).collect()
}

fn examine_one(spec: Spec, dir: &Path, head: &Cursor, repair: bool) -> io::Result<Examined> {
    let home = Home::of(spec, dir, Options::default().cache_bytes)?;
    let mut found = Examined { name: spec.name, rows: 0, damage: None };
    // What is not there, as after a repair, is folded from the log.
    let Some(served) = home.served()?.filter(|it| home.path(*it).is_dir()) else { return Ok(found) };
    if let Err(error) = look(&home, served, head, &mut found.rows) {
        found.damage = Some(error.0);
        if repair {
            home.set_aside(served)?;
        }
    }
    Ok(found)
}

fn look(home: &Home, served: Generation, head: &Cursor, rows: &mut u64) -> Result<(), TableError> {
    let table = home.open(served)?;
    if let Some(seen) = table.checkpoint()?.filter(|seen| !head.covers(seen)) {
        return Err(TableError(format!("they have seen the log up to {seen}, and it ends at {head}")));
    }
    for row in table.all() {
        row?;
        *rows += 1;
    }
    Ok(())
}
