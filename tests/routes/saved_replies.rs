//! `/v1/saved-replies`: whose collections are whose, and that what was saved is found again.

use crate::support::TestApp;
use clew_domain::ids::TeamId;
use clew_domain::workspace::{Command, Role};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_teams_collection_is_for_its_members() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let (bob, _) = app.signed_in("bob", [Role::Agent]).await;
    let team = TeamId(Uuid::new_v4());
    app.set(Command::CreateTeam { team, name: "Billing".into() }).await;
    app.set(Command::AddTeamMember { team, agent }).await;
    let wanted = json!({"name": "Invoices", "owner": {"kind": "team", "id": team}});
    bob.post("/v1/saved-replies/collections", wanted.clone()).await.expect_problem(403, "forbidden");
    let made = ada.post("/v1/saved-replies/collections", wanted).await.expect(201);
    let one = format!("/v1/saved-replies/collections/{}", made["id"].as_str().expect("an id"));
    let reply = json!({"title": "Copy", "text": "Hello {first_name}, here is a copy."});
    bob.post(&format!("{one}/replies"), reply.clone()).await.expect_problem(404, "not-found");
    let saved = ada.post(&format!("{one}/replies"), reply).await.expect(201);
    let position = saved["position"].as_str().expect("a position");

    let listed = ada.with("clew-min-position", position).get("/v1/saved-replies?query=COPY").await.expect(200);
    assert_eq!(listed["collections"][0]["name"], "Invoices");
    assert_eq!(listed["collections"][0]["editable"], true);
    assert_eq!(listed["collections"][0]["replies"][0]["title"], "Copy");
    let others = bob.with("clew-min-position", position).get("/v1/saved-replies").await.expect(200);
    assert_eq!(others["collections"], json!([]));
}

#[tokio::test]
async fn a_reply_is_rewritten_and_deleted_within_its_bounds() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let wanted = json!({"name": "Mine", "owner": {"kind": "agent", "id": agent}});
    let made = ada.post("/v1/saved-replies/collections", wanted).await.expect(201);
    let replies = format!("/v1/saved-replies/collections/{}/replies", made["id"].as_str().expect("an id"));
    ada.post(&replies, json!({"title": " ", "text": "t"})).await.expect_problem(422, "invalid-value");
    let saved = ada.post(&replies, json!({"title": "A", "text": "one"})).await.expect(201);
    let one = format!("{replies}/{}", saved["id"].as_str().expect("an id"));
    let edited = ada.put(&one, json!({"title": "A", "text": "two"})).await.expect(200);
    let reader = ada.with("clew-min-position", edited["position"].as_str().expect("a position"));
    let listed = reader.get("/v1/saved-replies").await.expect(200);
    assert_eq!(listed["collections"][0]["replies"][0]["text"], "two");
    ada.delete(&one).await.expect(200);
    ada.delete(&one).await.expect_problem(404, "not-found");
}
