//! What a replay under other rules comes to, against what was: by channel and hour, as text, JSON or CSV.

use clew_domain::ids::ChannelId;
use clew_domain::sla::{Fate, Outcome};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Promises by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    kept: u64,
    breached: u64,
}

/// The same clocks' promises under both rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Both {
    /// Under the rules that were in force.
    now: Count,
    /// Under the rules of the file.
    then: Count,
}

/// Counts outcomes as they come.
pub(super) struct Counting {
    from: Timestamp,
    to: Timestamp,
    zone: TimeZone,
    cells: BTreeMap<(ChannelId, i64), Both>,
}

/// Which of the two a count is of.
#[derive(Clone, Copy)]
pub(super) enum Under {
    Now,
    Then,
}

/// What it came to.
#[derive(Serialize)]
pub(super) struct Report {
    from: Timestamp,
    to: Timestamp,
    facts: u64,
    total: Both,
    channels: Vec<OfChannel>,
    hours_of_day: Vec<OfHourOfDay>,
    hours: Vec<OfHour>,
}

#[derive(Serialize)]
struct OfChannel {
    channel: ChannelId,
    name: String,
    #[serde(flatten)]
    both: Both,
}

#[derive(Serialize)]
struct OfHourOfDay {
    hour: i8,
    #[serde(flatten)]
    both: Both,
}

#[derive(Serialize)]
struct OfHour {
    channel: ChannelId,
    name: String,
    /// When the hour begins.
    hour: Timestamp,
    #[serde(flatten)]
    both: Both,
}

impl Both {
    fn add(&mut self, other: &Self) {
        for (sum, part) in [(&mut self.now, other.now), (&mut self.then, other.then)] {
            sum.kept += part.kept;
            sum.breached += part.breached;
        }
    }
}

impl Counting {
    /// Counts what came about from `from` up to before `to`.
    pub(super) fn new(from: Timestamp, to: Timestamp, zone: TimeZone) -> Self {
        Self { from, to, zone, cells: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, under: Under, outcome: &Outcome) {
        let Some(at) = outcome.at.filter(|at| (self.from..self.to).contains(at)) else { return };
        let both = self.cells.entry((outcome.channel, begins(at, &self.zone))).or_default();
        let count = match under {
            Under::Now => &mut both.now,
            Under::Then => &mut both.then,
        };
        match outcome.fate {
            Fate::Kept => count.kept += 1,
            Fate::Breached => count.breached += 1,
            Fate::Open => {}
        }
    }

    /// The sums, with the names of channels.
    pub(super) fn report(mut self, facts: u64, workspace: &WorkspaceState) -> Report {
        self.cells.retain(|_, both| *both != Both::default());
        let name = |channel: &ChannelId| {
            let known = workspace.channels.get(channel);
            known.map_or_else(|| channel.to_string(), |it| it.profile.name.clone())
        };
        let (mut total, mut channels) = (Both::default(), BTreeMap::<ChannelId, Both>::new());
        let mut of_day = BTreeMap::<i8, Both>::new();
        for ((channel, hour), both) in &self.cells {
            let hour = jiff::Timestamp::from(Timestamp::from_micros(*hour)).to_zoned(self.zone.clone()).hour();
            for sum in [&mut total, channels.entry(*channel).or_default(), of_day.entry(hour).or_default()] {
                sum.add(both);
            }
        }
        let hours = self.cells.iter().map(|((channel, hour), both)| OfHour {
            channel: *channel,
            name: name(channel),
            hour: Timestamp::from_micros(*hour),
            both: *both,
        });
        Report {
            from: self.from,
            to: self.to,
            facts,
            total,
            hours: hours.collect(),
            channels: channels
                .into_iter()
                .map(|(channel, both)| OfChannel { channel, name: name(&channel), both })
                .collect(),
            hours_of_day: of_day.into_iter().map(|(hour, both)| OfHourOfDay { hour, both }).collect(),
        }
    }
}

/// When the hour began that the wall clock shows.
fn begins(at: Timestamp, zone: &TimeZone) -> i64 {
    let zoned = jiff::Timestamp::from(at).to_zoned(zone.clone());
    let past_s = i64::from(zoned.minute()) * 60 + i64::from(zoned.second());
    at.micros() - past_s * 1_000_000 - i64::from(zoned.subsec_nanosecond() / 1_000)
}

impl Report {
    /// One line a channel and hour, with a head.
    pub(super) fn csv(&self) -> String {
        let mut text = "channel,hour,breached_now,breached_then,kept_now,kept_then\n".to_owned();
        for OfHour { name, hour, both: Both { now, then }, .. } in &self.hours {
            let (a, b, c, d) = (now.breached, then.breached, now.kept, then.kept);
            writeln!(text, "{},{hour},{a},{b},{c},{d}", quoted(name)).expect("writing to a String does not fail");
        }
        text
    }

    /// Sums for a person to read.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| writeln!(text, "{words}").expect("writing to a String does not fail");
        line(format!("{:<32}{:>14}{:>14}{:>14}{:>14}", "", "breached now", "then", "kept now", "then"));
        let row = |name: &str, Both { now, then }: &Both| {
            format!("{name:<32}{:>14}{:>14}{:>14}{:>14}", now.breached, then.breached, now.kept, then.kept)
        };
        for it in &self.channels {
            line(row(&it.name, &it.both));
        }
        for it in &self.hours_of_day {
            line(row(&format!("{:02}:00", it.hour), &it.both));
        }
        line(row("total", &self.total));
        text
    }
}

/// A field of CSV, which a spreadsheet does not take for a formula.
fn quoted(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}
