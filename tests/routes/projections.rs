//! `/v1/operator/projections`: rebuilt, compared, swapped, by operators alone; and nothing of it is ever done twice.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::agent::AgentEvent;
use clew_domain::conversation::Visibility;
use clew_domain::fact::{Event, Fact};
use clew_domain::workspace::{ChannelKind, Role};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const ADDRESS: &str = "/v1/operator/projections";

async fn ready(operator: &Client, name: &str) {
    loop {
        let shown = operator.get(&format!("{ADDRESS}/{name}")).await.expect(200);
        match shown["rebuild"]["state"].as_str() {
            Some("running") => tokio::task::yield_now().await,
            state => return assert_eq!(state, Some("ready"), "{shown}"),
        }
    }
}

#[tokio::test]
async fn operators_see_how_each_fares() {
    let app = TestApp::new().await;
    let (operator, _) = app.signed_in("op", [Role::Operator]).await;
    let listed = operator.get(ADDRESS).await.expect(200);
    let names: Vec<&str> =
        listed["items"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    assert!(names.contains(&"queues") && names.contains(&"audit"), "{names:?}");
    let queues = operator.get(&format!("{ADDRESS}/queues")).await.expect(200);
    assert_eq!(queues["state"], "running");
    assert!(queues["position"].as_str().is_some_and(|it| it.starts_with('p')), "{queues}");
    operator.get(&format!("{ADDRESS}/nothing")).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn nobody_else_may() {
    let app = TestApp::new().await;
    for role in [Role::Agent, Role::Supervisor, Role::Auditor, Role::Admin] {
        let (client, _) = app.signed_in(&format!("{role:?}"), [role]).await;
        client.get(ADDRESS).await.expect_problem(403, "forbidden");
        for act in ["rebuild", "compare", "swap", "rollback", "drop", "retry"] {
            client.post(&format!("{ADDRESS}/queues/{act}"), json!({})).await.expect_problem(403, "forbidden");
        }
    }
    app.anybody().get(ADDRESS).await.expect_problem(401, "sign-in-required");
}

#[tokio::test]
async fn what_was_rebuilt_is_compared_and_swapped_and_no_side_effect_comes_again() {
    let app = TestApp::new().await;
    let (operator, _) = app.signed_in("op", [Role::Operator]).await;
    let (agent, _) = app.signed_in("agent", [Role::Agent]).await;
    let webhook = Webhook::connect(&app, ChannelKind::Generic, Visibility::Private).await;
    let written = webhook.write("m1", "a@example.org", "Hello").await;
    let id = written["conversation"].as_str().expect("a conversation").to_owned();
    let head = app.app.state.store.head().to_string();
    let shown = agent.with("clew-min-position", &head).get(&format!("/v1/conversations/{id}")).await.expect(200);
    let seen = shown["version"].clone();
    let reply = json!({"text": "Hello back", "seen": seen});
    agent.post(&format!("/v1/conversations/{id}/messages"), reply).await.expect(201);
    claimed(&app).await;
    let head = app.app.state.store.head();
    app.app.state.wait_for(&head, SOON).await.expect("the views keep up");
    let before = (snapshot(&app, &agent).await, head);
    let names: Vec<String> = operator.get(ADDRESS).await.expect(200)["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["name"].as_str().map(str::to_owned))
        .collect();
    for name in &names {
        let at = |act: &str| format!("{ADDRESS}/{name}/{act}");
        operator.post(&at("swap"), json!({})).await.expect_problem(409, "nothing-rebuilt");
        operator.post(&at("rebuild"), json!({"nice": 3})).await.expect(202);
        ready(&operator, name).await;
        operator.post(&at("swap"), json!({})).await.expect_problem(409, "rows-differ");
        let compared = operator.post(&at("compare"), json!({"shown_max": 5})).await.expect(200);
        assert_eq!(compared["differing"], 0, "{name}: {compared}");
        assert_eq!(compared["served_rows"], compared["rebuilt_rows"]);
        operator.post(&at("swap"), json!({})).await.expect(200);
    }
    assert_eq!(
        (snapshot(&app, &agent).await, app.app.state.store.head()),
        before,
        "nothing was appended or told again"
    );
}

/// The first answer makes the conversation the agent's, and its place at their desk is taken behind the request's back.
async fn claimed(app: &TestApp) {
    let is_claim = |fact: &Fact| matches!(fact.event, Event::Agent(AgentEvent::ConversationClaimed { .. }));
    let waited = tokio::time::timeout(SOON, async {
        while !app.facts().await.iter().any(is_claim) {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the place is taken");
}

/// What leaves us, and what an agent is told of.
async fn snapshot(app: &TestApp, agent: &Client) -> (Vec<Value>, Value) {
    let state = &app.app.state;
    let workspace = state.directory.settings().workspace;
    let mut waiting = Vec::new();
    for channel in workspace.channels.keys() {
        let replies = state.projections.outbox().waiting(*channel, None, 100).expect("it can be read");
        waiting.extend(replies.iter().map(|reply| json!([reply.reply.to_string(), reply.position.sequence])));
    }
    (waiting, agent.get("/v1/me/notifications").await.json())
}

#[tokio::test]
async fn a_dry_run_needs_a_disk_and_says_so() {
    let app = TestApp::new().await;
    let (operator, _) = app.signed_in("op", [Role::Operator]).await;
    let asked = operator.post(&format!("{ADDRESS}/queues/rebuild"), json!({"dry_run": true})).await;
    asked.expect_problem(409, "nothing-rebuilt");
    operator
        .post(&format!("{ADDRESS}/queues/rebuild"), json!({"fast": true}))
        .await
        .expect_problem(400, "invalid-body");
}

#[tokio::test]
async fn metrics_tell_of_each_projection() {
    let app = TestApp::new().await;
    let answer = app.anybody().get("/metrics").await;
    let text = String::from_utf8(answer.body).expect("UTF-8");
    for name in ["lag_events", "halted", "folded_events", "bytes"] {
        assert!(text.contains(&format!("clew_projection_{name}{{projection=\"queues\"}}")), "{text}");
    }
}
