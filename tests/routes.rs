//! Tests by address.

mod admin;
mod health;
mod me;
mod sessions;
mod surface;
mod workspace;
