//! The key state on disk, and the order in which a puncture replaces it. `docs/masking.md` shows the order with
//! what a crash at each step leaves; the tests at the end of `vault/tests.rs` crash at each.
//!
//! `kek` holds two slots and is the one file that no backup may take. A slot names a generation and the key of its
//! root. `root-0` and `root-1` belong to the slots; `pages` holds what the living root refers to.

use super::VaultError;
use super::cover::Cover;
use super::key::{KEY_BYTES, Key, TreeKind};
use super::root::Root;
use super::seal::{decrypt, encrypt};
use super::tree::{PageRef, Pages, Punctured, Shape, page_place};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The file that holds the key of everything; the one that a backup leaves out.
pub const KEK_FILE: &str = "kek";
const PAGES_FILE: &str = "pages";
const ROOT_FILES: [&str; 2] = ["root-0", "root-1"];

const SLOT_MAGIC: &[u8; 7] = b"CLEWKEK";
const ROOT_MAGIC: &[u8; 7] = b"CLEWKEY";
const VERSION: u8 = 2;
const SLOT_BYTES: usize = 7 + 1 + 8 + KEY_BYTES + 4;
/// Far enough apart that one write of the device never touches both.
const SLOT_SPACING: u64 = 4096;
const ROOT_HEADER_BYTES: usize = 7 + 1 + 8 + 4;
/// Files grow by zeros in such pieces and never shrink: a sync of bytes that were there before has no more to do than
/// to write them.
const GROWTH_BYTES: u64 = 64 * 1024;
/// Pages begin at multiples of this.
const PAGE_UNIT_BYTES: u64 = 64;

/// A step of the order that a puncture follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(any(test, feature = "test-util")), allow(unreachable_pub))]
pub enum Step {
    /// The changed pages are written, not synced.
    PagesWritten,
    /// The new root is written, not synced.
    RootWritten,
    /// Both are synced.
    StateSynced,
    /// The new slot is written, not synced.
    SlotWritten,
    /// It is synced: the puncture holds after a crash, the old key is still there.
    SlotSynced,
    /// The old slot is overwritten, not synced.
    OldSlotWritten,
    /// The old key is gone.
    OldSlotSynced,
}

/// Every step, in order.
pub const STEPS: [Step; 7] = [
    Step::PagesWritten,
    Step::RootWritten,
    Step::StateSynced,
    Step::SlotWritten,
    Step::SlotSynced,
    Step::OldSlotWritten,
    Step::OldSlotSynced,
];

/// Told each step; where it answers no, the vault stops there as if killed.
pub(super) type Witness = Box<dyn FnMut(Step) -> bool + Send>;

/// The files of one key state, held by one process.
pub(super) struct Disk {
    dir: PathBuf,
    kek: File,
    roots: [File; 2],
    pages: Arc<PageFile>,
    slot: usize,
    generation: u64,
    /// The other slot may hold the key of the state before, or of one that did not come to be. Nothing of that
    /// state is overwritten before the key is.
    other_slot_holds_a_key: bool,
    root_bytes: u64,
    pub(super) witness: Option<Witness>,
}

/// The file that pages are read from.
pub(super) struct PageFile {
    file: File,
    path: PathBuf,
    trouble: Mutex<Option<String>>,
}

impl PageFile {
    fn new(file: File, path: PathBuf) -> Arc<Self> {
        Arc::new(Self { file, path, trouble: Mutex::default() })
    }

    /// What went wrong with the last page that could not be read.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read(&self, tree: TreeKind, number: u32, page: &PageRef) -> Result<Cover, VaultError> {
        let damaged = || VaultError::Damaged {
            file: self.path.clone(),
            what: format!("{} bytes at {} do not open under their key", page.bytes, page.offset),
        };
        let mut bytes = Zeroizing::new(vec![0; page.bytes as usize]);
        self.file.read_exact_at(&mut bytes, page.offset).map_err(VaultError::io("read", &self.path))?;
        decrypt(page.key.bytes(), &page_name(tree, number), &mut bytes).ok_or_else(damaged)?;
        let mut rest = &bytes[..];
        Cover::decode(page_place(tree), &mut rest).filter(|_| rest.is_empty()).ok_or_else(damaged)
    }
}

