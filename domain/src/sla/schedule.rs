//! A calendar made ready to count with: open spans of instants, worked out once a year of the calendar.
//!
//! Business is open at an instant when the clock on the wall shows a time within a period of that day. So an hour
//! that the wall clock skips is not there to count, and one that it shows twice counts twice.

use super::calendar::{Calendar, Period};
use crate::time::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The first year that a calendar reaches, in UTC.
const YEAR_FIRST: i16 = 1970;
/// The last year that a calendar reaches: after it, business is closed.
const YEAR_LAST: i16 = 2199;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;

/// A calendar made ready to count with.
#[derive(Debug)]
pub struct Schedule {
    calendar: Calendar,
    zone: TimeZone,
    holidays: HashMap<Date, usize>,
    exceptions: HashMap<Date, usize>,
    years: Box<[OnceLock<Year>]>,
}

/// The open spans that lie in one year of UTC, in order, and how much they add up to.
#[derive(Debug)]
struct Year {
    from: i64,
    to: i64,
    spans: Box<[Span]>,
    open: i64,
}

/// Open from one instant up to another, after so much open time in the year; all in microseconds.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: i64,
    to: i64,
    before: i64,
}

/// Which part of a calendar says whether a day is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Rule {
    /// The periods of an ordinary week.
    Week,
    /// A holiday.
    Holiday {
        /// What it is called.
        name: String,
    },
    /// An exception.
    Exception {
        /// The day.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
        date: Date,
    },
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.calendar == other.calendar
    }
}

impl Eq for Schedule {}

impl Schedule {
    /// The calendar, made ready. A zone that is not known (the rules of the workspace take none) counts as UTC.
    pub fn new(calendar: Calendar) -> Self {
        let zone = calendar.time_zone().unwrap_or(TimeZone::UTC);
        let holidays = calendar.holidays.iter().enumerate().map(|(at, day)| (day.date, at)).collect();
        let exceptions = calendar.exceptions.iter().enumerate().map(|(at, day)| (day.date, at)).collect();
        let years = (YEAR_FIRST..=YEAR_LAST).map(|_| OnceLock::new()).collect();
        Self { calendar, zone, holidays, exceptions, years }
    }

    /// What it was made from.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// How much open time lies between two instants, in microseconds.
    pub fn open_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        let (from, to) = (from.micros(), to.micros());
        self.years_from(from).take_while(|year| year.from < to).map(|year| year.until(to) - year.until(from)).sum()
    }

    /// The last instant up to which no more than `micros` of open time lie behind `from`: what is open next would be
    /// too much. None if that never comes.
    pub fn last_within(&self, from: Timestamp, micros: i64) -> Option<Timestamp> {
        let mut left = micros;
        for year in self.years_from(from.micros()) {
            let done = year.until(from.micros());
            if year.open - done > left {
                return Some(Timestamp::from_micros(year.passed(done + left)));
            }
            left -= year.open - done;
        }
        None
    }

    /// The open spans between two instants, in order, clipped to them.
    pub fn spans(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let (from, to) = (from.micros(), to.micros());
        let spans = self.years_from(from).take_while(move |year| year.from < to).flat_map(|year| year.spans.iter());
        let clipped = spans.map(move |span| (span.from.max(from), span.to.min(to))).filter(|(from, to)| from < to);
        clipped.map(|(from, to)| (Timestamp::from_micros(from), Timestamp::from_micros(to)))
    }

    /// Which part of the calendar says what is open on the day that the wall clock shows at an instant.
    pub fn rule_at(&self, at: Timestamp) -> Rule {
        let date = self.zone.to_datetime(at.into()).date();
        match (self.exceptions.get(&date), self.holidays.get(&date)) {
            (Some(_), _) => Rule::Exception { date },
            (None, Some(at)) => Rule::Holiday { name: self.calendar.holidays[*at].name.clone() },
            (None, None) => Rule::Week,
        }
    }

    /// The instant at which the wall clock shows the next day, or shows what it shows under another offset.
    pub fn day_ends(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(self.day_at(at.micros()).1)
    }

    fn periods(&self, date: Date) -> &[Period] {
        match (self.exceptions.get(&date), self.holidays.get(&date)) {
            (Some(at), _) => &self.calendar.exceptions[*at].periods,
            (None, Some(_)) => &[],
            (None, None) => self.calendar.week.of(date.weekday()),
        }
    }

    /// The years from the one that holds an instant.
    fn years_from(&self, micros: i64) -> impl Iterator<Item = &Year> {
        let year = year_of(micros);
        let first = usize::try_from(year - YEAR_FIRST).expect("the year is held within the first and the last");
        (first..self.years.len()).map(|at| {
            let year = YEAR_FIRST + i16::try_from(at).expect("there are few years");
            self.years[at].get_or_init(|| self.work_out(year))
        })
    }

    fn work_out(&self, year: i16) -> Year {
        let (from, to) = (year_begins(year), year_begins(year + 1));
        let (mut spans, mut open, mut at) = (Vec::<Span>::new(), 0, from);
        while at < to {
            let (date, end, midnight) = self.day_at(at);
            let end = end.min(to);
            for period in self.periods(date) {
                let opens = (midnight + i64::from(period.from.minutes()) * MICROS_PER_MINUTE).max(at);
                let closes = (midnight + i64::from(period.to.minutes()) * MICROS_PER_MINUTE).min(end);
                if opens < closes {
                    spans.push(Span { from: opens, to: closes, before: open });
                    open += closes - opens;
                }
            }
            at = end;
        }
        Year { from, to, spans: spans.into(), open }
    }

    /// The day that the wall clock shows at an instant, until when it goes on so without a change of offset, and the
    /// instant at which it began or would have begun under this offset.
    fn day_at(&self, micros: i64) -> (Date, i64, i64) {
        let (offset, changes) = self.offset_at(micros);
        let local = Timestamp::from_micros(micros + offset);
        let date = TimeZone::UTC.to_datetime(local.into()).date();
        let day = 24 * 60 * MICROS_PER_MINUTE;
        let midnight = (micros + offset).div_euclid(day) * day - offset;
        (date, (midnight + day).min(changes), midnight)
    }

    /// The offset from UTC at an instant, and when it changes; both in microseconds.
    fn offset_at(&self, micros: i64) -> (i64, i64) {
        let at: jiff::Timestamp = Timestamp::from_micros(micros).into();
        let offset = i64::from(self.zone.to_offset(at).seconds()) * MICROS_PER_SECOND;
        let next = self.zone.following(at).next().map(|change| change.timestamp());
        (offset, next.map_or(i64::MAX, jiff::Timestamp::as_microsecond))
    }
}

