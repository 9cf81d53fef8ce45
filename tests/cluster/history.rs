//! What clients saw of a cluster, and whether a log explains it: each stream, taken alone, as if its commits had
//! happened one after the other, each at some instant between its call and its answer.

use clew_domain::fact::Fact;
use clew_domain::ids::{CommandId, StreamId};
use std::collections::HashMap;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Written, at this version.
    Written(u64),
    /// Not written, since the stream was elsewhere.
    Refused,
    /// Written or not.
    Unknown,
}

/// A commit of one fact, as its client saw it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) stream: StreamId,
    pub(super) command: CommandId,
    pub(super) expected: u64,
    /// When it was called and when it was answered, on a clock that all clients share.
    pub(super) called: u64,
    pub(super) answered: u64,
    pub(super) outcome: Outcome,
}

/// Says what of the history the log does not explain.
pub(super) fn judge(history: &[Operation], log: &[Fact]) -> Result<(), String> {
    let mut versions: HashMap<StreamId, u64> = HashMap::new();
    let mut places: HashMap<CommandId, u64> = HashMap::new();
    for fact in log {
        let version = versions.entry(fact.stream).or_default();
        *version += 1;
        if fact.version != *version {
            return Err(format!("{} has version {} where {version} comes", fact.stream, fact.version));
        }
        if places.insert(fact.body.command, fact.version).is_some() {
            return Err(format!("{:?} is there twice", fact.body.command));
        }
    }
    let mut found = Vec::new();
    for operation in history {
        let place = places.remove(&operation.command);
        found.push((operation, place));
        match (operation.outcome, place) {
            (Outcome::Written(version), Some(place)) if version == place => {}
            (Outcome::Written(version), Some(place)) => {
                return Err(format!("acknowledged at version {version}, there at {place}: {operation:?}"));
            }
            (Outcome::Written(_), None) => return Err(format!("acknowledged and lost: {operation:?}")),
            (Outcome::Refused, Some(_)) => return Err(format!("refused and there: {operation:?}")),
            (Outcome::Refused | Outcome::Unknown, _) => {}
        }
        if place.is_some_and(|place| place != operation.expected + 1) {
            return Err(format!("written upon another version than it expected: {operation:?}"));
        }
    }
    if let Some(command) = places.keys().next() {
        return Err(format!("{command:?} is there and nobody wrote it"));
    }
    in_time(&found)
}

/// What was answered before another was called has the lower version, and nothing is refused unless what took its place
/// was called before the answer. Where a log gives the order of the writes, that is all that linearizable means.
fn in_time(history: &[(&Operation, Option<u64>)]) -> Result<(), String> {
    for (later, second) in history {
        for (earlier, first) in history.iter().filter(|(earlier, _)| earlier.stream == later.stream) {
            if earlier.answered < later.called
                && let (Outcome::Written(_), Some(first), Some(second)) = (earlier.outcome, first, second)
                && second <= first
            {
                return Err(format!("{later:?} came after {earlier:?} and has no later version"));
            }
        }
        let took_its_place = |(other, place): &(&Operation, Option<u64>)| {
            other.stream == later.stream && *place == Some(later.expected + 1) && other.called < later.answered
        };
        if later.outcome == Outcome::Refused && !history.iter().any(took_its_place) {
            return Err(format!("refused though nothing was written at its version: {later:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_domain::fact::Position;
    use clew_domain::time::Timestamp;
    use clew_eventstore::conformance;

    fn fact(number: u64, version: u64) -> Fact {
        let position = Position { partition: 0, sequence: version };
        let body = conformance::fact(number);
        Fact { position, stream: conformance::stream(1), version, recorded_at: Timestamp::MIN, body }
    }

    fn operation(number: u64, expected: u64, at: u64, outcome: Outcome) -> Operation {
        let (stream, command) = (conformance::stream(1), conformance::fact(number).command);
        Operation { stream, command, expected, called: at, answered: at + 1, outcome }
    }

    #[test]
    fn a_sound_history_is_explained() {
        let history = [
            operation(1, 0, 0, Outcome::Written(1)),
            operation(2, 1, 10, Outcome::Unknown),
            operation(3, 1, 20, Outcome::Refused),
            operation(4, 2, 30, Outcome::Unknown),
        ];
        assert_eq!(judge(&history, &[fact(1, 1), fact(2, 2)]), Ok(()));
    }

    #[test]
    fn a_store_that_breaks_a_promise_is_caught() {
        let written = operation(1, 0, 0, Outcome::Written(1));
        let broken: [(&str, Vec<Operation>, Vec<Fact>); 8] = [
            ("acknowledged and lost", vec![written.clone()], vec![]),
            ("is there twice", vec![written.clone()], vec![fact(1, 1), fact(1, 2)]),
            ("refused and there", vec![operation(1, 0, 0, Outcome::Refused)], vec![fact(1, 1)]),
            ("has version 2", vec![written.clone()], vec![fact(1, 2)]),
            ("nobody wrote it", vec![], vec![fact(1, 1)]),
            ("another version", vec![operation(1, 5, 0, Outcome::Unknown)], vec![fact(1, 1)]),
            (
                "no later version",
                vec![operation(1, 1, 0, Outcome::Written(2)), operation(2, 0, 10, Outcome::Written(1))],
                vec![fact(2, 1), fact(1, 2)],
            ),
            (
                "no later version",
                vec![operation(1, 1, 0, Outcome::Written(2)), operation(2, 0, 10, Outcome::Unknown)],
                vec![fact(2, 1), fact(1, 2)],
            ),
        ];
        for (what, history, log) in broken {
            let verdict = judge(&history, &log).expect_err(what);
            assert!(verdict.contains(what), "{verdict}");
        }
        let nowhere = [operation(1, 0, 0, Outcome::Unknown), operation(2, 0, 10, Outcome::Refused)];
        assert!(judge(&nowhere, &[]).is_err_and(|why| why.contains("refused though")));
        let alone = judge(&[operation(1, 0, 0, Outcome::Refused)], &[]).expect_err("refused for nothing");
        assert!(alone.contains("refused though"), "{alone}");
    }
}
