//! The decider: what every aggregate is made of, and the given/when/then harness that its tests use.

use crate::fact::CommandMeta;

/// A pure rule of what may happen and what then is.
///
/// `decide` never reads a clock, a random source or a store: times and ids come with the command.
pub trait Decider {
    /// What is known of the aggregate; its default is what is known before its first event.
    type State: Default + Clone;
    /// What may be asked of it.
    type Command;
    /// What may have happened to it.
    type Event: Clone;
    /// Why what was asked may not happen.
    type Rejection;

    /// The events that follow from `command` in `state`; none where it changes nothing.
    fn decide(
        state: &Self::State,
        meta: &CommandMeta,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Takes an event into account. `state` is at the version just before it.
    fn evolve(state: &mut Self::State, event: &Self::Event);

    /// The state after these events, from the start.
    fn fold<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Self::State
    where
        Self::Event: 'a,
    {
        let mut state = Self::State::default();
        for event in events {
            Self::evolve(&mut state, event);
        }
        state
    }
}

/// Given these events, when this is asked, then that follows.
#[cfg(test)]
pub(crate) mod spec {
    use super::Decider;
    use crate::fact::{Actor, CommandMeta};
    use crate::ids::{AgentId, CommandId};
    use crate::time::Timestamp;
    use proptest::prelude::{TestCaseError, prop_assert};
    use std::fmt::Debug;
    use uuid::Uuid;

    pub(crate) const ALICE: AgentId = AgentId(Uuid::from_u128(0xA11CE));
    pub(crate) const BOB: AgentId = AgentId(Uuid::from_u128(0xB0B));

    pub(crate) struct Spec<D: Decider> {
        given: Vec<D::Event>,
        meta: CommandMeta,
    }

    pub(crate) struct Outcome<D: Decider> {
        result: Result<Vec<D::Event>, D::Rejection>,
    }

    pub(crate) fn given<D: Decider>(events: impl IntoIterator<Item = D::Event>) -> Spec<D> {
        let meta = CommandMeta::first(
            CommandId(Uuid::from_u128(1)),
            Actor::Agent(ALICE),
            Timestamp::from_micros(1_700_000_000_000_000),
            1,
        );
        Spec { given: events.into_iter().collect(), meta }
    }

    impl<D: Decider> Spec<D> {
        pub(crate) fn by(mut self, actor: Actor) -> Self {
            self.meta.actor = actor;
            self
        }

        // Taking the command whole keeps a specification readable: `given(..).when(Command::..)`.
        #[allow(clippy::needless_pass_by_value)]
        pub(crate) fn when(self, command: D::Command) -> Outcome<D> {
            let state = D::fold(&self.given);
            Outcome { result: D::decide(&state, &self.meta, &command) }
        }
    }

    impl<D: Decider> Outcome<D>
    where
        D::Event: Debug + PartialEq,
        D::Rejection: Debug + PartialEq,
    {
        #[track_caller]
        pub(crate) fn then(self, events: impl IntoIterator<Item = D::Event>) {
            assert_eq!(self.result, Ok(events.into_iter().collect()));
        }

        #[track_caller]
        pub(crate) fn then_nothing(self) {
            self.then([]);
        }

        #[track_caller]
        pub(crate) fn then_rejected(self, why: D::Rejection) {
            assert_eq!(self.result, Err(why));
        }
    }

    /// Gives each command twice in a row: the second time it must lead to nothing, or be refused.
    pub(crate) fn repeats_change_nothing<D: Decider>(commands: &[D::Command]) -> Result<(), TestCaseError>
    where
        D::Event: Debug,
        D::Command: Debug,
    {
        let (mut state, meta) = (D::State::default(), given::<D>([]).meta);
        for command in commands {
            for event in D::decide(&state, &meta, command).unwrap_or_default() {
                D::evolve(&mut state, &event);
            }
            let again = D::decide(&state, &meta, command).unwrap_or_default();
            prop_assert!(again.is_empty(), "{command:?} given again led to {again:?}");
        }
        Ok(())
    }
}
