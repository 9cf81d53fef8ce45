//! The rules of the installation, by example.

use super::*;
use crate::content::{RootHash, StateHash};
use crate::decider::spec::{BOB, given};
use crate::fact::Actor;
use crate::ids::EventId;
use uuid::Uuid;

const MASK: EventId = EventId(Uuid::from_u128(3));

#[test]
fn an_erasure_completes_once() {
    let complete = Command::CompleteErasure { of: MASK };
    let completed = InstallationEvent::ErasureCompleted { of: MASK };
    given::<Installation>([]).when(complete.clone()).then([completed.clone()]);
    given::<Installation>([completed]).when(complete).then_nothing();
}

#[test]
fn every_reading_is_recorded() {
    let read = InstallationEvent::DataRead { what: DataReading::AuditTrail };
    let record = Command::RecordReading { what: DataReading::AuditTrail };
    given::<Installation>([read.clone()]).by(Actor::Agent(BOB)).when(record).then([read]);
}

#[test]
fn what_the_views_showed_is_recorded_as_it_is() {
    let hash = StateHash::new([7; 32]);
    let digest = StateDigest { partition: 0, after: 0, upto: 9, at: 9, conversations: 1, hash };
    given::<Installation>([]).when(Command::RecordState(digest)).then([InstallationEvent::StateDigested(digest)]);
}

#[test]
fn a_move_is_recorded_once() {
    let (size, root) = (9, RootHash::new([7; 32]));
    let record = Command::RecordMove { trees: vec![(size, root)] };
    let moved = InstallationEvent::LogMoved { size, root };
    given::<Installation>([]).when(record.clone()).then([moved.clone()]);
    given::<Installation>([moved.clone()]).when(record).then_nothing();
    let again = Command::RecordMove { trees: vec![(12, root)] };
    given::<Installation>([moved]).when(again).then([InstallationEvent::LogMoved { size: 12, root }]);
}

#[test]
fn a_move_of_several_trees_is_recorded_tree_by_tree() {
    let (root, empty) = (RootHash::new([7; 32]), RootHash::new([0; 32]));
    let moved = |size, root| InstallationEvent::LogMoved { size, root };
    let all = [moved(9, root), moved(0, empty), moved(0, empty)];
    let record = Command::RecordMove { trees: vec![(9, root), (0, empty), (0, empty)] };
    given::<Installation>([]).when(record.clone()).then(all.clone());
    given::<Installation>(all).when(record).then_nothing();
}

fn gateway() -> GatewayName {
    "desk-1a2b3c".parse().expect("a name")
}

#[test]
fn an_admission_is_recorded_once_until_the_gateway_is_dismissed() {
    let record = Command::RecordAdmission { gateway: gateway() };
    let admitted = InstallationEvent::GatewayAdmitted { gateway: gateway() };
    let dismissed = InstallationEvent::GatewayDismissed { gateway: gateway() };
    given::<Installation>([]).when(record.clone()).then([admitted.clone()]);
    given::<Installation>([admitted.clone()]).when(record.clone()).then_nothing();
    given::<Installation>([admitted.clone(), dismissed]).when(record).then([admitted]);
}

#[test]
fn a_dismissal_is_recorded_once_of_a_gateway_that_was_admitted() {
    let record = Command::RecordDismissal { gateway: gateway() };
    let admitted = InstallationEvent::GatewayAdmitted { gateway: gateway() };
    let dismissed = InstallationEvent::GatewayDismissed { gateway: gateway() };
    given::<Installation>([]).when(record.clone()).then_nothing();
    given::<Installation>([admitted.clone()]).when(record.clone()).then([dismissed.clone()]);
    given::<Installation>([admitted, dismissed]).when(record).then_nothing();
}

#[test]
fn a_gateways_name_is_bounded_and_fits_into_a_subject() {
    assert!("é".repeat(100).parse::<GatewayName>().is_ok());
    for bad in ["", "a b", "a\nb", "a.b", "a*", ">", &"x".repeat(101)] {
        assert_eq!(bad.parse::<GatewayName>(), Err(NotAGatewayName), "{bad:?}");
    }
}
