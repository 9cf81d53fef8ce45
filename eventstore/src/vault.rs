//! The vault: the keys of all contents, and the only place where a content is sealed or opened. Puncturing a
//! content or a contact makes it unreadable for good; removing ciphertexts and telling the log is `erasure.rs`'s.

pub mod attachment;
mod cover;
mod custody;
mod disk;
mod error;
mod handover;
mod key;
mod numbers;
mod process;
mod root;
mod seal;
#[cfg(test)]
mod tests;
mod tree;

pub use custody::PASSPHRASE_CHARACTERS_MIN;
pub use disk::{KEK_FILE, STEPS, Step};
pub use error::{OpenError, VaultError};
pub use handover::Joining;
pub use numbers::Lessor;
pub use process::{Hardening, harden_process};
pub use root::Custody;

use crate::msgpack;
use crate::sealed::SealedContent;
use crate::store::limits;
use clew_domain::content::{Commitment, ContactNumber, ContentId};
use clew_domain::conversation::ContentSpan;
use clew_domain::derive::DerivationKey;
use cover::Cover;
use disk::{Disk, PageFile};
use hkdf::Hkdf;
use key::{Key, TreeKind};
use numbers::Numbers;
use root::Root;
use seal::ContentKeys;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tree::{PageRef, Pages, Punctured, Tree};
use zeroize::Zeroizing;

/// Numbers of contents and contacts are below this.
pub(crate) const NUMBERS_END: u64 = 1 << 40;

/// Bytes that a content's tag covers beside its ciphertext: two numbers and what the caller adds.
const BOUND_BYTES_MAX: usize = 32;

/// Seals, opens and makes unreadable. All calls may block on the disk for a moment; a puncture syncs it.
pub struct Vault {
    live: Mutex<Live>,
    numbers: Mutex<Numbers>,
    /// Held while the state is replaced.
    backing: Mutex<Backing>,
    /// Punctures that wait for their turn; who has it takes all of them along.
    waiting: Mutex<Vec<Arc<Puncture>>>,
    pages: PageSource,
    /// The directory whose keys are lost.
    lost: Option<PathBuf>,
}

struct Live {
    contents: Tree,
    contacts: Tree,
    secret: Key,
    custody: Vec<Custody>,
}

/// What somebody wants to be punctured.
struct Puncture {
    contents: Vec<Range<u64>>,
    contacts: Vec<Range<u64>>,
    done: AtomicBool,
}

enum Backing {
    Memory { generation: u64 },
    Disk(Box<Disk>),
}

enum PageSource {
    Memory(Mutex<HashMap<(TreeKind, u32), Arc<Cover>>>),
    File(Arc<PageFile>),
}

/// What an operator is told of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultStatus {
    /// How often the state was replaced; each time under a new key.
    pub generation: u64,
    /// Contents that were punctured one by one; numbers that were never given out are none of them.
    pub contents_punctured: u64,
    /// Contacts that were punctured.
    pub contacts_punctured: u64,
    /// Bytes of the living state on disk; 0 for a vault in memory.
    pub state_bytes: u64,
    /// The next content and contact numbers.
    pub next_numbers: (u64, u64),
    /// The custody copies that were exported, oldest first.
    pub custody: Vec<Custody>,
}

/// The numbers whose keys are gone, as runs in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PuncturedNumbers {
    /// Of contents, one by one; those of forgotten contacts are not among them.
    pub contents: Vec<Range<u64>>,
    /// Of contacts.
    pub contacts: Vec<Range<u64>>,
}

impl Vault {
    /// New keys in a directory that does not exist yet, or is empty.
    pub fn create(dir: &Path) -> Result<Self, VaultError> {
        create_in(dir, |new| {
            let (live, numbers) = (Live::new()?, Numbers::create(new)?);
            Ok((Disk::create(new, &live.root())?, live, numbers))
        })
    }

