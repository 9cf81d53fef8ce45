//! What is refused when a gateway opens a cluster, and that it says what to do.

use super::server::{Servers, is_there, prefix};
use clew_eventstore::backends::jetstream::{Options, Store};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::store::{EventStore, StoreError};

async fn refusal(servers: &Servers, gateway: &str, options: Options) -> String {
    let opened = Store::open(&servers.copies(gateway), options).await;
    match opened {
        Err(StoreError::Unavailable(why)) => why,
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test]
async fn servers_without_jetstream_or_for_small_messages_alone() {
    if !is_there() {
        return;
    }
    let small = Servers::start(1, "max_payload: 1MB");
    let why = refusal(&small, "a", small.options("a", 1, 1)).await;
    assert!(why.contains("max_payload: 9MB"), "{why}");
    let without = Servers::start(1, "# no jetstream");
    let why = refusal(&without, "a", without.options("a", 1, 1)).await;
    assert!(why.contains("jetstream"), "{why}");
}

#[tokio::test]
async fn streams_of_other_settings() {
    if !is_there() {
        return;
    }
    let servers = Servers::shared(1);
    let prefix = prefix();
    drop(servers.open("a", servers.options(&prefix, 1, 2)).await);
    let why = refusal(&servers, "b", servers.options(&prefix, 1, 4)).await;
    assert!(why.contains("partitions 2") && why.contains("needs 4"), "{why}");
}

#[tokio::test]
async fn a_copy_of_another_log_and_a_copy_that_has_more_than_the_log() {
    if !is_there() {
        return;
    }
    let servers = Servers::start(1, "");
    let store = servers.open("a", servers.options("one", 1, 1)).await;
    store.append(commit(vec![write(stream(1), 0, 0..3)])).await.expect("taken");
    // The checkpoint is written at the latest after so long.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    drop(store);
    let why = refusal(&servers, "a", servers.options("two", 1, 1)).await;
    assert!(why.contains("a data directory of its own"), "{why}");
    std::fs::remove_file(servers.copies("a").join("partition-00/followed")).expect("the checkpoint is there");
    let why = refusal(&servers, "a", servers.options("two", 1, 1)).await;
    assert!(why.contains("facts that the cluster has not"), "{why}");
    let again = servers.open("a", servers.options("one", 1, 1)).await;
    assert_eq!(again.head().sequence(0), 3, "without its checkpoint it goes through the log again");
}
