//! A log that moves to a cluster or from one: who may begin a log there, who may take one away, and keys that go along
//! and do not stay behind. The facts themselves are the store's business.

use super::leases::next_numbers;
use super::{ClusterError, Membership, place, store_options};
use crate::config::Config;
use clew_domain::content::{ContactNumber, ContentId};
use clew_eventstore::backends::jetstream::Registry;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file that says where the log of a data directory was moved to.
pub const MOVED_FILE: &str = "moved";

/// What is written over keys before they are removed, at a time.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// A gateway of a log that moves.
pub struct Moving {
    /// It, among the others if there are any.
    pub membership: Membership,
}

impl Moving {
    /// The gateway that begins the log on a cluster that has none, or has the beginning that this same one put there.
    pub async fn in_to(config: &Config) -> Result<Self, ClusterError> {
        let membership = enter(config).await?;
        match membership.founder(false).await? {
            Some(founder) if founder != membership.gateway => Err(ClusterError::HoldsAnotherLog(founder)),
            _ => Ok(Self { membership }),
        }
    }

    /// The gateway that takes the log away: the only one that has its keys.
    pub async fn out_of(config: &Config) -> Result<Self, ClusterError> {
        let membership = enter(config).await?;
        let others = membership.roll().await?.holders.into_keys().filter(|holder| *holder != membership.gateway);
        let others: Vec<String> = others.collect();
        if others.is_empty() { Ok(Self { membership }) } else { Err(ClusterError::OthersHoldKeys(others)) }
    }

    /// Takes the gateway up among those who hold the keys.
    pub async fn hold(&self) -> Result<(), ClusterError> {
        self.membership.hold().await
    }

    /// The first numbers that no gateway has leased.
    pub async fn next_numbers(&self) -> Result<(ContentId, ContactNumber), ClusterError> {
        let (contents, contacts) = next_numbers(&self.membership.registry).await?;
        Ok((ContentId(contents), ContactNumber(contacts)))
    }
}

async fn enter(config: &Config) -> Result<Membership, ClusterError> {
    let options = store_options(config)?;
    let registry = Registry::connect(&options).await?;
    registry.ensure_log(&options).await?;
    Ok(Membership::new(&place::name(config)?, registry, config.store_partitions))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_path_buf();
    move |source| ClusterError::File { path, source }
}

/// Copies a directory with all in it. It has its name only once all of it is on disk; one of that name stays as it is.
pub fn hand_on(from: &Path, to: &Path) -> Result<(), ClusterError> {
    if to.exists() {
        return Ok(());
    }
    let under_way = to.with_extension("under-way");
    if under_way.exists() {
        destroy(&under_way)?;
    }
    copy(from, &under_way)?;
    fs::rename(&under_way, to).and_then(|()| sync_parent(to)).map_err(failed(to))
}

fn copy(from: &Path, to: &Path) -> Result<(), ClusterError> {
    fs::create_dir(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(failed(&source))?;
            File::open(&target).and_then(|file| file.sync_all()).map_err(failed(&target))?;
        }
    }
    File::open(to).and_then(|dir| dir.sync_all()).map_err(failed(to))
}

/// Overwrites all files under a path, and removes it; nothing is there afterwards, as where nothing was.
pub fn destroy(path: &Path) -> Result<(), ClusterError> {
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(failed(path))? {
            destroy(&entry.map_err(failed(path))?.path())?;
        }
        return fs::remove_dir(path).and_then(|()| sync_parent(path)).map_err(failed(path));
    }
    let overwritten = || {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        let mut left = file.metadata()?.len();
        while left > 0 {
            let now = left.min(ZEROS.len() as u64);
            file.write_all(&ZEROS[..usize::try_from(now).expect("less than the buffer")])?;
            left -= now;
        }
        file.sync_all()?;
        fs::remove_file(path)
    };
    match overwritten() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

/// Notes in a data directory where its log is now; it is not served any more.
pub fn mark_as_moved(data: &Path, to: &str) -> Result<(), ClusterError> {
    let path: PathBuf = data.join(MOVED_FILE);
    let written = || {
        let mut file = File::create(&path)?;
        writeln!(file, "{to}")?;
        file.sync_all()?;
        sync_parent(&path)
    };
    written().map_err(failed(&path))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_along_and_do_not_stay_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let (here, there) = (dir.path().join("keys"), dir.path().join("other"));
        fs::create_dir_all(here.join("within")).expect("a directory");
        fs::write(here.join("kek"), vec![7; 100_000]).expect("written");
        fs::write(here.join("within/pages"), "pages").expect("written");
        // What an interruption left.
        fs::create_dir(there.with_extension("under-way")).expect("a directory");
        hand_on(&here, &there).expect("copied");
        assert_eq!(fs::read(there.join("kek")).expect("there"), vec![7; 100_000]);
        assert_eq!(fs::read(there.join("within/pages")).expect("there"), b"pages");
        // What has its name stays, whatever becomes of the other.
        fs::write(here.join("kek"), "another").expect("written");
        hand_on(&here, &there).expect("nothing to do");
        assert_eq!(fs::read(there.join("kek")).expect("there"), vec![7; 100_000]);
        destroy(&here).expect("gone");
        assert!(!here.exists());
        destroy(&here).expect("nothing to do");
    }
}
