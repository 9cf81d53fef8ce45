//! The `clew` program: HTTP API, live feed, command line and the agent's screen. What may happen is the domain's
//! to say, how it is kept the store's, what is shown the projections'; here they are put together and served.

pub mod app;
pub mod attachments;
pub mod auth;
mod automation;
pub mod breaches;
pub mod bulk;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod demo;
pub mod directory;
pub mod distributor;
pub mod error;
pub mod extract;
pub mod http;
pub mod import;
pub mod ingest;
pub mod metrics;
pub mod openapi;
pub mod presence;
pub mod proofs;
pub mod reader;
pub mod router;
pub mod routes;
pub mod state;
pub mod sweep;
pub mod transcript;
pub mod ui;
pub mod uploads;
pub mod view;
pub mod wire;
