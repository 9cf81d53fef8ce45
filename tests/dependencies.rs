//! What we build on: from crates.io alone, under licences that go with ours. Known vulnerabilities can't be looked up
//! without the network, so they are no part of this.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression lets us choose licences from the list alone. `AND` binds groups of alternatives here,
/// as in all expressions that we meet; another form is refused, not guessed.
fn is_allowed(expression: &str) -> bool {
    expression.replace('/', " OR ").split(" AND ").all(|group| {
        let group = group.trim().trim_start_matches('(').trim_end_matches(')');
        group.split(" OR ").any(|licence| LICENCES.contains(&licence.trim()))
    })
}

/// The platform that this is built for: packages of others are not on a machine that never built for them.
fn platform(cargo: &OsStr) -> String {
    let told = Command::new(cargo).arg("-vV").output().expect("cargo runs");
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host").to_owned()
}

#[test]
fn every_dependency_is_from_crates_io_under_a_licence_that_goes_with_ours() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(&cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform(&cargo)])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let metadata: Value = serde_json::from_slice(&told.stdout).expect("cargo's metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 5, "the workspace alone has five");
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence), "{name} is under '{licence}'");
        if let Some(source) = package["source"].as_str() {
            assert!(source.starts_with("registry+https://github.com/rust-lang/crates.io-index"), "{name}: {source}");
        }
    }
}

#[test]
fn expressions_are_judged_by_their_alternatives() {
    for allowed in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["", "GPL-3.0", "MIT AND GPL-3.0"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}
