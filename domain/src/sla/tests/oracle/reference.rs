//! The slow reference: it steps second by second, keeps every second's past, and counts anew from the start of a clock
//! whenever its terms change.

use super::super::*;
use super::history::{Edit, History, Step, TEAM, TOPIC};
use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// What became of a clock that something was promised for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Judged {
    pub(super) started: i64,
    /// Whether it measured the wait for an answer; else for the resolution.
    pub(super) answer: bool,
    pub(super) promise: Option<(Metric, SlaPolicyId)>,
    pub(super) outcome: Outcome,
    pub(super) breach: Option<(Metric, SlaPolicyId, i64)>,
}

/// How a clock stood in the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Answered(i64),
    Resolved(i64),
    /// It runs and is due at this second, if before the horizon.
    Running {
        due: Option<i64>,
    },
}

/// All settings of one moment.
#[derive(Clone, Debug, Default)]
struct Settings {
    policies: Vec<(SlaPolicyId, Policy)>,
    calendars: HashMap<CalendarId, Rc<Hours>>,
    channel: Option<CalendarId>,
}

/// A calendar, asked minute by minute.
#[derive(Debug)]
struct Hours {
    calendar: Calendar,
    zone: TimeZone,
    base: Timestamp,
    minutes: RefCell<Vec<Option<bool>>>,
}

impl Hours {
    /// Whether it is open in the second that begins then. No zone changes its clocks within a minute.
    fn is_open(&self, second: i64) -> bool {
        let base = self.base.micros() / 1_000_000;
        let minute = (base + second).div_euclid(60);
        let asked = usize::try_from(minute - base.div_euclid(60)).unwrap();
        let mut known = self.minutes.borrow_mut();
        if asked >= known.len() {
            known.resize(asked + 1_440, None);
        }
        *known[asked].get_or_insert_with(|| self.shows_open(minute))
    }

    fn shows_open(&self, minute: i64) -> bool {
        let wall = self.zone.to_datetime(jiff::Timestamp::from_second(minute * 60).unwrap());
        let exception = self.calendar.exceptions.iter().find(|it| it.date == wall.date());
        let holiday = self.calendar.holidays.iter().any(|it| it.date == wall.date());
        let periods = match exception {
            Some(exception) => &exception.periods[..],
            None if holiday => &[],
            None => self.calendar.week.of(wall.weekday()),
        };
        let time = u16::try_from(wall.hour()).unwrap() * 60 + u16::try_from(wall.minute()).unwrap();
        periods.iter().any(|it| it.from.minutes() <= time && time < it.to.minutes())
    }
}

impl Settings {
    fn edit(&mut self, edit: &Edit, base: Timestamp) {
        match edit.clone() {
            Edit::Calendar(id, calendar) => {
                let zone = calendar.time_zone().unwrap();
                self.calendars.insert(id, Rc::new(Hours { calendar, zone, base, minutes: RefCell::default() }));
            }
            Edit::ChannelCalendar(calendar) => self.channel = calendar,
            Edit::Policy(id, policy) => match self.policies.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => *known = policy,
                None => self.policies.push((id, policy)),
            },
            Edit::Order(order) => {
                let mut ordered = Vec::new();
                for id in order {
                    ordered.extend(self.policies.iter().filter(|(known, _)| *known == id).cloned());
                }
                self.policies = ordered;
            }
            Edit::Remove(id) => self.policies.retain(|(known, _)| *known != id),
        }
    }
}

/// What a clock is judged by at a moment.
#[derive(Clone, Debug)]
struct Terms {
    metric: Metric,
    id: SlaPolicyId,
    target: i64,
    pending_pauses: bool,
    hours: Option<Rc<Hours>>,
}

#[derive(Debug)]
struct Running {
    answer: bool,
    first: bool,
    started: i64,
    settings: Settings,
    terms: Option<Terms>,
    used: i64,
    breach: Option<(Metric, SlaPolicyId, i64)>,
}

// A flag for each thing that can be so or not, as the table of rules has it.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
struct World {
    /// Every version of the settings.
    versions: Vec<Settings>,
    /// The edit behind each version, if it applies to open clocks.
    edits: Vec<Option<Edit>>,
    /// The latest version that a writer of the conversation had seen.
    known: usize,
    topic: bool,
    team: bool,
    answered: bool,
    resolved: bool,
    pending: bool,
    blocked: bool,
    /// For every second that passed, whether it was pending, and blocked.
    past: Vec<(bool, bool)>,
    running: Vec<Running>,
    judged: Vec<Judged>,
}

