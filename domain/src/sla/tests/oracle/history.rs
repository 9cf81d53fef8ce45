//! Random histories: what happens at which second, to the settings and to one conversation.

use super::super::*;
use super::Random;
use jiff::civil::Date;
use std::collections::BTreeSet;

pub(super) const TOPIC: TopicId = TopicId(Uuid::from_u128(0x70));
pub(super) const TEAM: TeamId = TeamId(Uuid::from_u128(0x7E));
const CALENDARS: [CalendarId; 2] = [OFFICE, CalendarId(Uuid::from_u128(0x10))];
const POLICIES: [SlaPolicyId; 2] = [POLICY, SlaPolicyId(Uuid::from_u128(0x51B))];
/// How long the reference steps on behind the end to find what is still due, in seconds.
const HORIZON: i64 = 36 * 3_600;
/// Drawn as targets and as pauses, in seconds, so that things often happen exactly at a due instant.
const MEETING: [i64; 3] = [600, 1_800, 3_600];

/// Zones, and days around which their clocks change, if they do.
const ZONES: [(&str, &[&str]); 6] = [
    ("Europe/Paris", &["2026-03-28", "2026-10-24", "2026-06-12"]),
    ("America/New_York", &["2026-03-07", "2026-10-31", "2026-12-24"]),
    ("Australia/Lord_Howe", &["2026-04-04", "2026-10-03"]),
    ("Asia/Kolkata", &["2026-01-25", "2026-12-31"]),
    ("Pacific/Apia", &["2011-12-29", "2026-07-03"]),
    ("UTC", &["2024-02-28", "2026-12-31"]),
];

/// What happens to the settings.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Calendar(CalendarId, Calendar),
    ChannelCalendar(Option<CalendarId>),
    Policy(SlaPolicyId, Policy),
    Order(Vec<SlaPolicyId>),
    Remove(SlaPolicyId),
}

/// What happens at all.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Settings { edit: Box<Edit>, apply_to_open: bool },
    Message,
    Reply { automatic: bool },
    Pend,
    Return,
    Resolve,
    Block(bool),
    Topic(bool),
    Team(bool),
}

/// Steps at seconds behind a base instant, in order, and by how many versions the writer of each lags behind the
/// settings.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) base: Timestamp,
    pub(super) steps: Vec<(i64, u64, Step)>,
    pub(super) end: i64,
    pub(super) horizon: i64,
}

impl History {
    pub(super) fn at(&self, second: i64) -> Timestamp {
        self.base.plus_secs(second)
    }

    pub(super) fn second(&self, at: Timestamp) -> i64 {
        let micros = at.micros() - self.base.micros();
        assert_eq!(micros % 1_000_000, 0, "all happens at whole seconds");
        micros / 1_000_000
    }

