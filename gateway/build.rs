//! Lists the files of the agent's screen, so that `ui.rs` can build them in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = manifest.join("ui");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, &mut files)?;
    }
    files.sort();
    let mut list = String::from("static UI_FILES: &[Asset] = &[\n");
    for file in files {
        let path = file.strip_prefix(&root).map_err(io::Error::other)?;
        let path = path.to_str().ok_or_else(|| io::Error::other("a file of the screen has an odd name"))?;
        let literal = file.to_str().ok_or_else(|| io::Error::other("the workspace lies at an odd place"))?;
        writeln!(list, "    Asset {{ path: {path:?}, bytes: include_bytes!({literal:?}) }},")
            .map_err(io::Error::other)?;
    }
    list.push_str("];\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("ui_files.rs"), list)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if matches!(extension, "html" | "css" | "js" | "json" | "webmanifest" | "svg" | "png" | "ico" | "woff2")
        {
            files.push(path);
        }
    }
    Ok(())
}
