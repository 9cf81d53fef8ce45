//! What a process that holds keys asks of the operating system: no core dumps, no swap.

use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// What the operating system granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// Neither a crash nor another process of the same user can take memory out.
    pub core_dumps_off: bool,
    /// No page of the process is ever written to swap.
    pub memory_locked: bool,
}

/// Keeps the memory of this process out of core dumps, of debuggers and, where the limits allow it, of swap. The
/// binary calls it first thing.
///
/// Memory is locked as a whole (`mlockall`), since keys and plaintext pass through buffers of many libraries; only
/// where the limit is lifted (`LimitMEMLOCK=infinity`, or the capability), since under a finite one a later
/// allocation would fail.
pub fn harden_process() -> Hardening {
    let no_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_ok();
    let unlimited = getrlimit(Resource::Memlock).current.is_none() || may_lock_any_amount();
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let memory_locked = unlimited && rustix::mm::mlockall(flags).is_ok();
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    Hardening { core_dumps_off: no_core && not_dumpable, memory_locked }
}

/// Whether the process has `CAP_IPC_LOCK` (14).
fn may_lock_any_amount() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).is_some_and(|set| set >> 14 & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_dumps_are_off_after_hardening() {
        assert!(harden_process().core_dumps_off);
        assert_eq!(rustix::process::dumpable_behavior().expect("prctl answers"), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
