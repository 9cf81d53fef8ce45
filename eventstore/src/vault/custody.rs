//! Custody copies: the whole key state in one file under a passphrase, for someone to keep apart from the machine.
//! What a copy can bring back that was masked after it was made stands in `docs/masking.md`.

use super::cover::{Cover, put_varint, take_varint};
use super::disk::Disk;
use super::key::{KEY_BYTES, Key, TreeKind};
use super::numbers::Numbers;
use super::root::{Custody, Root};
use super::seal::{decrypt, encrypt};
use super::tree::{PageRef, Pages, Shape, page_place, top_place};
use super::{Live, Vault, VaultError, create_in, lock};
use argon2::{Algorithm, Argon2, Params, Version};
use clew_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Characters of a passphrase at least.
pub const PASSPHRASE_CHARACTERS_MIN: usize = 16;

const MAGIC: &[u8; 7] = b"CLEWCUS";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const HEADER_BYTES: usize = 7 + 1 + SALT_BYTES;
/// Argon2id with 64 MiB and three passes, the second recommendation of RFC 9106.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

type Covers = BTreeMap<u32, Arc<Cover>>;

impl Vault {
    /// The whole key state as of now under a passphrase, and a note in the state itself that `holder` has it.
    pub fn export_custody(&self, holder: &str, at: Timestamp, passphrase: &str) -> Result<Vec<u8>, VaultError> {
        if passphrase.chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(VaultError::WeakPassphrase);
        }
        let mut backing = lock(&self.backing);
        let mut root = lock(&self.live).root();
        let generation = backing.generation() + 1;
        let holder = holder.to_owned();
        root.custody.push(Custody { holder, generation, exported_at_micros: at.micros() });
        backing.replace(&mut root, &mut [], &self.pages)?;
        lock(&self.live).custody.clone_from(&root.custody);
        backing.finish()?;
        let payload = self.payload(&root)?;
        seal_copy(payload, passphrase)
    }

    /// Notes that a custody copy was destroyed; the answer is whether it was known.
    pub fn forget_custody(&self, generation: u64) -> Result<bool, VaultError> {
        let mut backing = lock(&self.backing);
        let mut root = lock(&self.live).root();
        let before = root.custody.len();
        root.custody.retain(|copy| copy.generation != generation);
        if root.custody.len() == before {
            return Ok(false);
        }
        backing.replace(&mut root, &mut [], &self.pages)?;
        lock(&self.live).custody.clone_from(&root.custody);
        backing.finish()?;
        Ok(true)
    }

    /// Makes keys in a new directory from a custody copy. What the log says is erased must be erased again: the
    /// eraser does so when it starts without its checkpoint.
    pub fn import_custody(dir: &Path, copy: &[u8], passphrase: &str) -> Result<Self, VaultError> {
        let payload = open_copy(copy, passphrase)?;
        let (mut root, pages, next) = decode(&payload).ok_or(VaultError::NotACustodyCopy)?;
        create_in(dir, |new| {
            let mut numbers = Numbers::create(new)?;
            numbers.raise(next.0, next.1)?;
            let disk = Disk::create_with(new, &mut root, &pages)?;
            Ok((disk, Live::from_root(root), numbers))
        })
    }

    pub(super) fn payload(&self, root: &Root) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut covers = Vec::new();
        for (tree, shape) in [(TreeKind::Contents, &root.contents), (TreeKind::Contacts, &root.contacts)] {
            let load =
                |(number, page): (&u32, &PageRef)| Ok((*number, Arc::new(self.pages.load(tree, *number, page)?)));
            covers.push(shape.pages.iter().map(load).collect::<Result<Covers, VaultError>>()?);
        }
        let pages = covers.iter().flat_map(BTreeMap::values);
        let bytes = pages.map(|page| page.encoded_bytes_max() + 10).sum::<usize>()
            + root.contents.top.encoded_bytes_max()
            + root.contacts.top.encoded_bytes_max()
            + root.custody.iter().map(|copy| copy.holder.len() + 40).sum::<usize>()
            + 100;
        let mut out = Zeroizing::new(Vec::with_capacity(bytes));
        out.extend_from_slice(root.secret.bytes());
        let (content, contact) = lock(&self.numbers).next();
        put_varint(&mut out, content);
        put_varint(&mut out, contact);
        for (shape, covers) in [&root.contents, &root.contacts].into_iter().zip(&covers) {
            shape.top.encode(&mut out);
            put_varint(&mut out, covers.len() as u64);
            for (number, page) in covers {
                put_varint(&mut out, u64::from(*number));
                page.encode(&mut out);
            }
        }
        root.encode_custody(&mut out);
        Ok(out)
    }
}

pub(super) fn decode(payload: &[u8]) -> Option<(Root, [Covers; 2], (u64, u64))> {
    let (secret, mut bytes) = payload.split_first_chunk()?;
    let next = (take_varint(&mut bytes)?, take_varint(&mut bytes)?);
    let (contents, content_pages) = decode_tree(TreeKind::Contents, &mut bytes)?;
    let (contacts, contact_pages) = decode_tree(TreeKind::Contacts, &mut bytes)?;
    let custody = Root::decode_custody(&mut bytes)?;
    let (contents, contacts) = (Arc::new(contents), Arc::new(contacts));
    let root = Root { secret: Key::copied(secret), contents, contacts, custody };
    bytes.is_empty().then_some((root, [content_pages, contact_pages], next))
}

fn decode_tree(tree: TreeKind, bytes: &mut &[u8]) -> Option<(Shape, Covers)> {
    let top = Cover::decode(top_place(tree), bytes)?;
    let mut pages = Covers::new();
    for _ in 0..take_varint(bytes)? {
        let number = u32::try_from(take_varint(bytes)?).ok()?;
        pages.insert(number, Arc::new(Cover::decode(page_place(tree), bytes)?));
    }
    Some((Shape { top, pages: BTreeMap::new() }, pages))
}

fn seal_copy(mut payload: Zeroizing<Vec<u8>>, passphrase: &str) -> Result<Vec<u8>, VaultError> {
    let mut header = [0; HEADER_BYTES];
    header[..7].copy_from_slice(MAGIC);
    header[7] = VERSION;
    getrandom::fill(&mut header[8..]).map_err(VaultError::random)?;
    let key = stretched(passphrase, &header[8..]);
    payload.reserve_exact(16);
    encrypt(&key, &header, &mut payload);
    Ok([&header, payload.as_slice()].concat())
}

fn open_copy(copy: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (header, sealed) = copy.split_first_chunk::<HEADER_BYTES>().ok_or(VaultError::NotACustodyCopy)?;
    if !header.starts_with(MAGIC) || header[7] != VERSION {
        return Err(VaultError::NotACustodyCopy);
    }
    let mut payload = Zeroizing::new(sealed.to_vec());
    let key = stretched(passphrase, &header[8..]);
    decrypt(&key, header, &mut payload).ok_or(VaultError::WrongPassphrase)?;
    Ok(payload)
}

fn stretched(passphrase: &str, salt: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(KEY_BYTES)).expect("these parameters are within bounds");
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .expect("salt and key have sound lengths");
    key
}
