//! How long an agent was in each state, between two instants.

use super::{Agent, AgentEvent, AgentState, Availability};
use crate::decider::Decider;
use crate::time::Timestamp;

/// What an agent is, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Not signed in.
    SignedOut,
    /// Signed in, and takes conversations or not.
    SignedIn(Availability),
}

/// How long the agent was in each state from `from` until `to`, in microseconds; states in order of appearance.
/// `events` are all of the agent's, oldest first, with their instants; what is told to have happened before what came
/// before it in the stream counts as having happened then.
pub fn times<'a>(
    events: impl IntoIterator<Item = (Timestamp, &'a AgentEvent)>,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Presence, i64)> {
    let mut state = AgentState::default();
    let mut times: Vec<(Presence, i64)> = Vec::new();
    let mut since = Timestamp::MIN;
    let mut add = |state: &AgentState, since: Timestamp, until: Timestamp| {
        let micros = until.min(to).micros().saturating_sub(since.max(from).micros());
        if micros > 0 {
            let presence = Presence::of(state);
            match times.iter_mut().find(|(known, _)| *known == presence) {
                Some((_, sum)) => *sum += micros,
                None => times.push((presence, micros)),
            }
        }
    };
    for (at, event) in events {
        let at = at.max(since);
        add(&state, since, at);
        Agent::evolve(&mut state, event);
        since = at;
    }
    add(&state, since, to);
    times
}

impl Presence {
    fn of(state: &AgentState) -> Self {
        if state.sessions.is_empty() { Self::SignedOut } else { Self::SignedIn(state.availability) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AvailabilityCause, SignOutCause};
    use crate::ids::SessionId;
    use uuid::Uuid;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn each_second_counts_once_in_the_state_that_it_was_spent_in() {
        let session = SessionId(Uuid::nil());
        let available =
            AgentEvent::AvailabilityChanged { availability: Availability::Available, cause: AvailabilityCause::ByHand };
        let events = [
            (at(10), AgentEvent::SignedIn { session }),
            (at(20), available),
            (at(50), AgentEvent::SignedOut { session, cause: SignOutCause::ByHand }),
        ];
        let told = |from, to| times(events.iter().map(|(at, event)| (*at, event)), at(from), at(to));
        let (out, away) = (Presence::SignedOut, Presence::SignedIn(Availability::Away));
        let here = Presence::SignedIn(Availability::Available);
        assert_eq!(told(0, 60), [(out, 20_000_000), (away, 10_000_000), (here, 30_000_000)]);
        assert_eq!(told(15, 30), [(away, 5_000_000), (here, 10_000_000)]);
        assert_eq!(told(60, 60), []);
    }
}
