//! Attributes of contacts, and what may fill them.

use super::*;
use crate::contact::AttributeKey;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::name::NotAName;

fn key() -> AttributeKey {
    "account_id".parse().unwrap()
}

fn definition(kind: AttributeKind, system: bool) -> AttributeDefinition {
    AttributeDefinition { label: "Account".to_owned(), kind, system }
}

fn defined(kind: AttributeKind, system: bool) -> WorkspaceEvent {
    WorkspaceEvent::AttributeDefined { key: key(), definition: definition(kind, system) }
}

fn define(kind: AttributeKind) -> Command {
    Command::DefineAttribute { key: key(), definition: definition(kind, false) }
}

fn retired() -> WorkspaceEvent {
    WorkspaceEvent::AttributeRetired { key: key() }
}

#[test]
fn an_attribute_is_defined_and_defined_anew() {
    let (text, number) = (defined(AttributeKind::Text, false), defined(AttributeKind::Number, false));
    given::<Workspace>([]).when(define(AttributeKind::Text)).then([text.clone()]);
    given::<Workspace>([text.clone()]).when(define(AttributeKind::Text)).then_nothing();
    given::<Workspace>([text.clone()]).when(define(AttributeKind::Number)).then([number]);
    given::<Workspace>([text.clone(), retired()]).when(define(AttributeKind::Text)).then([text]);
    let nameless = AttributeDefinition { label: String::new(), ..definition(AttributeKind::Text, false) };
    given::<Workspace>([])
        .when(Command::DefineAttribute { key: key(), definition: nameless })
        .then_rejected(Rejection::Name(NotAName));
}

#[test]
fn an_attribute_is_retired_once() {
    let (text, retire) = (defined(AttributeKind::Text, false), Command::RetireAttribute { key: key() });
    given::<Workspace>([text.clone()]).when(retire.clone()).then([retired()]);
    given::<Workspace>([text, retired()]).when(retire.clone()).then_nothing();
    given::<Workspace>([]).when(retire).then_rejected(Rejection::Unknown(Thing::Attribute(key())));
}

#[test]
fn only_usable_attributes_are_filled() {
    let text = defined(AttributeKind::Text, false);
    let check = |events: &[WorkspaceEvent]| Workspace::fold(events).check_attribute(&key(), "a", false);
    assert_eq!(check(std::slice::from_ref(&text)), Ok(()));
    assert_eq!(check(&[]), Err(Rejection::Unknown(Thing::Attribute(key()))));
    assert_eq!(check(&[text, retired()]), Err(Rejection::Gone(Thing::Attribute(key()))));
}

#[test]
fn people_do_not_fill_what_programs_fill() {
    let state = Workspace::fold(&[defined(AttributeKind::Text, true)]);
    assert_eq!(state.check_attribute(&key(), "a", false), Err(Rejection::FilledByProgramsOnly(key())));
    assert_eq!(state.check_attribute(&key(), "a", true), Ok(()));
}

#[test]
fn every_kind_takes_its_own_values() {
    let too_long = "x".repeat(VALUE_CHARACTERS_MAX + 1);
    let cases: [(AttributeKind, &[&str], &[&str]); 7] = [
        (AttributeKind::Text, &["Émile\nZola"], &["", "  ", "a\u{7}", &too_long]),
        (AttributeKind::Email, &["a@b.example"], &["a", "@b.example", "a@b", "a@b.", "a b@c.example"]),
        (AttributeKind::Phone, &["+33 1 23 45 67 89", "(555) 123-4567"], &["12", "1+23", "call me", "+1٢٣456"]),
        (AttributeKind::Number, &["12.5", "-3"], &["twelve", "NaN", "inf", "1,5"]),
        (AttributeKind::Date, &["2024-02-29"], &["2023-02-29", "20240229", "29/02/2024"]),
        (
            AttributeKind::Url,
            &["https://a.example/b?c=d"],
            &["a.example", "ftp://a.example", "https:///b", "https://a b"],
        ),
        (AttributeKind::Boolean, &["true", "false"], &["yes", "1"]),
    ];
    for (kind, good, bad) in cases {
        for value in good {
            assert!(kind.takes(value), "{kind:?} {value:?}");
        }
        for value in bad {
            assert!(!kind.takes(value), "{kind:?} {value:?}");
        }
    }
}

#[test]
fn a_refusal_does_not_repeat_the_value() {
    let state = Workspace::fold(&[defined(AttributeKind::Number, false)]);
    let refusal = state.check_attribute(&key(), "secret", false).unwrap_err();
    assert_eq!(refusal, Rejection::NotA { key: key(), kind: AttributeKind::Number });
    assert_eq!(
        refusal.to_string(),
        "attribute account_id takes a number, such as 12.5, of 1000 characters at most; give such a value"
    );
}
