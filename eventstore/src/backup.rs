//! Copies of a data directory that are made while it is in use: facts, contents and what is signed of them, never a
//! key. A backup is a directory of files named by their SHA-256 and a manifest that says which of them stand where;
//! what did not change since the backup before is not copied again. `docs/operating.md` shows how one is kept.

use crate::backends::embedded::{Part, Stamp, snapshot};
use crate::store::StoreError;
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

/// The format of a backup; a greater one is refused.
pub const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files";
/// What is copied of the proofs: never the key that signs.
const SIGNED: [&str; 3] = ["public-key", "checkpoint", "checkpoint.witnessed"];
const PROOFS: &str = "proofs";
/// Zeros of this length and more become holes in a restored file.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// When it was made, microseconds since 1970.
    pub made_at_micros: i64,
    /// The sequence of the last fact in it.
    pub facts: u64,
    /// Its files.
    pub files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where it belongs in a data directory.
    pub path: String,
    /// The SHA-256 of the bytes that are kept, in hexadecimal; the name of the file that keeps them.
    pub sha256: String,
    /// How many bytes are kept.
    pub bytes: u64,
    /// How long the restored file is: zeros follow.
    pub length: u64,
    /// Length and time of change of the file that was copied, if it was at rest.
    pub stamp: Option<Stamp>,
}

/// What making a backup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The sequence of the last fact in it.
    pub facts: u64,
    /// Files that were copied.
    pub copied: usize,
    /// Files that the backup had already.
    pub kept: usize,
    /// Bytes that were copied.
    pub bytes_copied: u64,
    /// Files of earlier backups that were removed, since nothing refers to them any more.
    pub removed: usize,
}

/// Why there is no backup, or none that can be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The log can't be copied.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing of Clew's is there.
    #[error("{} is no backup: it holds no {MANIFEST}", .0.display())]
    NotABackup(PathBuf),
    /// The directory holds something else.
    #[error("{} is not empty; name a directory that is, or one that holds a backup of the same log", .0.display())]
    NotEmpty(PathBuf),
    /// There is no log to copy.
    #[error("{} holds no log", .0.display())]
    NoLog(PathBuf),
    /// A later Clew made it.
    #[error("the backup has format {0}, which a newer Clew made; this one reads up to {FORMAT}")]
    NewerFormat(u32),
    /// The backup is not what was written.
    #[error("the backup is damaged: {what}")]
    Damaged {
        /// What does not match.
        what: String,
    },
    /// Another process is at it.
    #[error("another process is writing to {}", .0.display())]
    InUse(PathBuf),
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::Io { path, source }
}

/// Copies the data directory `data`, which a server may have open, into `into`: a new directory, or one that holds an
/// earlier backup of it. `progress` is told how many files are done, and of how many.
///
/// The earlier backup stays whole until the new one is: its manifest is replaced last.
pub fn make(
    data: &Path,
    into: &Path,
    made_at: Timestamp,
    mut progress: impl FnMut(usize, usize),
) -> Result<Made, BackupError> {
    if !data.join("facts").is_dir() {
        return Err(BackupError::NoLog(data.to_path_buf()));
    }
    let files = into.join(FILES);
    let before = earlier(into)?;
    fs::create_dir_all(&files).map_err(io(&files))?;
    let _lock = lock(into)?;
    // Before the facts: what is signed then is among them.
    let signed = signed(data)?;
    let snapshot = snapshot(data)?;
    let mut made = Made { facts: snapshot.last, ..Made::default() };
    let total = snapshot.parts.len() + signed.len();
    let mut entries = Vec::with_capacity(total);
    for part in &snapshot.parts {
        progress(entries.len(), total);
        entries.push(keep_part(&files, part, &before, &mut made)?);
    }
    for (path, bytes) in signed {
        entries.push(keep(&files, &path, &bytes, bytes.len() as u64, None, &mut made)?);
        progress(entries.len(), total);
    }
    sync_dir(&files)?;
    let manifest = Manifest { format: FORMAT, made_at_micros: made_at.micros(), facts: snapshot.last, files: entries };
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    replace(&into.join(MANIFEST), &text)?;
    sync_dir(into)?;
    made.removed = remove_unreferenced(&files, &manifest)?;
    Ok(made)
}

/// The files of the backup before, by their path.
fn earlier(into: &Path) -> Result<BTreeMap<String, Entry>, BackupError> {
    match read_manifest(into) {
        Ok(manifest) => Ok(manifest.files.into_iter().map(|entry| (entry.path.clone(), entry)).collect()),
        Err(BackupError::NotABackup(_)) => {
            let begun = |name: &std::ffi::OsStr| name == FILES || name == "LOCK";
            let foreign = match fs::read_dir(into) {
                Ok(mut entries) => entries.any(|entry| entry.is_ok_and(|entry| !begun(&entry.file_name()))),
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(io(into)(error)),
            };
            if foreign { Err(BackupError::NotEmpty(into.to_path_buf())) } else { Ok(BTreeMap::new()) }
        }
        Err(error) => Err(error),
    }
}

/// The manifest of the backup in `backup`.
pub fn read_manifest(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.join(MANIFEST);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(BackupError::NotABackup(backup.to_path_buf()));
        }
        Err(error) => return Err(io(&path)(error)),
    };
    let format: Result<serde_json::Value, _> = serde_json::from_slice(&text);
    let format = format.ok().and_then(|value| u32::try_from(value.get("format")?.as_u64()?).ok());
    if let Some(format) = format.filter(|format| *format > FORMAT) {
        return Err(BackupError::NewerFormat(format));
    }
    serde_json::from_slice(&text).map_err(|error| BackupError::Damaged { what: format!("{MANIFEST}: {error}") })
}

