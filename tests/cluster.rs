//! The store on a cluster, with a real nats-server of the version that `requirements.txt` names.

mod conformance;
mod faults;
mod history;
mod refused;
mod server;
