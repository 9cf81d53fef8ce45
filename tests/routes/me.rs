//! `/v1/me`: one's own account.

use crate::support::TestApp;
use clew_domain::ids::AwayStatusId;
use clew_domain::workspace::{Command, Role};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn availability_and_preferences_are_read_back() {
    let app = TestApp::new().await;
    let status = AwayStatusId(Uuid::new_v4());
    app.set(Command::DefineAwayStatus { status, name: "Lunch".into() }).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let away = json!({"kind": "away_for", "status": status});
    let answer = ada.put("/v1/me/availability", away.clone()).await;
    let position = answer.expect(200)["position"].clone();
    assert_eq!(answer.header("clew-position"), position.as_str().expect("a position"));
    let preferences = json!({
        "default_availability": {"kind": "available"}, "language": "fr", "theme": "dark",
        "desktop_notifications": true, "show_audit_trail": true,
    });
    ada.put("/v1/me/preferences", preferences.clone()).await.expect(200);
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!(me["availability"], away);
    assert_eq!(me["preferences"], preferences);
    assert_eq!(me["workspace"]["name"], "Desk");
}

#[tokio::test]
async fn an_unknown_away_status_is_refused() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let away = json!({"kind": "away_for", "status": Uuid::new_v4()});
    ada.put("/v1/me/availability", away).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_the_one_before() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Admin]).await;
    let accounts = ada.get("/v1/admin/accounts").await.expect(200);
    let id = accounts["items"][0]["id"].as_str().expect("an id").to_owned();
    let first = json!({"password": "the first password"});
    ada.put(&format!("/v1/admin/accounts/{id}/password"), first).await.expect(200);
    let wrong = json!({"current": "not that", "new": "the second password"});
    ada.put("/v1/me/password", wrong).await.expect_problem(403, "wrong-password");
    let short = json!({"current": "the first password", "new": "short"});
    ada.put("/v1/me/password", short).await.expect_problem(422, "invalid-password");
    let right = json!({"current": "the first password", "new": "the second password"});
    ada.put("/v1/me/password", right).await.expect(200);
    let sign_in = json!({"login": "ada", "password": "the second password"});
    app.anybody().post("/v1/sessions", sign_in).await.expect(201);
}

#[tokio::test]
async fn the_same_key_does_nothing_the_second_time() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let keyed = ada.with("idempotency-key", "one");
    let first = keyed.put("/v1/me/name", json!({"name": "Ada L."})).await.expect(200);
    ada.put("/v1/me/name", json!({"name": "Ada Lovelace"})).await.expect(200);
    let again = keyed.put("/v1/me/name", json!({"name": "Ada L."})).await.expect(200);
    assert_eq!(first["position"], again["position"]);
    assert_eq!(ada.get("/v1/me").await.expect(200)["agent"]["name"], "Ada Lovelace");
}
