//! `/v1/audit/checkpoint`, `/tile`, `/proofs`, `/receipts`.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::conversation::Visibility;
use clew_domain::workspace::{ChannelKind, Role};
use clew_eventstore::codec;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::proofs::proof::{verify_consistency, verify_inclusion};
use clew_eventstore::proofs::receipt::Receipt;
use clew_eventstore::proofs::tile::{decode_entries, decode_hashes};
use clew_eventstore::proofs::tree::leaf_hash;
use clew_eventstore::proofs::{Hash, SignedCheckpoint, VerifierKey};
use serde_json::Value;

async fn text(client: &Client, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status.as_u16(), 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    String::from_utf8(answer.body).expect("UTF-8")
}

fn hashes(proof: &Value) -> Vec<Hash> {
    let texts = proof["hashes"].as_array().expect("a list");
    texts.iter().map(|text| text.as_str().expect("text").parse().expect("a hash")).collect()
}

async fn auditor(app: &TestApp) -> (Client, VerifierKey, SignedCheckpoint) {
    let (ada, _) = app.signed_in("ada", [Role::Auditor]).await;
    app.app.state.proofs.refresh().await.expect("signed");
    let key: VerifierKey = text(&ada, "/v1/audit/key").await.parse().expect("a key");
    let signed = SignedCheckpoint::open(&text(&ada, "/v1/audit/checkpoint").await, &key).expect("signed by the log");
    (ada, key, signed)
}

