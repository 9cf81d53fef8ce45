//! A gateway of this version meets a fact that a newer one wrote: it keeps the bytes and reads around them.

use super::server::{Servers, is_there};
use clew_domain::fact::Position;
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::observer::LeafSource;
use clew_eventstore::store::EventStore;
use std::time::Duration;

/// Where the frame of the only fact begins in a proposal of one stream without contents, and its fact.
const FRAME_AT: usize = 63;
const FACT_AT: usize = FRAME_AT + 8;

fn crc(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    (!bytes.iter().fold(u32::MAX, byte)).to_le_bytes()
}

/// The same proposal as a Clew would make it whose events have a schema to come, one version further on.
fn of_the_next_schema(mut proposal: Vec<u8>) -> Vec<u8> {
    let end = proposal.len() - 4;
    proposal[2] ^= 1;
    proposal[47] += 1;
    proposal[FACT_AT + 2] = 99;
    proposal[FACT_AT + 48] ^= 1;
    let frame = crc(&proposal[FRAME_AT + 4..end]);
    proposal[FRAME_AT..FRAME_AT + 4].copy_from_slice(&frame);
    let whole = crc(&proposal[..end]);
    proposal[end..].copy_from_slice(&whole);
    proposal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_of_a_newer_schema_is_kept_and_named_and_the_rest_goes_on() {
    if !is_there() {
        return;
    }
    let servers = Servers::start(1, "");
    let store = servers.open("old", servers.options("clew", 1, 1)).await;
    store.append(commit(vec![write(stream(1), 0, 0..1)])).await.expect("written");
    let proposal = servers.last_message("clew_EV_00", "clew.ev.00");
    servers.publish("clew.ev.00", &of_the_next_schema(proposal));
    while store.leaves(0, 0, 10).await.expect("the copy reads").len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let why = store.read_stream(stream(1), 0).await.expect_err("it has what nobody here can read").to_string();
    assert!(why.contains("schema 99, which a newer Clew wrote"), "{why}");
    let all = store.read_all(Position { partition: 0, sequence: 0 }, 10).await;
    assert!(all.is_err_and(|why| why.to_string().contains("newer Clew")), "no fold passes over it");
    store.append(commit(vec![write(stream(2), 0, 5..6)])).await.expect("other streams are written");
    assert_eq!(store.read_stream(stream(2), 0).await.expect("and read").len(), 1);
    let kept = store.leaves(0, 0, 10).await.expect("the copy reads");
    assert_eq!((kept.len(), kept[1].bytes[2]), (3, 99), "its bytes are a leaf like others");

    // A copy that is made anew has the same leaves, and so whatever takes its place has the same root.
    let other = servers.open("other", servers.options("clew", 1, 1)).await;
    other.catch_up().await.expect("it catches up");
    assert!(other.leaves(0, 0, 10).await.expect("the copy reads") == kept);
}
