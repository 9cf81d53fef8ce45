//! What is measured on, as far as Linux tells, and how much memory this process took at most.

use super::Failure;
use clew_domain::time::Timestamp;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// A machine, for the record.
#[derive(Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) file_system: String,
    pub(super) at: String,
    pub(super) version: &'static str,
}

impl Machine {
    /// This machine, with the file system that `dir` is on.
    pub(super) fn of(dir: &Path) -> Self {
        let unknown = || "unknown".to_owned();
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        Self {
            processor: model.map_or_else(unknown, str::to_owned),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            file_system: file_system(dir).unwrap_or_else(unknown),
            at: Timestamp::from(jiff::Timestamp::now()).to_string(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Kind and device of the mount that holds `dir`: the longest that it lies under.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
        dir.starts_with(at).then(|| (at.len(), format!("{kind} on {device}")))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, found)| found)
}

/// Counts the most memory from now on, where the kernel lets us; otherwise it stays what it was since the start.
pub(super) fn forget_peak() {
    // Refused to who may not write there: then the figure is the larger one, never a smaller.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process had.
pub(super) fn peak_rss_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1024)
}
