//! The tree of one partition on disk, in a directory of its own: grows with the facts, is signed, and stops
//! being signed when it no longer agrees with what was signed. All but `checkpoint` can be rebuilt from the facts.

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::files::{HashFiles, read_text, replace};
use super::note::{NoteSignature, SigningKey, VerifierKey};
use super::proof::root_at;
use super::tile::{Tile, TileKind, Tiles, encode_hashes};
use super::tree::{Edge, Hash, leaf_hash};
use super::{ProofError, witness};
use crate::observer::{CommitObserver, LeafSource};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The file with the signed head of the log.
pub const CHECKPOINT: &str = "checkpoint";
/// The file with the last checkpoint that witnesses cosigned, if there is one.
pub const WITNESSED: &str = "checkpoint.witnessed";
/// How to go on where what was signed can't be continued.
const BEGIN_ANEW: &str = "to go on without what was signed, keep the directory of the proofs elsewhere and start \
                          without it: a new log begins with a new key, which auditors then need";
/// How many leaves are read at once to catch up.
const LEAVES_READ_MAX: usize = 4_096;

/// Whether the log is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The tree lags behind the facts; nothing is signed until it has caught up.
    CatchingUp,
    /// It is.
    Signing,
    /// It is not, and will not be until someone has looked into this.
    Stopped(String),
}

/// The tree of one partition, with its signed head.
pub struct Log {
    /// None for a log in memory.
    directory: Option<PathBuf>,
    witnessed: RwLock<Option<SignedCheckpoint>>,
    partition: u16,
    key: SigningKey,
    tree: Mutex<Tree>,
    signed: RwLock<Option<SignedCheckpoint>>,
    signing: Mutex<()>,
}

struct Tree {
    edge: Edge,
    files: HashFiles,
    standing: Standing,
}

/// What follows a store for a log: give it to the store as its observer.
pub struct Follower {
    log: Arc<Log>,
    prepared: Option<Prepared>,
}

/// The tree as it will be with the facts that are being made durable.
struct Prepared {
    /// How many leaves it had before.
    size: u64,
    edge: Edge,
    /// The hashes that its tiles gain, each with its level.
    gained: Vec<(u8, Hash)>,
}

impl Log {
    /// Opens the tree that lies in `directory`, or begins one there. It is signed once [`Self::catch_up`] is done.
    ///
    /// Hashes that do not lead to the head written beside them are set aside: the facts give them again.
    pub fn open(directory: &Path, partition: u16, key: SigningKey) -> Result<Self, ProofError> {
        std::fs::create_dir_all(directory).map_err(ProofError::io(directory))?;
        let (edge, files) = open_tree(directory)?;
        let mut standing = Standing::CatchingUp;
        let signed = match read_text(&directory.join(CHECKPOINT))? {
            None => None,
            Some(text) => match SignedCheckpoint::open(&text, &key.verifier()) {
                Ok(signed) => Some(signed),
                Err(error) => {
                    standing = Standing::Stopped(format!(
                        "the last checkpoint can't be trusted: {error}; put the checkpoint and the signing key of this \
                         log back; {BEGIN_ANEW}"
                    ));
                    None
                }
            },
        };
        let witnessed = read_text(&directory.join(WITNESSED))?;
        let witnessed = witnessed.and_then(|text| SignedCheckpoint::open(&text, &key.verifier()).ok());
        let mut log = Self::in_memory(partition, key);
        log.directory = Some(directory.to_owned());
        log.tree = Mutex::new(Tree { edge, files, standing });
        (log.signed, log.witnessed) = (RwLock::new(signed), RwLock::new(witnessed));
        Ok(log)
    }

    /// A tree that lasts as long as the process, to be caught up like any other.
    pub fn in_memory(partition: u16, key: SigningKey) -> Self {
        let (edge, files) = (Edge::default(), HashFiles::default());
        let tree = Mutex::new(Tree { edge, files, standing: Standing::CatchingUp });
        let (signed, witnessed) = (RwLock::default(), RwLock::default());
        Self { directory: None, partition, key, tree, signed, witnessed, signing: Mutex::new(()) }
    }

