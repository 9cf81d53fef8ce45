//! `/v1/audit`: who may read the trail, that it names what was done, and that reading it leaves a trace.

use crate::support::TestApp;
use clew_domain::workspace::Role;
use serde_json::json;

#[tokio::test]
async fn only_auditors_read_the_trail_and_what_they_read_is_true() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let (eve, _) = app.signed_in("eve", [Role::Auditor]).await;
    ada.get("/v1/audit").await.expect_problem(403, "forbidden");
    let named = ada.put("/v1/me/name", json!({"name": "Ada L."})).await.expect(200);
    let reader = eve.with("clew-min-position", named["position"].as_str().expect("a position"));
    let trail = reader.get(&format!("/v1/audit?actor={agent}")).await.expect(200);
    let entry = &trail["entries"][0];
    assert_eq!(entry["actor"]["name"], "Ada L.");
    assert_eq!(entry["object"]["kind"], "agent");
    assert_eq!(entry["object"]["id"], agent.to_string());
    eve.get("/v1/audit?actor=nobody").await.expect_problem(400, "invalid-query");
    eve.get("/v1/audit?action=nothing").await.expect_problem(400, "invalid-query");
}

#[tokio::test]
async fn the_whole_trail_pages_through_and_holds_that_it_was_read() {
    let app = TestApp::new().await;
    let (eve, agent) = app.signed_in("eve", [Role::Auditor]).await;
    let head = app.app.state.store.head().to_string();
    eve.with("clew-min-position", &head).get("/v1/audit?order=oldest&limit=1").await.expect(200);
    let head = app.app.state.store.head().to_string();
    let reader = eve.with("clew-min-position", &head);
    let mut next = String::new();
    let mut objects = Vec::new();
    loop {
        let page = reader.get(&format!("/v1/audit?order=oldest&limit=1{next}")).await.expect(200);
        for entry in page["entries"].as_array().expect("entries") {
            objects.push((entry["object"]["kind"].clone(), entry["actor"]["id"].clone()));
        }
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(objects[0].0, "workspace");
    assert!(objects.contains(&(json!("installation"), json!(agent))), "{objects:?}");
}
