//! Calendars, policies and their order.

use super::*;
use crate::decider::spec::given;
use crate::ids::{CalendarId, GroupId, SlaPolicyId, TopicId};
use crate::name::NotAName;
use crate::sla::{Calendar, CalendarFault, Conditions, Counting, Policy, PolicyFault, Target, Targets, Warning, Week};

const OFFICE: CalendarId = CalendarId(Uuid::from_u128(1));
const NIGHT: CalendarId = CalendarId(Uuid::from_u128(2));
const GOLD: SlaPolicyId = SlaPolicyId(Uuid::from_u128(3));
const REST: SlaPolicyId = SlaPolicyId(Uuid::from_u128(4));

fn calendar(name: &str) -> Calendar {
    Calendar {
        name: name.to_owned(),
        zone: "Europe/Paris".to_owned(),
        week: Week::default(),
        holidays: Vec::new(),
        exceptions: Vec::new(),
    }
}

fn policy(name: &str) -> Policy {
    let hour = Target { seconds: 3_600, counting: Counting::BusinessTime };
    Policy {
        name: name.to_owned(),
        conditions: Conditions::default(),
        targets: Targets { next_response: Some(hour), ..Targets::default() },
        calendar: None,
        warning: Warning::UsedPercent(75),
        pending_pauses: true,
        automatic_replies_count: false,
    }
}

fn set_calendar(id: CalendarId, definition: Calendar) -> Command {
    Command::SetCalendar { calendar: id, definition, apply_to_open: false }
}

fn calendar_set(id: CalendarId, name: &str) -> WorkspaceEvent {
    WorkspaceEvent::CalendarSet { calendar: id, definition: Box::new(calendar(name)), apply_to_open: false }
}

fn set(id: SlaPolicyId, definition: Policy) -> Command {
    Command::SetSlaPolicy { policy: id, definition, apply_to_open: true }
}

fn was_set(id: SlaPolicyId, definition: Policy) -> WorkspaceEvent {
    WorkspaceEvent::SlaPolicySet { policy: id, definition: Box::new(definition), apply_to_open: true }
}

#[test]
fn a_calendar_is_set_and_changed() {
    let office = calendar_set(OFFICE, "Office");
    given::<Workspace>([]).when(set_calendar(OFFICE, calendar(" Office "))).then([office.clone()]);
    given::<Workspace>([office.clone()]).when(set_calendar(OFFICE, calendar("Office"))).then_nothing();
    given::<Workspace>([office.clone()])
        .when(set_calendar(OFFICE, calendar("OFFICE")))
        .then([calendar_set(OFFICE, "OFFICE")]);
    given::<Workspace>([office])
        .when(set_calendar(NIGHT, calendar("OFFICE")))
        .then_rejected(Rejection::NameTaken(Thing::Calendar(OFFICE)));
}

#[test]
fn a_calendar_can_be_used() {
    given::<Workspace>([]).when(set_calendar(OFFICE, calendar(""))).then_rejected(Rejection::Name(NotAName));
    let nowhere = Calendar { zone: "Nowhere".to_owned(), ..calendar("Office") };
    given::<Workspace>([])
        .when(set_calendar(OFFICE, nowhere))
        .then_rejected(Rejection::Calendar(CalendarFault::UnknownZone));
    let full = (0..CALENDARS_MAX as u128).map(|n| calendar_set(CalendarId(Uuid::from_u128(n)), &format!("{n}")));
    given::<Workspace>(full)
        .when(set_calendar(CalendarId(Uuid::from_u128(1 << 64)), calendar("one more")))
        .then_rejected(Rejection::TooMany { what: "calendars", max: CALENDARS_MAX });
}

#[test]
fn a_calendar_goes_when_nothing_counts_by_it() {
    let office = calendar_set(OFFICE, "Office");
    let remove = Command::RemoveCalendar { calendar: OFFICE };
    given::<Workspace>([office.clone()])
        .when(remove.clone())
        .then([WorkspaceEvent::CalendarRemoved { calendar: OFFICE }]);
    given::<Workspace>([]).when(remove.clone()).then_rejected(Rejection::Unknown(Thing::Calendar(OFFICE)));
    let by_office = Policy { calendar: Some(OFFICE), ..policy("Gold") };
    given::<Workspace>([office.clone(), was_set(GOLD, by_office)])
        .when(remove.clone())
        .then_rejected(Rejection::CalendarInUse(Thing::SlaPolicy(GOLD)));
    let of_mail = WorkspaceEvent::ChannelCalendarSet {
        channel: MAIL,
        calendar: Some(OFFICE),
        before: None,
        apply_to_open: false,
    };
    given::<Workspace>([office, connected(MAIL, "Mail"), of_mail])
        .when(remove)
        .then_rejected(Rejection::CalendarInUse(Thing::Channel(MAIL)));
}

#[test]
fn a_channel_has_a_calendar_or_none() {
    let choose = |calendar| Command::SetChannelCalendar { channel: MAIL, calendar, apply_to_open: true };
    let chosen =
        |calendar, before| WorkspaceEvent::ChannelCalendarSet { channel: MAIL, calendar, before, apply_to_open: true };
    let base = [connected(MAIL, "Mail"), calendar_set(OFFICE, "Office")];
    given::<Workspace>(base.clone()).when(choose(Some(OFFICE))).then([chosen(Some(OFFICE), None)]);
    given::<Workspace>(base.clone()).when(choose(None)).then_nothing();
    let with_one = base.clone().into_iter().chain([chosen(Some(OFFICE), None)]);
    given::<Workspace>(with_one).when(choose(None)).then([chosen(None, Some(OFFICE))]);
    given::<Workspace>(base).when(choose(Some(NIGHT))).then_rejected(Rejection::Unknown(Thing::Calendar(NIGHT)));
    given::<Workspace>([]).when(choose(None)).then_rejected(Rejection::Unknown(Thing::Channel(MAIL)));
}

