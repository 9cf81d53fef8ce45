//! The clocks against a slow reference that steps second by second and shares no code with them: random histories,
//! calendars with several periods, holidays and exceptions, zones with and without daylight saving, edits of policies
//! and calendars in mid-flight, writers that lag behind the settings.
//!
//! `CLEW_SEED` repeats a run; `CLEW_HISTORIES` sets how many histories there are.

mod history;
mod reference;

use super::*;
use history::History;
use reference::{Judged, Outcome};

/// Small, and good enough to draw test cases: Steele, Lea and Flood's `SplitMix64`.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to `end`, which is not drawn.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).unwrap()].clone()
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn the_clocks_agree_with_a_reference_that_steps_second_by_second() {
    let seed =
        setting("CLEW_SEED").unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
    let histories = setting("CLEW_HISTORIES").unwrap_or(2_000);
    println!("CLEW_SEED={seed} CLEW_HISTORIES={histories}");
    let (mut clocks, mut breaches) = (0, 0);
    for number in 0..histories {
        let history = History::draw(&mut Random(seed.wrapping_add(number)));
        let expected = reference::judge(&history);
        let (found, explained) = by_the_clocks(&history);
        assert_eq!(found, expected, "seed {}, history {number}: {history:#?}", seed.wrapping_add(number));
        check_explanations(&history, &explained, &found);
        check_saving(&history);
        clocks += found.len();
        breaches += found.iter().filter(|it| it.breach.is_some()).count();
    }
    println!("{clocks} clocks, {breaches} breached");
    assert!(clocks as u64 > histories && breaches as u64 * 10 > histories, "the histories say too little");
}

/// What the clocks make of a history, and how they explain it.
fn by_the_clocks(history: &History) -> (Vec<Judged>, Vec<Explanation>) {
    let (story, now) = (history.story(), history.at(history.end));
    let told = tell(&story, &[], now);
    let mut judged: Vec<_> = told
        .ended
        .iter()
        .filter_map(|it| {
            let outcome = match it.how {
                End::Answered => Outcome::Answered(history.second(it.at)),
                End::Resolved => Outcome::Resolved(history.second(it.at)),
            };
            of_clock(history, &it.clock, outcome)
        })
        .collect();
    judged.extend(told.clocks.running().filter_map(|clock| {
        let due = clock.promise.and_then(|promise| promise.due_at).map(|due| history.second(due));
        of_clock(history, clock, Outcome::Running { due: due.filter(|due| *due < history.horizon) })
    }));
    judged.sort();
    (judged, explain(&story.facts, |_, _| Vec::new(), now))
}

fn of_clock(history: &History, clock: &Clock, outcome: Outcome) -> Option<Judged> {
    let breach = clock.breach.and_then(Breach::of).map(|it| (it.metric, it.policy, history.second(it.due)));
    let promise = clock.promise.map(|promise| (promise.metric, promise.policy));
    let started = history.second(clock.started_at);
    let answer = matches!(clock.of, Wait::Answer { .. });
    (promise.is_some() || breach.is_some()).then_some(Judged { started, answer, promise, outcome, breach })
}

/// What is explained is without a gap, adds up to no more than the target while a promise is kept, and to more than it
/// once it is broken.
fn check_explanations(history: &History, explained: &[Explanation], judged: &[Judged]) {
    let now = history.at(history.end);
    let promised = judged.iter().filter(|it| it.promise.is_some()).count();
    assert_eq!(explained.len(), promised, "every promise is explained: {history:#?}");
    for it in explained {
        let until = it.ended.map_or(now, |ending| ending.at);
        let mut at = it.started_at;
        for interval in &it.intervals {
            assert_eq!(interval.from, at, "no gap: {it:#?}");
            at = interval.to;
        }
        assert_eq!(at, until.max(it.started_at), "up to the end: {it:#?}");
        let used_up = it.counted_us > i64::from(it.target_s) * 1_000_000;
        let overdue = it.due_at.is_some_and(|due| due < until);
        assert_eq!(used_up, overdue, "more counted than promised, if and only if it is overdue: {it:#?}");
        assert!(!overdue || it.breach.is_some(), "what is overdue is breached: {it:#?}");
    }
}

/// What is saved in the middle and read back goes on as if it had not been.
fn check_saving(history: &History) {
    let story = history.story();
    let (mut clocks, mut timeline) = (Clocks::default(), Timeline::default());
    for (at, fact) in story.facts.iter().enumerate() {
        if at == story.facts.len() / 2 {
            clocks = rmp_serde::from_slice(&rmp_serde::to_vec(&clocks).unwrap()).unwrap();
            timeline = rmp_serde::from_slice(&rmp_serde::to_vec(&timeline).unwrap()).unwrap();
        }
        timeline.take(fact);
        clocks.apply(fact, &Surroundings { timeline: &timeline, groups: &[] });
    }
    let now = history.at(history.end);
    clocks.judge_until(now, &timeline);
    assert_eq!(clocks, tell(&story, &[], now).clocks, "{history:#?}");
}
