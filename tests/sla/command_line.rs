//! `clew sla`, over a data directory into which a real file was imported: what would have been, and why a clock says
//! what it says. Nothing of the log changes.
#![expect(clippy::unwrap_used, reason = "a test that can not go on says where")]

use super::expected::{self, Wait};
use super::real_file::office;
use super::recorder::prepare;
use crate::support::program::{printed, run};
use clew_eventstore::backends::embedded::{Options, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Every fact of a log, as text.
fn log(data: &Path) -> Vec<String> {
    let (store, _) = Store::open(data, Options::default()).unwrap();
    let mut facts = Vec::new();
    store.scan(0, |fact| (facts.push(format!("{fact:?}")), true).1).unwrap();
    facts
}

fn an_hour() -> Value {
    let targets = json!({"next_response": {"seconds": 3_600, "counting": "business_time"}});
    json!({"policies": [{"name": "An hour", "calendar": "Office", "targets": targets}], "calendars": [office()]})
}

#[test]
fn what_if_counts_what_the_file_says_and_changes_nothing() {
    let Some(file) = expected::file() else { return };
    let waits = expected::waits(&std::fs::read(&file).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    printed(&data, &["import", file.to_str().unwrap()]);
    let rules = dir.path().join("rules.json");
    std::fs::write(&rules, an_hour().to_string()).unwrap();
    let before = log(&data);

    let what_if = ["sla", "what-if", "--policy", rules.to_str().unwrap()];
    let all: Value = serde_json::from_str(&printed(&data, &[&what_if[..], &["--json"]].concat())).unwrap();
    let breached = waits.iter().filter(|it| it.is_breached()).count();
    assert_eq!(all["total"]["then"], json!({"kept": waits.len() - breached, "breached": breached}));
    assert_eq!(all["total"]["now"], json!({"kept": 0, "breached": 0}), "nothing was promised then");

    let period = [&what_if[..], &["--csv", "--from", "2019-06-01T00:00:00Z", "--to", "2020-03-01T00:00:00Z"]].concat();
    let csv = printed(&data, &period);
    assert_eq!(csv.lines().next(), Some("channel,hour,breached_now,breached_then,kept_now,kept_then"));
    let mut shown = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let count = |at: usize| fields[at].parse::<u64>().unwrap();
        assert_eq!((count(2), count(4)), (0, 0));
        shown.insert((fields[0].to_owned(), fields[1].to_owned()), (count(3), count(5)));
    }
    assert_eq!(shown, by_hour(&waits, 1_559_347_200_000_000..1_583_020_800_000_000));
    assert_eq!(log(&data), before, "nothing of the log changed");
}

fn by_hour(waits: &[Wait], period_us: std::ops::Range<i64>) -> BTreeMap<(String, String), (u64, u64)> {
    let mut cells = BTreeMap::<_, (u64, u64)>::new();
    for wait in waits {
        let at_us = if wait.is_breached() { wait.due_us } else { wait.answered_us.unwrap() };
        if !period_us.contains(&at_us) {
            continue;
        }
        let hours = at_us / 3_600_000_000;
        let (year, month, day) = expected::date_of(hours / 24);
        let hour = format!("{year}-{month:02}-{day:02}T{:02}:00:00Z", hours % 24);
        let (breached, kept) = cells.entry((wait.brand.clone(), hour)).or_default();
        *(if wait.is_breached() { breached } else { kept }) += 1;
    }
    cells
}

#[test]
fn a_rules_file_may_be_toml_and_says_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let rules = dir.path().join("rules.toml");
    let arguments = ["sla", "what-if", "--policy", rules.to_str().unwrap(), "--json"];
    std::fs::write(&rules, "only = true").unwrap();
    assert_eq!(run(&data, &arguments).status.code(), Some(3), "there is no log");
    printed(&data, &["user", "add", "ada", "--role", "agent"]);

    let good = r#"
        [[policies]]
        name = "Quick"
        targets.first_response = { seconds = 600, counting = "calendar_time" }
        [[calendars]]
        name = "Night"
        zone = "Europe/Paris"
        week.friday = [{ from = "20:00", to = "24:00" }]
    "#;
    std::fs::write(&rules, good).unwrap();
    let report: Value = serde_json::from_str(&printed(&data, &arguments)).unwrap();
    assert_eq!(report["total"]["then"], json!({"kept": 0, "breached": 0}));

    for (text, code, why) in [
        ("policies = 3", 2, "rules.toml"),
        ("[[policies]]\nname = 'X'\ncalendar = 'Nowhen'", 3, "there is no calendar 'Nowhen'"),
        ("[[policies]]\nname = 'X'\nconditions.channels = ['None']", 3, "there is no channel 'None'"),
        ("[[policies]]\nname = 'X'\ntargets.resolution = { seconds = 0, counting = 'calendar_time' }", 2, "policy 'X'"),
        ("[[calendars]]\nname = 'X'\nzone = 'Europe/Atlantis'\nweek = {}", 2, "calendar 'X'"),
    ] {
        std::fs::write(&rules, text).unwrap();
        let refused = run(&data, &arguments);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(code), "{told}");
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_owned();
    prepare(&data, 8).await;
    tokio::task::spawn_blocking(move || explained(&data)).await.unwrap();
}

fn explained(data: &Path) {
    let export = printed(data, &["export"]);
    let (mut kept, mut breached) = (0, 0);
    for line in export.lines() {
        let conversation: Value = serde_json::from_str(line).unwrap();
        let conversation = conversation["id"].as_str().unwrap();
        let told = printed(data, &["sla", "explain", conversation, "--tz", "Europe/Paris"]);
        assert!(told.starts_with("next response: 1:00:00 of calendar time, promised by An hour\n"), "{told}");
        assert!(told.contains("counted: every hour counts"), "{told}");
        let json: Value = serde_json::from_str(&printed(data, &["sla", "explain", conversation, "--json"])).unwrap();
        let clock = &json["items"][0];
        let is_breached = !clock["breach"].is_null();
        assert_eq!(told.contains("  breached, due 2020-01-01 "), is_breached, "{told}");
        assert_eq!(told.contains("  in time, due 2020-01-01 "), !is_breached, "{told}");
        *(if is_breached { &mut breached } else { &mut kept }) += 1;
    }
    assert_eq!((kept, breached), (1, 7));
    let unknown = run(data, &["sla", "explain", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"]);
    assert_eq!(unknown.status.code(), Some(3));
}