    /// Opens the keys of a directory for this process alone, and finishes a puncture that a crash cut short.
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        let (disk, root) = Disk::open(dir)?;
        let numbers = Numbers::open(dir)?;
        Ok(Self::on(disk, Live::from_root(root), numbers))
    }

    /// Keys that are kept nowhere but in memory.
    pub fn in_memory() -> Self {
        Self {
            live: Mutex::new(Live::new().expect("the system gives random numbers")),
            numbers: Mutex::new(Numbers::in_memory()),
            backing: Mutex::new(Backing::Memory { generation: 1 }),
            waiting: Mutex::default(),
            pages: PageSource::Memory(Mutex::default()),
            lost: None,
        }
    }

    /// In place of the keys in `dir`, which are lost: nothing opens, and nothing can be sealed. For reading the facts.
    pub fn lost(dir: &Path) -> Self {
        let vault = Self { lost: Some(dir.to_owned()), ..Self::in_memory() };
        {
            let mut live = lock(&vault.live);
            live.contents = Tree::lost(TreeKind::Contents);
            live.contacts = Tree::lost(TreeKind::Contacts);
        }
        vault
    }

    /// What is wrong with the keys, as far as it was met: a part of them that can't be read.
    pub fn trouble(&self) -> Option<String> {
        match &self.pages {
            PageSource::File(file) => file.trouble(),
            PageSource::Memory(_) => None,
        }
    }

    /// Whether this stands in place of keys that are lost.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    fn on(disk: Disk, live: Live, numbers: Numbers) -> Self {
        let pages = PageSource::File(disk.pages());
        let backing = Mutex::new(Backing::Disk(Box::new(disk)));
        Self {
            live: Mutex::new(live),
            numbers: Mutex::new(numbers),
            backing,
            waiting: Mutex::default(),
            pages,
            lost: None,
        }
    }

    /// Seals a content of `owner` under the next content number.
    pub fn seal(&self, owner: ContactNumber, plaintext: &[u8]) -> Result<SealedContent, VaultError> {
        let (id, salt) = {
            let mut numbers = lock(&self.numbers);
            (ContentId(numbers.contents(1)?), numbers.salt()?)
        };
        self.seal_with(id, owner, salt, &[], plaintext)
    }

    /// Seals a value of [`clew_domain::plaintext`] under the next content number.
    pub fn seal_value<T: Serialize>(&self, owner: ContactNumber, value: &T) -> Result<SealedContent, VaultError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
        rmp_serde::encode::write_named(&mut *bytes, value).map_err(|_| VaultError::NotEncodable)?;
        self.seal(owner, &bytes)
    }

    /// Takes `count` successive content numbers for [`seal_at`](Self::seal_at) and answers the first.
    pub fn reserve(&self, count: u32) -> Result<ContentId, VaultError> {
        lock(&self.numbers).contents(count).map(ContentId)
    }

    /// Seals a content under a reserved number, together with associated data (16 bytes at most) that opening must
    /// name again. A number is used once.
    pub fn seal_at(
        &self,
        id: ContentId,
        owner: ContactNumber,
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<SealedContent, VaultError> {
        let salt = lock(&self.numbers).salt()?;
        self.seal_with(id, owner, salt, associated, plaintext)
    }

    fn seal_with(
        &self,
        id: ContentId,
        owner: ContactNumber,
        salt: [u8; 16],
        associated: &[u8],
        plaintext: &[u8],
    ) -> Result<SealedContent, VaultError> {
        if seal::sealed_bytes(plaintext.len()) > limits::CONTENT_BYTES_MAX {
            return Err(VaultError::TooLarge { bytes: plaintext.len() });
        }
        let keys = self.keys(id, owner, &salt)?.ok_or_else(|| match &self.lost {
            Some(dir) => VaultError::KekLost { dir: dir.clone(), how: "is not in use" },
            None => VaultError::Erased { id, owner },
        })?;
        let mut bound = [0; BOUND_BYTES_MAX];
        let length = bind(&mut bound, id, owner, associated);
        let sealed = seal::seal(&keys, &bound[..length], plaintext);
        Ok(SealedContent { id, owner, salt, key_commit: keys.commit, sealed })
    }

    /// The plaintext of a content that a fact refers to by `expected`.
    pub fn open_content(
        &self,
        content: &SealedContent,
        expected: &Commitment,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_at(content, expected, &[])
    }

    /// The value of a content that [`seal_value`](Self::seal_value) sealed.
    pub fn open_value<T: DeserializeOwned>(
        &self,
        content: &SealedContent,
        expected: &Commitment,
    ) -> Result<T, OpenError> {
        let bytes = self.open_content(content, expected)?;
        // What the decoder says could name what it met.
        msgpack::from_slice(&bytes).map_err(|_| OpenError::Damaged(content.id, "its plaintext has another shape"))
    }

    /// The plaintext of a content that was sealed with this associated data.
    pub fn open_at(
        &self,
        content: &SealedContent,
        expected: &Commitment,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, owner) = (content.id, content.owner);
        let keys = self.keys(id, owner, &content.salt)?.ok_or(OpenError::Erased(id))?;
        if content.commitment() != *expected {
            return Err(OpenError::Damaged(id, "it is not what the fact commits to"));
        }
        if keys.commit != content.key_commit {
            return Err(OpenError::Damaged(id, "it was sealed under another key"));
        }
        let mut bound = [0; BOUND_BYTES_MAX];
        let length = bind(&mut bound, id, owner, associated);
        let plaintext = seal::open(&keys, &bound[..length], &content.sealed);
        plaintext.ok_or(OpenError::Damaged(id, "its ciphertext does not match its tag"))
    }

    fn keys(&self, id: ContentId, owner: ContactNumber, salt: &[u8; 16]) -> Result<Option<ContentKeys>, VaultError> {
        let leaves = {
            let mut live = lock(&self.live);
            let content = live.contents.leaf(id.0, &self.pages)?;
            let contact = live.contacts.leaf(owner.0, &self.pages)?;
            content.zip(contact)
        };
        Ok(leaves.map(|(content, contact)| ContentKeys::derive(&content, &contact, salt)))
    }

    /// A contact number that was never given out before.
    pub fn next_contact_number(&self) -> Result<ContactNumber, VaultError> {
        lock(&self.numbers).contact().map(ContactNumber)
    }

    /// Takes all further numbers from here: of several holders of the same keys none may use a number of another.
    pub fn lease_from(&self, lessor: Box<dyn Lessor>) {
        lock(&self.numbers).lease_from(lessor);
    }

    /// Gives out no number below these any more: for keys that were restored and may be older than the log.
    pub fn raise_numbers(&self, content: ContentId, contact: ContactNumber) -> Result<(), VaultError> {
        lock(&self.numbers).raise(content.0, contact.0)
    }

    /// The key of ids that derive from something personal.
    pub fn derivation_key(&self) -> DerivationKey {
        DerivationKey::new(self.secret("derived ids"))
    }

    /// A secret of this workspace for a purpose: the same for as long as the keys live, and unlike that of any
    /// other purpose. The caller wipes it.
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        let mut secret = [0; 32];
        let live = lock(&self.live);
        let expander = Hkdf::<Sha256>::from_prk(live.secret.bytes()).expect("a key has 32 bytes");
        let info = [b"clew secret v1 ".as_slice(), purpose.as_bytes()];
        expander.expand_multi_info(&info, &mut secret).expect("HKDF-SHA256 gives up to 8160 bytes");
        secret
    }

    /// Makes contents, and all contents of contacts, unreadable for good. When it answers `Ok`, their keys can't be
    /// derived from anything that is left in memory or on this disk. After an error it may be called again; what was
    /// punctured before is passed over.
    pub fn puncture(&self, contents: &[ContentSpan], contacts: &[ContactNumber]) -> Result<(), VaultError> {
        if contacts.contains(&ContactNumber::WORKSPACE) {
            return Err(VaultError::WorkspaceStays);
        }
        if self.is_lost() {
            return Ok(());
        }
        let wanted = Arc::new(Puncture {
            contents: contents.iter().map(|span| span.first.0..span.first.0 + u64::from(span.count)).collect(),
            contacts: contacts.iter().map(|contact| contact.0..contact.0 + 1).collect(),
            done: AtomicBool::new(false),
        });
        lock(&self.waiting).push(Arc::clone(&wanted));
        let mut backing = lock(&self.backing);
        if wanted.done.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut together = std::mem::take(&mut *lock(&self.waiting));
        if !together.iter().any(|puncture| Arc::ptr_eq(puncture, &wanted)) {
            // Somebody took it along and failed.
            together.push(wanted);
        }
        self.carry_out(&mut backing, &together)?;
        for puncture in &together {
            puncture.done.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn carry_out(&self, backing: &mut Backing, together: &[Arc<Puncture>]) -> Result<(), VaultError> {
        let contents: Vec<_> = together.iter().flat_map(|puncture| puncture.contents.clone()).collect();
        let contacts: Vec<_> = together.iter().flat_map(|puncture| puncture.contacts.clone()).collect();
        let (mut root, mut changed) = self.without(&contents, &contacts)?;
        if changed.is_empty() {
            return backing.finish();
        }
        backing.replace(&mut root, &mut changed, &self.pages)?;
        {
            let mut live = lock(&self.live);
            for (tree, punctured) in changed {
                live.tree(tree).replace(punctured);
            }
        }
        backing.finish()
    }

    /// The state as it is, and what each tree becomes without these leaves; only trees that change.
    fn without(
        &self,
        contents: &[Range<u64>],
        contacts: &[Range<u64>],
    ) -> Result<(Root, Vec<(TreeKind, Punctured)>), VaultError> {
        let mut live = lock(&self.live);
        let mut changed = Vec::new();
        for (tree, spans) in [(TreeKind::Contents, contents), (TreeKind::Contacts, contacts)] {
            changed.extend(live.tree(tree).without(spans, &self.pages)?.map(|punctured| (tree, punctured)));
        }
        Ok((live.root(), changed))
    }

    /// Puts the same state under a new key and destroys the one before.
    pub fn rotate(&self) -> Result<(), VaultError> {
        let mut backing = lock(&self.backing);
        let mut root = lock(&self.live).root();
        backing.replace(&mut root, &mut [], &self.pages)?;
        backing.finish()
    }

    /// Whether a content of this owner can't be opened any more, whatever becomes of its ciphertext.
    pub fn is_erased(&self, id: ContentId, owner: ContactNumber) -> Result<bool, VaultError> {
        let mut live = lock(&self.live);
        Ok(live.contents.is_punctured(id.0, &self.pages)? || live.contacts.is_punctured(owner.0, &self.pages)?)
    }

    /// All numbers that are punctured.
    pub fn punctured(&self) -> Result<PuncturedNumbers, VaultError> {
        if self.is_lost() {
            let all = || std::iter::once(0..NUMBERS_END).collect();
            return Ok(PuncturedNumbers { contents: all(), contacts: all() });
        }
        let mut live = lock(&self.live);
        let ranges = |gaps: Vec<(u64, u64)>| gaps.into_iter().map(|(first, end)| first..end).collect();
        let contents = ranges(live.contents.gaps(&self.pages)?);
        Ok(PuncturedNumbers { contents, contacts: ranges(live.contacts.gaps(&self.pages)?) })
    }

    /// What an operator is told.
    pub fn status(&self) -> Result<VaultStatus, VaultError> {
        let punctured = self.punctured()?;
        let count = |ranges: &[Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum();
        let backing = lock(&self.backing);
        let root = lock(&self.live).root();
        let generation = backing.generation();
        let state_bytes = match &*backing {
            Backing::Memory { .. } => 0,
            Backing::Disk(disk) => disk.state_bytes(&root),
        };
        Ok(VaultStatus {
            generation,
            contents_punctured: count(&punctured.contents),
            contacts_punctured: count(&punctured.contacts),
            state_bytes,
            next_numbers: lock(&self.numbers).next(),
            custody: root.custody,
        })
    }

    /// Has `witness` told each step of every puncture; where it answers no, the vault stops there as if killed, and
    /// is to be dropped and opened again.
    #[cfg(any(test, feature = "test-util"))]
    pub fn witness_steps(&self, witness: impl FnMut(Step) -> bool + Send + 'static) {
        if let Backing::Disk(disk) = &mut *lock(&self.backing) {
            disk.witness = Some(Box::new(witness));
        }
    }
}

impl Live {
    fn new() -> Result<Self, VaultError> {
        let key = || Key::random().map_err(VaultError::random);
        Ok(Self {
            contents: Tree::new(TreeKind::Contents, key()?),
            contacts: Tree::new(TreeKind::Contacts, key()?),
            secret: key()?,
            custody: Vec::new(),
        })
    }

    fn from_root(root: Root) -> Self {
        Self {
            contents: Tree::from_shape(TreeKind::Contents, root.contents),
            contacts: Tree::from_shape(TreeKind::Contacts, root.contacts),
            secret: root.secret,
            custody: root.custody,
        }
    }

    fn root(&self) -> Root {
        Root {
            secret: self.secret.clone(),
            contents: Arc::clone(self.contents.shape()),
            contacts: Arc::clone(self.contacts.shape()),
            custody: self.custody.clone(),
        }
    }

    fn tree(&mut self, tree: TreeKind) -> &mut Tree {
        match tree {
            TreeKind::Contents => &mut self.contents,
            TreeKind::Contacts => &mut self.contacts,
        }
    }
}

impl Backing {
    /// Makes the new state durable; the old one can still be opened.
    fn replace(
        &mut self,
        root: &mut Root,
        changed: &mut [(TreeKind, Punctured)],
        pages: &PageSource,
    ) -> Result<(), VaultError> {
        match (self, pages) {
            (Self::Disk(disk), _) => disk.replace(root, changed),
            (Self::Memory { generation }, PageSource::Memory(pages)) => {
                *generation += 1;
                let mut pages = lock(pages);
                for (tree, punctured) in changed {
                    for (number, page) in &punctured.pages {
                        let key = Key::copied(&[0; 32]);
                        let shape = Arc::make_mut(&mut punctured.shape);
                        shape.pages.insert(*number, PageRef { offset: 0, bytes: 0, key });
                        pages.insert((*tree, *number), page.clone());
                    }
                    pages.retain(|(of, number), _| of != tree || punctured.shape.pages.contains_key(number));
                }
                Ok(())
            }
            (Self::Memory { .. }, PageSource::File(_)) => unreachable!("a vault in memory has its pages there"),
        }
    }

    fn generation(&self) -> u64 {
        match self {
            Self::Memory { generation } => *generation,
            Self::Disk(disk) => disk.generation(),
        }
    }

    /// Destroys the key of the old state.
    fn finish(&mut self) -> Result<(), VaultError> {
        match self {
            Self::Memory { .. } => Ok(()),
            Self::Disk(disk) => disk.wipe_other_slot(),
        }
    }
}

impl Pages for PageSource {
    fn load(&self, tree: TreeKind, number: u32, page: &PageRef) -> Result<Cover, VaultError> {
        match self {
            Self::File(file) => file.load(tree, number, page),
            Self::Memory(pages) => {
                let pages = lock(pages);
                let page = pages.get(&(tree, number)).expect("every page of a vault in memory stays there");
                Ok((**page).clone())
            }
        }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// What a content's tag covers beside its ciphertext, in its first bytes; the answer is how many.
fn bind(bound: &mut [u8; BOUND_BYTES_MAX], id: ContentId, owner: ContactNumber, associated: &[u8]) -> usize {
    let length = 16 + associated.len();
    bound[..8].copy_from_slice(&id.0.to_le_bytes());
    bound[8..16].copy_from_slice(&owner.0.to_le_bytes());
    bound[16..length].copy_from_slice(associated);
    length
}

/// Has the files made beside and renames them into place, so that a crash on the way never looks like a lost key.
fn create_in(
    dir: &Path,
    make: impl FnOnce(&Path) -> Result<(Disk, Live, Numbers), VaultError>,
) -> Result<Vault, VaultError> {
    if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(VaultError::AlreadyThere { dir: dir.to_owned() });
    }
    let new = dir.with_extension("new");
    if new.exists() {
        std::fs::remove_dir_all(&new).map_err(VaultError::io("remove", &new))?;
    }
    create_private_dir(&new)?;
    let (mut disk, live, numbers) = make(&new)?;
    std::fs::rename(&new, dir).map_err(VaultError::io("rename", &new))?;
    disk.moved_to(dir);
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        disk::sync_dir(parent)?;
    }
    Ok(Vault::on(disk, live, numbers))
}

fn create_private_dir(dir: &Path) -> Result<(), VaultError> {
    use std::os::unix::fs::DirBuilderExt;
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(VaultError::io("create", dir))
}

/// The state behind these locks is replaced as a whole, never left half changed: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
