//! Where the processor's time goes while a bench runs, as the kernel counts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) fn per_second(count: u64, took: Duration) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    f64::from(count) / took.as_secs_f64()
}

/// Processor time so far, in clock ticks: of each thread of this process by its name, and of the servers on this machine.
#[derive(Default)]
pub(super) struct Spent(BTreeMap<String, u64>);

/// The kernel's, for all that `/proc` tells: see `man 5 proc`, `sysconf(_SC_CLK_TCK)` on Linux.
const TICKS_PER_S: f64 = 100.0;

impl Spent {
    pub(super) fn now() -> Self {
        let mut ticks: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |dir: PathBuf, name: Option<&str>| {
            let Some((of, spent)) = ticks_of(&dir) else { return };
            *ticks.entry(name.map_or(of, str::to_owned)).or_default() += spent;
        };
        for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            add(thread.path(), None);
        }
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            if name.starts_with("nats-server") {
                add(process.path(), Some("servers"));
            }
        }
        Self(ticks)
    }

    /// What was spent since then.
    pub(super) fn since(&self, before: &Self) -> Self {
        let each =
            |(name, now): (&String, &u64)| (name.clone(), now.saturating_sub(before.0.get(name).copied().unwrap_or(0)));
        Self(self.0.iter().map(each).collect())
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (name, ticks) in &more.0 {
            *self.0.entry(name.clone()).or_default() += ticks;
        }
    }

    /// What was spent on so many commits, in words.
    pub(super) fn in_words(&self, commits: u64, took: Duration) -> String {
        let second = Duration::from_secs(1);
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| per_second(cores.get() as u64, second));
        let each = |(name, ticks): (&String, &u64)| (name.clone(), per_second(*ticks, second) / TICKS_PER_S);
        let mut spent: Vec<(String, f64)> = self.0.iter().map(each).filter(|(_, s)| *s >= 0.1).collect();
        spent.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let busy: f64 = spent.iter().map(|(_, s)| s).sum();
        let per_commit = busy * 1e6 / per_second(commits.max(1), second);
        let words: Vec<String> = spent.iter().map(|(name, s)| format!("{name} {s:.1} s")).collect();
        let all = took.as_secs_f64() * cores;
        format!("{} of {all:.1} s of all cores, {per_commit:.0} us a commit", words.join(", "))
    }
}

/// The name and the processor time of a process or thread, from its `stat`.
fn ticks_of(dir: &Path) -> Option<(String, u64)> {
    let stat = std::fs::read_to_string(dir.join("stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split(' ').collect();
    Some((name, fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?))
}
