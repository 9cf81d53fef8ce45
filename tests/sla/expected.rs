//! What a promise of 60 minutes, 9 to 17 in Paris from Monday to Friday, comes to for a file of messages: computed
//! from the file itself, with a calendar of its own, second by second of the day, without any code of Clew.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use crate::support::requires;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;
/// What is promised, in microseconds.
const TARGET_US: i64 = 3_600 * SECOND_US;

/// One wait of a contact for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) brand: String,
    /// The channel's id of the message that began it.
    pub(super) began_by: String,
    pub(super) due_us: i64,
    pub(super) answered_us: Option<i64>,
}

impl Wait {
    pub(super) fn is_breached(&self) -> bool {
        self.answered_us.is_none_or(|at| self.due_us < at)
    }
}

pub(super) fn file() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/care-tweets.ndjson");
    requires::file(&path).then_some(path)
}

/// A contact and the first message of a thread.
type Thread = (String, String);
/// When a message was written, how far down its thread, and its id.
type Place = (i64, usize, String);

struct Message {
    parent: Option<String>,
    author: String,
    inbound: bool,
    at_us: i64,
    brand: String,
}

/// Every wait in the file.
pub(super) fn waits(bytes: &[u8]) -> Vec<Wait> {
    let mut messages = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let json: serde_json::Value = serde_json::from_slice(line).unwrap();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let message = Message {
            parent: text("parent"),
            author: text("author").unwrap(),
            inbound: json["inbound"].as_bool().unwrap(),
            at_us: instant_us(&text("ts").unwrap()),
            brand: text("brand").unwrap(),
        };
        messages.entry(text("id").unwrap()).or_insert(message);
    }
    let mut threads = BTreeMap::<Thread, Vec<Place>>::new();
    for (id, message) in &messages {
        let (thread, depth) = thread_of(&messages, id);
        threads.entry(thread).or_default().push((message.at_us, depth, id.clone()));
    }
    threads.into_values().flat_map(|ids| waits_of(&messages, ids)).collect()
}

/// The contact and the first message of the thread that a message is in, and how far down it stands.
fn thread_of(messages: &HashMap<String, Message>, id: &str) -> (Thread, usize) {
    let (mut contact, mut at, mut depth) = (None, id, 0);
    loop {
        let message = &messages[at];
        if message.inbound {
            contact.get_or_insert_with(|| message.author.clone());
        }
        match message.parent.as_deref() {
            Some(parent) if messages.contains_key(parent) => (at, depth) = (parent, depth + 1),
            _ => return ((contact.expect("the file answers contacts only"), at.to_owned()), depth),
        }
    }
}

fn waits_of(messages: &HashMap<String, Message>, mut ids: Vec<Place>) -> Vec<Wait> {
    ids.sort_unstable();
    let mut waits: Vec<Wait> = Vec::new();
    let mut open = false;
    for (at_us, _, id) in ids {
        let message = &messages[&id];
        if message.inbound && !open {
            let (brand, due_us) = (message.brand.clone(), due_us(at_us));
            waits.push(Wait { brand, began_by: id, due_us, answered_us: None });
            open = true;
        } else if !message.inbound && open {
            waits.last_mut().unwrap().answered_us = Some(at_us);
            open = false;
        }
    }
    waits
}

/// The last instant at which no more than the target has counted: day by day, what is left of it is taken from the
/// open hours of that day.
fn due_us(from_us: i64) -> i64 {
    let mut left_us = TARGET_US;
    // Paris is ahead of UTC by less than a day.
    let mut day = from_us.div_euclid(DAY_S * SECOND_US);
    loop {
        // 1970-01-01 was a Thursday: day 0, with Monday as 0, is 3.
        if (day + 3).rem_euclid(7) < 5 {
            let opens_us = (day * DAY_S + 9 * 3_600 - paris_s(day)) * SECOND_US;
            let closes_us = (day * DAY_S + 17 * 3_600 - paris_s(day)) * SECOND_US;
            let begins_us = opens_us.max(from_us);
            let room_us = (closes_us - begins_us).max(0);
            // Only what is more than the day has goes on at the next one's opening.
            if left_us < room_us {
                return begins_us + left_us;
            }
            left_us -= room_us;
        }
        day += 1;
    }
}

/// How far Paris is ahead of UTC in the office hours of a day: an hour more from the last Sunday of March to the one
/// of October.
fn paris_s(day: i64) -> i64 {
    let (year, _, _) = date_of(day);
    let is_summer = day >= last_sunday(year, 3) && day < last_sunday(year, 10);
    if is_summer { 7_200 } else { 3_600 }
}

fn last_sunday(year: i64, month: i64) -> i64 {
    let last = day_of(year, month, 31);
    last - (last + 4).rem_euclid(7)
}

/// Days since 1970 (Hinnant, `days_from_civil`).
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since 1970 (Hinnant, `civil_from_days`).
pub(super) fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// `2020-04-01T18:58:27.135Z` as microseconds since 1970.
fn instant_us(text: &str) -> i64 {
    let number = |at: std::ops::Range<usize>| text[at].parse::<i64>().unwrap();
    let day = day_of(number(0..4), number(5..7), number(8..10));
    let seconds = number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    (day * DAY_S + seconds) * SECOND_US + number(20..23) * 1_000
}

#[test]
fn the_reference_itself_counts_as_a_person_would() {
    let due = |text: &str| due_us(instant_us(text));
    assert_eq!(due("2026-11-20T15:45:00.000Z"), instant_us("2026-11-23T08:45:00.000Z"), "16:45 on Friday in Paris");
    assert_eq!(due("2026-11-20T15:00:00.000Z"), instant_us("2026-11-23T08:00:00.000Z"), "what fits lasts until Monday");
    assert_eq!(due("2020-03-27T15:30:00.000Z"), instant_us("2020-03-30T07:30:00.000Z"), "over the change to summer");
    assert_eq!(due("2020-04-01T18:58:27.135Z"), instant_us("2020-04-02T08:00:00.000Z"));
    assert_eq!(date_of(day_of(2020, 2, 29)), (2020, 2, 29));
}
