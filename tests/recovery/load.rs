//! A process of its own that appends to a store and tells each acknowledged commit, until it is ended; and the
//! comparison of what it told with what is there.
#![expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]

use clew_domain::content::ContentId;
use clew_domain::fact::Fact;
use clew_eventstore::backends::embedded::{Disk, Options, Store};
use clew_eventstore::conformance::{commit, content, fact, stream, write};
use clew_eventstore::store::EventStore;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const WRITERS: u64 = 8;
/// Contents of one writer have numbers of their own.
const NUMBERS: u64 = 1 << 32;

/// A disk that says it has synced and has not: what the power test must catch.
struct Lying;

impl Disk for Lying {
    fn sync(&self, _file: &File) -> std::io::Result<()> {
        Ok(())
    }
}

/// Segments so small that rolls and sealing go on all the time.
pub(crate) fn options() -> Options {
    Options { facts_segment_bytes: 96 * 1024, contents_segment_bytes: 96 * 1024, ..Options::default() }
}

/// Not a test of its own: what [`spawn`] runs in another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appender() {
    let Some(dir) = std::env::var_os("CLEW_RECOVERY_DIR") else { return };
    let lying = std::env::var_os("CLEW_RECOVERY_LYING").is_some();
    let options = || if lying { Options { disk: Arc::new(Lying), ..options() } } else { options() };
    // Between the fork and the exec of another test's process, that one still has the lock of the log looked at before.
    let until = Instant::now() + Duration::from_secs(10);
    let opened = loop {
        match Store::open(Path::new(&dir), options()) {
            Err(error) if error.to_string().contains("open in another process") && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => break opened,
        }
    };
    let store = Arc::new(opened.expect("the log opens").0);
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(append_for_ever(Arc::clone(&store), writer))).collect();
    for writer in writers {
        writer.await.expect("a writer goes on until the process is ended");
    }
}

async fn append_for_ever(store: Arc<Store>, writer: u64) {
    let mut version = store.read_stream(stream(writer), 0).await.expect("it reads").len() as u64;
    loop {
        let number = writer * NUMBERS + version;
        let mut commit = commit(vec![write(stream(writer), version, number..number + 1)]);
        commit.contents = vec![content(number, 120)];
        // Once the disk is gone there is nothing left to acknowledge.
        if store.append(commit).await.is_err() {
            std::future::pending::<()>().await;
        }
        version += 1;
        let line = format!("acknowledged {writer} {version}\n");
        std::io::stdout().write_all(line.as_bytes()).expect("somebody listens");
        if version.is_multiple_of(50) {
            store.erase(vec![ContentId(number)]).await.ok();
        }
    }
}

/// What an appender has told.
#[derive(Clone, Copy, Default)]
struct Told {
    commits: u64,
    versions: [u64; WRITERS as usize],
}

/// An appender on `dir`, and how far each of its writers was acknowledged.
pub(crate) struct Appender {
    child: Child,
    acknowledged: Arc<Mutex<Told>>,
    reader: std::thread::JoinHandle<()>,
    /// What it said to its standard error.
    said: tempfile::NamedTempFile,
}

/// Starts an appender in a process of its own.
pub(crate) fn spawn(dir: &Path, lying: bool) -> Appender {
    let mut command = Command::new(std::env::current_exe().expect("a test runs from a file"));
    command.args(["recovery::load::appender", "--exact", "--nocapture", "--test-threads=1"]);
    let said = tempfile::NamedTempFile::new().expect("a file");
    let stderr = said.reopen().expect("the file is there");
    command.env("CLEW_RECOVERY_DIR", dir).stdout(Stdio::piped()).stderr(stderr);
    if lying {
        command.env("CLEW_RECOVERY_LYING", "1");
    }
    let mut child = command.spawn().expect("the test's own binary starts");
    let told = BufReader::new(child.stdout.take().expect("piped"));
    let acknowledged = Arc::new(Mutex::new(Told::default()));
    let noted = Arc::clone(&acknowledged);
    let reader = std::thread::spawn(move || {
        for line in told.lines().map_while(Result::ok) {
            let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
            // A line that the end of the process cut short tells nothing.
            let (Some(writer), Some(version)) = (words.next(), words.next()) else { continue };
            let (Ok(writer), Ok(version)) = (writer.parse::<usize>(), version.parse()) else { continue };
            let mut told = noted.lock().expect("no panic under it");
            told.commits += 1;
            told.versions[writer] = version;
        }
    });
    Appender { child, acknowledged, reader, said }
}

impl Appender {
    /// How many commits were acknowledged so far.
    pub(crate) fn count(&self) -> u64 {
        self.acknowledged.lock().expect("no panic under it").commits
    }

    /// Waits until so many more commits were acknowledged.
    pub(crate) fn wait_for(&mut self, commits: u64) {
        let until = self.count() + commits;
        while self.count() < until {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                let said = std::fs::read_to_string(self.said.path()).expect("it says text");
                panic!("the appender ended by itself, {status}: {said}");
            }
            std::thread::yield_now();
        }
    }

    /// Ends the process at once, and answers what it had acknowledged.
    pub(crate) fn kill(mut self) -> Vec<u64> {
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it ends");
        self.reader.join().expect("the reader does not panic");
        self.acknowledged.lock().expect("no panic under it").versions.to_vec()
    }
}

/// How many acknowledged commits are missing; everything else about the log must be sound.
pub(crate) fn missing(dir: &Path, acknowledged: &[u64]) -> u64 {
    let (store, _) = Store::open(dir, options()).expect("a crash is no damage");
    let mut facts: Vec<Fact> = Vec::new();
    store
        .scan(0, |fact| {
            facts.push(fact);
            true
        })
        .expect("nothing is damaged");
    let mut versions = [0; WRITERS as usize];
    for (sequence, found) in (1..).zip(&facts) {
        assert_eq!(found.position.sequence, sequence, "positions have no hole");
        let writer = (0..WRITERS).find(|writer| stream(*writer) == found.stream).expect("a stream of a writer");
        let version = &mut versions[usize::try_from(writer).expect("a few")];
        assert_eq!(found.body, fact(writer * NUMBERS + *version), "none is there twice");
        *version += 1;
        assert_eq!(found.version, *version, "versions have no hole");
    }
    for (writer, version) in (0..).zip(versions) {
        let of_stream = store.read_stream_blocking(stream(writer), 0).expect("the index is sound");
        assert_eq!(of_stream.len() as u64, version);
    }
    acknowledged.iter().zip(versions).map(|(told, there)| told.saturating_sub(there)).sum()
}
