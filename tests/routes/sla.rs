//! `/v1/sla`: what is due, what is breached, that a breach becomes a fact by itself, and why.

use crate::support::{Client, TestApp};
use clew_domain::content::ContactNumber;
use clew_domain::conversation::{
    Command, Conversation, ConversationEvent, MessageKind, MessageReceived, Opening, Receive, Started, Visibility,
};
use clew_domain::derive;
use clew_domain::fact::{Actor, CommandMeta, Event, Fact};
use clew_domain::ids::{ChannelId, CommandId, ContactId, ConversationId, MessageId};
use clew_domain::plaintext::Message;
use clew_domain::workspace::Role;
use clew_eventstore::cursor::Cursor;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

fn an_hour(name: &str) -> Value {
    json!({"definition": {
        "name": name,
        "targets": {"next_response": {"seconds": 3_600, "counting": "calendar_time"}},
        "warning": {"used_percent": 75},
        "pending_pauses": true,
        "automatic_replies_count": false,
    }})
}

async fn act(app: &TestApp, conversation: ConversationId, command: Command) {
    let state = &app.app.state;
    let version = state.directory.settings().version;
    let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, state.clock.now(), version);
    let (sealed, _) = state.seal(ContactNumber(1), &Message::default()).expect("the vault is open");
    let act = state.act::<Conversation>(conversation.into(), &meta, &command, vec![sealed]);
    let done = act.await.expect("the command of a test's preparation is valid");
    if let Some(position) = done.position {
        let seen = state.projections.sla().wait_for(&Cursor::at(position), Duration::from_secs(20)).await;
        seen.expect("the view keeps up");
    }
}

/// The contact writes.
async fn receive(app: &TestApp, channel: ChannelId) -> ConversationId {
    let contact = ContactId(Uuid::new_v4());
    let thread = derive::thread(channel, contact, None);
    let visibility = Visibility::Private;
    let started = Started { contact, channel, thread, root: None, number: 1, previous: None, visibility };
    let (_, content) = app.app.state.seal(ContactNumber(1), &Message::default()).expect("the vault is open");
    let message = MessageReceived {
        message: MessageId(Uuid::new_v4()),
        content,
        kind: MessageKind::PrivateMessage,
        answers: None,
        attachments: Vec::new(),
        groups: None,
    };
    let opening = Opening { started, team: None };
    let receive = Receive { opening, message, redactions: Vec::new(), reopens: false };
    let conversation = derive::conversation(thread, 1);
    act(app, conversation, Command::Receive(receive)).await;
    conversation
}

/// The first breach in the log, when it is there.
async fn breach(app: &TestApp) -> Fact {
    let mut log = app.app.state.store.subscribe(Cursor::start(1));
    let found = async {
        while let Some(batch) = log.next().await {
            let batch = batch.expect("the log can be read");
            let is_breach = |it: &&Fact| matches!(it.event, Event::Conversation(ConversationEvent::SlaBreached(_)));
            if let Some(fact) = batch.iter().find(is_breach) {
                return fact.clone();
            }
        }
        unreachable!("the log goes on for as long as the application");
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("the breach is recorded by itself")
}

async fn clocks(client: &Client, list: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/sla/{list}")).await.expect(200);
    page["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn a_promise_is_due_then_breached_and_the_breach_is_a_fact_at_its_due_instant() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (client, _) = app.signed_in("ada", [Role::Agent]).await;
    let policy = admin.post("/v1/admin/sla-policies", an_hour("All")).await.expect(201)["id"].clone();
    let channel = app.channel("Chat").await;
    let conversation = receive(&app, channel).await;

    let due = clocks(&client, "due").await;
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0]["colour"], &due[0]["policy"]), (&json!("grey"), &policy));
    assert_eq!(due[0]["conversation"], json!(conversation));
    app.pass(2_800);
    assert_eq!(clocks(&client, "due?queue=new").await[0]["colour"], json!("orange"));
    assert_eq!(clocks(&client, "breached").await, [] as [Value; 0]);

    app.pass(801);
    let late = clocks(&client, "breached").await;
    assert_eq!((&late[0]["colour"], &late[0]["due_at"]), (&json!("red"), &due[0]["due_at"]));
    assert_eq!(clocks(&client, "due").await, [] as [Value; 0]);
    act(&app, conversation, Command::SetPriority { priority: 1 }).await;
    let fact = breach(&app).await;
    assert_eq!(json!(fact.occurred_at), due[0]["due_at"], "it occurred when it was due, whenever it was noticed");
    assert_eq!(json!(fact.causation), due[0]["clock"]);
}