#[tokio::test]
async fn tiles_lead_from_the_facts_to_the_signed_root() {
    let app = TestApp::new().await;
    let (ada, _, signed) = auditor(&app).await;
    let size = signed.checkpoint().size;
    assert!((1..256).contains(&size), "{size}");
    let entries = ada.get(&format!("/v1/audit/tile/entries/000.p/{size}")).await;
    assert_eq!(entries.header("content-type"), "application/octet-stream");
    let facts = decode_entries(&entries.body).expect("entries");
    let tile = ada.get(&format!("/v1/audit/tile/0/000.p/{size}")).await.body;
    let tile = decode_hashes(&tile, u16::try_from(size).expect("small")).expect("a tile");
    assert_eq!(tile, facts.iter().map(|fact| leaf_hash(fact)).collect::<Vec<_>>());
    for path in ["0/000", "1/000.p/1", "0/001.p/1", "0/000.p/0", "entries/000", "0/0", "nonsense"] {
        ada.get(&format!("/v1/audit/tile/{path}")).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn proofs_made_to_order_hold() {
    let app = TestApp::new().await;
    let (ada, _, signed) = auditor(&app).await;
    let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
    let proof = ada.get("/v1/audit/proofs/inclusion?index=1").await.expect(200);
    let leaf: Hash = proof["leaf_hash"].as_str().expect("text").parse().expect("a hash");
    verify_inclusion(leaf, 1, size, &hashes(&proof), &root).expect("it holds");
    let proof = ada.get("/v1/audit/proofs/consistency?old=1").await.expect(200);
    let old: Hash = proof["old_root"].as_str().expect("text").parse().expect("a hash");
    verify_consistency(1, &old, size, &root, &hashes(&proof)).expect("it holds");
    ada.get(&format!("/v1/audit/proofs/inclusion?index={size}")).await.expect_problem(404, "not-found");
    ada.get(&format!("/v1/audit/proofs/consistency?old=1&new={}", size + 1)).await.expect_problem(404, "not-found");
    ada.get("/v1/audit/proofs/inclusion").await.expect_problem(400, "invalid-query");
}

#[tokio::test]
async fn a_receipt_proves_a_fact_that_was_just_written() {
    let app = TestApp::new().await;
    let (ada, key, before) = auditor(&app).await;
    app.account("bob", [Role::Agent]).await;
    let last = before.checkpoint().size + 1;
    let receipt = text(&ada, &format!("/v1/audit/receipts/p{last:x}")).await;
    let receipt = Receipt::open(&receipt, &key).expect("it holds");
    assert_eq!(receipt.index + 1, last);
    ada.get("/v1/audit/receipts/p0").await.expect_problem(404, "not-found");
    ada.get("/v1/audit/receipts/pffff").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn each_partition_has_a_tree_that_is_signed_under_a_name_of_its_own() {
    let app = TestApp::with(|config| config.store_partitions = 4).await;
    let hook = Webhook::connect(&app, ChannelKind::Sms, Visibility::Private).await;
    // So many that by chance no partition is left with one fact or none.
    for n in 0..48 {
        hook.write(&format!("m{n}"), &format!("+33 {n}"), "Hello").await;
    }
    let (ada, key, _) = auditor(&app).await;
    let told = ada.get("/v1/audit/partitions").await.expect(200);
    let told = told["items"].as_array().expect("a list").clone();
    assert_eq!(told.len(), 4);
    for (partition, told) in (0..).zip(&told) {
        let key = key.of_partition(partition);
        assert_eq!(told["key"], key.to_string());
        let at = format!("/v1/audit/partitions/{partition}");
        let signed = SignedCheckpoint::open(&text(&ada, &format!("{at}/checkpoint")).await, &key).expect("signed");
        let (size, root) = (signed.checkpoint().size, signed.checkpoint().root);
        assert_eq!((told["size"].as_u64(), told["root"].as_str()), (Some(size), Some(root.to_string().as_str())));
        assert!(size > 1, "something happened in partition {partition}");
        let tile = ada.get(&format!("{at}/tile/entries/000.p/{size}")).await.body;
        assert_eq!(decode_entries(&tile).expect("entries").len() as u64, size);
        let proof = ada.get(&format!("/v1/audit/proofs/inclusion?index=1&partition={partition}")).await.expect(200);
        let leaf: Hash = proof["leaf_hash"].as_str().expect("text").parse().expect("a hash");
        verify_inclusion(leaf, 1, size, &hashes(&proof), &root).expect("it holds");
    }
    for fact in app.facts().await {
        let place = Cursor::at(fact.position);
        let receipt = text(&ada, &format!("/v1/audit/receipts/{place}")).await;
        let receipt = Receipt::open(&receipt, &key.of_partition(fact.position.partition)).expect("it holds");
        assert_eq!((receipt.index + 1, codec::decode(&receipt.leaf).expect("a fact")), (fact.position.sequence, fact));
    }
    ada.get("/v1/audit/partitions/4/checkpoint").await.expect_problem(404, "not-found");
    ada.get("/v1/audit/proofs/inclusion?index=1&partition=4").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn only_who_may_read_the_trail_gets_at_the_proofs() {
    let app = TestApp::new().await;
    let (bob, _) = app.signed_in("bob", [Role::Agent, Role::Admin]).await;
    let paths =
        ["checkpoint", "checkpoint/witnessed", "key", "tile/0/000.p/1", "proofs/inclusion?index=0", "partitions"];
    let of_partition = ["checkpoint", "checkpoint/witnessed", "tile/0/000.p/1"].map(|it| format!("partitions/0/{it}"));
    for path in of_partition {
        bob.get(&format!("/v1/audit/{path}")).await.expect_problem(403, "forbidden");
    }
    for path in paths.into_iter().chain(["proofs/consistency?old=1", "receipts/p1"]) {
        bob.get(&format!("/v1/audit/{path}")).await.expect_problem(403, "forbidden");
        app.anybody().get(&format!("/v1/audit/{path}")).await.expect_problem(401, "sign-in-required");
    }
}

#[tokio::test]
async fn health_tells_whether_the_log_is_signed() {
    let app = TestApp::new().await;
    let ready = app.anybody().get("/health/ready").await.expect(200);
    let check = ready["checks"].as_array().expect("a list").iter().find(|check| check["name"] == "proofs");
    assert_eq!(check.expect("a check of the proofs")["ok"], true);
}
