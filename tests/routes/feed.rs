//! `/v1/feed`: who may listen, how many at once, and that a position that is none is refused.

use crate::support::TestApp;
use axum::body::Body;
use axum::http::Request;
use clew_domain::workspace::Role;
use clew_eventstore::cursor::Cursor;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn nobody_listens_unknown_or_from_nowhere() {
    let app = TestApp::new().await;
    app.anybody().get("/v1/feed").await.expect_problem(401, "sign-in-required");
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    ada.with("last-event-id", "7").get("/v1/feed").await.expect_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn a_position_of_a_log_with_other_partitions_begins_afresh() {
    for (partitions, stale) in [(1, "p1.2.3"), (1, "pffff"), (3, "pffff"), (3, "p9")] {
        let app = TestApp::with(|config| config.store_partitions = partitions).await;
        let (_, agent) = app.signed_in("ada", [Role::Agent]).await;
        let cookie = format!("clew_session={}", app.session(agent).await);
        let request = Request::get("/v1/feed").header("cookie", cookie).header("last-event-id", stale);
        let response = app.app.router().oneshot(request.body(Body::empty()).expect("well formed")).await;
        let mut body = response.expect("answered").into_body();
        let mut text = String::new();
        while !text.contains("event: reset") {
            let frame = body.frame().await.expect("the feed goes on").expect("and does not break off");
            text.push_str(&String::from_utf8_lossy(&frame.into_data().expect("data")));
        }
        let reset = text.split("event: reset\n").nth(1).expect("a reset");
        let from: Cursor =
            reset.split("id: ").nth(1).and_then(|it| it.lines().next()).expect("an id").parse().expect("ours");
        assert_eq!(from.partitions(), partitions, "{text}");
    }
}

#[tokio::test]
async fn a_caller_holds_so_many_feeds_open() {
    let app = TestApp::with(|config| config.feeds_per_caller_max = 0).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    ada.get("/v1/feed").await.expect_problem(429, "too-many-feeds");
}

#[tokio::test]
async fn what_happens_is_told_with_the_position_to_resume_from() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let head = app.app.state.store.head().to_string();
    let cookie = format!("clew_session={}", app.session(agent).await);
    let request = Request::get(format!("/v1/feed?after={head}")).header("cookie", cookie);
    let request = request.body(Body::empty()).expect("well formed");
    let response = app.app.router().oneshot(request).await.expect("answered");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    ada.put("/v1/me/availability", json!({"kind": "available"})).await.expect(200);
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains("event: agent") {
        let frame = body.frame().await.expect("the feed goes on").expect("and does not break off");
        text.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8"));
    }
    assert!(text.starts_with("event: hello"), "{text}");
    assert!(text.contains(&agent.to_string()) && text.contains("id: p"), "{text}");
}
