//! `/health` and `/metrics`.

use crate::support::TestApp;

#[tokio::test]
async fn a_running_server_is_alive_and_ready() {
    let app = TestApp::new().await;
    assert_eq!(app.anybody().get("/health/live").await.body, b"alive\n");
    let ready = app.anybody().get("/health/ready").await.expect(200);
    assert_eq!(ready["ready"], true);
}

#[tokio::test]
async fn a_stopping_server_is_not_ready() {
    let app = TestApp::new().await;
    app.app.stop();
    let ready = app.anybody().get("/health/ready").await.expect(503);
    assert_eq!(ready["ready"], false);
    assert_eq!(ready["checks"][0]["name"], "server");
    assert_eq!(ready["checks"][0]["ok"], false);
}

#[tokio::test]
async fn metrics_count_answers_by_address_template() {
    let app = TestApp::new().await;
    app.anybody().get("/health/live").await;
    let answer = app.anybody().get("/metrics").await;
    let text = String::from_utf8(answer.body).expect("UTF-8");
    let line = r#"clew_http_requests_total{method="GET",route="/health/live",status="200"} 1"#;
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn from_elsewhere_metrics_need_an_operator() {
    let app = TestApp::with(|config| config.trusted_proxies = 1).await;
    let elsewhere = app.anybody().with("x-forwarded-for", "203.0.113.7");
    elsewhere.get("/metrics").await.expect_problem(401, "sign-in-required");
}
