//! A disk that fails, at the seam below the writer: nothing acknowledged is lost, nothing else is acknowledged.

use super::*;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI64, Ordering};

/// How the disk fails once its calls are used up.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Half is written, then an error.
    ShortWrite,
    Write,
    Full,
    Sync,
}

struct Failing {
    calls_left: AtomicI64,
    fault: Fault,
}

impl Failing {
    fn strikes(&self) -> bool {
        self.calls_left.fetch_sub(1, Ordering::SeqCst) <= 0
    }
}

impl Disk for Failing {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.fault {
            Fault::Sync => {}
            _ if !self.strikes() => {}
            Fault::ShortWrite => {
                file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                return Err(io::Error::from_raw_os_error(5));
            }
            Fault::Write => return Err(io::Error::from_raw_os_error(5)),
            Fault::Full => return Err(io::Error::from_raw_os_error(28)),
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if matches!(self.fault, Fault::Sync) && self.strikes() {
            return Err(io::Error::from_raw_os_error(5));
        }
        file.sync_data()
    }
}

/// Opens, appends until the disk fails, opens again with a sound one, and compares.
async fn survives(fault: Fault, calls: i64) {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(Failing { calls_left: AtomicI64::new(calls), fault });
    let mut acknowledged = 0;
    if let Ok((store, _)) = Store::open(dir.path(), Options { disk, ..small() }) {
        for n in 0..200_u64 {
            let mut commit = commit(vec![write(stream(1), n, n..n + 1)]);
            commit.contents = vec![content(n, 100)];
            match store.append(commit).await {
                Ok(_) => acknowledged = n + 1,
                Err(StoreError::Unknown(_) | StoreError::Unavailable(_)) => break,
                Err(other) => panic!("{fault:?} after {calls} calls: {other}"),
            }
        }
        assert!(all(&store).len() as u64 == acknowledged, "only what is durable is served");
        if acknowledged < 200 {
            assert!(matches!(store.health(), Health::Failed(_)), "{fault:?} after {calls} calls");
            let again = store.append(super::commit(vec![write(stream(2), 0, 0..1)])).await;
            assert!(!matches!(fault, Fault::Sync) || matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
        }
    }
    let (store, _) = open(dir.path());
    let facts: Vec<Fact> = all(&store).into_iter().filter(|fact| fact.stream == stream(1)).collect();
    assert!(facts.len() as u64 >= acknowledged, "{fault:?} after {calls} calls: {} of {acknowledged}", facts.len());
    for (n, fact) in (0..).zip(&facts) {
        assert_eq!((fact.version, &fact.body), (n + 1, &crate::conformance::fact(n)));
        assert_eq!(store.read_content(ContentId(n)).await, Ok(Some(content(n, 100))));
    }
    assert_eq!(store.health(), Health::Ready);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_whatever_call_fails() {
    for fault in [Fault::ShortWrite, Fault::Write, Fault::Full, Fault::Sync] {
        for calls in (0..24).chain([40, 90, 170, 260]) {
            survives(fault, calls).await;
        }
    }
}

/// What was written in segments before the one in which the disk failed stays written; what came after is not.
#[tokio::test]
async fn of_commits_handed_in_together_those_are_acknowledged_that_are_durable() {
    for calls in 1..40 {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = Arc::new(Failing { calls_left: AtomicI64::new(calls), fault: Fault::Write });
        let Ok((store, _)) = Store::open(dir.path(), Options { disk, ..small() }) else { continue };
        let outcomes = store.offer(handed_in_together(300)).expect("queued").await.expect("answered");
        let acknowledged = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let first = outcomes.iter().position(|outcome| matches!(outcome, Err(error) if !error.is_refusal()));
        let after = outcomes.iter().skip(first.unwrap_or(300));
        assert!(after.clone().all(Result::is_err), "{calls} calls: nothing is acknowledged behind what was not");
        assert_eq!(all(&store).len(), acknowledged, "{calls} calls");
        drop(store);
        assert!(all(&open(dir.path()).0).len() >= acknowledged, "{calls} calls");
    }
}
