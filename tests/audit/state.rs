//! What the views showed is bound to the log, and a mask changes no proof.

use crate::support::{TestApp, Webhook};
use clew_domain::content::StateHash;
use clew_domain::conversation::Visibility::Private;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{CommandId, ConversationId, StreamId};
use clew_domain::installation::{Command, DataReading, StateDigest};
use clew_domain::workspace::{ChannelKind, Role};
use clew_eventstore::proofs::digests::{hash_of, replay};
use clew_eventstore::proofs::proof::{consistency, verify_consistency};
use clew_eventstore::proofs::receipt::Receipt;
use clew_eventstore::proofs::verdict::Finding;
use clew_gateway::digests;
use clew_gateway::readings::Readings;
use clew_projections::{Options, Projections};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A desk on which some work was done; the conversations.
async fn worked() -> (TestApp, Vec<ConversationId>) {
    let app = TestApp::with(|config| config.store_partitions = 1).await;
    let hook = Webhook::connect(&app, ChannelKind::Sms, Private).await;
    let (ada, ada_id) = app.signed_in("ada", [Role::Agent, Role::Supervisor]).await;
    let mut conversations = Vec::new();
    for number in 0..6 {
        let told = hook.write(&format!("m{number}"), &format!("+33 {number}"), "Hello").await;
        let id = told["conversation"].as_str().expect("an id").to_owned();
        let at = format!("/v1/conversations/{id}");
        if number % 2 == 0 {
            ada.put(&format!("{at}/assignment"), json!({"agent": ada_id})).await.expect(200);
        }
        if number % 3 == 0 {
            ada.post(&format!("{at}/resolve"), json!({"reason": "spam"})).await.expect(200);
        }
        conversations.push(ConversationId(Uuid::parse_str(&id).expect("an id")));
    }
    (app, conversations)
}

#[tokio::test]
async fn a_replay_and_a_rebuild_come_to_the_recorded_state() {
    let (app, conversations) = worked().await;
    let state = &app.app.state;
    assert_eq!(digests::record(state).await.expect("recorded"), 1);
    assert_eq!(digests::record(state).await.expect("recorded"), 0, "nothing was worked on since");
    let hook = Webhook::connect(&app, ChannelKind::Sms, Private).await;
    hook.write("later", "+44", "Hello again").await;
    assert_eq!(digests::record(state).await.expect("recorded"), 1);
    let replayed = replay(state.store.as_ref(), 0, &mut |_| {}).await.expect("the log reads");
    assert_eq!((replayed.agreeing, replayed.findings), (2, vec![]));
    assert_eq!(state.digests.trouble(), None);

    let rebuilt = Projections::open(None, Arc::clone(&state.store), Options::default()).await.expect("opens");
    rebuilt.wait_for(&state.store.head(), Duration::from_secs(30)).await.expect("catches up");
    let shown = |it: &Projections| {
        let (rows, _) = it.queues().rows_at(conversations.iter().copied()).expect("rows");
        hash_of(rows.iter().map(clew_projections::queues::Row::standing).collect())
    };
    assert_eq!(shown(&rebuilt), shown(&state.projections));
    rebuilt.shutdown().await;
}

