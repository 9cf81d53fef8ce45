//! What operators do with the program itself: back up while it serves, restore, examine.

use crate::support::program::{clew, printed, run};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server, killed when dropped.
struct Server(Child);

impl Server {
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(clew());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(more).arg("--data").arg(data).env_remove("CLEW_CONFIG");
        let started = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = Self(started.expect("the program starts"));
        let lines = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.starts_with("Clew is at")), "the server starts");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended or not: it must not outlive the test.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the workspace holds, one conversation a line, in no order.
fn exported(data: &Path) -> BTreeSet<String> {
    printed(data, &["export"]).lines().map(str::to_owned).collect()
}

/// What was done, in order, without the readings that looking at it brings about.
fn trail(data: &Path) -> Vec<String> {
    let lines = printed(data, &["audit", "list"]);
    lines.lines().filter(|line| !line.contains("data_read")).map(str::to_owned).collect()
}

#[test]
fn what_was_backed_up_while_it_was_served_is_restored_whole() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name);
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let (data, backup, restored) = (path("data"), text(&path("backup")), path("restored"));
    {
        let _server = Server::start(&data, &["--demo"]);
        assert!(printed(&data, &["backup", &backup]).contains("Every file was read back"));
        let busy = run(&data, &["doctor"]);
        assert_eq!(busy.status.code(), Some(4), "a directory that is served is not examined");
    }
    let (before, trail) = (exported(&data), trail(&data));
    assert!(before.len() > 10, "the demo has conversations");
    let (keys, signing_key) = (text(&data.join("keys")), text(&data.join("proofs/signing-key")));
    let told = printed(&restored, &["restore", &backup, "--keys", &keys, "--signing-key", &signing_key]);
    assert!(told.contains("All is sound."), "{told}");
    let restored_trail = self::trail(&restored);
    assert!(restored_trail.len() > 50 && trail.starts_with(&restored_trail), "the log up to the backup, as it was");
    // What was served went on meanwhile: texts and all of those conversations that nothing happened to since.
    let after = exported(&restored);
    if restored_trail.len() == trail.len() {
        assert_eq!(after, before);
    }
    assert!(after.intersection(&before).count() > 3, "what was written opens");
    let again = run(&restored, &["restore", &backup]);
    assert_eq!(again.status.code(), Some(5), "nothing is written over");
    let _server = Server::start(&restored, &[]);

    // No file of the backup is a key, or holds one.
    let kek = fs::read(data.join("keys/kek")).expect("the keys are there");
    let secret = fs::read(data.join("proofs/signing-key")).expect("the signing key is there");
    for file in fs::read_dir(path("backup").join("files")).expect("files") {
        let bytes = fs::read(file.expect("an entry").path()).expect("a file");
        assert!(bytes != kek && !bytes.windows(secret.len()).any(|window| window == secret));
        let slots = kek.chunks(32).filter(|slot| slot.iter().any(|byte| *byte != 0) && slot.len() == 32);
        assert!(slots.into_iter().all(|slot| !bytes.windows(32).any(|window| window == slot)));
    }
}

#[test]
fn the_doctor_names_what_is_damaged() {
    let scratch = tempfile::tempdir().expect("a directory");
    let data = scratch.path().join("data");
    assert_eq!(run(&data, &["doctor"]).status.code(), Some(3), "there is nothing to examine");
    drop(Server::start(&data, &["--demo"]));
    assert!(printed(&data, &["doctor"]).contains("All is sound."));
    for file in ["facts/00000001.open", "contents/00000001.contents"] {
        let path = data.join(PathBuf::from(file));
        let sound = fs::read(&path).expect("a file");
        let mut damaged = sound.clone();
        damaged[2_000] ^= 4;
        fs::write(&path, damaged).expect("written");
        let told = run(&data, &["doctor"]);
        assert_eq!(told.status.code(), Some(1));
        let told = [told.stdout, told.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains(file), "{told}");
        fs::write(&path, sound).expect("written");
    }
    assert!(printed(&data, &["doctor"]).contains("All is sound."));
    // What ends in order has its views on disk.
    let shown = exported(&data);
    let views = data.join("derived/conversation");
    let served = views.join(fs::read_to_string(views.join("served")).expect("a name"));
    let is_run = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-"));
    let run_file = fs::read_dir(served).expect("rows").map(|entry| entry.expect("an entry").path()).find(is_run);
    let run_file = run_file.expect("rows on disk");
    let mut bytes = fs::read(&run_file).expect("rows");
    bytes[40] ^= 1;
    fs::write(&run_file, bytes).expect("written");
    let told = run(&data, &["doctor"]);
    let says = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.code() == Some(1) && says.contains("view conversation"), "{says}");
    assert!(printed(&data, &["doctor", "--repair"]).contains("view conversation"));
    assert!(printed(&data, &["doctor"]).contains("All is sound."));
    assert_eq!(exported(&data), shown, "it was made anew");
}