pub(super) fn judge(history: &History) -> Vec<Judged> {
    let mut world = World { versions: vec![Settings::default()], ..World::default() };
    let counts = edits_count_behind(history);
    let mut steps = history.steps.iter().enumerate().peekable();
    for second in 0..=history.end {
        while let Some((index, (_, lag, step))) = steps.next_if(|(_, (at, _, _))| *at == second) {
            world.step(second, usize::try_from(*lag).unwrap(), step, history.base);
            for (edit, _) in counts.iter().enumerate().filter(|(_, behind)| **behind == index) {
                world.edit_open(second, edit, history.base);
            }
        }
        if second < history.end {
            world.tick(second);
        }
    }
    world.finish(history)
}

/// Behind which step each edit of the settings counts for clocks that run: the edit itself, or the last step of the
/// conversation after it whose writer had not seen it, as long as none before had.
fn edits_count_behind(history: &History) -> Vec<usize> {
    let (mut behind, mut known) = (Vec::new(), 0);
    for (index, (_, lag, step)) in history.steps.iter().enumerate() {
        if let Step::Settings { .. } = step {
            behind.push(index);
            continue;
        }
        known = known.max(behind.len().saturating_sub(usize::try_from(*lag).unwrap()));
        behind[known..].fill(index);
    }
    behind
}

impl Running {
    /// The second that begins now passes: it counts, or breaks the promise if all that was promised is used up.
    fn tick(&mut self, second: i64, (pending, blocked): (bool, bool)) {
        let Some(terms) = self.terms.as_ref().filter(|_| self.breach.is_none()) else { return };
        let out = blocked || (pending && terms.pending_pauses);
        if out || !terms.hours.as_ref().is_none_or(|hours| hours.is_open(second)) {
            return;
        }
        if self.used == terms.target {
            self.breach = Some((terms.metric, terms.id, second));
        } else {
            self.used += 1;
        }
    }

    /// Finds the terms anew and counts from the start.
    fn renew(&mut self, now: i64, topic: bool, team: bool, past: &[(bool, bool)]) {
        self.terms = terms(self, topic, team);
        self.used = 0;
        for second in self.started..now {
            self.tick(second, past[usize::try_from(second).unwrap()]);
        }
    }

    fn judged(&self, outcome: Outcome) -> Option<Judged> {
        let promise = self.terms.as_ref().map(|terms| (terms.metric, terms.id));
        let (started, answer, breach) = (self.started, self.answer, self.breach);
        (promise.is_some() || breach.is_some()).then_some(Judged { started, answer, promise, outcome, breach })
    }
}

fn chosen(settings: &Settings, topic: bool, team: bool) -> Option<&(SlaPolicyId, Policy)> {
    settings.policies.iter().find(|(_, policy)| {
        let conditions = &policy.conditions;
        (conditions.topics.is_empty() || (topic && conditions.topics.contains(&TOPIC)))
            && (conditions.teams.is_empty() || (team && conditions.teams.contains(&TEAM)))
    })
}

fn terms(clock: &Running, topic: bool, team: bool) -> Option<Terms> {
    let (id, policy) = chosen(&clock.settings, topic, team)?;
    let Targets { first_response, next_response, resolution } = policy.targets;
    let (metric, target) = match (clock.answer, clock.first, first_response) {
        (false, _, _) => (Metric::Resolution, resolution?),
        (true, true, Some(target)) => (Metric::FirstResponse, target),
        (true, _, _) => (Metric::NextResponse, next_response?),
    };
    let calendar = policy.calendar.or(clock.settings.channel);
    let hours = match target.counting {
        Counting::CalendarTime => None,
        Counting::BusinessTime => calendar.and_then(|id| clock.settings.calendars.get(&id)).cloned(),
    };
    Some(Terms { metric, id: *id, target: i64::from(target.seconds), pending_pauses: policy.pending_pauses, hours })
}

impl World {
    fn tick(&mut self, second: i64) {
        let now = (self.pending, self.blocked);
        self.past.push(now);
        self.running.iter_mut().for_each(|clock| clock.tick(second, now));
    }

