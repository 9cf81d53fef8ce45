//! Up to which message a gateway's copy of a partition has followed the log: a small file beside the copy. It may be
//! behind the copy (what follows is then compared, see `follower.rs`), never ahead of it.

use crate::store::StoreError;
use std::path::Path;

const FILE: &str = "followed";

/// A message, and how far the copy reached when it had been taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// When the log was created: another log has another time.
    pub(super) log: String,
    /// The message's sequence.
    pub(super) message: u64,
    /// The sequence of the copy's last fact then.
    pub(super) facts: u64,
}

impl Checkpoint {
    /// What the file in `dir` says; `None` if there is none, or if a crash left it unreadable.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join(FILE)).ok()?;
        let (body, crc) = text.trim_end().rsplit_once('\n')?;
        if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
            return None;
        }
        let mut lines = body.lines();
        let mut next = || lines.next();
        let (log, message, facts) = (next()?.to_owned(), next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self { log, message, facts })
    }

    /// Replaces the file in `dir`. Not synced: an older one serves as well.
    pub(super) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let body = format!("{}\n{}\n{}", self.log, self.message, self.facts);
        let text = format!("{body}\n{:08x}\n", crc32fast::hash(body.as_bytes()));
        let (path, beside) = (dir.join(FILE), dir.join("followed.new"));
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|error| StoreError::Unavailable(format!("can't write {}: {error}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_a_torn_one_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Checkpoint::read(dir.path()), None);
        let checkpoint = Checkpoint { log: "2026-11-23".into(), message: 7, facts: 12 };
        checkpoint.write(dir.path()).expect("written");
        assert_eq!(Checkpoint::read(dir.path()), Some(checkpoint));
        let path = dir.path().join(FILE);
        let text = std::fs::read_to_string(&path).expect("there");
        for length in 0..text.len() - 1 {
            std::fs::write(&path, &text[..length]).expect("written");
            assert_eq!(Checkpoint::read(dir.path()), None, "{length} bytes");
        }
    }
}
