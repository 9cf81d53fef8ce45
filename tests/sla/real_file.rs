//! A real file of messages under a 60-minute promise: every number of the view against what the file itself says.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use super::expected::{self, Wait};
use crate::support::{Client, TestApp};
use clew_domain::conversation::{ConversationEvent, SlaBreach};
use clew_domain::fact::{Event, Fact};
use clew_domain::time::Timestamp;
use clew_domain::workspace::Role;
use clew_gateway::import::Import;
use clew_gateway::import::file::File;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The office: 9 to 17 in Paris, Monday to Friday.
pub(super) fn office() -> Value {
    let day = json!([{"from": "09:00", "to": "17:00"}]);
    let week = json!({"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day});
    json!({"name": "Office", "zone": "Europe/Paris", "week": week})
}

/// Imports the file under the promise, and waits until every breach is a fact.
async fn imported(bytes: &[u8]) -> (TestApp, Client) {
    let app = TestApp::unrecorded(|_| {}).await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (client, _) = app.signed_in("sue", [Role::Supervisor]).await;
    let calendar = json!({"definition": office()});
    let calendar = admin.post("/v1/admin/calendars", calendar).await.expect(201)["id"].clone();
    let policy = json!({"definition": {
        "name": "An hour",
        "calendar": calendar,
        "targets": {"next_response": {"seconds": 3_600, "counting": "business_time"}},
        "warning": {"used_percent": 75},
        "pending_pauses": true,
        "automatic_replies_count": false,
    }});
    admin.post("/v1/admin/sla-policies", policy).await.expect(201);
    let state = &app.app.state;
    let import = Import { store: &*state.store, ingest: &state.ingest, now: state.clock.now() };
    import.run(&File::parse(bytes), &mut |_| {}).await.unwrap();
    state.projections.wait_for(&state.store.head(), Duration::from_secs(60)).await.unwrap();
    app.app.record_breaches();
    let view = state.projections.sla();
    loop {
        let seen = view.position();
        if view.untold(state.clock.now(), 1).unwrap().is_empty() {
            break;
        }
        let moved = view.moves_on_from(&seen);
        tokio::time::timeout(Duration::from_secs(60), moved).await.expect("the breaches are recorded by themselves");
    }
    (app, client)
}

async fn facts(app: &TestApp) -> Vec<Fact> {
    app.facts().await
}

/// All pages of a list.
async fn all(client: &Client, list: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/sla/{list}?limit=200{cursor}")).await.expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn day(at_us: i64) -> i64 {
    at_us.div_euclid(86_400_000_000)
}

fn at(us: i64) -> Timestamp {
    Timestamp::from_micros(us)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_the_view_equal_those_of_the_file() {
    let Some(path) = expected::file() else { return };
    let bytes = std::fs::read(path).unwrap();
    let waits = expected::waits(&bytes);
    let (app, client) = imported(&bytes).await;

    let breached: Vec<&Wait> = waits.iter().filter(|it| it.is_breached()).collect();
    assert!(breached.len() > 100 && waits.len() - breached.len() > 100, "the file says something");
    let mut told: Vec<Timestamp> = Vec::new();
    for fact in facts(&app).await {
        if let Event::Conversation(ConversationEvent::SlaBreached(SlaBreach { due, .. })) = fact.event {
            assert_eq!(fact.occurred_at, due);
            told.push(due);
        }
    }
    let mut dues: Vec<Timestamp> = breached.iter().map(|it| at(it.due_us)).collect();
    told.sort_unstable();
    dues.sort_unstable();
    assert_eq!(told, dues, "each breach is a fact, once, at its due instant");

    let mut late: Vec<String> =
        waits.iter().filter(|it| it.answered_us.is_none()).map(|it| at(it.due_us).to_string()).collect();
    late.sort_unstable();
    let shown: Vec<String> =
        all(&client, "breached").await.iter().map(|it| it["due_at"].as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, late, "what is late now, the longest first");
    assert_eq!(all(&client, "due").await, [] as [Value; 0]);

    for (from, to) in [
        ("2018-01-01", "2018-12-31"),
        ("2019-01-01", "2019-12-31"),
        ("2020-01-01", "2020-12-31"),
        ("2020-03-20", "2020-03-20"),
    ] {
        history_equals(&client, &waits, from, to).await;
    }
}

/// The history of a period, by channel, against the file.
async fn history_equals(client: &Client, waits: &[Wait], from: &str, to: &str) {
    let days = |text: &str| day(format!("{text}T00:00:00Z").parse::<Timestamp>().unwrap().micros());
    let period = days(from)..=days(to);
    let mut expected = BTreeMap::<String, (u64, u64)>::new();
    for wait in waits {
        let (is_breached, at_us) = match wait.answered_us {
            Some(at_us) if !wait.is_breached() => (false, at_us),
            _ => (true, wait.due_us),
        };
        if period.contains(&day(at_us)) {
            let (kept, breached) = expected.entry(wait.brand.clone()).or_default();
            *(if is_breached { breached } else { kept }) += 1;
        }
    }
    let path = format!("/v1/sla/history?from={from}T00:00:00Z&to={to}T12:00:00Z");
    let answer = client.get(&path).await.expect(200);
    let channels = client.get("/v1/channels").await.expect(200);
    let name = |id: &Value| {
        let known = channels["items"].as_array().unwrap().iter().find(|it| it["id"] == *id);
        known.unwrap()["name"].as_str().unwrap().to_owned()
    };
    let mut shown = BTreeMap::<String, (u64, u64)>::new();
    for it in answer["items"].as_array().unwrap() {
        let (kept, breached) = (it["kept"].as_u64().unwrap(), it["breached"].as_u64().unwrap());
        assert_eq!(it["attained_permille"], json!(kept * 1_000 / (kept + breached)));
        shown.insert(name(&it["channel"]), (kept, breached));
    }
    assert_eq!(shown, expected, "{from} to {to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_of_each_wait_says_the_same() {
    let Some(path) = expected::file() else { return };
    let bytes = std::fs::read(path).unwrap();
    let waits: BTreeSet<(i64, bool)> = expected::waits(&bytes).iter().map(|it| (it.due_us, it.is_breached())).collect();
    let (app, client) = imported(&bytes).await;
    let conversations: BTreeSet<_> = facts(&app)
        .await
        .into_iter()
        .filter(|fact| matches!(fact.event, Event::Conversation(_)))
        .map(|fact| fact.stream.id)
        .collect();
    let mut explained = BTreeSet::new();
    for conversation in conversations {
        let answer = client.get(&format!("/v1/conversations/{conversation}/sla")).await.expect(200);
        for it in answer["items"].as_array().unwrap() {
            let due: Timestamp = it["due_at"].as_str().unwrap().parse().unwrap();
            explained.insert((due.micros(), !it["breach"].is_null()));
        }
    }
    assert_eq!(explained, waits);
}