fn lock(into: &Path) -> Result<File, BackupError> {
    let path = into.join("LOCK");
    let file = File::create(&path).map_err(io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(BackupError::InUse(into.to_path_buf())),
        Err(fs::TryLockError::Error(source)) => Err(io(&path)(source)),
    }
}

fn signed(data: &Path) -> Result<Vec<(String, Vec<u8>)>, BackupError> {
    let mut found = Vec::new();
    for name in SIGNED {
        let path = data.join(PROOFS).join(name);
        match fs::read(&path) {
            Ok(bytes) => found.push((format!("{PROOFS}/{name}"), bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io(&path)(error)),
        }
    }
    Ok(found)
}

fn keep_part(
    files: &Path,
    part: &Part,
    before: &BTreeMap<String, Entry>,
    made: &mut Made,
) -> Result<Entry, BackupError> {
    let path = part.path.to_str().expect("the log's names are plain").to_owned();
    if let Some(entry) = before.get(&path)
        && part.stamp.is_some()
        && entry.stamp == part.stamp
        && files.join(&entry.sha256).is_file()
    {
        made.kept += 1;
        return Ok(entry.clone());
    }
    keep(files, &path, &part.read()?, part.length, part.stamp, made)
}

fn keep(
    files: &Path,
    path: &str,
    bytes: &[u8],
    length: u64,
    stamp: Option<Stamp>,
    made: &mut Made,
) -> Result<Entry, BackupError> {
    let sha256 = hex(&Sha256::digest(bytes));
    let target = files.join(&sha256);
    if target.is_file() {
        made.kept += 1;
    } else {
        replace(&target, bytes)?;
        made.copied += 1;
        made.bytes_copied += bytes.len() as u64;
    }
    Ok(Entry { path: path.to_owned(), sha256, bytes: bytes.len() as u64, length, stamp })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// Writes a file as one: after a crash it is there whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let made = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&made)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&made, path)
    };
    write().map_err(io(path))
}

fn sync_dir(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir))
}

/// A content that was erased since is in no file that the new manifest names, so the old file goes.
fn remove_unreferenced(files: &Path, manifest: &Manifest) -> Result<usize, BackupError> {
    let named: BTreeSet<&str> = manifest.files.iter().map(|entry| entry.sha256.as_str()).collect();
    let mut removed = 0;
    for entry in fs::read_dir(files).map_err(io(files))? {
        let entry = entry.map_err(io(files))?;
        if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            fs::remove_file(entry.path()).map_err(io(&entry.path()))?;
            removed += 1;
        }
    }
    sync_dir(files)?;
    Ok(removed)
}

/// Checks every byte of a backup against its manifest.
pub fn check(backup: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(backup)?;
    for (done, entry) in manifest.files.iter().enumerate() {
        progress(done, manifest.files.len());
        sound(backup, entry)?;
    }
    Ok(manifest)
}

/// The bytes of a file, if they are what the manifest says.
fn sound(backup: &Path, entry: &Entry) -> Result<Vec<u8>, BackupError> {
    let damaged = |what: &str| BackupError::Damaged { what: format!("{} ({}): {what}", entry.path, entry.sha256) };
    let plain = Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || !entry.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) || entry.length < entry.bytes {
        return Err(damaged("the manifest names what no backup holds"));
    }
    let path = backup.join(FILES).join(&entry.sha256);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(damaged("it is missing")),
        Err(error) => return Err(io(&path)(error)),
    }
    let matches = bytes.len() as u64 == entry.bytes && hex(&Sha256::digest(&bytes)) == entry.sha256;
    if matches { Ok(bytes) } else { Err(damaged("its bytes do not match")) }
}

/// Makes a data directory from a backup: `to` must not be there yet, or be empty. Every byte is checked on the way; it
/// gets its name only when it is whole. Keys are not in it.
pub fn restore(backup: &Path, to: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(backup)?;
    match fs::read_dir(to).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(BackupError::NotEmpty(to.to_path_buf())),
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(io(to)(error)),
    }
    let name = to.file_name().map_or_else(|| "data".into(), |name| name.to_string_lossy().into_owned());
    let beside = to.with_file_name(format!("{name}.restoring"));
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&beside)(error)),
        _ => {}
    }
    for folder in ["facts", "contents"] {
        fs::create_dir_all(beside.join(folder)).map_err(io(&beside))?;
    }
    for (done, entry) in manifest.files.iter().enumerate() {
        progress(done, manifest.files.len());
        let path = beside.join(&entry.path);
        let folder = path.parent().expect("a file lies in a directory");
        fs::create_dir_all(folder).map_err(io(folder))?;
        write_with_holes(&path, &sound(backup, entry)?, entry.length).map_err(io(&path))?;
        sync_dir(folder)?;
    }
    sync_dir(&beside)?;
    fs::rename(&beside, to).map_err(io(to))?;
    if let Some(parent) = to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_dir(parent)?;
    }
    Ok(manifest)
}

fn write_with_holes(path: &Path, bytes: &[u8], length: u64) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        if chunk.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(i64::try_from(chunk.len()).expect("a chunk is small")))?;
        } else {
            file.write_all(chunk)?;
        }
    }
    file.set_len(length)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