    /// What to give to the store, so that every durable fact becomes a leaf at once.
    pub fn follower(self: &Arc<Self>) -> Follower {
        Follower { log: Arc::clone(self), prepared: None }
    }

    /// Which partition's facts it holds.
    pub fn partition(&self) -> u16 {
        self.partition
    }

    /// Whether the log is signed.
    pub fn standing(&self) -> Standing {
        self.tree().standing.clone()
    }

    /// Signs nothing from now on, for this reason.
    pub fn stop(&self, why: String) {
        self.tree().standing = Standing::Stopped(why);
    }

    /// The key that others check this log with.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// Signs a note of the log's own, such as what a bundle holds. Its first line must not be the origin.
    pub fn sign_note(&self, text: &str) -> Result<super::Note, ProofError> {
        if text.lines().next() == Some(self.key.verifier().name()) {
            return Err(ProofError::malformed("note", "it could be taken for a checkpoint"));
        }
        self.key.sign(text)
    }

    /// The last checkpoint that was signed and kept.
    pub fn checkpoint(&self) -> Option<SignedCheckpoint> {
        self.signed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last checkpoint as it is given to others: with the cosignatures of witnesses, once they have made them.
    pub fn served(&self) -> Option<SignedCheckpoint> {
        let signed = self.checkpoint()?;
        let same = |witnessed: &SignedCheckpoint| witnessed.checkpoint() == signed.checkpoint();
        Some(self.witnessed().filter(same).unwrap_or(signed))
    }

    /// Takes the leaves of a group of commits, the first of them at `sequence`; those known already are passed over.
    ///
    /// Nothing here is an error to the caller, whose facts are safe: after a gap the tree lags, and where it can't be
    /// written it stops.
    pub fn append<'a>(&self, leaves: impl Iterator<Item = (u64, &'a [u8])>) {
        let hashes: Vec<(u64, Hash)> = leaves.map(|(sequence, leaf)| (sequence, leaf_hash(leaf))).collect();
        self.change(|tree| tree.extend(&hashes).map(|_| ()));
    }

    /// Changes the tree; if that fails, it stops.
    fn change(&self, change: impl FnOnce(&mut Tree) -> Result<(), ProofError>) {
        let mut tree = self.tree();
        if matches!(tree.standing, Standing::Stopped(_)) {
            return;
        }
        if let Err(error) = change(&mut tree) {
            tracing::error!(%error, "the proofs can't follow the log");
            tree.standing = Standing::Stopped(format!("the hashes can't be kept: {error}; see to it, then restart"));
        }
    }

    /// Reads the facts that the tree lacks, then holds the tree against the last signed checkpoint.
    ///
    /// To be called at start and whenever [`Self::standing`] says that the tree lags.
    pub async fn catch_up(&self, source: &dyn LeafSource) -> Result<(), ProofError> {
        if let Standing::Stopped(why) = self.standing() {
            return Err(ProofError::Stopped(why));
        }
        self.drop_what_the_facts_do_not_give(source).await?;
        loop {
            let size = self.size();
            let leaves = source.leaves(self.partition, size, LEAVES_READ_MAX).await;
            let leaves = leaves.map_err(|error| ProofError::Facts(error.to_string()))?;
            let hashes: Vec<_> = leaves.iter().map(|leaf| (leaf.sequence, leaf_hash(&leaf.bytes))).collect();
            let mut tree = self.tree();
            if tree.extend(&hashes)? {
                return Err(ProofError::Facts(format!("there is a gap behind fact {size}")));
            }
            if leaves.len() < LEAVES_READ_MAX {
                if tree.standing == Standing::CatchingUp {
                    tree.standing = Standing::Signing;
                }
                drop(tree);
                return self.compare_with_signed();
            }
        }
    }

    /// Signs the tree as it is, if it grew since it was last signed; the hashes and the head are durable before.
    pub fn sign(&self) -> Result<SignedCheckpoint, ProofError> {
        self.sign_if(|_, _| Ok(true))
    }

    /// Signs it if `agreed` says yes to its size and root; otherwise answers what was signed last. Where `agreed` fails,
    /// nothing is signed.
    pub fn sign_if(
        &self,
        agreed: impl FnOnce(u64, Hash) -> Result<bool, ProofError>,
    ) -> Result<SignedCheckpoint, ProofError> {
        let _one_at_a_time = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, root, files) = {
            let mut tree = self.tree();
            match &tree.standing {
                Standing::Signing => {}
                Standing::CatchingUp => return Err(ProofError::Stopped("the proofs lag behind the log".into())),
                Standing::Stopped(why) => return Err(ProofError::Stopped(why.clone())),
            }
            tree.files.write()?;
            (tree.edge.size(), tree.edge.root(), tree.files.to_sync())
        };
        if let Some(signed) = self.checkpoint().filter(|signed| signed.checkpoint().size == size) {
            return Ok(signed);
        }
        self.compare_with_signed()?;
        if !agreed(size, root)? {
            let behind = || ProofError::Stopped("more is signed than this gateway has; it signs when it has it".into());
            return self.checkpoint().ok_or_else(behind);
        }
        for (path, file) in files {
            file.sync_data().map_err(ProofError::io(&path))?;
        }
        self.keep("head", &head_text(size, root))?;
        let signed = Checkpoint::new(self.key.verifier().name(), size, root).sign(&self.key)?;
        self.keep(CHECKPOINT, &signed.to_string())?;
        *self.signed.write().unwrap_or_else(PoisonError::into_inner) = Some(signed.clone());
        Ok(signed)
    }

    /// The bytes of a hash tile, as they are served and exported.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, ProofError> {
        match tile.kind {
            TileKind::Hashes(level) => Ok(encode_hashes(&self.hashes(level, tile.first(), tile.width.into())?)),
            TileKind::Entries => Err(ProofError::malformed("tile", "entries are read from the facts")),
        }
    }

    /// The last checkpoint that a witness cosigned.
    pub fn witnessed(&self) -> Option<SignedCheckpoint> {
        self.witnessed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What to send to a witness that cosigned the first `old` facts.
    pub fn ask_witness(&self, signed: &SignedCheckpoint, old: u64) -> Result<String, ProofError> {
        witness::add_checkpoint(self, old, signed)
    }

    /// Keeps a checkpoint with the cosignatures that it carries.
    pub fn keep_witnessed(&self, signed: &SignedCheckpoint) -> Result<(), ProofError> {
        signed.note().verify(&self.verifier())?;
        self.keep(WITNESSED, &signed.to_string())?;
        *self.witnessed.write().unwrap_or_else(PoisonError::into_inner) = Some(signed.clone());
        Ok(())
    }

    /// Adds cosignatures to a checkpoint of this log; see [`SignedCheckpoint::add_cosignature`].
    pub fn cosigned(
        &self,
        mut signed: SignedCheckpoint,
        signature: NoteSignature,
        witness: &VerifierKey,
    ) -> Result<SignedCheckpoint, ProofError> {
        signed.add_cosignature(signature, witness)?;
        self.keep_witnessed(&signed)?;
        Ok(signed)
    }

    fn keep(&self, name: &str, text: &str) -> Result<(), ProofError> {
        self.directory.as_ref().map_or(Ok(()), |directory| replace(&directory.join(name), text))
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hashes are derived: where the last of them is not that of the last fact, all are made again.
    async fn drop_what_the_facts_do_not_give(&self, source: &dyn LeafSource) -> Result<(), ProofError> {
        let size = self.size();
        if size == 0 {
            return Ok(());
        }
        let last = source.leaves(self.partition, size - 1, 1).await;
        let last = last.map_err(|error| ProofError::Facts(error.to_string()))?;
        let expected = self.hashes(0, size - 1, 1)?[0];
        if last.first().is_some_and(|leaf| leaf_hash(&leaf.bytes) == expected) {
            return Ok(());
        }
        tracing::warn!(size, "the hashes kept for proofs are not those of the facts; making them again");
        let mut tree = self.tree();
        let files = self.directory.as_deref().map_or_else(|| Ok(HashFiles::default()), empty_files)?;
        (tree.edge, tree.files) = (Edge::default(), files);
        tree.lag();
        Ok(())
    }

    fn compare_with_signed(&self) -> Result<(), ProofError> {
        let Some(signed) = self.checkpoint() else { return Ok(()) };
        let signed = signed.checkpoint();
        let size = self.size();
        let why = if size < signed.size {
            format!(
                "{} facts were signed and only {size} are there: facts are missing at the end; look for a newer \
                 backup; {BEGIN_ANEW}",
                signed.size
            )
        } else if root_at(self, signed.size)? == signed.root {
            return Ok(());
        } else {
            format!(
                "the first {} facts are not those that were signed: `clew audit verify` says which; {BEGIN_ANEW}",
                signed.size
            )
        };
        tracing::error!(why, "the log is not signed any more");
        self.tree().standing = Standing::Stopped(why.clone());
        Err(ProofError::Stopped(why))
    }
}

impl Tree {
    fn become_as(&mut self, Prepared { edge, gained, .. }: Prepared) -> Result<(), ProofError> {
        gained.into_iter().try_for_each(|(level, hash)| self.files.push(level, hash))?;
        self.edge = edge;
        Ok(())
    }

    /// Appends what follows; true if there is a gap, from which on nothing was taken.
    fn extend(&mut self, hashes: &[(u64, Hash)]) -> Result<bool, ProofError> {
        if let Standing::Stopped(why) = &self.standing {
            return Err(ProofError::Stopped(why.clone()));
        }
        for (sequence, hash) in hashes {
            let next = self.edge.size() + 1;
            if *sequence > next {
                self.lag();
                return Ok(true);
            }
            if *sequence == next {
                let mut kept = Ok(());
                let files = &mut self.files;
                self.edge.push(*hash, |level, hash| {
                    if let Err(error) = files.push(level, hash) {
                        kept = Err(error);
                    }
                });
                kept?;
            }
        }
        Ok(false)
    }

    fn lag(&mut self) {
        if self.standing == Standing::Signing {
            self.standing = Standing::CatchingUp;
        }
    }
}

impl Tiles for Log {
    fn size(&self) -> u64 {
        self.tree().edge.size()
    }

    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError> {
        self.tree().files.read(level, first, count)
    }
}

impl CommitObserver for Follower {
    fn prepare(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        self.prepared = None;
        let mut edge = {
            let tree = self.log.tree();
            if partition != self.log.partition || tree.standing != Standing::Signing {
                return;
            }
            tree.edge.clone()
        };
        let (size, mut gained) = (edge.size(), Vec::with_capacity(leaves.size_hint().0 + 4));
        for (sequence, leaf) in leaves {
            if sequence != edge.size() + 1 {
                return;
            }
            edge.push(leaf_hash(leaf), |level, hash| gained.push((level, hash)));
        }
        self.prepared = Some(Prepared { size, edge, gained });
    }

    fn committed(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {
        if partition != self.log.partition {
            return;
        }
        match self.prepared.take() {
            Some(prepared) if self.log.size() == prepared.size => self.log.change(|tree| tree.become_as(prepared)),
            _ => self.log.append(leaves),
        }
    }
}

/// The tree as its head file says, or an empty one if the hashes do not lead there.
fn open_tree(directory: &Path) -> Result<(Edge, HashFiles), ProofError> {
    let head = read_text(&directory.join("head"))?;
    if let Some((size, root)) = head.as_deref().and_then(parse_head)
        && let Some(files) = HashFiles::open(directory, size)?
    {
        let edge = Edge::load(size, |level, first, count| files.read(level, first, count))?;
        if edge.root() == root {
            return Ok((edge, files));
        }
    }
    if head.is_some() {
        tracing::warn!("the hashes kept for proofs are damaged; making them again from the facts");
    }
    Ok((Edge::default(), empty_files(directory)?))
}

fn empty_files(directory: &Path) -> Result<HashFiles, ProofError> {
    let files = HashFiles::open(directory, 0)?;
    Ok(files.expect("files of no hashes can't hold less"))
}

fn head_text(size: u64, root: Hash) -> String {
    format!("{size}\n{root}\n")
}

fn parse_head(text: &str) -> Option<(u64, Hash)> {
    let (size, root) = text.strip_suffix('\n')?.split_once('\n')?;
    Some((size.parse().ok()?, root.parse().ok()?))
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
