//! Tells the log who was admitted and dismissed. What counts is the roll in the registry; whatever the installation's
//! facts do not say of it yet, any gateway records. So nothing is missed though one dies after it changed the roll.

use super::{Membership, Roll};
use crate::error::Problem;
use crate::state::AppState;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{CommandId, StreamId};
use clew_domain::installation::{Command, GatewayName, Installation, InstallationState};
use clew_eventstore::store::StoreError;
use clew_eventstore::transact::load;
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

/// How often the roll is looked at for what a gateway that died has not recorded.
const EVERY: Duration = Duration::from_secs(10);
/// How often it is compared in succession, while others change and record it too.
const COMPARISONS_MAX: usize = 8;

/// The names of a roll: whether two of them differ in anything that is recorded.
pub(super) type Names = (BTreeSet<String>, BTreeSet<String>);

fn names(roll: &Roll) -> Names {
    (roll.holders.keys().cloned().collect(), roll.dismissed.clone())
}

/// What the facts do not say yet of who holds the keys, in the order in which it is to be recorded.
fn unrecorded(state: &InstallationState, roll: &Roll) -> Vec<Command> {
    // What is no name never came into the roll through us, and no fact can tell it.
    let named = |name: &String| name.parse::<GatewayName>().ok();
    let holders: BTreeSet<GatewayName> = roll.holders.keys().filter_map(named).collect();
    let dismissed: BTreeSet<GatewayName> = roll.dismissed.iter().filter_map(named).collect();
    // Whoever was dismissed did hold the keys.
    let never_told = dismissed.iter().filter(|gateway| !state.dismissed.contains(*gateway));
    let admitted: BTreeSet<&GatewayName> =
        holders.iter().chain(never_told).filter(|gateway| !state.holders.contains(*gateway)).collect();
    let left = state.holders.iter().chain(admitted.iter().copied()).filter(|gateway| !holders.contains(*gateway));
    let dismissals = left.map(|gateway| Command::RecordDismissal { gateway: gateway.clone() });
    let admissions = admitted.iter().map(|gateway| Command::RecordAdmission { gateway: (*gateway).clone() });
    admissions.chain(dismissals).collect()
}

/// Records what the facts do not say yet of the roll. Whoever calls it holds [`Membership::changing`]. Answers the names
/// that the facts tell then.
pub(super) async fn record_roll(app: &AppState, membership: &Membership) -> Result<Names, Problem> {
    for _ in 0..COMPARISONS_MAX {
        // The facts first: they tell of no roll that is newer than the one read then.
        let told = load::<Installation>(app.store.as_ref(), StreamId::INSTALLATION).await?.state;
        let roll = membership.roll().await.map_err(super::as_store_error)?;
        let commands = unrecorded(&told, &roll);
        if commands.is_empty() {
            return Ok(names(&roll));
        }
        for command in commands {
            let (id, version) = (CommandId(Uuid::new_v4()), app.directory.settings().version);
            let meta = CommandMeta::first(id, Actor::System, app.clock.now(), version);
            app.act::<Installation>(StreamId::INSTALLATION, &meta, &command, Vec::new()).await?;
        }
    }
    Err(StoreError::Unavailable("other gateways change who holds the keys all the while".to_owned()).into())
}

/// Records what is not recorded at the start, and later whenever the roll has changed, until the server stops.
pub async fn keep_recorded(app: AppState) {
    let Some(membership) = app.cluster.clone() else { return };
    let mut stopping = app.stopping.clone();
    let mut recorded: Option<Names> = None;
    loop {
        // The facts are read only if there is something new: the installation has many.
        let is_new = match (membership.roll().await, &recorded) {
            (Ok(roll), Some(recorded)) => names(&roll) != *recorded,
            (Ok(_), None) => true,
            (Err(_), _) => false,
        };
        if is_new {
            let _changing = membership.changing.lock().await;
            match record_roll(&app, &membership).await {
                Ok(names) => recorded = Some(names),
                Err(problem) => {
                    let problem = problem.kind().slug;
                    tracing::warn!(problem, "who holds the keys could not be recorded; it is tried again");
                }
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_domain::decider::Decider;
    use clew_domain::installation::InstallationEvent;
    use clew_eventstore::cursor::Cursor;

    fn named(name: &str) -> GatewayName {
        name.parse().expect("a name")
    }

    fn admitted(name: &str) -> InstallationEvent {
        InstallationEvent::GatewayAdmitted { gateway: named(name) }
    }

    fn dismissed(name: &str) -> InstallationEvent {
        InstallationEvent::GatewayDismissed { gateway: named(name) }
    }

    /// What is recorded where the facts tell this and the roll has these; nothing is left afterwards.
    fn recorded(told: &[InstallationEvent], holders: &[&str], gone: &[&str]) -> Vec<InstallationEvent> {
        let roll = Roll {
            holders: holders.iter().map(|name| ((*name).to_owned(), Cursor::start(1))).collect(),
            dismissed: gone.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut state = Installation::fold(told);
        let meta =
            CommandMeta::first(CommandId(Uuid::nil()), Actor::System, clew_domain::time::Timestamp::from_micros(0), 0);
        let mut events = Vec::new();
        for command in unrecorded(&state, &roll) {
            let then = Installation::decide(&state, &meta, &command).expect("nothing is refused");
            assert!(!then.is_empty(), "{command:?} is to be recorded");
            for event in then {
                Installation::evolve(&mut state, &event);
                events.push(event);
            }
        }
        assert!(unrecorded(&state, &roll).is_empty(), "a second gateway finds nothing to record");
        events
    }

    #[test]
    fn what_the_facts_do_not_say_of_the_roll_is_recorded() {
        assert_eq!(recorded(&[], &["a", "b"], &[]), [admitted("a"), admitted("b")]);
        assert_eq!(recorded(&[admitted("a")], &["a", "b"], &[]), [admitted("b")]);
        assert_eq!(recorded(&[admitted("a"), admitted("b")], &["a"], &["b"]), [dismissed("b")]);
        assert_eq!(recorded(&[admitted("a"), admitted("b"), dismissed("b")], &["a"], &["b"]), []);
    }

    #[test]
    fn who_came_and_went_unrecorded_is_told_of_with_both() {
        assert_eq!(recorded(&[admitted("a")], &["a"], &["b"]), [admitted("b"), dismissed("b")]);
    }

    #[test]
    fn who_is_admitted_again_is_told_of_again() {
        let told = [admitted("a"), admitted("b"), dismissed("b")];
        assert_eq!(recorded(&told, &["a", "b"], &[]), [admitted("b")]);
    }

    #[test]
    fn who_is_in_the_roll_no_more_is_not_waited_for() {
        // Recorded by another gateway before the keys were refused; or the registry was lost.
        assert_eq!(recorded(&[admitted("a"), admitted("b")], &["a"], &[]), [dismissed("b")]);
    }
}
