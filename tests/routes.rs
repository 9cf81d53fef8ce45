//! Tests by address.

mod admin;
mod audit_proofs;
mod conversations;
mod health;
mod me;
mod sessions;
mod surface;
mod workspace;
