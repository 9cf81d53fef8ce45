//! Redaction patterns: set, changed, removed, and in force at once.

use super::*;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::ids::RuleId;
use crate::name::NotAName;
use crate::redaction::PatternError;

const NUMBER: RuleId = RuleId(Uuid::from_u128(1));
const IBAN: RuleId = RuleId(Uuid::from_u128(2));

fn pattern(name: &str, pattern: &str) -> RedactionPattern {
    RedactionPattern { name: name.to_owned(), pattern: pattern.to_owned() }
}

fn number() -> RedactionPattern {
    pattern("Customer number", r"\bKD-\d{6}\b")
}

fn set(rule: RuleId, definition: &RedactionPattern) -> Command {
    Command::SetRedactionPattern { rule, definition: definition.clone() }
}

fn was_set(rule: RuleId, definition: RedactionPattern) -> WorkspaceEvent {
    WorkspaceEvent::RedactionPatternSet { rule, definition }
}

fn removed(rule: RuleId) -> WorkspaceEvent {
    WorkspaceEvent::RedactionPatternRemoved { rule }
}

#[test]
fn a_pattern_is_set_changed_and_removed() {
    given::<Workspace>([]).when(set(NUMBER, &number())).then([was_set(NUMBER, number())]);
    let padded = RedactionPattern { name: " Customer number ".to_owned(), ..number() };
    given::<Workspace>([was_set(NUMBER, number())]).when(set(NUMBER, &padded)).then_nothing();
    let other = pattern("Customer number", r"KD-\d+");
    given::<Workspace>([was_set(NUMBER, number())]).when(set(NUMBER, &other)).then([was_set(NUMBER, other.clone())]);
    let remove = || Command::RemoveRedactionPattern { rule: NUMBER };
    given::<Workspace>([was_set(NUMBER, number())]).when(remove()).then([removed(NUMBER)]);
    given::<Workspace>([was_set(NUMBER, number()), removed(NUMBER)]).when(remove()).then_nothing();
}

#[test]
fn what_can_not_be_a_pattern_is_refused() {
    let refused = |definition: &RedactionPattern, why: Rejection| {
        given::<Workspace>([was_set(IBAN, pattern("IBAN", "FR76"))]).when(set(NUMBER, definition)).then_rejected(why);
    };
    refused(&pattern("Empty", "x*"), Rejection::Pattern(PatternError::MatchesNothing));
    refused(&pattern("Long", &"x".repeat(2_000)), Rejection::Pattern(PatternError::TooLong));
    refused(&pattern("", "x"), Rejection::Name(NotAName));
    refused(&pattern("iban", "x"), Rejection::NameTaken(Thing::RedactionPattern(IBAN)));
    given::<Workspace>([])
        .when(Command::RemoveRedactionPattern { rule: NUMBER })
        .then_rejected(Rejection::Unknown(Thing::RedactionPattern(NUMBER)));
    given::<Workspace>([was_set(NUMBER, number()), removed(NUMBER)])
        .when(set(NUMBER, &number()))
        .then_rejected(Rejection::Gone(Thing::RedactionPattern(NUMBER)));
}

#[test]
fn there_are_so_many_patterns_in_force_at_most() {
    let rules = |count: usize| {
        (0..count).map(|n| was_set(RuleId(Uuid::from_u128(100 + n as u128)), pattern(&n.to_string(), "x")))
    };
    let too_many = Rejection::TooMany { what: "redaction patterns", max: REDACTION_PATTERNS_MAX };
    given::<Workspace>(rules(REDACTION_PATTERNS_MAX)).when(set(NUMBER, &number())).then_rejected(too_many);
    let with_room = rules(REDACTION_PATTERNS_MAX).chain([removed(RuleId(Uuid::from_u128(100)))]);
    given::<Workspace>(with_room).when(set(NUMBER, &number())).then([was_set(NUMBER, number())]);
}

#[test]
fn those_in_force_redact_and_only_those() {
    let mut state = WorkspaceState::default();
    let text = "KD-123456 and FR76 3000";
    let redacted = |state: &WorkspaceState| state.redactions.redactor().redact(text);
    assert_eq!(redacted(&state).text, text);
    Workspace::evolve(&mut state, &was_set(IBAN, pattern("IBAN", "FR76 [0-9]+")));
    Workspace::evolve(&mut state, &was_set(NUMBER, number()));
    assert_eq!(redacted(&state).places, [(Some(IBAN), 1), (Some(NUMBER), 1)]);
    Workspace::evolve(&mut state, &removed(IBAN));
    assert_eq!(redacted(&state).text, "[removed] and FR76 3000");
    assert_eq!(state.redactions.iter().count(), 2);
}
