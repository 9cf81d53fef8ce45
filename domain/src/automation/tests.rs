//! The rules of rules, by example.

use super::*;
use crate::conversation::{Queue, Visibility};
use crate::ids::{CalendarId, ChannelId, GroupId, RuleId, TeamId, TopicId};
use crate::sla;
use crate::time::Timestamp;
use std::collections::BTreeSet;
use uuid::Uuid;

const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(1));
const REFUND: TopicId = TopicId(Uuid::from_u128(2));
const LATE: TopicId = TopicId(Uuid::from_u128(3));
const BILLING: TeamId = TeamId(Uuid::from_u128(4));
const EVERYBODY: TeamId = TeamId(Uuid::from_u128(5));
const VIP: GroupId = GroupId(Uuid::from_u128(6));

fn rule(when: Vec<Vec<Condition>>, then: Vec<Act>) -> Rule {
    Rule { name: "a rule".into(), on: true, trigger: Trigger::Message, when, then, last: false }
}

fn words(words: &[&str]) -> Condition {
    Condition::Words(words.iter().map(|word| (*word).to_owned()).collect())
}

fn automation(rules: impl IntoIterator<Item = Rule>) -> Automation {
    let mut automation = Automation::default();
    for (n, rule) in (0_u128..).zip(rules) {
        rule.check().expect("a rule that can be used");
        automation.set(RuleId(Uuid::from_u128(n)), &rule);
    }
    automation
}

fn subject<'a>(text: &'a Text, sla: &'a sla::Rules) -> Subject<'a> {
    Subject {
        text,
        at: Timestamp::from_micros(0),
        first: true,
        channel: CHANNEL,
        visibility: Visibility::Private,
        topics: BTreeSet::new(),
        team: None,
        takers: BTreeSet::from([BILLING, EVERYBODY]),
        owned: false,
        groups: BTreeSet::new(),
        sla,
    }
}

/// How many rules the text sets off.
fn matches(automation: &Automation, text: &str) -> usize {
    automation.matching(subject(&Text::new(text), &sla::Rules::default())).len()
}

#[test]
fn words_are_found_whole_whatever_case_and_accents() {
    let rules =
        automation([rule(vec![vec![words(&["remboursé", "carte bleue", "livr*"])]], vec![Act::AddTopic(REFUND)])]);
    for text in ["Je veux être REMBOURSE !", "ma carte  Bleue", "la livraison", "livré"] {
        assert_eq!(matches(&rules, text), 1, "{text}");
    }
    for text in ["remboursement", "carte", "délivre-moi", ""] {
        assert_eq!(matches(&rules, text), 0, "{text}");
    }
}

#[test]
fn a_pattern_matches_whatever_case_and_captures() {
    let pattern = Condition::Pattern(r"order\s+(\d{4})".into());
    let key = "order".parse().expect("a key");
    let rules = automation([rule(vec![vec![pattern]], vec![Act::FillAttribute(Filling { key, value: None })])]);
    let text = Text::new("My ORDER 1234 is late");
    let sla = sla::Rules::default();
    assert_eq!(rules.matching(subject(&text, &sla))[0].captured.as_deref(), Some("1234"));
    assert_eq!(matches(&rules, "my order"), 0);
}

#[test]
fn a_pattern_that_other_engines_never_finish_takes_no_time() {
    let rules = automation([rule(vec![vec![Condition::Pattern("(a+)+$".into())]], vec![Act::AddTopic(REFUND)])]);
    assert_eq!(matches(&rules, &format!("{}b", "a".repeat(100_000))), 0);
}

#[test]
fn every_line_must_hold_and_one_condition_of_it_is_enough() {
    let skill = vec![
        vec![Condition::Topics(OfTopics { which: Which::Any, of: BTreeSet::from([REFUND, LATE]) })],
        vec![Condition::Visibility(Visibility::Private), Condition::FirstMessage(false)],
        vec![Condition::Groups(OfGroups { which: Which::None, of: BTreeSet::from([VIP]) })],
    ];
    let rules = automation([rule(skill, vec![Act::AssignTeam(BILLING)])]);
    let (text, sla) = (Text::new("hello"), sla::Rules::default());
    let good = Subject { topics: BTreeSet::from([LATE]), ..subject(&text, &sla) };
    assert_eq!(rules.matching(good.clone()).len(), 1);
    let public = Visibility::Public;
    assert_eq!(rules.matching(Subject { visibility: public, ..good.clone() }).len(), 0);
    assert_eq!(rules.matching(Subject { visibility: public, first: false, ..good.clone() }).len(), 1);
    assert_eq!(rules.matching(Subject { groups: BTreeSet::from([VIP]), ..good.clone() }).len(), 0);
    assert_eq!(rules.matching(Subject { topics: BTreeSet::new(), ..good }).len(), 0);
}

