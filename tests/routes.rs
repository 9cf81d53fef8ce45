//! Tests by address.

mod admin;
mod conversations;
mod health;
mod me;
mod sessions;
mod surface;
mod workspace;
