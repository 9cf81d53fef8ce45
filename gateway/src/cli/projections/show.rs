//! How projections, estimates and comparisons are printed.

use crate::operation::{ComparisonView, EndedRebuildView, EstimateView, ProjectionView, RebuildView};
use indicatif::{BinaryBytes, HumanCount, HumanDuration, ProgressBar};
use std::time::Duration;

/// One JSON object on a line.
pub(super) fn json(projection: &ProjectionView) {
    println!("{}", serde_json::to_string(projection).expect("a projection is plain data"));
}

/// One line a projection.
pub(super) fn table(projections: &[ProjectionView]) {
    println!(
        "{:<15} {:<10} {:<12} {:>10} {:>10} {:>9} {:>12} {:>11}  last rebuild",
        "projection", "state", "position", "lag", "lag s", "events/s", "rows", "size"
    );
    for it in projections {
        println!(
            "{:<15} {:<10} {:<12} {:>10} {:>10.1} {:>9.0} {:>12} {:>11}  {}",
            it.name,
            it.state,
            it.position,
            HumanCount(it.lag_events).to_string(),
            it.lag_s,
            it.events_per_s,
            it.rows.map_or_else(|| "-".to_owned(), |rows| HumanCount(rows).to_string()),
            BinaryBytes(it.bytes).to_string(),
            it.rebuilds.first().map_or_else(|| "-".to_owned(), ended),
        );
    }
    for it in projections.iter().filter(|it| it.reason.is_some()) {
        println!("{}: {}", it.name, trouble(it));
    }
}

fn trouble(it: &ProjectionView) -> String {
    let reason = it.reason.as_deref().unwrap_or("-");
    match (&it.halted_on, &it.halted_at) {
        (Some(event), Some(at)) => format!("halted on event {event} at {at}: {reason}"),
        _ => format!("halted: {reason}"),
    }
}

fn ended(rebuild: &EndedRebuildView) -> String {
    let EndedRebuildView { outcome, ended_at, events, took_s } = rebuild;
    format!("{outcome} {ended_at}, {} events in {}", HumanCount(*events), HumanDuration(seconds(*took_s)))
}

/// All about one.
pub(super) fn full(it: &ProjectionView) {
    let beside = match (it.rebuilt, it.unfinished) {
        (true, _) => "rebuilt rows wait to be compared and served",
        (false, true) => "an interrupted rebuild can be gone on with",
        (false, false) => "nothing",
    };
    let rows = it.rows.map_or_else(|| "not counted yet".to_owned(), |rows| HumanCount(rows).to_string());
    let lines = [
        ("projection", it.name.clone()),
        ("version", format!("{}, served {}", it.version, it.served_version)),
        ("state", if it.reason.is_some() { trouble(it) } else { it.state.clone() }),
        ("position", it.position.clone()),
        ("lag", format!("{} events, {:.1} s", HumanCount(it.lag_events), it.lag_s)),
        ("rate", format!("{:.0} events/s", it.events_per_s)),
        ("rows", rows),
        ("size", format!("{}, beside it {}", BinaryBytes(it.bytes), BinaryBytes(it.kept_bytes))),
        ("beside it", beside.to_owned()),
        ("roll back", if it.can_roll_back { "possible" } else { "nothing is kept to go back to" }.to_owned()),
    ];
    for (name, value) in lines {
        println!("{name:<13} {value}");
    }
    for rebuild in &it.rebuilds {
        println!("{:<13} {}", "rebuild", ended(rebuild));
    }
    if let Some(rebuild) = it.rebuild.as_ref().filter(|rebuild| rebuild.state == "running") {
        println!("{:<13} {}/{} events {}", "rebuilding", rebuild.done, rebuild.total, forecast(rebuild));
    }
}

/// How far the bar is.
pub(super) fn progress(bar: &ProgressBar, it: &RebuildView) {
    bar.set_length(it.total);
    bar.set_position(it.done);
    bar.set_message(forecast(it));
}

fn forecast(it: &RebuildView) -> String {
    match (it.events_per_s, it.time_left_s) {
        (Some(rate), Some(left)) => format!("{}/s, {} left", HumanCount(whole(rate)), HumanDuration(seconds(left))),
        _ => String::new(),
    }
}

/// What came out of a rebuild.
pub(super) fn rebuilt(name: &str, it: &RebuildView) {
    println!(
        "{name}: {} events are folded. Next: `clew projections compare {name}`, then `swap`.",
        HumanCount(it.done)
    );
}

/// What a rebuild would take.
pub(super) fn estimate(name: &str, it: &EstimateView) {
    println!(
        "{name}: {} events at about {}/s: about {}, and about {} on disk beside what is there (a trial folded {}).",
        HumanCount(it.events),
        HumanCount(whole(it.events_per_s)),
        HumanDuration(seconds(it.time_s)),
        BinaryBytes(it.bytes),
        HumanCount(it.tried),
    );
}

/// The rows that differ, with both values.
pub(super) fn comparison(it: &ComparisonView) {
    println!("{} rows are served, {} were rebuilt; {} differ.", it.served_rows, it.rebuilt_rows, it.differing);
    for row in &it.differences {
        println!("{} {}", row.table, row.key);
        println!("  served  {}", row.served.as_deref().unwrap_or("(no such row)"));
        println!("  rebuilt {}", row.rebuilt.as_deref().unwrap_or("(no such row)"));
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(rate: f64) -> u64 {
    rate.max(0.0) as u64
}
