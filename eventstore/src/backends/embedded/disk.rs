//! The calls by which anything is written to disk: one seam, at which tests make a disk fail.
//! Reading goes by plain `pread` and needs none.

use crate::store::StoreError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the store asks of a disk in order to write.
pub trait Disk: Send + Sync + 'static {
    /// A new file, open for reading and writing; one of that name is emptied.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Writes all of `bytes`, or fails having written any part of them.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Answers when the file's bytes are on stable storage.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Disk for Machine {}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What failed, in the words of an operator.
pub(super) fn unavailable(what: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let place = format!("{what} {}", path.display());
    move |error| StoreError::Unavailable(format!("{place}: {error}"))
}
