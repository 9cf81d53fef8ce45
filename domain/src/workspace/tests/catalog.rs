//! Topics, contact groups and away statuses: one rule for all three, shown whole for topics.

use super::*;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::ids::{AwayStatusId, GroupId, TopicId};
use crate::name::NotAName;

const REFUND: TopicId = TopicId(Uuid::from_u128(1));
const PRAISE: TopicId = TopicId(Uuid::from_u128(2));
const VIP: GroupId = GroupId(Uuid::from_u128(3));
const LUNCH: AwayStatusId = AwayStatusId(Uuid::from_u128(4));

fn name(text: &str) -> String {
    text.to_owned()
}

fn define(topic: TopicId, text: &str) -> Command {
    Command::DefineTopic { topic, name: name(text) }
}

fn rename(text: &str) -> Command {
    Command::RenameTopic { topic: REFUND, name: name(text) }
}

fn refund() -> WorkspaceEvent {
    WorkspaceEvent::TopicDefined { topic: REFUND, name: name("Refund") }
}

fn retired() -> WorkspaceEvent {
    WorkspaceEvent::TopicRetired { topic: REFUND }
}

#[test]
fn a_topic_is_defined_once() {
    given::<Workspace>([]).when(define(REFUND, " Refund ")).then([refund()]);
    given::<Workspace>([refund()]).when(define(REFUND, "Refund")).then_nothing();
    let exists = Rejection::Exists(Thing::Topic(REFUND));
    given::<Workspace>([refund()]).when(define(REFUND, "Other")).then_rejected(exists.clone());
    given::<Workspace>([refund(), retired()]).when(define(REFUND, "Refund")).then_rejected(exists);
    given::<Workspace>([]).when(define(REFUND, "\u{0}")).then_rejected(Rejection::Name(NotAName));
}

#[test]
fn names_of_usable_topics_differ() {
    let praise = WorkspaceEvent::TopicDefined { topic: PRAISE, name: name("REFUND") };
    given::<Workspace>([refund()])
        .when(define(PRAISE, "REFUND"))
        .then_rejected(Rejection::NameTaken(Thing::Topic(REFUND)));
    given::<Workspace>([refund(), retired()]).when(define(PRAISE, "REFUND")).then([praise]);
}

#[test]
fn a_topic_is_renamed() {
    let renamed = WorkspaceEvent::TopicRenamed { topic: REFUND, name: name("REFUND") };
    given::<Workspace>([refund()]).when(rename("REFUND")).then([renamed]);
    given::<Workspace>([refund()]).when(rename("Refund")).then_nothing();
    given::<Workspace>([]).when(rename("a")).then_rejected(Rejection::Unknown(Thing::Topic(REFUND)));
    given::<Workspace>([refund(), retired()]).when(rename("a")).then_rejected(Rejection::Gone(Thing::Topic(REFUND)));
}

#[test]
fn a_topic_is_retired_once() {
    let retire = Command::RetireTopic { topic: REFUND };
    given::<Workspace>([refund()]).when(retire.clone()).then([retired()]);
    given::<Workspace>([refund(), retired()]).when(retire.clone()).then_nothing();
    given::<Workspace>([]).when(retire).then_rejected(Rejection::Unknown(Thing::Topic(REFUND)));
}

#[test]
fn groups_and_away_statuses_follow_the_same_rule() {
    let vip = WorkspaceEvent::GroupDefined { group: VIP, name: name("VIP") };
    let lunch = WorkspaceEvent::AwayStatusDefined { status: LUNCH, name: name("Lunch") };
    given::<Workspace>([]).when(Command::DefineGroup { group: VIP, name: name("VIP") }).then([vip.clone()]);
    given::<Workspace>([]).when(Command::DefineAwayStatus { status: LUNCH, name: name("Lunch") }).then([lunch.clone()]);
    let renamed = WorkspaceEvent::GroupRenamed { group: VIP, name: name("Gold") };
    given::<Workspace>([vip.clone()]).when(Command::RenameGroup { group: VIP, name: name("Gold") }).then([renamed]);
    let renamed = WorkspaceEvent::AwayStatusRenamed { status: LUNCH, name: name("Déjeuner") };
    given::<Workspace>([lunch.clone()])
        .when(Command::RenameAwayStatus { status: LUNCH, name: name("Déjeuner") })
        .then([renamed]);
    let retired = [WorkspaceEvent::GroupRetired { group: VIP }, WorkspaceEvent::AwayStatusRetired { status: LUNCH }];
    given::<Workspace>([vip.clone()]).when(Command::RetireGroup { group: VIP }).then([retired[0].clone()]);
    given::<Workspace>([lunch.clone()]).when(Command::RetireAwayStatus { status: LUNCH }).then([retired[1].clone()]);
    let state = Workspace::fold(&[vip, lunch, retired[0].clone()]);
    assert!(!state.groups.is_usable(VIP) && state.away_statuses.is_usable(LUNCH));
}
