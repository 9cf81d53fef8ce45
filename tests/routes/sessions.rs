//! `/v1/sessions`: signing in and out, and what keeps others from doing so.

use crate::support::{Client, TestApp};
use clew_domain::ids::AgentId;
use clew_domain::workspace::Role;
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

async fn with_password(app: &TestApp, login: &str) -> AgentId {
    let (admin, _) = app.signed_in(&format!("admin-of-{login}"), [Role::Admin]).await;
    let body = json!({"login": login, "name": "Ada", "roles": ["agent"], "password": PASSWORD});
    let made = admin.post("/v1/admin/accounts", body).await.expect(201);
    AgentId(made["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"))
}

async fn sign_in(client: &Client, login: &str, password: &str) -> crate::support::Answer {
    client.post("/v1/sessions", json!({"login": login, "password": password})).await
}

#[tokio::test]
async fn the_right_password_opens_a_session_that_works_and_ends() {
    let app = TestApp::new().await;
    let agent = with_password(&app, "ada").await;
    let answer = sign_in(&app.anybody(), "ADA", PASSWORD).await;
    let me = answer.expect(201);
    assert_eq!(me["agent"]["id"], agent.to_string());
    assert_eq!(me["roles"], json!(["agent"]));
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).expect("a value");

    let browser = app.anybody().with_cookie(value);
    assert_eq!(browser.get("/v1/me").await.expect(200)["agent"]["login"], "ada");
    browser.delete("/v1/sessions/current").await.expect(204);
    browser.get("/v1/me").await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_are_told_alike() {
    let app = TestApp::new().await;
    with_password(&app, "ada").await;
    let wrong = sign_in(&app.anybody(), "ada", "something else").await.expect_problem(401, "sign-in-failed");
    let unknown = sign_in(&app.anybody(), "bob", "something else").await.expect_problem(401, "sign-in-failed");
    assert_eq!(wrong["title"], unknown["title"]);
    assert_eq!(wrong.get("detail"), unknown.get("detail"));
}

#[tokio::test]
async fn after_too_many_failures_even_the_right_password_has_to_wait() {
    let app = TestApp::with(|config| config.sign_in_attempts_max = 2).await;
    with_password(&app, "ada").await;
    for _ in 0..2 {
        sign_in(&app.anybody(), "ada", "something else").await.expect_problem(401, "sign-in-failed");
    }
    let answer = sign_in(&app.anybody(), "Ada", PASSWORD).await;
    answer.expect_problem(429, "too-many-attempts");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!(wait > 0 && wait <= 15 * 60, "{wait}");
}

#[tokio::test]
async fn an_account_without_a_password_can_not_sign_in() {
    let app = TestApp::new().await;
    app.account("ada", [Role::Agent]).await;
    sign_in(&app.anybody(), "ada", PASSWORD).await.expect_problem(401, "sign-in-failed");
}

#[tokio::test]
async fn a_session_is_over_after_its_hours_and_the_log_is_told() {
    let app = TestApp::with(|config| config.session_hours = 1).await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    app.pass(3599);
    ada.get("/v1/me").await.expect(200);
    app.pass(2);
    ada.get("/v1/me").await.expect_problem(401, "session-ended");
    clew_gateway::sweep::sweep(&app.app.state).await.expect("swept");
    assert!(app.app.state.directory.agent(agent).sessions.is_empty());
}

#[tokio::test]
async fn a_forged_cookie_is_no_session() {
    let app = TestApp::new().await;
    let forged = app.anybody().with_cookie("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    forged.get("/v1/me").await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn another_site_can_not_act_with_the_cookie() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let body = json!({"kind": "available"});
    let elsewhere = ada.with("sec-fetch-site", "cross-site");
    elsewhere.put("/v1/me/availability", body.clone()).await.expect_problem(403, "cross-site-request");
    let silent = ada.without("sec-fetch-site");
    silent.put("/v1/me/availability", body.clone()).await.expect_problem(403, "cross-site-request");
    ada.put("/v1/me/availability", body).await.expect(200);
}

#[tokio::test]
async fn nor_may_it_sign_somebody_in() {
    let app = TestApp::new().await;
    with_password(&app, "ada").await;
    let elsewhere = app.anybody().with("origin", "https://evil.example").with("host", "desk.example");
    sign_in(&elsewhere, "ada", PASSWORD).await.expect_problem(403, "cross-site-request");
}
