//! The program itself, `clew`, built as it is now and started as a person would.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where the program lies.
pub(crate) fn clew() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("clew", &[]))
}

/// Where the program of a schema to come lies, as a later Clew would be.
pub(crate) fn next_clew() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("clew-next", &["--features", "next-schema"]))
}

fn build(name: &str, features: &[&str]) -> PathBuf {
    let exe = env::current_exe().expect("a test knows where it lies");
    let profile = exe.ancestors().nth(2).expect("a test lies in <profile>/deps");
    let target = profile.parent().expect("a profile lies in the target directory");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "clew-gateway", "--bin", name, "--manifest-path"]).arg(manifest);
    build.args(features).arg("--target-dir").arg(target);
    if profile.file_name() == Some(OsStr::new("release")) {
        build.arg("--release");
    }
    let done = build.output().expect("cargo starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    profile.join(name)
}

/// Runs a command of it over a data directory, to its end.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(clew());
    command.args(arguments).arg("--data").arg(data).env_remove("CLEW_CONFIG");
    command.output().expect("the program starts")
}

/// What a command that has to succeed prints.
pub(crate) fn printed(data: &Path, arguments: &[&str]) -> String {
    let done = run(data, arguments);
    let told = [&done.stdout[..], &done.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(done.status.success(), "{arguments:?}: {told}");
    String::from_utf8(done.stdout).expect("it prints text")
}
