//! stub

mod event;
pub use event::*;