impl Disk {
    /// New files in an existing empty directory, with this as their first state.
    pub(super) fn create(dir: &Path, root: &Root) -> Result<Self, VaultError> {
        Self::create_with(dir, &mut root.clone(), &Default::default())
    }

    /// The same for a state that has pages, of contents and of contacts, which are given their places.
    pub(super) fn create_with(
        dir: &Path,
        root: &mut Root,
        pages: &[BTreeMap<u32, Arc<Cover>>; 2],
    ) -> Result<Self, VaultError> {
        let mut disk = Self::empty(dir)?;
        // Copies of the state are told apart, and told old, by their generation: it never goes back.
        disk.generation = root.custody.iter().map(|copy| copy.generation).max().unwrap_or(0);
        let mut space = Space { free: BTreeMap::new(), end: 0 };
        for (number, page) in &pages[0] {
            let place = disk.write_page(TreeKind::Contents, *number, page, &mut space)?;
            Arc::make_mut(&mut root.contents).pages.insert(*number, place);
        }
        for (number, page) in &pages[1] {
            let place = disk.write_page(TreeKind::Contacts, *number, page, &mut space)?;
            Arc::make_mut(&mut root.contacts).pages.insert(*number, place);
        }
        disk.write_root(root, true)?;
        disk.other_slot_holds_a_key = false;
        sync_dir(dir)?;
        Ok(disk)
    }

    fn empty(dir: &Path) -> Result<Self, VaultError> {
        let new = |name: &str| {
            let path = dir.join(name);
            let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
            options.map_err(VaultError::io("create", &path))
        };
        let pages = PageFile::new(new(PAGES_FILE)?, dir.join(PAGES_FILE));
        let roots = [new(ROOT_FILES[0])?, new(ROOT_FILES[1])?];
        let kek = new(KEK_FILE)?;
        let disk = Self {
            dir: dir.to_owned(),
            kek,
            roots,
            pages,
            slot: 1,
            generation: 0,
            other_slot_holds_a_key: false,
            root_bytes: 0,
            witness: None,
        };
        disk.lock()?;
        Ok(disk)
    }

    /// Opens the files, finishes a puncture that was cut short, and gives the state.
    pub(super) fn open(dir: &Path) -> Result<(Self, Root), VaultError> {
        let kek = open_kek(dir)?;
        let open = |name: &str| {
            let path = dir.join(name);
            OpenOptions::new().read(true).write(true).open(&path).map_err(VaultError::io("open", &path))
        };
        let roots = [open(ROOT_FILES[0])?, open(ROOT_FILES[1])?];
        let pages = PageFile::new(open(PAGES_FILE)?, dir.join(PAGES_FILE));
        let mut disk = Self {
            dir: dir.to_owned(),
            kek,
            roots,
            pages,
            slot: 0,
            generation: 0,
            other_slot_holds_a_key: true,
            root_bytes: 0,
            witness: None,
        };
        disk.lock()?;
        let root = disk.newest_root()?;
        disk.wipe_other_slot()?;
        Ok((disk, root))
    }

