//! The suite that every store passes, against one server and against three, with one partition and with four.

use super::server::{Servers, is_there, prefix};
use clew_eventstore::conformance::Subject;
use std::sync::Arc;

async fn subject(servers: usize, partitions: u16) -> Subject {
    let running = Servers::shared(servers);
    let prefix = prefix();
    let store = running.open(&prefix, running.options(&prefix, servers, partitions)).await;
    Subject { store: Arc::new(store), keep: Box::new(running) }
}

macro_rules! over {
    ($name:ident, $servers:literal, $partitions:literal) => {
        mod $name {
            clew_eventstore::conformance!({
                if !super::is_there() {
                    return;
                }
                super::subject($servers, $partitions).await
            });
        }
    };
}

over!(one_server_one_partition, 1, 1);
over!(one_server_four_partitions, 1, 4);
over!(three_servers_one_partition, 3, 1);
over!(three_servers_four_partitions, 3, 4);
