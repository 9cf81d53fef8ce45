//! Clew's pure core: what can happen at a care desk (events), what may be asked (commands), and what
//! follows from what (deciders). No I/O, no clock, no randomness: times and ids come with the command.

pub mod agent;
pub mod automation;
pub mod contact;
pub mod content;
pub mod conversation;
pub mod decider;
pub mod derive;
pub mod erasure;
pub mod fact;
pub mod fold;
pub mod ids;
pub mod installation;
pub mod name;
pub mod plaintext;
pub mod redaction;
pub mod routing;
pub mod saved_reply;
pub mod sla;
mod tagged;
pub mod time;
pub mod workspace;