impl Year {
    /// The open time from the year's beginning to an instant, held within the year.
    fn until(&self, micros: i64) -> i64 {
        if micros >= self.to {
            return self.open;
        }
        let next = self.spans.partition_point(|span| span.from <= micros);
        next.checked_sub(1).map_or(0, |at| {
            let span = self.spans[at];
            span.before + (micros.min(span.to) - span.from)
        })
    }

    /// The last instant before more than `open` lies behind it, if the year has more than that.
    fn passed(&self, open: i64) -> i64 {
        let next = self.spans.partition_point(|span| span.before <= open);
        let span = self.spans[next - 1];
        span.from + (open - span.before)
    }
}

/// The year of UTC that an instant lies in, held within what a calendar reaches.
fn year_of(micros: i64) -> i16 {
    // The Gregorian calendar has 146,097 days in 400 years; its remainder begins with March of year 0, so that the
    // leap day is the last of a year (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;
    let days = micros.div_euclid(MICROS_PER_DAY) + 719_468;
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    // The first of January is day 306 of a year that begins in March.
    let begun = i64::from(day - (365 * year + year / 4 - year / 100) >= 306);
    let year = days.div_euclid(146_097) * 400 + year + begun;
    i16::try_from(year).unwrap_or(if micros < 0 { YEAR_FIRST } else { YEAR_LAST }).clamp(YEAR_FIRST, YEAR_LAST)
}

