//! A bit flipped in, or a part cut off, any file of a data directory, with the program itself: it refuses to start, or
//! it answers what it answered before, or it says that it can't; never anything else, and it never panics.

use crate::masking::doors::{Known, position, set_up, tell};
use crate::masking::server::{Server, token};
use crate::support::program::{printed, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MESSAGES: usize = 12;
const MENDED_WITHIN: Duration = Duration::from_secs(60);
const TOLD_FOR_GOOD_AFTER: Duration = Duration::from_secs(1);
/// Fewer questions than a caller may ask in a minute.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A data directory that was used and closed, and what it shows.
struct Sound {
    dir: tempfile::TempDir,
    token: String,
    conversations: Vec<String>,
    position: String,
    shows: Vec<Value>,
}

impl Sound {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        fs::create_dir(&data).expect("made");
        let token = token(&data);
        let (mut known, mut conversations) = (Known::default(), Vec::new());
        let server = Server::start(&data, &dir.path().join("log"), &token, &[]);
        set_up(&server, &mut known);
        for n in 0..MESSAGES {
            let contact = json!({"handle": format!("+33{}", n % 3), "name": format!("Contact {}", n % 3)});
            let (status, told) =
                tell(&server, &known, &json!({"id": n.to_string(), "contact": contact, "text": n.to_string()}));
            assert_eq!(status, 202, "{told}");
            told["conversation"].as_str().expect("a conversation").clone_into(&mut known.conversation);
            if n < 3 {
                conversations.push(known.conversation.clone());
            }
            if n == 5 {
                let message = told["message"].as_str().expect("a message");
                let masked = server.done(
                    "POST",
                    &format!("/v1/conversations/{}/messages/{message}/mask", known.conversation),
                    &json!({}),
                );
                known.position = position(&masked);
            }
        }
        let resolve = format!("/v1/conversations/{}/notes", conversations[0]);
        let noted = server.done("POST", &resolve, &json!({"text": "call back"}));
        let position = position(&noted);
        drop(server);
        // Whatever ends in order writes its views down.
        printed(&data, &["export"]);
        let mut sound = Self { dir, token, conversations, position, shows: Vec::new() };
        let server = Server::start(&data, &sound.dir.path().join("log"), &sound.token, &[]);
        sound.shows = sound.shown(&server).expect("a sound directory shows everything");
        drop(server);
        printed(&data, &["export"]);
        sound
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What is refused for now, if anything is. What is shown must be what was shown before.
    fn not_yet(&self, server: &Server, what: &str) -> Option<&'static str> {
        let Some(shows) = self.shown(server) else { return Some("something is refused") };
        assert_eq!(shows, self.shows, "{what}: something else is shown");
        None
    }

    /// What people and auditors see; `None` if any of it is refused for now.
    fn shown(&self, server: &Server) -> Option<Vec<Value>> {
        let mut paths = vec!["/v1/queues/new".to_owned()];
        for id in &self.conversations {
            paths.push(format!("/v1/conversations/{id}"));
            paths.push(format!("/v1/conversations/{id}/audit"));
        }
        let headers = [("clew-min-position", self.position.as_str())];
        let ask = |path: &String| {
            let answer = server.ask("GET", path, &headers, &[]);
            // Nothing is not there: it is shown, or refused for now, also to who asks too often.
            let refused = answer.status >= 500 || answer.status == 429;
            assert!(answer.status == 200 || refused, "{path}: {}", answer.status);
            (!refused).then(|| lasting(answer.json()))
        };
        paths.iter().map(ask).collect()
    }
}

/// An answer without what changes by itself as time goes on.
fn lasting(mut answer: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !["position", "now", "as_of", "waited_s", "next"].contains(&name.as_str()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut answer);
    answer
}

/// Something done to one file.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize),
    Cut(usize),
    Gone,
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.metadata().is_ok_and(|it| it.is_file() && it.len() > 0) {
            found.push(path);
        }
    }
}