#[tokio::test]
async fn a_clock_is_explained_and_counted() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (client, _) = app.signed_in("ada", [Role::Agent]).await;
    admin.post("/v1/admin/sla-policies", an_hour("All")).await.expect(201);
    let conversation = receive(&app, app.channel("Chat").await).await;
    app.pass(1_800);
    act(&app, conversation, Command::Pend { until: None }).await;
    let path = format!("/v1/conversations/{conversation}/sla");
    let explained = client.get(&path).await.expect(200);
    let clock = &explained["items"][0];
    assert_eq!((&clock["metric"], &clock["target_s"]), (&json!("next_response"), &json!(3_600)));
    assert_eq!(clock["due_at"], Value::Null, "it stands still");
    let taken: Vec<_> = clock["intervals"].as_array().expect("intervals").iter().map(|it| &it["taken"]).collect();
    assert_eq!(taken, ["counted", "paused"]);
    app.pass(10_000);
    let reason = clew_domain::conversation::ResolveReason::Answered;
    act(&app, conversation, Command::Resolve { reason, bulk: None }).await;
    let now = app.app.state.clock.now();
    let history = client.get(&format!("/v1/sla/history?from={now}&to={now}")).await.expect(200);
    let tally = &history["items"][0];
    assert_eq!((&tally["kept"], &tally["breached"]), (&json!(1), &json!(0)));
    assert_eq!(tally["attained_permille"], json!(1_000));
    let (outsider, _) = app.signed_in("op", [Role::Operator]).await;
    outsider.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn calendars_and_policies_are_set_up_by_admins() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (agent, _) = app.signed_in("ada", [Role::Agent]).await;
    let day = json!([{"from": "09:00", "to": "17:00"}]);
    let office = json!({"definition": {"name": "Office", "zone": "Europe/Paris", "week": {"monday": day}}});
    agent.post("/v1/admin/calendars", office.clone()).await.expect_problem(403, "forbidden");
    let calendar = admin.post("/v1/admin/calendars", office).await.expect(201)["id"].clone();
    let nowhere = json!({"definition": {"name": "Nowhere", "zone": "Nowhere", "week": {}}});
    admin.post("/v1/admin/calendars", nowhere).await.expect_problem(422, "invalid-value");
    let (first, mut second) = (an_hour("First"), an_hour("Second"));
    second["definition"]["calendar"] = calendar.clone();
    let first = admin.post("/v1/admin/sla-policies", first).await.expect(201)["id"].clone();
    let second = admin.post("/v1/admin/sla-policies", second).await.expect(201)["id"].clone();
    admin.put("/v1/admin/sla-policies", json!({"order": [second, first]})).await.expect(200);
    let listed = admin.get("/v1/admin/sla-policies").await.expect(200);
    assert_eq!((&listed["items"][0]["id"], &listed["items"][1]["name"]), (&second, &json!("First")));
    let path = format!("/v1/admin/calendars/{}", calendar.as_str().expect("an id"));
    admin.delete(&path).await.expect_problem(409, "in-use");
    let policy = format!("/v1/admin/sla-policies/{}", second.as_str().expect("an id"));
    admin.delete(&policy).await.expect(200);
    admin.delete(&path).await.expect(200);
}
