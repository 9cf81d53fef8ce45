//! The layers that every request passes: its id and log line, limits, security headers, who calls, where from.

pub mod guard;
pub mod headers;
pub mod listener;
pub mod trace;
