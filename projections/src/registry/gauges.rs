//! Figures about a projection that are taken beside it: how fast it folds lately, and how many rows it has.

use crate::reader::Shared;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often the pace is taken.
const TAKEN_EVERY: Duration = Duration::from_secs(1);

/// How much a fresh pace weighs against those before it.
const FRESH_WEIGHT: f64 = 0.4;

/// How old a count of rows may be before they are counted again.
const COUNT_KEPT: Duration = Duration::from_secs(60);

/// Facts folded in a second, smoothed over some seconds.
#[derive(Default)]
pub(super) struct Pace(Mutex<f64>);

impl Pace {
    /// Takes the pace until either of the two is gone. To be called inside a tokio runtime.
    pub(super) fn follow(shared: &Arc<Shared>) -> Arc<Self> {
        let pace = Arc::new(Self::default());
        tokio::spawn(take(Arc::downgrade(&pace), Arc::downgrade(shared)));
        pace
    }

    pub(super) fn per_s(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[allow(clippy::cast_precision_loss)]
    fn observe(&self, facts: u64, passed: Duration) {
        let fresh = facts as f64 / passed.as_secs_f64().max(1e-6);
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pace += (fresh - *pace) * FRESH_WEIGHT;
        if *pace < 0.05 {
            *pace = 0.0;
        }
    }
}

async fn take(pace: Weak<Pace>, shared: Weak<Shared>) {
    let (mut then, mut before) = (Instant::now(), None);
    loop {
        tokio::time::sleep(TAKEN_EVERY).await;
        let (Some(pace), Some(shared)) = (pace.upgrade(), shared.upgrade()) else { return };
        let folded = shared.meter().folded;
        let now = Instant::now();
        pace.observe(folded - before.unwrap_or(0), now - then);
        (then, before) = (now, Some(folded));
    }
}

/// Counts rows, on a thread of its own and not too often.
#[derive(Default)]
pub(super) struct Census(Mutex<Count>);

#[derive(Default)]
struct Count {
    under_way: bool,
    last: Option<(Instant, u64)>,
}

impl Census {
    pub(super) fn counted(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last.map(|(_, rows)| rows)
    }

    /// Begins to count, unless a count is under way or fresh.
    pub(super) fn begin(self: &Arc<Self>, shared: &Shared) {
        {
            let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if count.under_way || count.last.is_some_and(|(at, _)| at.elapsed() < COUNT_KEPT) {
                return;
            }
            count.under_way = true;
        }
        let (census, table) = (Arc::clone(self), shared.read_live(|live| live.table.clone()));
        let work = move || {
            let rows = table.all().try_fold(0_u64, |rows, entry| entry.map(|_| rows + 1));
            let mut count = census.0.lock().unwrap_or_else(PoisonError::into_inner);
            count.under_way = false;
            // Rows that can't be read are told by the fold and by those who ask; here they only stay uncounted.
            count.last = rows.ok().map(|rows| (Instant::now(), rows)).or(count.last);
        };
        if thread::Builder::new().name("count-rows".into()).spawn(work).is_err() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).under_way = false;
        }
    }
}