#[tokio::test]
async fn a_fold_that_showed_something_else_is_caught() {
    let (app, conversations) = worked().await;
    let state = &app.app.state;
    state.projections.wait_for(&state.store.head(), Duration::from_secs(30)).await.expect("catches up");
    let (rows, seen) = state.projections.queues().rows_at(conversations.iter().copied()).expect("rows");
    let mut shown: Vec<_> = rows.iter().map(clew_projections::queues::Row::standing).collect();
    let at = seen.sequence(0);
    let record = async |hash: StateHash, conversations: u32| {
        let digest = StateDigest { partition: 0, after: 0, upto: at, at, conversations, hash };
        let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, state.clock.now(), 1);
        let recorded = state.readings.command(state.store.as_ref(), &meta, &Command::RecordState(digest)).await;
        recorded.expect("recorded");
        state.store.head().sequence(0) - 1
    };
    record(hash_of(shown.clone()), 6).await;
    // A fold that forgets that a conversation was resolved.
    let resolved = shown.iter_mut().find(|it| it.queue == clew_domain::conversation::Queue::Resolved);
    resolved.expect("one is resolved").queue = clew_domain::conversation::Queue::New;
    let wrong = record(hash_of(shown.clone()), 6).await;
    let fewer = record(hash_of(shown[..5].to_vec()), 5).await;
    let replayed = replay(state.store.as_ref(), 0, &mut |_| {}).await.expect("the log reads");
    assert_eq!(replayed.agreeing, 1);
    let differs = |index, conversations| Finding::StateDiffers { index, at, conversations };
    assert_eq!(replayed.findings, [differs(wrong, 6), differs(fewer, 5)]);
}

#[tokio::test]
async fn what_is_read_is_recorded_whoever_else_writes_to_the_same_stream() {
    let app = TestApp::with(|config| config.store_partitions = 1).await;
    let state = &app.app.state;
    let store = state.store.as_ref();
    let [one, other] = [Readings::default(), Readings::default()];
    for _ in 0..5 {
        for readings in [&one, &other] {
            let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, state.clock.now(), 1);
            readings.record(store, &meta, DataReading::Export).await.expect("recorded");
            readings.record_once(store, &meta, DataReading::Facts).await.expect("recorded");
        }
    }
    let facts = store.read_stream(StreamId::INSTALLATION, 0).await.expect("it reads");
    assert_eq!(facts.len(), 10 + 2, "each export, and the facts once for each of the two");
}

#[tokio::test]
async fn a_mask_leaves_the_root_and_every_earlier_proof_as_they_were() {
    let app = TestApp::with(|config| config.store_partitions = 1).await;
    let hook = Webhook::connect(&app, ChannelKind::Sms, Private).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent, Role::Supervisor]).await;
    let (eve, _) = app.signed_in("eve", [Role::Auditor]).await;
    let told = hook.write("m1", "+33 1", "My card is 123").await;
    let at = format!("/v1/conversations/{}", told["conversation"].as_str().expect("an id"));
    let proofs = &app.app.state.proofs;
    let before = proofs.refresh().await.expect("signed");
    let trail = steps(&eve.get(&format!("{at}/replay")).await.expect(200));
    let mut receipts = Vec::new();
    for position in &trail {
        receipts.push(eve.get(&format!("/v1/audit/receipts/{position}")).await.body);
    }

    let message = told["message"].as_str().expect("an id");
    ada.post(&format!("{at}/messages/{message}/mask"), json!({})).await.expect(200);
    let after = proofs.refresh().await.expect("still signed");
    let log = proofs.logs()[0].as_ref();
    let (old, new) = (before[0].checkpoint(), after[0].checkpoint());
    assert!(new.size > old.size);
    let proof = consistency(log, old.size, new.size).expect("both are in the tree");
    verify_consistency(old.size, &old.root, new.size, &new.root, &proof).expect("the log was only added to");
    for (position, receipt) in trail.iter().zip(&receipts) {
        let text = String::from_utf8(receipt.clone()).expect("UTF-8");
        let kept = Receipt::open(&text, &log.verifier()).expect("an earlier receipt holds");
        let again = eve.get(&format!("/v1/audit/receipts/{position}")).await.body;
        let again = Receipt::open(&String::from_utf8(again).expect("UTF-8"), &log.verifier()).expect("holds");
        assert_eq!(kept.leaf, again.leaf, "the fact is the same, byte for byte");
    }
    assert_eq!(eve.get(&format!("{at}/replay")).await.expect(200)["steps"][1]["said"]["masked"], true);
}

fn steps(replay: &serde_json::Value) -> Vec<String> {
    let steps = replay["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["position"].as_str().expect("a position").to_owned()).collect()
}