#[test]
fn all_means_each_of_them() {
    let all = Condition::Topics(OfTopics { which: Which::All, of: BTreeSet::from([REFUND, LATE]) });
    let rules = automation([rule(vec![vec![all]], vec![Act::Score(1)])]);
    let (text, sla) = (Text::new(""), sla::Rules::default());
    let of = |topics: &[TopicId]| Subject { topics: topics.iter().copied().collect(), ..subject(&text, &sla) };
    assert_eq!(rules.matching(of(&[REFUND])).len(), 0);
    assert_eq!(rules.matching(of(&[REFUND, LATE])).len(), 1);
}

#[test]
fn rules_see_what_those_before_them_give_and_the_fallback_team_takes_the_rest() {
    let topic = rule(vec![vec![words(&["refund"])]], vec![Act::AddTopic(REFUND)]);
    let of_topic = Condition::Topics(OfTopics { which: Which::Any, of: BTreeSet::from([REFUND]) });
    let skill = rule(vec![vec![of_topic]], vec![Act::AssignTeam(BILLING)]);
    let fallback = rule(vec![vec![Condition::HasTeam(false)]], vec![Act::AssignTeam(EVERYBODY)]);
    let rules = automation([topic, skill, fallback]);
    let teams = |text: &str| -> Vec<Act> {
        let (text, sla) = (Text::new(text), sla::Rules::default());
        let matched = rules.matching(subject(&text, &sla));
        let acts = matched.into_iter().flat_map(|it| it.acts);
        acts.filter(|act| matches!(act, Act::AssignTeam(_))).cloned().collect()
    };
    assert_eq!(teams("a refund please"), [Act::AssignTeam(BILLING)]);
    assert_eq!(teams("hello"), [Act::AssignTeam(EVERYBODY)]);
}

#[test]
fn scores_add_up_and_the_last_that_scores_sets_the_priority() {
    let vip = Condition::Groups(OfGroups { which: Which::Any, of: BTreeSet::from([VIP]) });
    let rules = automation([
        rule(vec![vec![words(&["urgent"])]], vec![Act::Score(10)]),
        rule(vec![vec![vip]], vec![Act::Score(25)]),
        rule(vec![vec![words(&["thanks"])]], vec![Act::Score(-5)]),
    ]);
    let (text, sla) = (Text::new("urgent"), sla::Rules::default());
    let matched = rules.matching(Subject { groups: BTreeSet::from([VIP]), ..subject(&text, &sla) });
    assert_eq!(matched.iter().map(|it| it.priority).collect::<Vec<_>>(), [None, Some(35)]);
}

#[test]
fn a_last_rule_ends_it_and_one_that_is_off_is_not_asked() {
    let of = |on, last| Rule { on, last, ..rule(Vec::new(), vec![Act::Score(1)]) };
    assert_eq!(matches(&automation([of(true, true), of(true, false)]), ""), 1);
    assert_eq!(matches(&automation([of(false, true), of(true, false)]), ""), 1);
}

#[test]
fn what_can_not_be_used_is_refused_with_what_to_do() {
    let bad = |when: Vec<Condition>, then: Vec<Act>| rule(vec![when], then).check().expect_err("it can't be used");
    let score = || vec![Act::Score(1)];
    assert_eq!(bad(vec![words(&["x"])], Vec::new()), RuleFault::Acts);
    assert_eq!(bad(Vec::new(), score()), RuleFault::Conditions);
    assert_eq!(bad(vec![words(&["?!"])], score()), RuleFault::Words);
    assert!(matches!(bad(vec![Condition::Pattern("(".into())], score()), RuleFault::Pattern(_)));
    assert!(matches!(bad(vec![Condition::Pattern(r"(a)\1".into())], score()), RuleFault::Pattern(_)));
    assert_eq!(bad(vec![Condition::Pattern("x".repeat(501))], score()), RuleFault::PatternTooLong);
    assert_eq!(bad(vec![Condition::Channels(BTreeSet::new())], score()), RuleFault::NamesNothing);
    assert_eq!(bad(vec![words(&["x"])], vec![Act::Reply(" ".into())]), RuleFault::Reply);
    assert!(matches!(bad(vec![words(&["x"])], vec![Act::Resolve]), RuleFault::NotForTrigger(_)));
    let key = "order".parse().expect("a key");
    let unfilled = vec![Act::FillAttribute(Filling { key, value: None })];
    assert_eq!(bad(vec![words(&["x"])], unfilled), RuleFault::NothingToFill);
}

#[test]
fn a_rule_that_waits_asks_for_channel_and_visibility_only() {
    let quiet =
        |queue, seconds, when, then| Rule { trigger: Trigger::Quiet(Quiet { queue, seconds }), ..rule(when, then) };
    let channel = || vec![vec![Condition::Channels(BTreeSet::from([CHANNEL]))]];
    let day = 86_400;
    assert_eq!(quiet(Queue::Pending, day, channel(), vec![Act::Resolve]).check(), Ok(()));
    assert_eq!(quiet(Queue::Resolved, day, channel(), vec![Act::Resolve]).check(), Err(RuleFault::Wait));
    assert_eq!(quiet(Queue::New, 1, channel(), vec![Act::Resolve]).check(), Err(RuleFault::Wait));
    let asks = quiet(Queue::New, day, vec![vec![words(&["x"])]], vec![Act::Resolve]).check();
    assert!(matches!(asks, Err(RuleFault::NotForTrigger(_))));
    let answers = quiet(Queue::New, day, channel(), vec![Act::Reply("hello".into())]).check();
    assert!(matches!(answers, Err(RuleFault::NotForTrigger(_))));

    let rules = automation([quiet(Queue::Pending, day, channel(), vec![Act::Resolve])]);
    assert_eq!(rules.quiet(CHANNEL, Visibility::Private).count(), 1);
    assert_eq!(rules.quiet(ChannelId(Uuid::nil()), Visibility::Private).count(), 0);
    assert_eq!(matches(&rules, "hello"), 0, "it is not for messages");
}

