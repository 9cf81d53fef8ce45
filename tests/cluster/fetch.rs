//! A gateway that has nothing yet fetches a log of many large messages, and is slow at it.

use super::server::{Servers, is_there};
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::store::EventStore;
use futures::future::try_join_all;
use std::time::Duration;

/// Commits of a thousand facts each: more bytes than a server keeps for one client (`max_pending`, 64 MiB).
const COMMITS: u64 = 450;

/// Keeps the thread busy again and again, as a machine does that has more to do than it can.
async fn be_busy() {
    for _ in 0..15 {
        std::thread::sleep(Duration::from_millis(200));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn no_more_of_a_log_is_asked_for_than_the_server_keeps_for_a_client() {
    if !is_there() {
        return;
    }
    let servers = Servers::start(1, "");
    let options = || servers.options("clew", 1, 1);
    let writer = servers.open("writer", options()).await;
    let commits = (0..COMMITS).map(|n| writer.append(commit(vec![write(stream(n), 0, 0..1_000)])));
    try_join_all(commits).await.expect("the cluster takes them");
    let (reader, ()) = tokio::join!(servers.open("reader", options()), be_busy());
    assert_eq!(reader.head(), writer.head());
    let logs = servers.logs();
    assert!(!logs.contains("Slow Consumer"), "the server gave up whoever read: {logs}");
}
