//! What is measured, in the text form that Prometheus reads. Labels are addresses' templates and kinds, never ids.

use clew_projections::{State, Status};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    projection: &'static str,
}

/// What is measured.
#[derive(Clone)]
pub struct Metrics {
    registry: std::sync::Arc<Mutex<Registry>>,
    answers: Family<Answer, Counter>,
    durations: Family<Route, Histogram>,
    projections: ProjectionGauges,
    /// Failed sign-ins.
    pub sign_ins_failed: Counter,
    /// Live feeds that are open.
    pub feeds_open: Gauge,
}

#[derive(Clone, Default)]
struct ProjectionGauges {
    lag: Family<Named, Gauge>,
    halted: Family<Named, Gauge>,
    folded: Family<Named, Gauge>,
    bytes: Family<Named, Gauge>,
}

impl ProjectionGauges {
    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("projection");
        registry.register("lag_events", "Facts that a projection is behind the log's end", self.lag.clone());
        registry.register("halted", "1 if a projection has halted", self.halted.clone());
        registry.register("folded_events", "Facts folded since the start", self.folded.clone());
        registry.register("bytes", "Bytes on disk of what a projection serves", self.bytes.clone());
    }

    fn set(&self, status: &Status) {
        let label = Named { projection: status.name };
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.lag.get_or_create(&label).set(whole(status.lag_events));
        self.halted.get_or_create(&label).set(i64::from(matches!(status.state, State::Halted { .. })));
        self.folded.get_or_create(&label).set(whole(status.folded));
        self.bytes.get_or_create(&label).set(whole(status.bytes));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("clew");
        let answers = Family::<Answer, Counter>::default();
        let durations =
            Family::<Route, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 7)));
        let (sign_ins_failed, feeds_open) = (Counter::default(), Gauge::default());
        registry.register("http_requests", "Requests answered", answers.clone());
        registry.register("http_request_duration_seconds", "Time to the head of the answer", durations.clone());
        registry.register("sign_ins_failed", "Failed sign-ins", sign_ins_failed.clone());
        registry.register("feeds_open", "Live feeds that are open", feeds_open.clone());
        let projections = ProjectionGauges::default();
        projections.register(&mut registry);
        let registry = std::sync::Arc::new(Mutex::new(registry));
        Self { registry, answers, durations, projections, sign_ins_failed, feeds_open }
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let answer = Answer { method: method.clone(), route: route.clone(), status };
        self.answers.get_or_create(&answer).inc();
        self.durations.get_or_create(&Route { method, route }).observe(took.as_secs_f64());
    }

    /// Takes down how the projections fare.
    pub fn take_down(&self, projections: &[Status]) {
        for status in projections {
            self.projections.set(status);
        }
    }

    /// All of it as text.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}