/// What is tried on each file: more where there is no second copy of what it holds.
fn harms(data: &Path) -> Vec<(PathBuf, Harm)> {
    let mut files = Vec::new();
    files_below(data, &mut files);
    files.sort();
    let mut harms = Vec::new();
    for file in files {
        let bytes = fs::read(&file).expect("a file");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
        let name = file.strip_prefix(data).expect("below it").to_owned();
        let derived = name.starts_with("derived");
        let flips = if derived { 2 } else { 6 };
        harms.extend((0..flips).map(|n| (name.clone(), Harm::Flip((used - 1) * (2 * n + 1) / (2 * flips)))));
        harms.push((name.clone(), Harm::Cut(used / 2)));
        if derived {
            harms.push((name, Harm::Gone));
        }
    }
    harms
}

fn inflict(path: &Path, harm: &Harm) {
    let mut bytes = fs::read(path).expect("a file");
    match harm {
        Harm::Flip(at) => bytes[*at] ^= 1 << (at % 8),
        Harm::Cut(length) => bytes.truncate(*length),
        Harm::Gone => return fs::remove_file(path).expect("removed"),
    }
    fs::write(path, bytes).expect("written");
}

/// Starts the program over the damaged directory. Answers whether it served.
fn survives(sound: &Sound, (data, file): (&Path, &Path), log: &Path, what: &str) -> bool {
    let served = match Server::try_start(data, log, &sound.token, &[]) {
        Err(ended) => {
            assert!(!ended.success(), "{what}: it ended as if all were well");
            false
        }
        Ok(server) => {
            let began = Instant::now();
            while let Some(begun) = sound.not_yet(&server, what) {
                if file.starts_with("keys") && began.elapsed() > TOLD_FOR_GOOD_AFTER {
                    // There is no second copy of a key: what it opened stays refused.
                    break;
                }
                let ready = String::from_utf8_lossy(&server.get("/health/ready").body).into_owned();
                assert!(began.elapsed() < MENDED_WITHIN, "{what}: nothing mends it: {begun}: {ready} {}", told(log));
                thread::sleep(ASKED_AGAIN_AFTER);
            }
            true
        }
    };
    let told = told(log);
    assert!(!told.contains("panicked"), "{what}: {told}");
    assert!(served || told.lines().last().is_some_and(|line| line.starts_with("clew: ")), "{what}: {told}");
    served
}

fn told(log: &Path) -> String {
    let told = fs::read_to_string(log).unwrap_or_default();
    told.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn copied(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").args(["-a", "--sparse=always"]).arg(from).arg(to).status();
    assert!(done.expect("cp is there").success());
}

#[test]
fn damage_to_any_file_is_refused_mended_or_told_and_never_shown() {
    let sound = Sound::new();
    let harms = harms(&sound.data());
    let kinds = ["facts", "contents", "keys", "proofs", "derived"];
    for kind in kinds {
        assert!(harms.iter().any(|(file, _)| file.starts_with(kind)), "there are files of {kind}");
    }
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (sound, harms, next, refused) = (&sound, &harms, &next, &refused);
            scope.spawn(move || {
                let scratch = sound.dir.path().join(format!("worker-{worker}"));
                while let Some((file, harm)) = harms.get(next.fetch_add(1, Ordering::Relaxed)) {
                    fs::create_dir(&scratch).expect("made");
                    let data = scratch.join("data");
                    copied(&sound.data(), &data);
                    inflict(&data.join(file), harm);
                    let what = format!("{} {harm:?}", file.display());
                    let served = survives(sound, (&data, file), &scratch.join("log"), &what);
                    refused.fetch_add(usize::from(!served), Ordering::Relaxed);
                    assert!(served || !file.starts_with("derived"), "{what}: what is derived stops no start");
                    fs::remove_dir_all(&scratch).expect("removed");
                }
            });
        }
    });
    let refused = refused.into_inner();
    println!("{} harms, {refused} starts refused", harms.len());
    assert!(refused > 10, "damage to the log and to keys stops the start");
    assert!(run(&sound.data(), &["doctor"]).status.success(), "the directory they were copied from is sound");
}
