//! Clew as a whole: the real router over the real store in memory. `routes/` mirrors the addresses of the API.

mod audit;
mod browser;
mod cluster;
mod dependencies;
mod import;
mod masking;
mod openapi;
mod projections;
mod recovery;
mod routes;
mod routing;
mod sla;
mod support;
mod upkeep;
