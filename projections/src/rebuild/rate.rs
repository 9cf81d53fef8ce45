//! How fast something goes, smoothed, and what follows for the time left.

use std::time::{Duration, Instant};

/// How far back the rate looks: after so long an old rate weighs a third.
const MEMORY: Duration = Duration::from_secs(8);

/// Nothing is forecast before so long: the start is never like the rest.
const FORECAST_AFTER: Duration = Duration::from_millis(500);

/// What is believed of a pace that falls, at most: twice as much takes three times as long.
const GROWTH_MAX: f64 = 1.6;

/// A smoothed rate.
#[derive(Clone, Debug)]
pub struct Rate {
    began: Instant,
    first: u64,
    seen: (Instant, u64),
    smoothed: Option<f64>,
    /// How far it was when, each a little further than the one before.
    course: Vec<(Duration, u64)>,
}

impl Rate {
    /// Begins with this count.
    pub fn begin(count: u64) -> Self {
        let now = Instant::now();
        Self { began: now, first: count, seen: (now, count), smoothed: None, course: Vec::new() }
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
        let (passed, done) = (now.saturating_duration_since(self.began), count - self.first);
        if self.course.last().is_none_or(|(_, last)| done > last + last / 20) {
            self.course.push((passed, done));
        }
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

    /// How much longer twice as much takes, as a power of two: 1 for a steady pace, more where rows that grow slow it down.
    #[allow(clippy::cast_precision_loss)]
    fn growth(&self) -> f64 {
        let (passed, done) = (self.seen.0.saturating_duration_since(self.began), self.seen.1 - self.first);
        let half = self.course.partition_point(|(_, count)| *count < done / 2);
        let Some(&(then, count)) =
            self.course.get(half).filter(|(then, count)| *count > 0 && *count < done && !then.is_zero())
        else {
            return 1.0;
        };
        let (longer, further) = (passed.as_secs_f64() / then.as_secs_f64(), done as f64 / count as f64);
        (longer.ln() / further.ln()).clamp(1.0, GROWTH_MAX)
    }

    /// How long so many more take: a quarter is what the pace says, the rest what follows if the time goes on to grow with
    /// what is done as it did since half of it was.
    #[allow(clippy::cast_precision_loss)]
    pub fn time_left(&self, more: u64) -> Option<Duration> {
        let rate = self.per_s()?;
        let done = (self.seen.1 - self.first) as f64;
        let passed = self.seen.0.saturating_duration_since(self.began).as_secs_f64();
        let grown = passed * (((done + more as f64) / done).powf(self.growth()) - 1.0);
        Duration::try_from_secs_f64(0.25 * more as f64 / rate + 0.75 * grown).ok()
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
        error_max("slowing", 0.18, mean_error(1_000_000, |done, _| 10_000.0 / (1.0 + done)));
        error_max("slowing much", 0.25, mean_error(1_000_000, |done, _| 10_000.0 / (1.0 + 4.0 * done)));
        error_max(
            "saving now and then",
            0.13,
            mean_error(1_000_000, |_, s| if s % 6.0 < 4.5 { 13_000.0 } else { 0.0 }),
        );
        error_max("jittery", 0.10, mean_error(1_000_000, |_, s| 10_000.0 * (1.0 + 0.8 * (s * 7.3).sin())));
        // Nobody can know that half of the processor will be taken away half-way; from then on the forecast follows.
        error_max("halved", 0.30, mean_error(1_000_000, |done, _| if done < 0.5 { 10_000.0 } else { 5_000.0 }));
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
