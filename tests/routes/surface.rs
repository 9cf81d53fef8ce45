//! What holds for every address: problems for what is not there, limits, headers, pages.

use crate::support::TestApp;
use axum::body::Body;
use axum::http::Method;
use clew_domain::workspace::Role;
use serde_json::json;

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let app = TestApp::new().await;
    app.anybody().get("/v1/nothing").await.expect_problem(404, "not-found");
    app.anybody().get("/nothing").await.expect_problem(404, "not-found");
    let answer = app.anybody().delete("/v1/me").await;
    answer.expect_problem(405, "method-not-allowed");
    assert!(answer.header("allow").contains("GET"));
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    ada.get("/v1/agents/seven").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn bodies_are_bounded_typed_and_strict() {
    let app = TestApp::with(|config| config.body_bytes_max = 100).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let large = ada.put("/v1/me/name", json!({"name": "x".repeat(200)})).await.expect_problem(413, "body-too-large");
    assert_eq!(large["limit_bytes"], 100);
    let typed = ada.send(Method::PUT, "/v1/me/name", Body::from("{}")).await;
    typed.expect_problem(415, "unsupported-media-type");
    let strict = ada.put("/v1/me/name", json!({"name": "Ada", "nick": "A"})).await.expect_problem(400, "invalid-body");
    assert!(strict["detail"].as_str().is_some_and(|detail| detail.contains("nick")), "{strict}");
    ada.put("/v1/me/name", json!({"name": ""})).await.expect_problem(422, "invalid-name");
}

#[tokio::test]
async fn queries_are_strict() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    ada.get("/v1/agents?nam=a").await.expect_problem(400, "invalid-query");
}

#[tokio::test]
async fn a_caller_has_so_many_requests_a_minute() {
    let app = TestApp::with(|config| config.requests_per_minute = 3).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let (bob, _) = app.signed_in("bob", [Role::Agent]).await;
    for _ in 0..3 {
        ada.get("/v1/me").await.expect(200);
    }
    let answer = ada.get("/v1/me").await;
    answer.expect_problem(429, "rate-limited");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    bob.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_full_server_says_so() {
    let app = TestApp::with(|config| config.requests_in_flight_max = 1).await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let _only_turn = app.app.state.in_flight.clone().try_acquire_owned().expect("one turn is free");
    let answer = ada.get("/v1/me").await;
    answer.expect_problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let keyed = ada.with("idempotency-key", &"k".repeat(256));
    keyed.put("/v1/me/name", json!({"name": "Ada"})).await.expect_problem(400, "invalid-header");
}

#[tokio::test]
async fn reads_tell_and_take_positions() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    let named = ada.put("/v1/me/name", json!({"name": "Ada L."})).await.expect(200);
    let position = named["position"].as_str().expect("a position");
    let answer = ada.with("clew-min-position", position).get("/v1/me").await;
    assert_eq!(answer.expect(200)["agent"]["name"], "Ada L.");
    assert!(answer.header("clew-position").starts_with('p'));
    ada.get(&format!("/v1/agents?min_position={position}")).await.expect(200);
    ada.with("clew-min-position", "7").get("/v1/me").await.expect_problem(400, "invalid-cursor");
}

#[tokio::test(start_paused = true)]
async fn a_read_does_not_wait_for_ever() {
    let app = TestApp::new().await;
    let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
    app.app.state.projections.shutdown().await;
    let named = ada.put("/v1/me/name", json!({"name": "Ada L."})).await.expect(200);
    let answer = ada.with("clew-min-position", named["position"].as_str().expect("a position")).get("/v1/me").await;
    answer.expect_problem(503, "projection-behind");
}

/// Such positions are of the log as it was before it was moved into another number of partitions.
#[tokio::test(start_paused = true)]
async fn a_position_of_another_log_is_refused() {
    for partitions in [1, 3] {
        let app = TestApp::with(|config| config.store_partitions = partitions).await;
        let (ada, _) = app.signed_in("ada", [Role::Agent]).await;
        for position in ["pffff", "p0.ffff", "p1.1.1.1", "p0.0.0.0.0"] {
            let answer = ada.with("clew-min-position", position).get("/v1/me").await;
            answer.expect_problem(400, "invalid-cursor");
        }
        ada.with("clew-min-position", &app.app.state.seen().to_string()).get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn every_answer_carries_security_headers_and_an_id() {
    let app = TestApp::new().await;
    for path in ["/v1/me", "/docs", "/health/live", "/nothing"] {
        let answer = app.anybody().get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("require-trusted-types-for 'script'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
    let problem = app.anybody().get("/nothing").await;
    let id = problem.header("x-request-id").to_owned();
    assert_eq!(problem.json()["instance"], format!("urn:uuid:{id}"));
}

#[tokio::test]
async fn each_problem_explains_itself() {
    let app = TestApp::new().await;
    for kind in clew_gateway::error::kinds::ALL {
        let page = app.anybody().get(&format!("/problems/{}", kind.slug)).await.expect(200);
        assert_eq!(page["title"], kind.title);
    }
    app.anybody().get("/problems/none-such").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn the_documentation_is_our_own_page() {
    let app = TestApp::new().await;
    let page = app.anybody().get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = String::from_utf8(page.body.clone()).expect("UTF-8");
    assert!(!text.contains("//cdn") && text.contains("/docs/docs.js"));
    let script = app.anybody().get("/docs/docs.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let tag = script.header("etag").to_owned();
    let again = app.anybody().with("if-none-match", &tag).get("/docs/docs.js").await;
    assert_eq!(again.status.as_u16(), 304);
    assert!(app.anybody().get("/openapi.json").await.expect(200)["paths"]["/v1/me"].is_object());
}
