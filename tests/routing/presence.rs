//! Who is there: seen live, and what happens when they are no longer.

use crate::support::{TestApp, Webhook};
use clew_domain::conversation::{Conversation, Visibility};
use clew_domain::ids::ConversationId;
use clew_domain::workspace::{ChannelKind, Command, Role, Settings};
use clew_eventstore::transact::load;
use clew_gateway::connections;
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

async fn conversation(app: &TestApp) -> ConversationId {
    let hook = Webhook::connect(app, ChannelKind::WhatsApp, Visibility::Private).await;
    let told = hook.write("m1", "+33 1", "Hello").await;
    ConversationId(told["conversation"].as_str().expect("an id").parse::<Uuid>().expect("a UUID"))
}

#[tokio::test]
async fn who_looks_and_who_types_is_told_and_not_stored() {
    let app = TestApp::new().await;
    let id = conversation(&app).await;
    let (ada, ada_id) = app.signed_in("ada", [Role::Agent]).await;
    let (ben, _) = app.signed_in("ben", [Role::Agent]).await;
    let address = format!("/v1/conversations/{id}/presence");
    let head = app.app.state.store.head();
    ben.put(&address, json!({})).await.expect(200);
    let there = ada.put(&address, json!({"typing": true})).await.expect(200);
    assert_eq!(there["agents"].as_array().map(Vec::len), Some(2));
    let own = there["agents"].as_array().expect("agents").iter().find(|it| it["id"] == ada_id.to_string());
    assert_eq!(own.expect("Ada")["typing"], true);
    ben.delete(&address).await.expect(204);
    let there = ada.put(&address, json!({})).await.expect(200);
    assert_eq!((there["agents"].as_array().map(Vec::len), &there["agents"][0]["typing"]), (Some(1), &json!(false)));
    assert_eq!(app.app.state.store.head(), head, "nothing of it is in the log");
    let (eve, _) = app.signed_in("eve", [Role::Operator]).await;
    assert!(eve.put(&address, json!({})).await.status.is_client_error(), "who may not read it is not told");
}

#[tokio::test]
async fn a_lock_goes_with_a_connection_that_does_not_come_back_and_only_who_has_it_replies() {
    let app = TestApp::new().await;
    let settings = Settings { lock_grace_s: 5, ..Settings::default() };
    app.set(Command::ChangeSettings { settings }).await;
    let id = conversation(&app).await;
    let (ada, ada_id) = app.signed_in("ada", [Role::Agent]).await;
    let (ben, ben_id) = app.signed_in("ben", [Role::Agent]).await;
    let reply = |seen: u64| json!({"text": "Hello", "seen": seen});
    let at = format!("/v1/conversations/{id}");
    ada.put(&format!("{at}/lock"), json!({})).await.expect(200);
    ben.put(&format!("{at}/lock"), json!({})).await.expect_problem(409, "locked-by-other");
    ben.post(&format!("{at}/messages"), reply(9)).await.expect_problem(409, "locked-by-other");
    ben.put(&format!("{at}/lock"), json!({"take_over": true})).await.expect(200);
    ada.post(&format!("{at}/messages"), reply(9)).await.expect_problem(409, "locked-by-other");

    // Ben's only screen goes, and does not come back for as long as the workspace allows.
    let state = &app.app.state;
    let turn = state.connections.take(ben_id, 1).expect("a first feed");
    drop(turn);
    state.connections.expect(ben_id, Instant::now().checked_sub(Duration::from_secs(6)).expect("up for longer"));
    let began = Instant::now();
    loop {
        let lock = load::<Conversation>(state.store.as_ref(), id.into()).await.expect("read").state.lock;
        if lock.is_none() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{lock:?} still has it open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(state.directory.agent(ben_id).state.lost);
    assert!(!state.directory.agent(ada_id).state.lost, "who never had a feed is not missed");
    ada.post(&format!("{at}/messages"), reply(99)).await.expect(201);
    connections::restore(state, ben_id).await.expect("the log takes it");
    assert!(!state.directory.agent(ben_id).state.lost);
}