    fn lock(&self) -> Result<(), VaultError> {
        match self.kek.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse { dir: self.dir.clone() }),
            Err(TryLockError::Error(cause)) => Err(VaultError::io("lock", &self.dir.join(KEK_FILE))(cause)),
        }
    }

    fn newest_root(&mut self) -> Result<Root, VaultError> {
        let mut slots = Vec::new();
        for slot in 0..2 {
            if let Some((generation, key)) = self.read_slot(slot)? {
                slots.push((generation, slot, key));
            }
        }
        slots.sort_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
        if slots.is_empty() {
            return Err(VaultError::KekLost { dir: self.dir.clone(), how: "holds no whole key" });
        }
        for (generation, slot, key) in &slots {
            if let Some(root) = self.read_root(*slot, *generation, key)? {
                (self.slot, self.generation) = (*slot, *generation);
                return Ok(root);
            }
        }
        let file = self.dir.join(ROOT_FILES[slots[0].1]);
        Err(VaultError::Damaged { file, what: "it does not open under the key of its slot".into() })
    }

    fn read_slot(&self, slot: usize) -> Result<Option<(u64, Key)>, VaultError> {
        let mut bytes = Zeroizing::new([0; SLOT_BYTES]);
        match self.kek.read_exact_at(bytes.as_mut_slice(), slot as u64 * SLOT_SPACING) {
            Ok(()) => {}
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(cause) => return Err(VaultError::io("read", &self.dir.join(KEK_FILE))(cause)),
        }
        let (content, sum) = bytes.split_at(SLOT_BYTES - 4);
        if !content.starts_with(SLOT_MAGIC) || crc32fast::hash(content).to_le_bytes() != sum {
            return Ok(None);
        }
        self.check_version(content[7], KEK_FILE)?;
        let generation = u64::from_le_bytes(content[8..16].try_into().expect("eight bytes"));
        let key = content[16..].try_into().expect("a slot ends with a key");
        Ok(Some((generation, Key::copied(key))))
    }

    fn read_root(&self, slot: usize, generation: u64, key: &Key) -> Result<Option<Root>, VaultError> {
        let path = self.dir.join(ROOT_FILES[slot]);
        let mut bytes = std::fs::read(&path).map_err(VaultError::io("read", &path))?;
        if bytes.len() < ROOT_HEADER_BYTES || !bytes.starts_with(ROOT_MAGIC) {
            return Ok(None);
        }
        self.check_version(bytes[7], ROOT_FILES[slot])?;
        let mut sealed = Zeroizing::new(bytes.split_off(ROOT_HEADER_BYTES));
        let length = u32::from_le_bytes(bytes[16..].try_into().expect("a header ends with four bytes")) as usize;
        if length > sealed.len() || bytes[..] != root_header(generation, length) {
            return Ok(None);
        }
        // What follows is of a longer root before it, under a key that is gone.
        sealed.truncate(length);
        Ok(decrypt(key.bytes(), &bytes, &mut sealed).and_then(|()| Root::decode(&sealed)))
    }

    fn check_version(&self, found: u8, file: &str) -> Result<(), VaultError> {
        if found > VERSION {
            return Err(VaultError::NewerFormat { file: self.dir.join(file), found, known: VERSION });
        }
        Ok(())
    }

    /// Makes a new state durable under a new key. The state before it can be opened until
    /// [`wipe_other_slot`](Self::wipe_other_slot), which must follow.
    pub(super) fn replace(&mut self, root: &mut Root, changed: &mut [(TreeKind, Punctured)]) -> Result<(), VaultError> {
        self.wipe_other_slot()?;
        let mut space = Space::around([&root.contents, &root.contacts]);
        for (tree, punctured) in changed.iter_mut() {
            for (number, page) in &punctured.pages {
                let place = self.write_page(*tree, *number, page, &mut space)?;
                Arc::make_mut(&mut punctured.shape).pages.insert(*number, place);
            }
            match tree {
                TreeKind::Contents => root.contents = Arc::clone(&punctured.shape),
                TreeKind::Contacts => root.contacts = Arc::clone(&punctured.shape),
            }
        }
        self.step(Step::PagesWritten)?;
        let pages_changed = changed.iter().any(|(_, punctured)| !punctured.pages.is_empty());
        self.write_root(root, pages_changed)
    }

    fn write_page(&self, tree: TreeKind, number: u32, page: &Cover, space: &mut Space) -> Result<PageRef, VaultError> {
        let key = Key::random().map_err(VaultError::random)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(page.encoded_bytes_max() + 16));
        page.encode(&mut bytes);
        encrypt(key.bytes(), &page_name(tree, number), &mut bytes);
        let offset = space.take(bytes.len() as u64);
        let end = offset + units(bytes.len() as u64);
        let written = grow(&self.pages.file, end).and_then(|()| self.pages.file.write_all_at(&bytes, offset));
        written.map_err(VaultError::io("write", &self.pages.path))?;
        let bytes = u32::try_from(bytes.len()).expect("a page has at most 2^15 nodes");
        Ok(PageRef { offset, bytes, key })
    }

    fn write_root(&mut self, root: &Root, pages_changed: bool) -> Result<(), VaultError> {
        let slot = 1 - self.slot;
        let generation = self.generation + 1;
        let key = Key::random().map_err(VaultError::random)?;
        let mut bytes = root.encode();
        bytes.reserve_exact(16);
        let header = root_header(generation, bytes.len() + 16);
        encrypt(key.bytes(), &header, &mut bytes);
        let path = self.dir.join(ROOT_FILES[slot]);
        let file = &self.roots[slot];
        let length = (ROOT_HEADER_BYTES + bytes.len()) as u64;
        grow(file, length)
            .and_then(|()| file.write_all_at(&header, 0))
            .and_then(|()| file.write_all_at(&bytes, ROOT_HEADER_BYTES as u64))
            .map_err(VaultError::io("write", &path))?;
        self.step(Step::RootWritten)?;
        self.sync_state(slot, pages_changed)?;
        self.step(Step::StateSynced)?;
        self.write_slot(slot, generation, &key)?;
        (self.slot, self.generation, self.root_bytes) = (slot, generation, length);
        Ok(())
    }

    /// Has root and pages synced at the same time: which of them comes first does not matter, the slot comes after.
    fn sync_state(&self, slot: usize, pages_changed: bool) -> Result<(), VaultError> {
        let (root, pages) = (&self.roots[slot], &self.pages);
        let root_synced = || root.sync_data().map_err(VaultError::io("sync", &self.dir.join(ROOT_FILES[slot])));
        if !pages_changed {
            return root_synced();
        }
        std::thread::scope(|scope| {
            let pages_synced = scope.spawn(|| pages.file.sync_data());
            root_synced()?;
            let pages_synced = pages_synced.join().expect("syncing a file does not panic");
            pages_synced.map_err(VaultError::io("sync", &pages.path))
        })
    }

    fn write_slot(&mut self, slot: usize, generation: u64, key: &Key) -> Result<(), VaultError> {
        let path = self.dir.join(KEK_FILE);
        let mut bytes = Zeroizing::new(Vec::with_capacity(SLOT_BYTES));
        bytes.extend_from_slice(SLOT_MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(key.bytes());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        self.other_slot_holds_a_key = true;
        let written =
            grow(&self.kek, 2 * SLOT_SPACING).and_then(|()| self.kek.write_all_at(&bytes, slot as u64 * SLOT_SPACING));
        written.map_err(VaultError::io("write", &path))?;
        self.step(Step::SlotWritten)?;
        self.kek.sync_data().map_err(VaultError::io("sync", &path))?;
        self.step(Step::SlotSynced)
    }

    /// Overwrites the key of the state before; nothing is erased until this has answered.
    pub(super) fn wipe_other_slot(&mut self) -> Result<(), VaultError> {
        if !self.other_slot_holds_a_key {
            return Ok(());
        }
        let path = self.dir.join(KEK_FILE);
        let offset = (1 - self.slot) as u64 * SLOT_SPACING;
        self.kek.write_all_at(&[0; SLOT_BYTES], offset).map_err(VaultError::io("overwrite", &path))?;
        self.step(Step::OldSlotWritten)?;
        self.kek.sync_data().map_err(VaultError::io("sync", &path))?;
        self.other_slot_holds_a_key = false;
        self.step(Step::OldSlotSynced)
    }

    fn step(&mut self, step: Step) -> Result<(), VaultError> {
        match &mut self.witness {
            Some(witness) => witness(step).then_some(()).ok_or(VaultError::Stopped(step)),
            None => Ok(()),
        }
    }

    pub(super) fn pages(&self) -> Arc<PageFile> {
        self.pages.clone()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the living state on disk: the root and the pages that it refers to.
    pub(super) fn state_bytes(&self, root: &Root) -> u64 {
        let pages = root.contents.pages.values().chain(root.contacts.pages.values());
        let root_bytes = (root.encode().len() + ROOT_HEADER_BYTES + 16) as u64;
        root_bytes.max(self.root_bytes) + pages.map(|page| u64::from(page.bytes)).sum::<u64>()
    }

    /// The directory was renamed.
    pub(super) fn moved_to(&mut self, dir: &Path) {
        dir.clone_into(&mut self.dir);
    }
}

impl Pages for PageFile {
    fn load(&self, tree: TreeKind, number: u32, page: &PageRef) -> Result<Cover, VaultError> {
        let read = self.read(tree, number, page);
        if let Err(error) = &read {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        read
    }
}

/// The places of the page file that no page of the living state uses.
struct Space {
    /// By offset, the length.
    free: BTreeMap<u64, u64>,
    end: u64,
}

impl Space {
    fn around(shapes: [&Arc<Shape>; 2]) -> Self {
        let pages = shapes.into_iter().flat_map(|shape| shape.pages.values());
        let mut used: Vec<(u64, u64)> = pages.map(|page| (page.offset, units(u64::from(page.bytes)))).collect();
        used.sort_unstable();
        let mut space = Self { free: BTreeMap::new(), end: 0 };
        for (offset, length) in used {
            if space.end < offset {
                space.free.insert(space.end, offset - space.end);
            }
            space.end = offset + length;
        }
        space
    }

    /// The first place that is large enough, else the end.
    fn take(&mut self, bytes: u64) -> u64 {
        let bytes = units(bytes);
        let Some((offset, length)) = self.free.iter().find(|(_, length)| **length >= bytes) else {
            self.end += bytes;
            return self.end - bytes;
        };
        let (offset, length) = (*offset, *length);
        self.free.remove(&offset);
        if length > bytes {
            self.free.insert(offset + bytes, length - bytes);
        }
        offset
    }
}

fn units(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE_UNIT_BYTES)
}

fn root_header(generation: u64, sealed_bytes: usize) -> [u8; ROOT_HEADER_BYTES] {
    let mut header = [0; ROOT_HEADER_BYTES];
    header[..7].copy_from_slice(ROOT_MAGIC);
    header[7] = VERSION;
    header[8..16].copy_from_slice(&generation.to_le_bytes());
    let sealed_bytes = u32::try_from(sealed_bytes).expect("a root has far less than 4 GiB");
    header[16..].copy_from_slice(&sealed_bytes.to_le_bytes());
    header
}

/// Makes the file reach so far, with zeros.
fn grow(file: &File, end: u64) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    if length >= end {
        return Ok(());
    }
    let zeros = vec![0; usize::try_from(end.next_multiple_of(GROWTH_BYTES) - length).map_err(std::io::Error::other)?];
    file.write_all_at(&zeros, length)
}

fn page_name(tree: TreeKind, number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_le_bytes();
    [tree as u8, a, b, c, d]
}

fn open_kek(dir: &Path) -> Result<File, VaultError> {
    let path = dir.join(KEK_FILE);
    match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => Ok(file),
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            let lost = ROOT_FILES.iter().any(|file| dir.join(file).exists());
            let dir = dir.to_owned();
            Err(if lost { VaultError::KekLost { dir, how: "is missing" } } else { VaultError::NoKeys { dir } })
        }
        Err(cause) => Err(VaultError::io("open", &path)(cause)),
    }
}

/// Makes names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::io("sync", dir))
}