    fn step(&mut self, now: i64, lag: usize, step: &Step, base: Timestamp) {
        let version = (self.versions.len() - 1).saturating_sub(lag);
        if !matches!(step, Step::Settings { .. }) {
            self.known = self.known.max(version);
        }
        match step {
            Step::Settings { edit, apply_to_open } => self.settings(edit, *apply_to_open, base),
            Step::Message => {
                self.start(now, true, version, base);
                self.start(now, false, version, base);
            }
            Step::Reply { automatic } => {
                if !automatic || self.automatic_counts(version, base) {
                    self.answered = true;
                    self.end(true, &Outcome::Answered(now));
                }
            }
            Step::Pend => self.pending = true,
            Step::Return => {
                self.pending = false;
                if std::mem::take(&mut self.resolved) {
                    self.start(now, false, version, base);
                }
            }
            Step::Resolve => {
                self.end(true, &Outcome::Resolved(now));
                self.end(false, &Outcome::Resolved(now));
                self.resolved = true;
                self.pending = false;
            }
            Step::Block(blocked) => self.blocked = *blocked,
            Step::Topic(topic) => {
                self.topic = *topic;
                self.renew_all(now);
            }
            Step::Team(team) => {
                self.team = *team;
                self.renew_all(now);
            }
        }
    }

    fn settings(&mut self, edit: &Edit, apply_to_open: bool, base: Timestamp) {
        let mut latest = self.versions[self.versions.len() - 1].clone();
        latest.edit(edit, base);
        self.edits.push(apply_to_open.then(|| edit.clone()));
        self.versions.push(latest);
    }

    /// The edit counts for clocks that run, if it is one that applies to them.
    fn edit_open(&mut self, now: i64, edit: usize, base: Timestamp) {
        let Some(edit) = &self.edits[edit] else { return };
        for clock in &mut self.running {
            clock.settings.edit(edit, base);
            clock.renew(now, self.topic, self.team, &self.past);
        }
    }

    /// The settings for a clock that starts under a version: those, and what later edits that apply to open clocks, as
    /// far as they are known, make of them.
    fn settings_under(&self, version: usize, base: Timestamp) -> Settings {
        let mut settings = self.versions[version].clone();
        self.edits[version..self.known.max(version)].iter().flatten().for_each(|edit| settings.edit(edit, base));
        settings
    }

    fn start(&mut self, now: i64, answer: bool, version: usize, base: Timestamp) {
        if self.running.iter().any(|clock| clock.answer == answer) {
            return;
        }
        let settings = self.settings_under(version, base);
        let first = !self.answered;
        let mut clock = Running { answer, first, started: now, settings, terms: None, used: 0, breach: None };
        clock.renew(now, self.topic, self.team, &self.past);
        self.running.push(clock);
    }

    fn end(&mut self, answer: bool, outcome: &Outcome) {
        let Some(at) = self.running.iter().position(|clock| clock.answer == answer) else { return };
        let clock = self.running.remove(at);
        self.judged.extend(clock.judged(outcome.clone()));
    }

    fn renew_all(&mut self, now: i64) {
        for clock in &mut self.running {
            clock.renew(now, self.topic, self.team, &self.past);
        }
    }

    fn automatic_counts(&self, version: usize, base: Timestamp) -> bool {
        let waiting = self.running.iter().find(|clock| clock.answer);
        let settings = waiting.map_or_else(|| self.settings_under(version, base), |clock| clock.settings.clone());
        chosen(&settings, self.topic, self.team).is_some_and(|(_, policy)| policy.automatic_replies_count)
    }

    /// Lets what runs run on behind the end, to see when it is due.
    fn finish(mut self, history: &History) -> Vec<Judged> {
        let now = (self.pending, self.blocked);
        for clock in std::mem::take(&mut self.running) {
            let due = self.due(&clock, now, history);
            self.judged.extend(clock.judged(Outcome::Running { due }));
        }
        self.judged.sort();
        self.judged
    }

    /// The second at which the clock is due under its latest terms, whether or not it breached under others.
    fn due(&self, clock: &Running, now: (bool, bool), history: &History) -> Option<i64> {
        let terms = clock.terms.clone()?;
        let (settings, breach) = (Settings::default(), None);
        let mut again = Running { settings, terms: Some(terms), used: 0, breach, ..*clock };
        let mut second = again.started;
        while again.breach.is_none() && second < history.horizon {
            let past = usize::try_from(second).unwrap();
            again.tick(second, self.past.get(past).copied().unwrap_or(now));
            second += 1;
        }
        again.breach.map(|(_, _, due)| due)
    }
}
