//! `/v1/regions`: what the sign-in page lets people choose between.

use crate::support::TestApp;
use serde_json::json;

#[tokio::test]
async fn the_platforms_that_the_operator_names_are_told_to_anybody_and_this_one_is_marked() {
    let app = TestApp::with(|config| {
        config.public_url = Some("https://eu.example.org".to_owned());
        config.regions = "US=https://us.example.org, Europe=https://eu.example.org".parse().expect("two regions");
    });
    let told = app.await.anybody().get("/v1/regions").await.expect(200);
    let us = json!({"name": "US", "url": "https://us.example.org", "here": false});
    let europe = json!({"name": "Europe", "url": "https://eu.example.org", "here": true});
    assert_eq!(told["items"], json!([us, europe]));
}

#[tokio::test]
async fn there_are_none_where_none_is_named() {
    let told = TestApp::new().await.anybody().get("/v1/regions").await.expect(200);
    assert_eq!(told["items"], json!([]));
}
