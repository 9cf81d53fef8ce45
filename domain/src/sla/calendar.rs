//! When business is open: periods of each day of the week, holidays and exceptions, in one time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

/// The periods of one day at most.
pub const PERIODS_PER_DAY_MAX: usize = 24;
/// The holidays and exceptions of one calendar at most.
pub const DATES_MAX: usize = 1_000;

/// When business is open, by the clock on a wall in its zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Calendar {
    /// Its name.
    pub name: String,
    /// Its time zone, as IANA names it: `Europe/Paris`.
    pub zone: String,
    /// The periods of an ordinary week.
    pub week: Week,
    /// Days without a period.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    /// Days with periods of their own; an exception goes before a holiday.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
}

/// The periods of each day of the week, in order and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Week {
    /// Of Mondays.
    pub monday: Vec<Period>,
    /// Of Tuesdays.
    pub tuesday: Vec<Period>,
    /// Of Wednesdays.
    pub wednesday: Vec<Period>,
    /// Of Thursdays.
    pub thursday: Vec<Period>,
    /// Of Fridays.
    pub friday: Vec<Period>,
    /// Of Saturdays.
    pub saturday: Vec<Period>,
    /// Of Sundays.
    pub sunday: Vec<Period>,
}

/// From one time of the day up to another, which is no longer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Period {
    /// When it opens.
    pub from: LocalTime,
    /// When it closes; `24:00` is the end of the day.
    pub to: LocalTime,
}

/// A day without a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Holiday {
    /// The day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub date: Date,
    /// What it is called.
    pub name: String,
}

/// A day with periods of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Exception {
    /// The day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    pub date: Date,
    /// Its periods, in order and apart.
    pub periods: Vec<Period>,
}

/// A time of the day to the minute, up to `24:00`; as text `09:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime(u16);

/// A text that is no time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time of the day is written 00:00 to 24:00")]
pub struct NotALocalTime;

impl LocalTime {
    /// The end of the day.
    pub const END: Self = Self(24 * 60);

    /// Minutes since the day began.
    pub fn minutes(self) -> u16 {
        self.0
    }

