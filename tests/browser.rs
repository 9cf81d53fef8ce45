//! The agent's screen: its types by `tsc`, and its flows in a real Chromium over the real `clew serve --demo`. The flows
//! lie in `browser/`, one file a subject; `run.mjs` takes them all. `CLEW_TEST_ONLY=words` runs those whose names hold
//! the words; pictures of every screen and of every failure lie in `target/browser-shots/`. Without Node.js, npm or
//! Chromium they are skipped, with the reason; with `CLEW_TESTS_NO_SKIP=1` they fail instead.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Both tests install the same packages; one at a time.
static INSTALLING: Mutex<()> = Mutex::new(());

#[test]
fn the_types_of_the_screen_hold() {
    let Some(tools) = installed() else { return };
    let mut check = Command::new("node");
    check.arg(tools.join("node_modules/typescript/bin/tsc")).arg("-p").arg(sources().join("tsconfig.json"));
    let checked = run(&mut check);
    assert!(checked.status.success(), "{}", text(&checked));
}

#[test]
fn the_screen_works_in_a_browser() {
    let Some(tools) = installed() else { return };
    let Some(chromium) = CHROMIUM.iter().find(|name| answers(name)) else {
        return skip("Chromium is not installed");
    };
    let data = tempfile::tempdir().expect("a temporary directory");
    let shots = target().join("browser-shots");
    fs::create_dir_all(&shots).expect("a directory for pictures");
    let mut flows = Command::new("node");
    flows.arg(tools.join("run.mjs")).current_dir(&tools);
    flows.env("CLEW_TEST_BINARY", clew()).env("CLEW_TEST_DATA", data.path().join("clew"));
    flows.env("CLEW_TEST_CHROMIUM", found(chromium)).env("CLEW_TEST_SHOTS", shots);
    let outcome = run(&mut flows);
    println!("{}", text(&outcome));
    assert!(outcome.status.success(), "{}", text(&outcome));
}

/// Where the flows lie with what they need, installed if it is not there.
fn installed() -> Option<PathBuf> {
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if !answers("node") || !answers("npm") {
        skip("Node.js and npm are not installed");
        return None;
    }
    let place = target().join("browser-tests");
    let wanted = fs::read(sources().join("package.json")).expect("package.json is there");
    let stamp = place.join("installed.json");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        fs::create_dir_all(&place).expect("a directory for packages");
        fs::write(place.join("package.json"), &wanted).expect("package.json is written");
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&place);
        let done = run(&mut install);
        if !done.status.success() {
            skip(&format!("the packages could not be installed: {}", text(&done)));
            return None;
        }
        fs::write(&stamp, &wanted).expect("the stamp is written");
    }
    for flow in flows_in(&place) {
        fs::remove_file(flow).expect("a flow of the last time is removed");
    }
    for flow in flows_in(&sources()) {
        let name = flow.file_name().expect("a file has a name");
        fs::copy(&flow, place.join(name)).expect("the flows are copied");
    }
    Some(place)
}

fn flows_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there").flatten().map(|file| file.path());
    files.filter(|file| file.extension() == Some(OsStr::new("mjs"))).collect()
}

fn skip(why: &str) {
    assert!(env::var_os("CLEW_TESTS_NO_SKIP").is_none_or(|value| value != "1"), "not to be skipped: {why}");
    println!("skipped: {why}");
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// The folder that this test was built into.
fn profile() -> PathBuf {
    let exe = env::current_exe().expect("a test knows where it lies");
    exe.ancestors().nth(2).expect("a test lies in <profile>/deps").to_owned()
}

fn target() -> PathBuf {
    profile().parent().expect("a profile lies in the target directory").to_owned()
}

/// The program itself, as it is now.
fn clew() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "clew-gateway", "--bin", "clew", "--manifest-path"]).arg(manifest);
    build.arg("--target-dir").arg(target());
    if profile().file_name() == Some(OsStr::new("release")) {
        build.arg("--release");
    }
    let outcome = run(&mut build);
    assert!(outcome.status.success(), "{}", text(&outcome));
    profile().join("clew")
}

fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The path of a program, as browsers are started by path.
fn found(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).map(|folder| folder.join(program));
    places.into_iter().find(|file| file.is_file()).expect("it has just answered")
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