fn year_begins(year: i16) -> i64 {
    let midnight = jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
    TimeZone::UTC.to_timestamp(midnight).expect("the year is within what jiff holds").as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{Exception, Holiday, Week};
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Zoned>().unwrap().timestamp().into()
    }

    fn period(from: &str, to: &str) -> Period {
        Period { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn paris(periods: &[Period]) -> Calendar {
        Calendar {
            name: "Office".to_owned(),
            zone: "Europe/Paris".to_owned(),
            week: Week::workdays(periods),
            holidays: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    fn nine_to_five() -> Schedule {
        Schedule::new(paris(&[period("09:00", "17:00")]))
    }

    const MINUTE: i64 = MICROS_PER_MINUTE;

    #[track_caller]
    fn due(schedule: &Schedule, from: &str, minutes: i64, expected: &str) {
        let due = schedule.last_within(at(from), minutes * MINUTE);
        assert_eq!(due, Some(at(expected)), "{from} plus {minutes} minutes");
    }

    #[test]
    fn what_the_day_has_no_room_for_goes_on_the_next_open_day() {
        due(&nine_to_five(), "2026-11-20T16:45[Europe/Paris]", 30, "2026-11-23T09:15[Europe/Paris]");
    }

    #[test]
    fn what_just_fits_the_day_is_in_time_until_the_next_one_opens() {
        due(&nine_to_five(), "2026-11-20T16:30[Europe/Paris]", 30, "2026-11-23T09:00[Europe/Paris]");
    }

    #[test]
    fn outside_the_periods_nothing_counts() {
        due(&nine_to_five(), "2026-11-21T10:00[Europe/Paris]", 30, "2026-11-23T09:30[Europe/Paris]");
        let (from, to) = (at("2026-11-20T16:00[Europe/Paris]"), at("2026-11-23T10:00[Europe/Paris]"));
        assert_eq!(nine_to_five().open_between(from, to), 120 * MINUTE);
    }

    #[test]
    fn several_periods_count_together() {
        let schedule = Schedule::new(paris(&[period("09:00", "12:00"), period("14:00", "18:00")]));
        due(&schedule, "2026-11-20T11:30[Europe/Paris]", 60, "2026-11-20T14:30[Europe/Paris]");
    }

    #[test]
    fn a_holiday_is_closed_and_an_exception_goes_before_it() {
        let holidays = vec![Holiday { date: date(2026, 12, 25), name: "Noël".to_owned() }];
        let calendar = Calendar { holidays, ..paris(&[period("09:00", "17:00")]) };
        let closed = Schedule::new(calendar.clone());
        due(&closed, "2026-12-24T16:30[Europe/Paris]", 60, "2026-12-28T09:30[Europe/Paris]");
        assert_eq!(closed.rule_at(at("2026-12-25T10:00[Europe/Paris]")), Rule::Holiday { name: "Noël".to_owned() });
        let exceptions = vec![Exception { date: date(2026, 12, 25), periods: vec![period("10:00", "11:00")] }];
        let opened = Schedule::new(Calendar { exceptions, ..calendar });
        due(&opened, "2026-12-24T16:30[Europe/Paris]", 60, "2026-12-25T10:30[Europe/Paris]");
        assert_eq!(opened.rule_at(at("2026-12-25T10:00[Europe/Paris]")), Rule::Exception { date: date(2026, 12, 25) });
    }

    /// In Paris the clocks went from 2:00 to 3:00 on 2026-03-29, and back from 3:00 to 2:00 on 2026-10-25.
    #[test]
    fn an_hour_that_is_skipped_does_not_count_and_one_that_comes_twice_counts_twice() {
        let all_day = [period("00:00", "24:00")];
        let week = Week { saturday: all_day.to_vec(), sunday: all_day.to_vec(), ..Week::workdays(&all_day) };
        let always = Schedule::new(Calendar { week, ..paris(&[]) });
        let day = |date: &str, next: &str| always.open_between(at(date), at(next)) / MINUTE / 60;
        assert_eq!(day("2026-03-29T00:00[Europe/Paris]", "2026-03-30T00:00[Europe/Paris]"), 23);
        assert_eq!(day("2026-10-25T00:00[Europe/Paris]", "2026-10-26T00:00[Europe/Paris]"), 25);
        let week = Week { sunday: vec![period("01:30", "02:30")], ..Week::default() };
        let night = Schedule::new(Calendar { week, ..paris(&[]) });
        let open = |date: &str, next: &str| night.open_between(at(date), at(next)) / MINUTE;
        assert_eq!(open("2026-03-29T00:00[Europe/Paris]", "2026-03-30T00:00[Europe/Paris]"), 30);
        assert_eq!(open("2026-10-25T00:00[Europe/Paris]", "2026-10-26T00:00[Europe/Paris]"), 90);
    }

    #[test]
    fn what_opens_at_the_turn_of_the_year_is_counted_once() {
        let week = Week::workdays(&[period("00:00", "24:00")]);
        let always = Schedule::new(Calendar { zone: "Asia/Kolkata".to_owned(), week, ..paris(&[]) });
        let (from, to) = (at("2025-12-31T00:00[Asia/Kolkata]"), at("2026-01-03T00:00[Asia/Kolkata]"));
        assert_eq!(always.open_between(from, to), 3 * 24 * 60 * MINUTE);
        assert_eq!(always.last_within(from, 2 * 24 * 60 * MINUTE), Some(at("2026-01-02T00:00[Asia/Kolkata]")));
    }

    #[test]
    fn years_are_those_of_the_calendar() {
        for year in YEAR_FIRST..YEAR_LAST {
            let begins = year_begins(year);
            assert_eq!(year_of(begins), year);
            assert_eq!(year_of(begins - 1), (year - 1).max(YEAR_FIRST));
        }
        assert_eq!((year_of(i64::MIN), year_of(i64::MAX)), (YEAR_FIRST, YEAR_LAST));
    }

    #[test]
    fn where_nothing_ever_opens_nothing_is_due() {
        assert_eq!(Schedule::new(paris(&[])).last_within(at("2026-01-01T00:00[UTC]"), 0), None);
    }
}