    pub(super) fn draw(random: &mut Random) -> Self {
        let (zone, days) = random.pick(&ZONES);
        let day: Date = random.pick(days).parse().unwrap();
        let base = day.at(0, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
        let base = Timestamp::from(base).plus_secs(i64::try_from(random.below(86_400)).unwrap());
        let mut draw = Draw { random, zone, day, settings: 0 };
        let (mut steps, mut at) = (draw.settings(), 0);
        let days = if draw.random.chance(20) { 3 } else { 1 };
        let end = 1 + draw.seconds(days * 86_400);
        while at < end && steps.len() < 40 {
            let lag = if draw.random.chance(20) { draw.random.below(3).min(draw.settings) } else { 0 };
            let step = draw.step();
            steps.push((at, lag, step));
            at += draw.pause();
            if matches!(steps.last(), Some((_, _, Step::Message))) && draw.random.chance(25) {
                at = steps[steps.len() - 1].0 + draw.random.pick(&MEETING);
                steps.push((at, 0, draw.random.pick(&[Step::Reply { automatic: false }, Step::Resolve, Step::Pend])));
            }
        }
        let end = end.max(at);
        Self { base, steps, end, horizon: end + HORIZON }
    }

    pub(super) fn story(&self) -> Story {
        let mut story = Story::default();
        story.happens(self.at(-1), 0, started());
        for (second, lag, step) in &self.steps {
            let at = self.at(*second);
            let settings_version = story.workspace_version - lag.min(&story.workspace_version);
            if let Step::Settings { edit, apply_to_open } = step {
                story.settings(at, edit.event(*apply_to_open));
            } else {
                story.happens(at, settings_version, step.event());
            }
        }
        story
    }
}

impl Edit {
    fn event(&self, apply_to_open: bool) -> WorkspaceEvent {
        match self.clone() {
            Self::Calendar(calendar, definition) => {
                WorkspaceEvent::CalendarSet { calendar, definition: Box::new(definition), apply_to_open }
            }
            Self::ChannelCalendar(calendar) => {
                WorkspaceEvent::ChannelCalendarSet { channel: CHANNEL, calendar, before: None, apply_to_open }
            }
            Self::Policy(policy, definition) => policy_set(policy, definition, apply_to_open),
            Self::Order(order) => WorkspaceEvent::SlaPoliciesOrdered { order, apply_to_open },
            Self::Remove(policy) => WorkspaceEvent::SlaPolicyRemoved { policy, apply_to_open },
        }
    }
}

impl Step {
    fn event(&self) -> ConversationEvent {
        match self {
            Self::Settings { .. } => unreachable!("settings are of another stream"),
            Self::Message => message(),
            Self::Reply { automatic: true } => reply(ReplyOrigin::Automation),
            Self::Reply { automatic: false } => reply(ReplyOrigin::Desk),
            Self::Pend => pended(),
            Self::Return => returned(ReturnCause::ByHand),
            Self::Resolve => resolved(),
            Self::Block(true) => ConversationEvent::ThreadBlocked,
            Self::Block(false) => ConversationEvent::ThreadUnblocked,
            Self::Topic(true) => ConversationEvent::TopicAdded { topic: TOPIC },
            Self::Topic(false) => ConversationEvent::TopicRemoved { topic: TOPIC },
            Self::Team(true) => assigned(TEAM),
            Self::Team(false) => unassigned(),
        }
    }
}

struct Draw<'a> {
    random: &'a mut Random,
    zone: &'static str,
    day: Date,
    /// How many steps changed the settings.
    settings: u64,
}

