//! The conversation: messages with one contact on one channel (and, in public, one thread), from the first
//! message until it is resolved. What is written stands in sealed contents; here are only references to it.

mod decide;
mod event;
mod standing;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{
    Command, Conversation, Opening, Outcome, Receive, Rejection, ReplyContext, RuleAct, RuleOrder, SendReply, Then,
};
pub use event::*;
pub use standing::Standing;
pub use state::{Answering, Delivery, Direction, KnownMessage, KnownNote, Queue, State};