#[test]
fn hours_are_those_of_the_calendar_and_without_one_every_hour_is_open() {
    let calendar = CalendarId(Uuid::from_u128(9));
    let week = serde_json::json!({"monday": [{"from": "09:00", "to": "17:00"}]});
    let definition = serde_json::json!({"name": "Office", "zone": "Europe/Paris", "week": week});
    let definition: sla::Calendar = serde_json::from_value(definition).expect("a calendar");
    let mut sla = sla::Rules::default();
    sla.calendars.insert(calendar, std::sync::Arc::new(sla::Schedule::new(definition)));
    let closed = |calendar| rule(vec![vec![Condition::Hours(Hours { open: false, calendar })]], vec![Act::Score(1)]);
    let rules = automation([closed(Some(calendar))]);
    let text = Text::new("");
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("an instant").as_microsecond();
    let matched = |rules: &Automation, sla: &sla::Rules, when: &str| {
        rules.matching(Subject { at: Timestamp::from_micros(at(when)), ..subject(&text, sla) }).len()
    };
    assert_eq!(matched(&rules, &sla, "2026-11-23T08:00:00Z"), 0, "Monday at nine in Paris");
    assert_eq!(matched(&rules, &sla, "2026-11-23T07:59:59Z"), 1);
    assert_eq!(matched(&rules, &sla, "2026-11-23T16:00:00Z"), 1, "five o'clock is no longer in it");
    assert_eq!(matched(&automation([closed(None)]), &sla, "2026-11-23T07:59:59Z"), 0);
    sla.channels.insert(CHANNEL, calendar);
    assert_eq!(matched(&automation([closed(None)]), &sla, "2026-11-23T07:59:59Z"), 1, "the channel's calendar");
}

/// What a topic added by hand turns, and what its removal does.
fn turned(rules: &Automation, before: &[TopicId], after: &[TopicId]) -> Vec<(Vec<Act>, i16)> {
    let (text, sla) = (Text::new(""), sla::Rules::default());
    let of = |topics: &[TopicId]| Subject { topics: topics.iter().copied().collect(), ..subject(&text, &sla) };
    let turned = rules.turned(&of(before), of(after));
    turned.into_iter().map(|it| (it.acts.into_iter().cloned().collect(), it.rise)).collect()
}

#[test]
fn a_topic_by_hand_turns_the_rules_that_ask_for_it_and_no_others() {
    let asks = |topic, which| Condition::Topics(OfTopics { which, of: BTreeSet::from([topic]) });
    let refunds = || asks(REFUND, Which::Any);
    let answer = || Act::Reply("We look into it".into());
    let rules = automation([
        rule(vec![vec![refunds()]], vec![Act::Score(10), Act::AssignTeam(BILLING), answer()]),
        rule(vec![vec![refunds()], vec![words(&["urgent"])]], vec![Act::Score(100)]),
        rule(vec![vec![Condition::Channels(BTreeSet::from([CHANNEL]))]], vec![Act::Score(1), Act::AddTopic(REFUND)]),
        rule(vec![vec![asks(REFUND, Which::None)]], vec![Act::Score(-3)]),
        rule(vec![vec![Condition::Teams(BTreeSet::from([BILLING]))]], vec![Act::AddTopic(LATE)]),
    ]);
    let added = turned(&rules, &[], &[REFUND]);
    let then = [(vec![Act::AssignTeam(BILLING)], 10), (Vec::new(), 3), (vec![Act::AddTopic(LATE)], 0)];
    assert_eq!(added, then, "with what those behind it see; no answer, nothing of rules that read or match all along");
    assert_eq!(turned(&rules, &[REFUND], &[]), [(Vec::new(), -10), (Vec::new(), -3)], "and back again");
    assert_eq!(turned(&rules, &[REFUND], &[REFUND, LATE]), []);
}

#[test]
fn a_last_rule_that_turns_leaves_out_those_behind_it() {
    let of_topic = Condition::Topics(OfTopics { which: Which::Any, of: BTreeSet::from([REFUND]) });
    let first = Rule { last: true, ..rule(vec![vec![of_topic]], vec![Act::Score(10)]) };
    let rules = automation([first, rule(Vec::new(), vec![Act::Score(1)])]);
    assert_eq!(turned(&rules, &[], &[REFUND]), [(Vec::new(), 10), (Vec::new(), -1)]);
}
