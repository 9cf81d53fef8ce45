//! `?at=`: queues, promises, agents and conversations as they were, under the settings of then.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::conversation::Visibility;
use clew_domain::workspace::{ChannelKind, Role};
use serde_json::{Value, json};

/// What a client sees, with all that was done before.
async fn read(app: &TestApp, client: &Client, path: &str) -> Value {
    let head = app.app.state.store.head().to_string();
    client.with("clew-min-position", &head).get(path).await.expect(200)
}

#[tokio::test]
async fn queues_and_agents_show_what_was_shown_then() {
    let app = TestApp::new().await;
    let (supervisor, me) = app.signed_in("boss", [Role::Agent, Role::Supervisor]).await;
    let webhook = Webhook::connect(&app, ChannelKind::Generic, Visibility::Private).await;
    let first = webhook.write("m1", "a@example.org", "Hello").await;
    let id = first["conversation"].as_str().expect("a conversation").to_owned();
    let position = app.app.state.store.head().to_string();
    let instant = app.app.state.clock.now();
    app.pass(60);
    webhook.write("m2", "b@example.org", "Me too").await;
    supervisor.put(&format!("/v1/conversations/{id}/assignment"), json!({"agent": me})).await.expect(200);
    supervisor.post(&format!("/v1/conversations/{id}/resolve"), json!({"reason": "answered"})).await.expect(200);
    let now = read(&app, &supervisor, "/v1/queues").await;
    assert_eq!((now["new"]["total"].as_u64(), now["resolved"]["total"].as_u64()), (Some(1), Some(1)));
    for at in [position.clone(), instant.to_string()] {
        let then = supervisor.get(&format!("/v1/queues?at={at}")).await.expect(200);
        assert_eq!((then["new"]["total"].as_u64(), then["resolved"]["total"].as_u64()), (Some(1), Some(0)), "{at}");
        let page = supervisor.get(&format!("/v1/queues/new?at={at}")).await.expect(200);
        assert_eq!((page["total"].as_u64(), page["rows"][0]["id"].as_str()), (Some(1), Some(id.as_str())), "{page}");
        assert_eq!(page["rows"][0]["assignee"]["agent"], Value::Null);
        let shown = supervisor.get(&format!("/v1/conversations/{id}?at={at}")).await.expect(200);
        assert_eq!(shown["queue"], "new");
        assert_eq!(shown["may"]["work"], false, "the past can't be worked on");
        let agents = supervisor.get(&format!("/v1/agents?at={at}")).await.expect(200);
        let then = agents["items"].as_array().expect("a list").iter().find(|it| it["id"] == json!(me));
        let then = then.expect("the account was there");
        assert_eq!((&then["open_conversations"], &then["signed_in"]), (&json!(0), &json!(true)), "{then}");
        for view in ["breached", "due"] {
            supervisor.get(&format!("/v1/sla/{view}?at={at}")).await.expect(200);
        }
    }
    assert_eq!(now, read(&app, &supervisor, "/v1/queues").await, "the present is as it was");
    let begin = supervisor.get("/v1/queues?at=p1").await.expect(200);
    assert_eq!(begin["new"]["total"], 0);
}

#[tokio::test]
async fn names_are_those_of_then_and_what_was_masked_since_stays_masked() {
    let app = TestApp::new().await;
    let (supervisor, _) = app.signed_in("boss", [Role::Agent, Role::Supervisor, Role::Admin]).await;
    let webhook = Webhook::connect(&app, ChannelKind::Generic, Visibility::Private).await;
    let written = webhook.write("m1", "a@example.org", "my secret 4711").await;
    let id = written["conversation"].as_str().expect("a conversation").to_owned();
    let channel = webhook.channel;
    let shown = read(&app, &supervisor, &format!("/v1/conversations/{id}")).await;
    let (message, old_name) = (shown["entries"][0]["id"].clone(), shown["channel"]["name"].clone());
    let position = app.app.state.store.head().to_string();
    let profile = json!({"kind": "generic", "name": "Renamed", "visibility": "private", "reopens": false,
        "team": null, "reply_characters_max": null});
    supervisor.put(&format!("/v1/admin/channels/{channel}"), profile).await.expect(200);
    let message = message.as_str().expect("a message");
    let masked = supervisor.post(&format!("/v1/conversations/{id}/messages/{message}/mask"), json!({})).await;
    assert!(masked.status.is_success(), "{masked:?}");
    let now = read(&app, &supervisor, &format!("/v1/conversations/{id}")).await;
    assert_eq!(now["channel"]["name"], "Renamed");
    let then = supervisor.get(&format!("/v1/conversations/{id}?at={position}")).await;
    assert!(!String::from_utf8_lossy(&then.body).contains("4711"), "masked stays masked");
    assert_eq!(then.expect(200)["channel"]["name"], old_name);
    let page = supervisor.get(&format!("/v1/queues/new?at={position}")).await;
    assert!(!String::from_utf8_lossy(&page.body).contains("4711"), "masked stays masked");
    let page = page.expect(200);
    assert_eq!(
        (&page["rows"][0]["channel"]["name"], &page["rows"][0]["last_message"]["masked"]),
        (&old_name, &json!(true))
    );
}

#[tokio::test]
async fn a_moment_that_is_none_is_refused_and_one_that_has_not_come_is_now() {
    let app = TestApp::new().await;
    let (agent, _) = app.signed_in("agent", [Role::Agent]).await;
    agent.get("/v1/queues?at=yesterday").await.expect_problem(400, "invalid-query");
    let now = read(&app, &agent, "/v1/queues").await;
    for at in ["pffffff", "2999-01-01T00:00:00Z"] {
        assert_eq!(agent.get(&format!("/v1/queues?at={at}")).await.expect(200), now, "{at}");
    }
}
