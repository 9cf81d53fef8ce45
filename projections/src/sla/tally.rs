//! How many promises were kept and broken on each day of UTC.

use super::query::TallyOf;
use crate::key::Key;
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::ids::{ChannelId, SlaPolicyId, TeamId};
use clew_domain::sla::{Clocks, Metric};
use clew_domain::time::Timestamp;
use uuid::Uuid;

const DAY_MICROS: i64 = 86_400_000_000;

/// Where a conversation stood when a promise was kept or broken.
#[derive(Clone, Copy)]
pub(super) struct Place {
    channel: Option<ChannelId>,
    team: Option<TeamId>,
}

impl Place {
    pub(super) fn of(clocks: &Clocks) -> Self {
        Self { channel: clocks.channel(), team: clocks.team() }
    }
}

fn metric_byte(metric: Metric) -> u8 {
    match metric {
        Metric::FirstResponse => 0,
        Metric::NextResponse => 1,
        Metric::Resolution => 2,
    }
}

/// The number of a day of UTC, counted so that it sorts.
pub(super) fn day_of(at: Timestamp) -> u32 {
    let days = at.micros().div_euclid(DAY_MICROS) + i64::from(u32::MAX / 2);
    u32::try_from(days).expect("an instant is kept within the years 1 to 9999")
}

/// Tallies of a day begin with this.
pub(super) fn list(day: u32) -> Key {
    Key::of(b'H').bytes(&day.to_be_bytes())
}

/// Counts a promise on the day of an instant.
pub(super) fn count(
    rows: &mut Rows,
    place: Place,
    at: Timestamp,
    (policy, metric): (SlaPolicyId, Metric),
    kept: bool,
) -> Result<(), FoldError> {
    let Some(channel) = place.channel else { return Ok(()) };
    let team = place.team.map_or(Uuid::nil(), |team| team.0);
    let key = list(day_of(at)).id(channel.0).id(team).id(policy.0);
    rows.add(&key.byte(metric_byte(metric)).byte(u8::from(kept)), 1)
}

/// What the key of a tally says: of what, on which day, and whether of what was kept.
pub(super) fn read(key: &[u8]) -> Option<(TallyOf, u32, bool)> {
    let id = |at: usize| Uuid::from_slice(key.get(at..at + 16)?).ok();
    let day = u32::from_be_bytes(key.get(1..5)?.try_into().ok()?);
    let metric = [Metric::FirstResponse, Metric::NextResponse, Metric::Resolution];
    let metric = *metric.iter().find(|metric| Some(&metric_byte(**metric)) == key.get(53))?;
    let team = Some(id(21)?).filter(|team| !team.is_nil()).map(TeamId);
    let of = TallyOf { channel: ChannelId(id(5)?), team, policy: SlaPolicyId(id(37)?), metric };
    Some((of, day, *key.get(54)? == 1))
}
