//! Rules at work. What a message sets off is decided and written with the message, in one commit, so nothing between
//! the two can be lost or done twice. What silence sets off is routing's work, which watches every open conversation.

mod by_hand;
mod course;
mod inbound;
mod orders;

pub(crate) use by_hand::ByHand;
pub(crate) use inbound::Inbound;
pub(crate) use orders::of_quiet;
