//! The entries by which clocks are found: by due instant in each scope, those whose instant is waited for, breaches
//! that are not told yet, and the tallies of each day.

use super::query::Scope;
use super::row::{Breached, Place, Row, is_answer, shown};
use crate::key::Key;
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::conversation::SlaBreach;
use clew_domain::ids::{ConversationId, SlaPolicyId};
use clew_domain::sla::{Ended, Metric};
use clew_domain::time::Timestamp;
use uuid::Uuid;

const DAY_MICROS: i64 = 86_400_000_000;

/// The entries of one scope, in the order of due instants.
pub(super) fn due_list(scope: Scope) -> Key {
    let (kind, id) = match scope {
        Scope::All => (0, Uuid::nil()),
        Scope::Channel(channel) => (1, channel.0),
        Scope::Team(team) => (2, team.0),
        Scope::Policy(policy) => (3, policy.0),
        Scope::New => (4, Uuid::nil()),
        Scope::Pending => (5, Uuid::nil()),
    };
    Key::of(b'D').byte(kind).id(id)
}

/// Clocks whose due instant is waited for, in its order.
pub(super) fn awaited_list() -> Key {
    Key::of(b'W')
}

/// Breaches that are not told yet.
pub(super) fn untold_list() -> Key {
    Key::of(b'U')
}

fn running_list() -> Key {
    Key::of(b'O')
}

/// The bytes behind the prefix of a list: due instant, conversation, whether it waits for an answer.
pub(super) const ENTRY_BYTES: usize = 8 + 16 + 1;

fn entry(list: Key, conversation: ConversationId, place: &Place) -> Key {
    list.at(place.due).id(conversation.0).byte(u8::from(place.answer))
}

/// The bytes behind the prefix of a list.
pub(super) fn place(conversation: ConversationId, due: Timestamp, answer: u8) -> Vec<u8> {
    let key = Key::of(b'D').at(due).id(conversation.0).byte(answer).done();
    key[1..].to_vec()
}

/// A clock breaches once, whatever it is told to have breached by.
pub(super) fn untold_key(conversation: ConversationId, breach: &SlaBreach) -> Key {
    untold_list().id(conversation.0).id(breach.clock.0).byte(u8::from(breach.is_of_answer()))
}

/// The due instant in an entry of those that are waited for.
pub(super) fn due_of(key: &[u8]) -> Option<Timestamp> {
    let ascending = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    Some(Timestamp::from_micros((ascending ^ (1 << 63)).cast_signed()))
}

pub(super) fn metric_byte(metric: Metric) -> u8 {
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
pub(super) fn tally_list(day: u32) -> Key {
    Key::of(b'H').bytes(&day.to_be_bytes())
}

fn tally_key(row: &Row, at: Timestamp, breach: (SlaPolicyId, Metric), kept: bool) -> Option<Key> {
    let team = row.clocks.team().map_or(Uuid::nil(), |team| team.0);
    let list = tally_list(day_of(at)).id(row.clocks.channel()?.0).id(team).id(breach.0.0);
    Some(list.byte(metric_byte(breach.1)).byte(u8::from(kept)))
}

/// Moves a conversation from where its clocks stood to where they stand, counts what ended or breached, and remembers
/// breaches until they are told.
pub(super) fn move_on(
    rows: &mut Rows,
    conversation: ConversationId,
    before: &Row,
    after: &mut Row,
    ended: &[Ended],
) -> Result<(), FoldError> {
    let (old, new): (Vec<_>, Vec<_>) = (before.places().collect(), after.places().collect());
    for place in old.iter().filter(|place| !new.contains(place)) {
        lists(place).for_each(|list| rows.unmark(entry(list, conversation, place)));
    }
    for place in new.iter().filter(|place| !old.contains(place)) {
        lists(place).for_each(|list| rows.mark(entry(list, conversation, place)));
    }
    let (ran, runs) = (before.clocks.running().next().is_some(), after.clocks.running().next().is_some());
    match (ran, runs) {
        (false, true) => rows.mark(running_list().id(conversation.0)),
        (true, false) => rows.unmark(running_list().id(conversation.0)),
        (true, true) | (false, false) => {}
    }
    note_breaches(rows, conversation, before, after, ended)?;
    for it in ended.iter().filter(|it| it.clock.breach.is_none()) {
        let promise = shown(&it.clock).map(|promise| (promise.policy, promise.metric));
        if let Some(key) = promise.and_then(|promise| tally_key(before, it.at, promise, true)) {
            rows.add(&key, 1)?;
        }
    }
    Ok(())
}

fn note_breaches(
    rows: &mut Rows,
    conversation: ConversationId,
    before: &Row,
    after: &mut Row,
    ended: &[Ended],
) -> Result<(), FoldError> {
    let seen: Vec<_> = before.breaches(&[]).collect();
    for breach in after.breaches(ended).filter(|breach| !seen.contains(breach)) {
        if let Some(key) = tally_key(before, breach.due, (breach.policy, breach.metric), false) {
            rows.add(&key, 1)?;
        }
        if !after.told.contains(&(breach.clock, breach.is_of_answer())) {
            rows.put(&untold_key(conversation, &breach), Breached { conversation, breach });
        }
    }
    let Row { clocks, told } = after;
    told.retain(|it| clocks.running().any(|clock| (clock.started_by, is_answer(clock)) == *it));
    Ok(())
}

fn lists(place: &Place) -> impl Iterator<Item = Key> {
    let queue = if place.pending { Scope::Pending } else { Scope::New };
    let scopes = [Scope::All, Scope::Channel(place.channel), Scope::Policy(place.policy), queue];
    let scopes = scopes.into_iter().chain(place.team.map(Scope::Team)).map(due_list);
    scopes.chain(place.awaited.then(awaited_list))
}

/// The conversations in which a clock runs.
pub(super) fn with_clocks(rows: &Rows) -> Result<Vec<ConversationId>, FoldError> {
    let keys = rows.marked(&running_list())?;
    let id = |key: Vec<u8>| key.get(1..17).and_then(|id| Uuid::from_slice(id).ok()).map(ConversationId);
    keys.into_iter().map(|key| id(key).ok_or(FoldError::Unexpected("an entry without a conversation"))).collect()
}
