//! The store on a cluster, with a real nats-server of the version that `requirements.txt` names.

mod agreement;
mod compacted;
mod conformance;
mod faults;
mod fetch;
mod gateways;
mod history;
mod masks;
mod migrate;
mod network;
mod refused;
mod server;
mod versions;
