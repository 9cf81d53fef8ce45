//! How fast something goes, smoothed, and what follows for the time left.

use std::time::{Duration, Instant};

/// How far back the rate looks: after so long an old rate weighs a third.
const MEMORY: Duration = Duration::from_secs(8);

/// Nothing is forecast before so long: the start is never like the rest.
const FORECAST_AFTER: Duration = Duration::from_millis(500);

/// A smoothed rate.
#[derive(Clone, Debug)]
pub struct Rate {
    began: Instant,
    first: u64,
    seen: (Instant, u64),
    smoothed: Option<f64>,
}

impl Rate {
    /// Begins with this count.
    pub fn begin(count: u64) -> Self {
        let now = Instant::now();
        Self { began: now, first: count, seen: (now, count), smoothed: None }
    }

    /// The count is now this.
    pub fn observe(&mut self, count: u64) {
        self.observe_at(Instant::now(), count);
    }

    #[allow(clippy::cast_precision_loss)]
    fn observe_at(&mut self, now: Instant, count: u64) {
        let (then, before) = self.seen;
        let passed = now.saturating_duration_since(then);
        if passed < Duration::from_millis(50) {
            return;
        }
        let fresh = count.saturating_sub(before) as f64 / passed.as_secs_f64();
        let weight = 1.0 - (-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        self.smoothed = Some(self.smoothed.map_or(fresh, |old| old + (fresh - old) * weight));
        self.seen = (now, count);
    }

    /// Counts in a second: the mean of what the last seconds and the whole time say. The last seconds alone jump with
    /// every save; the whole alone forgets that saving slows down as rows grow more.
    #[allow(clippy::cast_precision_loss)]
    pub fn per_s(&self) -> Option<f64> {
        let (now, count) = self.seen;
        let passed = now.saturating_duration_since(self.began);
        if passed < FORECAST_AFTER {
            return None;
        }
        let whole = (count - self.first) as f64 / passed.as_secs_f64();
        let rate = f64::midpoint(self.smoothed?, whole);
        (rate > 0.0).then_some(rate)
    }

    /// How long so many more take.
    #[allow(clippy::cast_precision_loss)]
    pub fn time_left(&self, more: u64) -> Option<Duration> {
        let rate = self.per_s()?;
        Duration::try_from_secs_f64(more as f64 / rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_pace_is_forecast_as_it_comes() {
        let mut rate = Rate::begin(100);
        let start = rate.began;
        assert_eq!(rate.time_left(1), None);
        for tenth in 1..=50 {
            rate.observe_at(start + Duration::from_millis(100 * tenth), 100 + 1_000 * tenth);
        }
        let left = rate.time_left(20_000).unwrap();
        assert!((left.as_secs_f64() - 2.0).abs() < 0.01, "{left:?}");
    }

    /// How far the forecasts were off on average, as a share of what was left, while work went at `pace` (counts in a
    /// second, by the share that is done and the seconds that have passed).
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn mean_error(all: u64, pace: impl Fn(f64, f64) -> f64) -> f64 {
        const STEP_S: f64 = 0.1;
        let mut rate = Rate::begin(0);
        let (start, mut done, mut passed, mut forecasts) = (rate.began, 0.0, 0.0, Vec::new());
        while done < all as f64 {
            done += pace(done / all as f64, passed) * STEP_S;
            passed += STEP_S;
            rate.observe_at(start + Duration::from_secs_f64(passed), done as u64);
            let left = rate.time_left(all.saturating_sub(done as u64));
            forecasts.extend(left.map(|left| (passed, left.as_secs_f64())));
        }
        // The last tenth is over before anybody reads it.
        let judged = forecasts.iter().filter(|(at, _)| *at < passed * 0.9);
        let errors: Vec<f64> = judged.map(|(at, left)| ((passed - at) - left).abs() / (passed - at)).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    #[test]
    fn forecasts_are_near_the_outcome_whatever_the_pace_does() {
        let error_max = |name: &str, max: f64, error: f64| {
            assert!(error < max, "{name}: off by {:.0} % of what was left", error * 100.0);
        };
        error_max("steady", 0.01, mean_error(1_000_000, |_, _| 10_000.0));
        // As rows grow more, each save has more to do: at the end half the pace of the beginning.
        error_max("slowing", 0.25, mean_error(1_000_000, |done, _| 10_000.0 / (1.0 + done)));
        error_max(
            "saving now and then",
            0.10,
            mean_error(1_000_000, |_, s| if s % 6.0 < 4.5 { 13_000.0 } else { 0.0 }),
        );
        error_max("jittery", 0.10, mean_error(1_000_000, |_, s| 10_000.0 * (1.0 + 0.8 * (s * 7.3).sin())));
        // Nobody can know that half of the processor will be taken away half-way; from then on the forecast follows.
        error_max("halved", 0.45, mean_error(1_000_000, |done, _| if done < 0.5 { 10_000.0 } else { 5_000.0 }));
    }

    #[test]
    fn a_pace_that_falls_is_seen_to_fall() {
        let mut rate = Rate::begin(0);
        let start = rate.began;
        for second in 1..=10 {
            rate.observe_at(start + Duration::from_secs(second), 1_000 * second);
        }
        for second in 1..=30 {
            rate.observe_at(start + Duration::from_secs(10 + second), 10_000 + 100 * second);
        }
        let rate = rate.per_s().unwrap();
        assert!((100.0..300.0).contains(&rate), "{rate}");
    }
}
