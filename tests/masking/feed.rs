//! Who has a conversation open learns of a mask at once; what the feed tells holds nothing of what was masked.

use crate::support::{TestApp, Webhook};
use axum::body::Body;
use axum::http::Request;
use clew_domain::conversation::Visibility;
use clew_domain::workspace::{ChannelKind, Role};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::test]
async fn the_feed_tells_of_a_mask_at_once_and_not_of_what_it_said() {
    let app = TestApp::new().await;
    let webhook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
    let (ada, agent) = app.signed_in("ada", [Role::Supervisor]).await;
    let head = app.app.state.store.head().to_string();
    let cookie = format!("clew_session={}", app.session(agent).await);
    let request = Request::get(format!("/v1/feed?after={head}")).header("cookie", cookie);
    let request = request.body(Body::empty()).expect("well formed");
    let mut feed = app.app.router().oneshot(request).await.expect("answered").into_body();
    let told = webhook.write("1", "+331", "I am MARKER").await;
    let (conversation, message) = (&told["conversation"], told["message"].as_str().expect("a message"));
    let address = format!("/v1/conversations/{}", conversation.as_str().expect("a conversation"));
    ada.with("clew-min-position", told["position"].as_str().expect("a position")).get(&address).await.expect(200);
    let mask = ada.post(&format!("{address}/messages/{message}/mask"), json!({})).await.expect(200);
    assert!(mask["position"].is_string(), "{mask}");
    let mut text = String::new();
    // What follows at once may be told with it, under the position of that.
    while !text.contains("message_masked") {
        let frame = feed.frame().await.expect("the feed goes on").expect("and does not break off");
        text.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8"));
    }
    assert!(!text.contains("MARKER"), "{text}");
}

#[tokio::test]
async fn a_forgotten_contact_is_shown_as_forgotten_and_who_writes_again_is_a_new_one() {
    let app = TestApp::new().await;
    let webhook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
    let (ada, _) = app.signed_in("ada", [Role::Supervisor]).await;
    let view = async |told: &Value| {
        let position = told["position"].as_str().expect("a position").to_owned();
        let address = format!("/v1/conversations/{}", told["conversation"].as_str().expect("a conversation"));
        ada.with("clew-min-position", &position).get(&address).await.expect(200)
    };
    let told = webhook.write("1", "+331", "I am MARKER").await;
    let contact = view(&told).await["contact"]["id"].as_str().expect("a contact").to_owned();
    let forgotten = ada.post(&format!("/v1/contacts/{contact}/forget"), json!({})).await.expect(200);
    let before = json!({"position": forgotten["position"], "conversation": told["conversation"]});
    let shown = view(&before).await;
    assert_eq!(
        shown["contact"],
        json!({"id": contact, "name": null, "handle": null, "forgotten": true, "blocked": false})
    );
    assert!(!shown.to_string().contains("MARKER"), "{shown}");

    let again = webhook.write("2", "+331", "Hello").await;
    let new = view(&again).await;
    assert_ne!(new["contact"]["id"].as_str(), Some(contact.as_str()));
    assert_eq!(new["contact"]["forgotten"], false);
    assert_ne!(again["conversation"], told["conversation"]);
    assert!(new["earlier"].as_array().is_none_or(Vec::is_empty), "{new}");
}
