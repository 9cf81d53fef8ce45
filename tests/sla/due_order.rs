//! The order "due soonest" of a queue: against a plain sort of the rows, page by page, narrowed or not.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use crate::support::{Client, TestApp};
use clew_domain::workspace::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn policy(name: &str, seconds: u32, channel: &str) -> Value {
    let target = json!({"seconds": seconds, "counting": "calendar_time"});
    json!({"definition": {
        "name": name,
        "conditions": {"channels": [channel]},
        "targets": {"next_response": target, "resolution": {"seconds": 9_000, "counting": "calendar_time"}},
        "warning": {"used_percent": 50},
        "pending_pauses": true,
        "automatic_replies_count": false,
    }})
}

async fn rows(client: &Client, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/queues/{query}{cursor}")).await.expect(200);
        rows.extend(page["rows"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_queue_is_ordered_by_what_is_due_soonest() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (client, _) = app.signed_in("sue", [Role::Supervisor]).await;
    let (slow, quick, free) = (app.channel("Slow").await, app.channel("Quick").await, app.channel("Free").await);
    admin.post("/v1/admin/sla-policies", policy("Slow", 3_600, &slow.to_string())).await.expect(201);
    admin.post("/v1/admin/sla-policies", policy("Quick", 300, &quick.to_string())).await.expect(201);
    for turn in 0..12 {
        let channel = [slow, quick, free][turn % 3];
        super::receive(&app, channel, &format!("contact {turn}")).await;
        app.pass(100);
    }

    let plain = rows(&client, "new?order=oldest").await;
    let mut expected = plain.clone();
    expected.retain(|row| !row["sla"]["due_at"].is_null());
    expected.sort_by_key(|row| row["sla"]["due_at"].as_str().unwrap().to_owned());
    assert_eq!(expected.len(), 8);
    for limit in [1, 3, 50] {
        let due = rows(&client, &format!("new?order=due&limit={limit}")).await;
        assert_eq!(ids(&due)[..8], ids(&expected), "those that are due");
        assert_eq!(due.len(), 12, "then those that are not");
        assert_eq!(ids(&due).iter().collect::<BTreeSet<_>>().len(), 12, "each once");
    }
    let narrowed = rows(&client, &format!("new?order=due&limit=2&channel={quick}")).await;
    let of_quick: Vec<_> = expected.iter().filter(|row| row["channel"]["id"] == json!(quick)).cloned().collect();
    assert_eq!(ids(&narrowed), ids(&of_quick));
    assert_eq!(rows(&client, "resolved?order=due").await, [] as [Value; 0]);
    client.get("/v1/queues/new?order=due&cursor=nonsense").await.expect_problem(400, "invalid-cursor");
}
