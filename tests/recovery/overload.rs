//! The API over a log that takes no more: a full queue is told with the time after which to come again, a failed disk
//! by `/health/ready`.

use crate::support::{Answer, Client, TestApp};
use clew_domain::workspace::Role;
use clew_eventstore::backends::embedded::{Disk, Options, Store};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

/// How a disk meets a sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Sound,
    /// It takes its time, until told otherwise.
    Slow,
    Broken,
}

struct Moody {
    mood: Mutex<Mood>,
    changed: Condvar,
}

impl Moody {
    fn new() -> Arc<Self> {
        Arc::new(Self { mood: Mutex::new(Mood::Sound), changed: Condvar::new() })
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().expect("no panic under it") = mood;
        self.changed.notify_all();
    }
}

impl Disk for Moody {
    fn sync(&self, file: &File) -> io::Result<()> {
        let mut mood = self.mood.lock().expect("no panic under it");
        while *mood == Mood::Slow {
            mood = self.changed.wait(mood).expect("no panic under it");
        }
        if *mood == Mood::Broken { Err(io::Error::from_raw_os_error(5)) } else { file.sync_data() }
    }
}

/// An application over a log on this disk, whose queue takes one commit, and an agent's client.
async fn desk(disk: &Arc<Moody>) -> (tempfile::TempDir, TestApp, Client, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::<Moody>::clone(disk);
    let app = TestApp::over(|observer| {
        let options = Options { queue_commits_max: 1, disk, observer: Some(observer), ..Options::default() };
        Arc::new(Store::open(dir.path(), options).expect("it opens").0)
    });
    let app = app.await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    (dir, app, ada, agent.to_string())
}

async fn make_collection(ada: Client, number: usize, owner: String) -> (usize, Answer) {
    let wanted = json!({"name": format!("Collection {number}"), "owner": {"kind": "agent", "id": owner}});
    let keyed = ada.with("idempotency-key", &format!("collection-{number}"));
    (number, keyed.post("/v1/saved-replies/collections", wanted).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_when_to_come_again_and_does_nothing_by_halves() {
    const COMMANDS: usize = 8;
    let disk = Moody::new();
    let (_dir, _app, ada, agent) = desk(&disk).await;
    disk.set(Mood::Slow);
    let all: FuturesUnordered<_> =
        (0..COMMANDS).map(|number| make_collection(ada.clone(), number, agent.clone())).collect();
    // One may be with the writer and one in the queue; the others need not wait for them.
    let (mut refused, waiting): (Vec<_>, _) = {
        let mut all = all;
        let mut answered = Vec::new();
        for _ in 0..COMMANDS - 2 {
            answered.push(all.next().await.expect("as many as commands"));
        }
        (answered, all)
    };
    for (_, answer) in &refused {
        answer.expect_problem(503, "store-busy");
        let after = answer.headers["retry-after"].to_str().expect("digits").parse::<u64>().expect("seconds");
        assert!(after >= 1);
    }
    disk.set(Mood::Sound);
    refused.extend(waiting.collect::<Vec<_>>().await);
    let mut reader = ada.clone();
    for (number, mut answer) in refused {
        while answer.status == 503 {
            answer = make_collection(ada.clone(), number, agent.clone()).await.1;
        }
        reader = ada.with("clew-min-position", answer.expect(201)["position"].as_str().expect("a position"));
        // Each is waited for: the last to be answered need not be the last in the log.
        reader.get("/v1/saved-replies").await.expect(200);
    }
    let listed = reader.get("/v1/saved-replies").await.expect(200);
    assert_eq!(listed["collections"].as_array().map(Vec::len), Some(COMMANDS), "each was done once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_disk_stops_commits_and_readiness_says_why_and_what_to_do() {
    let disk = Moody::new();
    let (_dir, app, ada, agent) = desk(&disk).await;
    let (_, made) = make_collection(ada.clone(), 1, agent.clone()).await;
    let made = made.expect(201);
    disk.set(Mood::Broken);
    let (_, first) = make_collection(ada.clone(), 2, agent.clone()).await;
    assert_eq!(first.status, 503, "nothing is acknowledged that may be lost");
    disk.set(Mood::Sound);
    let (_, second) = make_collection(ada.clone(), 3, agent).await;
    second.expect_problem(503, "store-unavailable");
    let ready = app.anybody().get("/health/ready").await.expect(503);
    let store = ready["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "store");
    let why = store.expect("the store is one of them")["detail"].as_str().expect("a reason");
    assert!(why.contains("writing the log failed") && why.contains("restart Clew once the disk is sound"), "{why}");
    let reader = ada.with("clew-min-position", made["position"].as_str().expect("a position"));
    let listed = reader.get("/v1/saved-replies").await.expect(200);
    assert_eq!(listed["collections"].as_array().map(Vec::len), Some(1), "what was durable is still served, no more");
}
