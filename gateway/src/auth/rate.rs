//! Limits over time: so many requests a minute for each caller, so many failed sign-ins before a pause.
//! Both forget what is old, so their memory is bounded by what is going on.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers that are remembered at most; past it, those who have been quiet longest are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// How long failed sign-ins count.
pub const SIGN_IN_WINDOW: Duration = Duration::from_secs(15 * 60);

/// A token bucket for each key: it holds a minute's worth and fills evenly.
#[derive(Debug)]
pub struct Rate<K> {
    per_minute: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Eq + Hash> Rate<K> {
    /// So many a minute.
    pub fn per_minute(count: u32) -> Self {
        Self { per_minute: f64::from(count.max(1)), buckets: Mutex::new(HashMap::new()) }
    }

    /// Counts one, or says how long to wait.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED_MAX {
            buckets.retain(|_, bucket| now.duration_since(bucket.at) < Duration::from_secs(60));
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: self.per_minute, at: now });
        let filled = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_minute / 60.0;
        bucket.left = (bucket.left + filled).min(self.per_minute);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) * 60.0 / self.per_minute))
    }
}

/// Counts failed sign-ins by key (a login, an address).
#[derive(Debug)]
pub struct Failures<K> {
    max: u32,
    counts: Mutex<HashMap<K, (u32, Instant)>>,
}

impl<K: Eq + Hash> Failures<K> {
    /// So many within [`SIGN_IN_WINDOW`].
    pub fn at_most(max: u32) -> Self {
        Self { max: max.max(1), counts: Mutex::new(HashMap::new()) }
    }

    /// How long this key has to pause, if it has to.
    pub fn pause(&self, key: &K, now: Instant) -> Option<Duration> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = counts.get(key)?;
        let rest = SIGN_IN_WINDOW.checked_sub(now.saturating_duration_since(*since))?;
        (*count >= self.max).then_some(rest)
    }

    /// Counts a failure.
    pub fn count(&self, key: K, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) >= SIGN_IN_WINDOW;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= REMEMBERED_MAX {
            counts.retain(|_, (_, since)| !over(*since));
        }
        let entry = counts.entry(key).or_insert((0, now));
        if over(entry.1) {
            *entry = (0, now);
        }
        entry.0 += 1;
    }

    /// Forgets the failures of this key.
    pub fn clear(&self, key: &K) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rate = Rate::per_minute(60);
        let start = Instant::now();
        for _ in 0..60 {
            assert_eq!(rate.take("a", start), Ok(()));
        }
        let wait = rate.take("a", start).expect_err("empty");
        assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(900), "{wait:?}");
        assert_eq!(rate.take("b", start), Ok(()));
        assert_eq!(rate.take("a", start + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn failures_pause_and_are_forgotten() {
        let failures = Failures::at_most(2);
        let start = Instant::now();
        failures.count("a", start);
        assert_eq!(failures.pause(&"a", start), None);
        failures.count("a", start);
        assert_eq!(failures.pause(&"a", start), Some(SIGN_IN_WINDOW));
        assert_eq!(failures.pause(&"b", start), None);
        let later = start + SIGN_IN_WINDOW + Duration::from_secs(1);
        assert_eq!(failures.pause(&"a", later), None);
        failures.count("a", later);
        assert_eq!(failures.pause(&"a", later), None);
        failures.clear(&"a");
    }
}