#[test]
fn a_policy_is_set_and_changed() {
    let gold = was_set(GOLD, policy("Gold"));
    given::<Workspace>([]).when(set(GOLD, policy(" Gold "))).then([gold.clone()]);
    given::<Workspace>([gold.clone()]).when(set(GOLD, policy("Gold"))).then_nothing();
    let patient = Policy { pending_pauses: false, ..policy("Gold") };
    given::<Workspace>([gold.clone()]).when(set(GOLD, patient.clone())).then([was_set(GOLD, patient)]);
    given::<Workspace>([gold])
        .when(set(REST, policy("GOLD")))
        .then_rejected(Rejection::NameTaken(Thing::SlaPolicy(GOLD)));
}

#[test]
fn a_policy_can_be_used() {
    given::<Workspace>([]).when(set(GOLD, policy(""))).then_rejected(Rejection::Name(NotAName));
    let at_once = Target { seconds: 0, counting: Counting::CalendarTime };
    let at_once = Targets { first_response: Some(at_once), ..Targets::default() };
    given::<Workspace>([])
        .when(set(GOLD, Policy { targets: at_once, ..policy("Gold") }))
        .then_rejected(Rejection::Policy(PolicyFault::TargetOutOfBounds));
    given::<Workspace>([])
        .when(set(GOLD, Policy { warning: Warning::UsedPercent(0), ..policy("Gold") }))
        .then_rejected(Rejection::Policy(PolicyFault::WarningOutOfBounds));
    let full = (0..SLA_POLICIES_MAX as u128).map(|n| was_set(SlaPolicyId(Uuid::from_u128(n)), policy(&n.to_string())));
    given::<Workspace>(full)
        .when(set(SlaPolicyId(Uuid::from_u128(1 << 64)), policy("one more")))
        .then_rejected(Rejection::TooMany { what: "SLA policies", max: SLA_POLICIES_MAX });
}

#[test]
fn a_policy_names_only_what_is_in_use() {
    let (topic, group) = (TopicId(Uuid::from_u128(5)), GroupId(Uuid::from_u128(6)));
    let of = |conditions| set(GOLD, Policy { conditions, ..policy("Gold") });
    let unknown = |thing| Rejection::Unknown(thing);
    given::<Workspace>([])
        .when(set(GOLD, Policy { calendar: Some(OFFICE), ..policy("Gold") }))
        .then_rejected(unknown(Thing::Calendar(OFFICE)));
    given::<Workspace>([])
        .when(of(Conditions { channels: BTreeSet::from([MAIL]), ..Conditions::default() }))
        .then_rejected(unknown(Thing::Channel(MAIL)));
    given::<Workspace>([])
        .when(of(Conditions { teams: BTreeSet::from([SALES]), ..Conditions::default() }))
        .then_rejected(unknown(Thing::Team(SALES)));
    given::<Workspace>([])
        .when(of(Conditions { groups: BTreeSet::from([group]), ..Conditions::default() }))
        .then_rejected(unknown(Thing::Group(group)));
    let retired =
        [WorkspaceEvent::TopicDefined { topic, name: "Refund".to_owned() }, WorkspaceEvent::TopicRetired { topic }];
    given::<Workspace>(retired)
        .when(of(Conditions { topics: BTreeSet::from([topic]), ..Conditions::default() }))
        .then_rejected(Rejection::Gone(Thing::Topic(topic)));
}

#[test]
fn an_order_names_every_policy_once() {
    let two = [was_set(GOLD, policy("Gold")), was_set(REST, policy("Rest"))];
    let order = |order: &[SlaPolicyId]| Command::OrderSlaPolicies { order: order.to_vec(), apply_to_open: false };
    let ordered = WorkspaceEvent::SlaPoliciesOrdered { order: vec![REST, GOLD], apply_to_open: false };
    given::<Workspace>(two.clone()).when(order(&[REST, GOLD])).then([ordered.clone()]);
    given::<Workspace>(two.clone()).when(order(&[GOLD, REST])).then_nothing();
    given::<Workspace>(two.clone().into_iter().chain([ordered])).when(order(&[REST, GOLD])).then_nothing();
    for bad in [&[GOLD][..], &[GOLD, GOLD], &[GOLD, REST, REST]] {
        given::<Workspace>(two.clone()).when(order(bad)).then_rejected(Rejection::NotAnOrder);
    }
}

#[test]
fn a_policy_is_removed() {
    let remove = Command::RemoveSlaPolicy { policy: GOLD, apply_to_open: true };
    let removed = WorkspaceEvent::SlaPolicyRemoved { policy: GOLD, apply_to_open: true };
    given::<Workspace>([was_set(GOLD, policy("Gold"))]).when(remove.clone()).then([removed]);
    given::<Workspace>([]).when(remove).then_rejected(Rejection::Unknown(Thing::SlaPolicy(GOLD)));
}
