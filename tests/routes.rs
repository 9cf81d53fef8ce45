//! Tests by address.

mod admin;
mod audit;
mod audit_proofs;
mod conversations;
mod feed;
mod health;
mod me;
mod past;
mod projections;
mod redactions;
mod regions;
mod replay;
mod saved_replies;
mod sessions;
mod sla;
mod surface;
mod workspace;