    /// The time so many minutes after the day began, if that is in it or its end.
    pub fn from_minutes(minutes: u16) -> Option<Self> {
        (minutes <= Self::END.0).then_some(Self(minutes))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for LocalTime {
    type Err = NotALocalTime;
    fn from_str(text: &str) -> Result<Self, NotALocalTime> {
        let part = |digits: &str| {
            let sound = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if sound { digits.parse::<u16>().map_err(|_| NotALocalTime) } else { Err(NotALocalTime) }
        };
        let (hours, minutes) = text.split_once(':').ok_or(NotALocalTime)?;
        let (hours, minutes) = (part(hours)?, part(minutes)?);
        if minutes < 60 { Self::from_minutes(hours * 60 + minutes).ok_or(NotALocalTime) } else { Err(NotALocalTime) }
    }
}

impl TryFrom<String> for LocalTime {
    type Error = NotALocalTime;
    fn try_from(text: String) -> Result<Self, NotALocalTime> {
        text.parse()
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

impl Week {
    /// The periods of a day of the week.
    pub fn of(&self, weekday: Weekday) -> &[Period] {
        match weekday {
            Weekday::Monday => &self.monday,
            Weekday::Tuesday => &self.tuesday,
            Weekday::Wednesday => &self.wednesday,
            Weekday::Thursday => &self.thursday,
            Weekday::Friday => &self.friday,
            Weekday::Saturday => &self.saturday,
            Weekday::Sunday => &self.sunday,
        }
    }

    /// The same periods from Monday to Friday, none at the week-end.
    pub fn workdays(periods: &[Period]) -> Self {
        let day = || periods.to_vec();
        let (saturday, sunday) = (Vec::new(), Vec::new());
        Self { monday: day(), tuesday: day(), wednesday: day(), thursday: day(), friday: day(), saturday, sunday }
    }
}

/// Why a calendar can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarFault {
    /// The zone is none that we know.
    #[error("this time zone is not known; give its IANA name, such as Europe/Paris")]
    UnknownZone,
    /// A day's periods overlap, stand in the wrong order, or are empty.
    #[error("the periods of {0} must follow each other, each from an earlier to a later time; put them right")]
    Periods(String),
    /// More periods than a day has hours.
    #[error("a day has at most {PERIODS_PER_DAY_MAX} periods, {0} has more; join some")]
    TooManyPeriods(String),
    /// Two holidays or two exceptions on one day.
    #[error("{0} stands there twice; leave one out")]
    DateTwice(Date),
    /// Too many dates.
    #[error("a calendar has at most {DATES_MAX} holidays and exceptions; leave out those that are long past")]
    TooManyDates,
}

impl Calendar {
    /// Whether it can be used.
    pub fn check(&self) -> Result<(), CalendarFault> {
        self.time_zone().ok_or(CalendarFault::UnknownZone)?;
        let mut weekday = Weekday::Monday;
        for _ in 0..7 {
            check_periods(self.week.of(weekday), || format!("{weekday:?}"))?;
            weekday = weekday.next();
        }
        for exception in &self.exceptions {
            check_periods(&exception.periods, || exception.date.to_string())?;
        }
        if self.holidays.len() + self.exceptions.len() > DATES_MAX {
            return Err(CalendarFault::TooManyDates);
        }
        all_apart(self.holidays.iter().map(|holiday| holiday.date))?;
        all_apart(self.exceptions.iter().map(|exception| exception.date))
    }

    /// Its zone, from the database that is compiled in: every machine counts alike.
    pub fn time_zone(&self) -> Option<TimeZone> {
        static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
        BUNDLED.get(&self.zone).ok()
    }
}

fn check_periods(periods: &[Period], day: impl Fn() -> String) -> Result<(), CalendarFault> {
    if periods.len() > PERIODS_PER_DAY_MAX {
        return Err(CalendarFault::TooManyPeriods(day()));
    }
    let lasting = periods.iter().all(|period| period.from < period.to);
    let in_order = periods.windows(2).all(|pair| pair[0].to <= pair[1].from);
    if lasting && in_order { Ok(()) } else { Err(CalendarFault::Periods(day())) }
}

fn all_apart(dates: impl Iterator<Item = Date>) -> Result<(), CalendarFault> {
    let mut seen = BTreeSet::new();
    for date in dates {
        if !seen.insert(date) {
            return Err(CalendarFault::DateTwice(date));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Period {
        Period { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn office() -> Calendar {
        Calendar {
            name: "Office".to_owned(),
            zone: "Europe/Paris".to_owned(),
            week: Week::workdays(&[period("09:00", "12:30"), period("13:30", "18:00")]),
            holidays: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    #[test]
    fn a_time_of_the_day_is_text_to_the_minute() {
        assert_eq!("24:00".parse::<LocalTime>(), Ok(LocalTime::END));
        assert_eq!("09:05".parse::<LocalTime>().unwrap().to_string(), "09:05");
        for bad in ["9:00", "24:01", "12:60", "+1:00", "12", ""] {
            assert_eq!(bad.parse::<LocalTime>(), Err(NotALocalTime), "{bad}");
        }
    }

    #[test]
    fn a_calendar_survives_json_and_messagepack() {
        let date = jiff::civil::date(2026, 12, 25);
        let calendar = Calendar { holidays: vec![Holiday { date, name: "Noël".to_owned() }], ..office() };
        let json = serde_json::to_string(&calendar).unwrap();
        assert_eq!(serde_json::from_str::<Calendar>(&json).unwrap(), calendar);
        let bytes = rmp_serde::to_vec(&calendar).unwrap();
        assert_eq!(rmp_serde::from_slice::<Calendar>(&bytes).unwrap(), calendar);
    }

    #[test]
    fn a_calendar_is_checked() {
        assert_eq!(office().check(), Ok(()));
        let nowhere = Calendar { zone: "Europe/Atlantis".to_owned(), ..office() };
        assert_eq!(nowhere.check(), Err(CalendarFault::UnknownZone));
        let overlapping = [period("09:00", "12:00"), period("11:00", "18:00")];
        let overlapping = Calendar { week: Week { tuesday: overlapping.to_vec(), ..Week::default() }, ..office() };
        assert_eq!(overlapping.check(), Err(CalendarFault::Periods("Tuesday".to_owned())));
        let date = jiff::civil::date(2026, 12, 24);
        let empty = Exception { date, periods: vec![period("12:00", "12:00")] };
        let empty = Calendar { exceptions: vec![empty], ..office() };
        assert_eq!(empty.check(), Err(CalendarFault::Periods("2026-12-24".to_owned())));
        let day = Exception { date, periods: Vec::new() };
        let twice = Calendar { exceptions: vec![day.clone(), day], ..office() };
        assert_eq!(twice.check(), Err(CalendarFault::DateTwice(date)));
        let day = Exception { date, periods: vec![period("00:00", "00:01"); PERIODS_PER_DAY_MAX + 1] };
        let crowded = Calendar { exceptions: vec![day], ..office() };
        assert_eq!(crowded.check(), Err(CalendarFault::TooManyPeriods("2026-12-24".to_owned())));
        let holidays = (0..=DATES_MAX).map(|_| Holiday { date, name: String::new() }).collect();
        let endless = Calendar { holidays, ..office() };
        assert_eq!(endless.check(), Err(CalendarFault::TooManyDates));
    }
}