impl Draw<'_> {
    fn seconds(&mut self, below: u64) -> i64 {
        i64::try_from(self.random.below(below)).unwrap()
    }

    /// The settings that a history begins with.
    fn settings(&mut self) -> Vec<(i64, u64, Step)> {
        let calendar = Edit::Calendar(OFFICE, self.calendar());
        let edits = [calendar, Edit::ChannelCalendar(Some(OFFICE)), Edit::Policy(POLICY, self.policy())];
        self.settings = edits.len() as u64;
        edits.into_iter().map(|edit| (0, 0, Step::Settings { edit: Box::new(edit), apply_to_open: false })).collect()
    }

    /// How long nothing happens: nothing at all, seconds, minutes or hours, often in whole minutes so that instants
    /// meet the edges of periods.
    fn pause(&mut self) -> i64 {
        match self.random.below(10) {
            0 => 0,
            1 => self.random.pick(&MEETING),
            2 => self.seconds(60),
            3..=5 => 60 * self.seconds(60),
            6 | 7 => 900 * self.seconds(20),
            _ => self.seconds(6 * 3_600),
        }
    }

    fn step(&mut self) -> Step {
        match self.random.below(26) {
            0..=7 => Step::Message,
            8..=11 => Step::Reply { automatic: self.random.chance(30) },
            12 | 13 => Step::Pend,
            14..=16 => Step::Return,
            17 => Step::Resolve,
            18 => Step::Block(self.random.chance(40)),
            19 => Step::Topic(self.random.chance(60)),
            20 => Step::Team(self.random.chance(60)),
            _ => {
                self.settings += 1;
                let edit = Box::new(self.edit());
                Step::Settings { edit, apply_to_open: self.random.chance(50) }
            }
        }
    }

    fn edit(&mut self) -> Edit {
        match self.random.below(10) {
            0..=2 => Edit::Calendar(self.random.pick(&CALENDARS), self.calendar()),
            3 => {
                let calendar = self.random.pick(&[None, Some(CALENDARS[0]), Some(CALENDARS[1])]);
                Edit::ChannelCalendar(calendar)
            }
            4..=7 => Edit::Policy(self.random.pick(&POLICIES), self.policy()),
            8 => Edit::Order(vec![POLICIES[1], POLICIES[0]]),
            _ => Edit::Remove(self.random.pick(&POLICIES)),
        }
    }

    fn policy(&mut self) -> Policy {
        let targets =
            Targets { first_response: self.target(), next_response: self.target(), resolution: self.target() };
        let mut conditions = Conditions::default();
        if self.random.chance(15) {
            conditions.topics = BTreeSet::from([TOPIC]);
        }
        if self.random.chance(15) {
            conditions.teams = BTreeSet::from([TEAM]);
        }
        Policy {
            conditions,
            calendar: if self.random.chance(30) { Some(self.random.pick(&CALENDARS)) } else { None },
            pending_pauses: self.random.chance(70),
            automatic_replies_count: self.random.chance(30),
            ..policy(targets)
        }
    }

    fn target(&mut self) -> Option<Target> {
        if self.random.chance(25) {
            return None;
        }
        let seconds = match self.random.below(5) {
            0 => 1 + self.random.below(600),
            1 => self.random.pick(&MEETING).unsigned_abs(),
            2 => 60 * (1 + self.random.below(120)),
            3 => 900 * (1 + self.random.below(16)),
            _ => 3_600 * (1 + self.random.below(24)),
        };
        let counting = if self.random.chance(75) { Counting::BusinessTime } else { Counting::CalendarTime };
        Some(target(u32::try_from(seconds).unwrap(), counting))
    }

    fn calendar(&mut self) -> Calendar {
        let zone = if self.random.chance(80) { self.zone } else { self.random.pick(&ZONES).0 };
        let mut calendar = Calendar {
            name: "Hours".to_owned(),
            zone: zone.to_owned(),
            week: Week::workdays(&self.periods()),
            holidays: Vec::new(),
            exceptions: Vec::new(),
        };
        calendar.week.saturday = self.periods();
        calendar.week.sunday = self.periods();
        for ahead in 0..4 {
            let date = self.day.checked_add(jiff::Span::new().days(ahead - 1)).unwrap();
            if self.random.chance(15) {
                calendar.holidays.push(Holiday { date, name: "Holiday".to_owned() });
            }
            if self.random.chance(15) {
                calendar.exceptions.push(Exception { date, periods: self.periods() });
            }
        }
        assert_eq!(calendar.check(), Ok(()));
        calendar
    }

    /// Up to four periods, in order and apart, or touching.
    fn periods(&mut self) -> Vec<Period> {
        if self.random.chance(25) {
            return vec![Period { from: LocalTime::from_minutes(0).unwrap(), to: LocalTime::END }];
        }
        let mut edges = BTreeSet::new();
        for _ in 0..2 * self.random.below(5) {
            let grid = self.random.pick(&[1, 15, 30, 60]);
            edges.insert(u16::try_from(self.random.below(1_441 / grid + 1) * grid).unwrap().min(1_440));
        }
        let edges: Vec<_> = edges.into_iter().map(|minute| LocalTime::from_minutes(minute).unwrap()).collect();
        edges.chunks_exact(2).map(|pair| Period { from: pair[0], to: pair[1] }).collect()
    }
}
