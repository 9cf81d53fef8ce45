//! How urgent the work of a thread is to the operating system.

/// As far as a thread can step back.
const NICE_MAX: u8 = 19;

/// Lets other threads go first, where the operating system knows how. The priority is the calling thread's own.
pub(crate) fn yield_to_others(nice: u8) {
    if nice > 0
        && let Err(error) = rustix::process::setpriority_process(None, i32::from(nice.min(NICE_MAX)))
    {
        tracing::warn!(%error, "work in the background can't be made to yield");
    }
}

/// How many threads read rows at once when all are read.
pub(crate) fn readers() -> usize {
    const READERS_MAX: usize = 8;
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(READERS_MAX))
}
