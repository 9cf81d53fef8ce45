//! Lists the files of the agent's screen, so that `ui.rs` can build them in, and joins those that the first sight of it
//! needs: one script and one style sheet are there sooner than fifty. The files work as they lie, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const ENTRY: &str = "main.js";
const JOINED_SCRIPT: &str = "joined.js";
const JOINED_STYLE: &str = "joined.css";

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let root = manifest.join("ui");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut sources = BTreeMap::new();
    collect(&root, &root, &mut sources)?;
    let mut made = Join::default().run(&sources)?;
    let (index, style) = join_styles(&sources)?;
    made.extend([("index.html".to_owned(), index), (JOINED_STYLE.to_owned(), style)]);
    let mut list = String::from("static UI_FILES: &[Asset] = &[\n");
    for path in sources.keys().chain(made.keys()).collect::<BTreeSet<_>>() {
        let file = if let Some(text) = made.get(path) {
            let file = out.join("ui").join(path);
            fs::create_dir_all(file.parent().unwrap_or(&out))?;
            fs::write(&file, text)?;
            file
        } else {
            root.join(path)
        };
        let literal = file.to_str().ok_or_else(|| io::Error::other("the workspace lies at an odd place"))?;
        writeln!(list, "    Asset {{ path: {path:?}, bytes: include_bytes!({literal:?}) }},")
            .map_err(io::Error::other)?;
    }
    list.push_str("];\n");
    fs::write(out.join("ui_files.rs"), list)
}

/// The files of the screen by their path below it, with their text where it is a script, a style sheet or the page.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if matches!(extension, "html" | "css" | "js" | "json" | "webmanifest" | "svg" | "png" | "ico" | "woff2")
        {
            let text =
                if matches!(extension, "html" | "css" | "js") { fs::read_to_string(&path)? } else { String::new() };
            let path = path.strip_prefix(root).map_err(io::Error::other)?.to_str();
            let path = path.ok_or_else(|| io::Error::other("a file of the screen has an odd name"))?;
            files.insert(path.to_owned(), text);
        }
    }
    Ok(())
}

fn odd(path: &str, what: &str) -> io::Error {
    io::Error::other(format!("ui/{path}: {what}; build.rs joins the screen's modules and can't take that"))
}

/// Joins the modules that the entry imports, each in a scope of its own, in the order in which a browser runs them.
/// What they export has one name in all of them; pages that are read later import it from the joined script, by way of
/// a module that stands where the one of the source does.
#[derive(Default)]
struct Join {
    seen: BTreeSet<String>,
    text: String,
    /// By module, what it exports: the name in the joined script, and the one that it is imported by.
    exports: BTreeMap<String, Vec<(String, String)>>,
}

impl Join {
    fn run(mut self, sources: &BTreeMap<String, String>) -> io::Result<BTreeMap<String, String>> {
        self.take(ENTRY, sources)?;
        let names: Vec<&String> = self.exports.values().flatten().map(|(name, _)| name).collect();
        if let Some(name) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
            return Err(odd(ENTRY, &format!("two of its modules export the name {name}")));
        }
        let all = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let joined = format!("let {all};\n{}export {{ {all} }};\n", self.text);
        let mut made = BTreeMap::from([(JOINED_SCRIPT.to_owned(), joined)]);
        for (path, exports) in &self.exports {
            let exports = exports
                .iter()
                .map(|(name, outside)| if name == outside { name.clone() } else { format!("{name} as {outside}") });
            let exports = exports.collect::<Vec<_>>().join(", ");
            made.insert(path.clone(), format!("export {{ {exports} }} from '/ui/{JOINED_SCRIPT}';\n"));
        }
        Ok(made)
    }

    /// Adds a module behind those that it imports.
    fn take(&mut self, path: &str, sources: &BTreeMap<String, String>) -> io::Result<()> {
        if !self.seen.insert(path.to_owned()) {
            return Ok(());
        }
        let source = sources.get(path).ok_or_else(|| odd(path, "there is no such file"))?;
        let (mut body, mut exports) = (String::new(), Vec::new());
        let mut in_comment = false;
        for line in source.lines() {
            let trimmed = line.trim_start();
            if in_comment || trimmed.starts_with("/**") && (trimmed.ends_with("*/") || !trimmed.contains("*/")) {
                in_comment = !trimmed.ends_with("*/");
            } else if trimmed.starts_with("//") || trimmed.is_empty() {
                // Nothing to run.
            } else if let Some(rest) = line.strip_prefix("import ") {
                let (names, from) = imported(rest).ok_or_else(|| odd(path, line))?;
                let from = resolve(path, from);
                self.take(&from, sources)?;
                if let Some(names) = names.strip_prefix("{ ").and_then(|names| names.strip_suffix(" }")) {
                    for (name, known_as) in names.split(", ").filter_map(|name| name.split_once(" as ")) {
                        writeln!(body, "const {known_as} = {name};").map_err(io::Error::other)?;
                    }
                } else {
                    writeln!(body, "const {names} = {};", default_of(&from)).map_err(io::Error::other)?;
                }
            } else if let Some(value) = line.strip_prefix("export default ") {
                exports.push((default_of(path), "default".to_owned()));
                writeln!(body, "const {} = {value}", default_of(path)).map_err(io::Error::other)?;
            } else if let Some(rest) = line.strip_prefix("export ") {
                let name = declared(rest).ok_or_else(|| odd(path, line))?;
                exports.push((name.clone(), name));
                writeln!(body, "{rest}").map_err(io::Error::other)?;
            } else {
                writeln!(body, "{line}").map_err(io::Error::other)?;
            }
        }
        let names = exports.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        writeln!(self.text, "// {path}\n({{ {names} }} = (() => {{\n{body}return {{ {names} }};\n}})());")
            .map_err(io::Error::other)?;
        self.exports.insert(path.to_owned(), exports);
        Ok(())
    }
}

/// The names and the module of `NAMES from 'MODULE';`.
fn imported(rest: &str) -> Option<(&str, &str)> {
    let (names, from) = rest.split_once(" from '")?;
    Some((names, from.strip_suffix("';")?))
}

/// The name in a declaration.
fn declared(declaration: &str) -> Option<String> {
    let rest = declaration.strip_prefix("async ").unwrap_or(declaration);
    let rest = ["function* ", "function ", "const ", "class "].iter().find_map(|word| rest.strip_prefix(word))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_$".contains(*c)).collect();
    (!name.is_empty()).then_some(name)
}

fn default_of(path: &str) -> String {
    format!("default_{}", path.trim_end_matches(".js").replace(['/', '-'], "_"))
}

/// The path of a module that another names.
fn resolve(path: &str, named: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in named.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The page with one style sheet and one script, and that style sheet.
fn join_styles(sources: &BTreeMap<String, String>) -> io::Result<(String, String)> {
    let page = sources.get("index.html").ok_or_else(|| odd("index.html", "there is no such file"))?;
    let (mut index, mut style) = (String::new(), String::new());
    for line in page.lines() {
        let sheet = line.trim().strip_prefix("<link rel=\"stylesheet\" href=\"/ui/");
        if let Some(sheet) = sheet.and_then(|rest| rest.strip_suffix("\">")) {
            if style.is_empty() {
                index += &line.replace(sheet, JOINED_STYLE);
                index.push('\n');
            }
            style += sources.get(sheet).ok_or_else(|| odd("index.html", line))?;
        } else {
            index += &line.replace(&format!("/ui/{ENTRY}"), &format!("/ui/{JOINED_SCRIPT}"));
            index.push('\n');
        }
    }
    Ok((index, style))
}
