//! `/v1/admin/redactions`: patterns that are taken out of incoming texts before anything is stored.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::conversation::Visibility;
use clew_domain::workspace::{ChannelKind, Role};
use serde_json::{Value, json};

const PATH: &str = "/v1/admin/redactions";

fn customer_number() -> Value {
    json!({"name": "Customer number", "pattern": r"\bKD-\d{6}\b"})
}

/// What the messages of a conversation say, in order.
async fn texts(reader: &Client, told: &Value) -> Vec<String> {
    let conversation = told["conversation"].as_str().expect("a conversation");
    let position = told["position"].as_str().expect("a position");
    let path = format!("/v1/conversations/{conversation}?min_position={position}");
    let view = reader.get(&path).await.expect(200);
    let entries = view["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["text"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_pattern_holds_from_the_moment_it_is_set_until_it_is_removed() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (reader, _) = app.signed_in("sue", [Role::Supervisor]).await;
    let webhook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
    webhook.write("1", "+331", "I am KD-123456").await;
    let made = admin.post(PATH, customer_number()).await.expect(201);
    let rule = made["id"].as_str().expect("an id");
    webhook.write("2", "+331", "I am KD-123456, card 4111 1111 1111 1111").await;
    let data = json!({"id": "3", "to": {"handle": "+331"}, "text": "KD-654321, noted", "author": "Ann"});
    webhook.tell("message.sent", data).await.expect(202);
    let wider = json!({"name": "Customer number", "pattern": r"\bKD-\d+\b"});
    admin.put(&format!("{PATH}/{rule}"), wider).await.expect(200);
    webhook.write("4", "+331", "Or KD-77").await;
    admin.delete(&format!("{PATH}/{rule}")).await.expect(200);
    let last = webhook.write("5", "+331", "KD-123456 again").await;

    let said = texts(&reader, &last).await;
    let expected = [
        "I am KD-123456",
        "I am [removed], card [card number removed]",
        "KD-654321, noted",
        "Or [removed]",
        "KD-123456 again",
    ];
    assert_eq!(said, expected);

    let listed = admin.get(PATH).await.expect(200);
    assert_eq!(listed["items"][0]["removed"], true);
    let path = format!("/v1/conversations/{}/audit", last["conversation"].as_str().expect("a conversation"));
    let trail = reader.get(&path).await.expect(200);
    let entries = trail["entries"].as_array().expect("entries");
    let redacted = entries.iter().filter(|entry| entry["action"] == "message_redacted");
    let found: Vec<_> = redacted.map(|entry| entry["details"][0].clone()).collect();
    let by_rule = found.iter().filter(|detail| detail["after"]["name"] == "Customer number").count();
    assert_eq!((found.len(), by_rule), (3, 2), "{found:?}");
    assert!(!trail.to_string().contains("KD-1"), "the trail says that and by which rule, not what");
}

#[tokio::test]
async fn a_sample_is_tried_and_stored_nowhere() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    admin.post(PATH, customer_number()).await.expect(201);
    let before = app.app.state.store.head();
    let text = "KD-123456 or 4111111111111111 or 0612";
    let tried = admin.post(&format!("{PATH}/try"), json!({"text": text})).await.expect(200);
    assert_eq!(tried["text"], "[removed] or [card number removed] or 0612");
    assert_eq!(tried["found"][0], json!({"rule": null, "name": "card_numbers", "places": 1}));
    assert_eq!(tried["found"][1]["name"], "Customer number");
    let tried = admin.post(&format!("{PATH}/try"), json!({"text": text, "pattern": r"\b06\d+"})).await.expect(200);
    assert_eq!(tried["text"], "KD-123456 or [card number removed] or [removed]");
    assert_eq!(tried["found"][1], json!({"rule": null, "name": "tried", "places": 1}));
    assert_eq!(app.app.state.store.head(), before);
}

#[tokio::test]
async fn what_can_not_be_a_pattern_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    for pattern in ["(", r"(a)\1", "a*", "(?=a)", "a{1000}{1000}"] {
        for (path, body) in [
            (PATH.to_owned(), json!({"name": "P", "pattern": pattern})),
            (format!("{PATH}/try"), json!({"text": "a", "pattern": pattern})),
        ] {
            let problem = admin.post(&path, body).await.expect_problem(422, "invalid-value");
            assert_eq!(problem["field"], "pattern", "{pattern}");
        }
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    admin.put(&format!("{PATH}/{unknown}"), customer_number()).await.expect_problem(404, "not-found");
    admin.delete(&format!("{PATH}/{unknown}")).await.expect_problem(404, "not-found");
    let (agent, _) = app.signed_in("ada", [Role::Agent]).await;
    agent.get(PATH).await.expect_problem(403, "forbidden");
    agent.post(&format!("{PATH}/try"), json!({"text": "a"})).await.expect_problem(403, "forbidden");
}
