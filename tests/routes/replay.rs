//! `/v1/conversations/{id}/replay`: each step with what it changed, cut at an instant, masked where it is masked, and
//! told of where others' work is read.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::conversation::Visibility::Private;
use clew_domain::workspace::{ChannelKind, Role};
use serde_json::{Value, json};

fn steps(replay: &Value) -> Vec<Value> {
    replay["steps"].as_array().expect("steps").clone()
}

fn actions(replay: &Value) -> Vec<String> {
    steps(replay).iter().map(|step| step["action"].as_str().expect("a word").to_owned()).collect()
}

/// The readings that the trail holds, with the conversation that they are of; without those of the trail itself, of
/// which this is one that its own page need not hold yet.
async fn readings(app: &TestApp, auditor: &Client) -> Vec<(Value, Value)> {
    let head = app.app.state.store.head().to_string();
    let trail =
        auditor.with("clew-min-position", &head).get("/v1/audit?action=data_read&order=oldest").await.expect(200);
    let field = |entry: &Value, name: &str| {
        let details = entry["details"].as_array().expect("details");
        let found = details.iter().find(|change| change["field"] == name);
        found.map_or(Value::Null, |change| change["after"]["value"].clone())
    };
    let entries = trail["entries"].as_array().expect("entries");
    let read = entries.iter().map(|entry| (field(entry, "what"), field(entry, "conversation")));
    read.filter(|(what, _)| what != "audit_trail").collect()
}

#[tokio::test]
async fn a_conversation_is_replayed_step_by_step_and_as_it_was_at_an_instant() {
    let app = TestApp::new().await;
    let hook = Webhook::connect(&app, ChannelKind::Sms, Private).await;
    let (ada, ada_id) = app.signed_in("ada", [Role::Agent, Role::Supervisor]).await;
    let (eve, _) = app.signed_in("eve", [Role::Auditor]).await;
    let told = hook.write("m1", "+33 1", "My card is 123").await;
    let id = told["conversation"].as_str().expect("an id").to_owned();
    let at = format!("/v1/conversations/{id}");
    ada.put(&format!("{at}/assignment"), json!({"agent": ada_id})).await.expect(200);
    app.pass(60);
    ada.post(&format!("{at}/pend"), json!({})).await.expect(200);

    let head = app.app.state.store.head().to_string();
    let eve = eve.with("clew-min-position", &head);
    let whole = eve.get(&format!("{at}/replay")).await.expect(200);
    assert_eq!(actions(&whole), ["conversation_started", "message_received", "assigned", "pended"]);
    let all = steps(&whole);
    assert_eq!(all[1]["said"], json!({"text": "My card is 123", "masked": false, "attachments": 0}));
    assert_eq!(all[1]["actor"]["name"], "Name of +33 1");
    assert_eq!((&all[2]["state"]["agent"]["name"], &all[2]["state"]["queue"]), (&json!("Agent ada"), &json!("new")));
    assert_eq!(all[3]["changes"], json!([{"field": "queue", "before": "new", "after": "pending"}]));
    assert!(all[3]["event"]["Pended"].is_object(), "{}", all[3]["event"]);

    let then = all[2]["recorded_at"].as_str().expect("an instant");
    let cut = eve.get(&format!("{at}/replay?at={then}")).await.expect(200);
    assert_eq!(steps(&cut)[..], all[..3]);
    eve.get(&format!("{at}/replay?at=2001-01-01T00:00:00Z")).await.expect_problem(404, "not-found");

    let message = told["message"].as_str().expect("an id");
    ada.post(&format!("{at}/messages/{message}/mask"), json!({})).await.expect(200);
    let masked = steps(&eve.get(&format!("{at}/replay")).await.expect(200));
    assert_eq!(masked[1]["said"], json!({"text": null, "masked": true, "attachments": 0}));
    assert_eq!(masked.last().expect("a step")["state"]["masked"], 1);
    let then = steps(&eve.get(&format!("{at}/replay?at={then}")).await.expect(200));
    assert_eq!(then[1]["said"]["text"], Value::Null, "what is masked is masked at every instant");
}

#[tokio::test]
async fn reading_the_work_of_others_is_recorded_and_ones_own_is_not() {
    let app = TestApp::new().await;
    let hook = Webhook::connect(&app, ChannelKind::Sms, Private).await;
    let (ada, ada_id) = app.signed_in("ada", [Role::Agent, Role::Supervisor]).await;
    let (ben, _) = app.signed_in("ben", [Role::Agent]).await;
    let (eve, _) = app.signed_in("eve", [Role::Auditor]).await;
    let told = hook.write("m1", "+33 1", "Hello").await;
    let id = told["conversation"].clone();
    let at = format!("/v1/conversations/{}", id.as_str().expect("an id"));
    let head = app.app.state.store.head().to_string();
    ben.with("clew-min-position", &head).get(&format!("{at}/audit")).await.expect(200);
    assert_eq!(readings(&app, &eve).await, [], "nobody's: Ben works the channel");

    ada.put(&format!("{at}/assignment"), json!({"agent": ada_id})).await.expect(200);
    let head = app.app.state.store.head().to_string();
    let [ada, ben] = [ada, ben].map(|client| client.with("clew-min-position", &head));
    ada.get(&format!("{at}/audit")).await.expect(200);
    ada.get(&format!("{at}/replay")).await.expect(200);
    for _ in 0..3 {
        ben.get(&format!("{at}/audit")).await.expect(200);
    }
    eve.get(&format!("{at}/replay")).await.expect(200);
    assert_eq!(
        readings(&app, &eve).await,
        [(json!("conversation_trail"), id.clone()), (json!("replay"), id)],
        "once each, and not Ada's own"
    );
}
