//! Routing as a whole: distributors at work over a store, and the properties that must hold whatever happens.

mod bulk;
mod http;
mod kept;
mod oracle;
mod presence;
mod rules;
mod simulation;
mod teams;
mod weeks;
mod world;
