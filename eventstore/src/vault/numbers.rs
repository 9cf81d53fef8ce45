//! Numbers that are never given out twice: taken in blocks, and a block is durable before its first is used.
//! The file holds two records, written in turn, so that a torn write leaves the other.

use super::{NUMBERS_END, VaultError};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

pub(super) const FILE: &str = "numbers";
const CONTENTS_PER_LEASE: u64 = 1 << 16;
const CONTACTS_PER_LEASE: u64 = 1 << 10;
const MAGIC: &[u8; 8] = b"CLEWNUM1";
const RECORD_BYTES: usize = 36;
/// Far enough apart that one write of the device never touches both.
const RECORD_SPACING: u64 = 4096;
const SALTS_PER_REFILL: usize = 256;

/// Gives out runs of numbers that nobody else was or will be given. May block for a moment.
pub trait Lessor: Send {
    /// So many contents and contacts in succession, none of them below `floor` (contents, contacts); or why not.
    fn lease(&mut self, contents: u64, contacts: u64, floor: (u64, u64)) -> Result<(u64, u64), String>;
}

/// The next numbers and how far they may go.
pub(super) struct Numbers {
    lessor: Option<Box<dyn Lessor>>,
    /// What a lessor may give nothing below.
    floor: (u64, u64),
    file: Option<File>,
    writes: u64,
    content: Lease,
    contact: Lease,
    salts: Vec<[u8; 16]>,
}

#[derive(Clone, Copy)]
struct Lease {
    next: u64,
    end: u64,
}

impl Numbers {
    pub(super) fn in_memory() -> Self {
        // Content 0 is never given out and contact 0 is the workspace itself.
        let lease = Lease { next: 1, end: 1 };
        Self { lessor: None, floor: (1, 1), file: None, writes: 0, content: lease, contact: lease, salts: Vec::new() }
    }

    pub(super) fn create(dir: &Path) -> Result<Self, VaultError> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(VaultError::io("create", &path))?;
        let mut numbers = Self { file: Some(file), ..Self::in_memory() };
        numbers.persist(numbers.content.end, numbers.contact.end)?;
        Ok(numbers)
    }

    pub(super) fn open(dir: &Path) -> Result<Self, VaultError> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(VaultError::io("open", &path))?;
        let records = (0..2).filter_map(|slot| {
            let mut record = [0; RECORD_BYTES];
            file.read_exact_at(&mut record, slot * RECORD_SPACING).ok()?;
            decode(&record)
        });
        let Some((writes, content, contact)) = records.max() else {
            let what = "neither of its two records is whole".to_owned();
            return Err(VaultError::Damaged { file: path, what });
        };
        // What was leased and perhaps not used is passed over.
        let (content, contact) = (Lease { next: content, end: content }, Lease { next: contact, end: contact });
        Ok(Self { file: Some(file), writes, content, contact, ..Self::in_memory() })
    }

    /// The first of `count` successive content numbers.
    pub(super) fn contents(&mut self, count: u32) -> Result<u64, VaultError> {
        let mut end = bounded(self.content.next, u64::from(count))?;
        if end > self.content.end
            && let Some(lessor) = &mut self.lessor
        {
            let leased = CONTENTS_PER_LEASE.max(count.into());
            let (first, _) = lessor.lease(leased, 0, self.floor).map_err(VaultError::NotLeased)?;
            self.content = Lease { next: first, end: bounded(first, leased)? };
            end = first + u64::from(count);
        } else if end > self.content.end {
            let leased = end.saturating_add(CONTENTS_PER_LEASE).min(NUMBERS_END);
            self.persist(leased, self.contact.end)?;
            self.content.end = leased;
        }
        Ok(std::mem::replace(&mut self.content.next, end))
    }

    /// The next contact number.
    pub(super) fn contact(&mut self) -> Result<u64, VaultError> {
        let mut end = bounded(self.contact.next, 1)?;
        if end > self.contact.end
            && let Some(lessor) = &mut self.lessor
        {
            let (_, first) = lessor.lease(0, CONTACTS_PER_LEASE, self.floor).map_err(VaultError::NotLeased)?;
            self.contact = Lease { next: first, end: bounded(first, CONTACTS_PER_LEASE)? };
            end = first + 1;
        } else if end > self.contact.end {
            let leased = end.saturating_add(CONTACTS_PER_LEASE).min(NUMBERS_END);
            self.persist(self.content.end, leased)?;
            self.contact.end = leased;
        }
        Ok(std::mem::replace(&mut self.contact.next, end))
    }

    /// Takes all further numbers from a lessor; what was leased here before is not used.
    pub(super) fn lease_from(&mut self, lessor: Box<dyn Lessor>) {
        self.floor = (self.floor.0.max(self.content.next), self.floor.1.max(self.contact.next));
        let none = Lease { next: 1, end: 1 };
        (self.lessor, self.content, self.contact) = (Some(lessor), none, none);
    }

    /// Gives out nothing below these any more.
    pub(super) fn raise(&mut self, content: u64, contact: u64) -> Result<(), VaultError> {
        if self.lessor.is_some() {
            // What is leased is nobody else's, wherever the others have got to.
            self.floor = (self.floor.0.max(content), self.floor.1.max(contact));
            return Ok(());
        }
        let (content_end, contact_end) = (self.content.end.max(content), self.contact.end.max(contact));
        if (content_end, contact_end) != (self.content.end, self.contact.end) {
            self.persist(content_end, contact_end)?;
        }
        self.content = Lease { next: self.content.next.max(content), end: content_end };
        self.contact = Lease { next: self.contact.next.max(contact), end: contact_end };
        Ok(())
    }

    /// The numbers that come next: content, contact.
    pub(super) fn next(&self) -> (u64, u64) {
        (self.content.next, self.contact.next)
    }

    /// A random salt.
    pub(super) fn salt(&mut self) -> Result<[u8; 16], VaultError> {
        if self.salts.is_empty() {
            let mut bytes = [0; 16 * SALTS_PER_REFILL];
            getrandom::fill(&mut bytes).map_err(VaultError::random)?;
            self.salts.extend_from_slice(bytes.as_chunks().0);
        }
        Ok(self.salts.pop().expect("it was just filled"))
    }

    fn persist(&mut self, content: u64, contact: u64) -> Result<(), VaultError> {
        let Some(file) = &self.file else { return Ok(()) };
        let writes = self.writes + 1;
        let record = encode(writes, content, contact);
        let written = file.write_all_at(&record, writes % 2 * RECORD_SPACING).and_then(|()| file.sync_data());
        written.map_err(VaultError::io("write", Path::new(FILE)))?;
        self.writes = writes;
        Ok(())
    }
}

fn bounded(next: u64, count: u64) -> Result<u64, VaultError> {
    next.checked_add(count).filter(|end| *end <= NUMBERS_END).ok_or(VaultError::NumbersExhausted)
}

fn encode(writes: u64, content: u64, contact: u64) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..8].copy_from_slice(MAGIC);
    record[8..16].copy_from_slice(&writes.to_le_bytes());
    record[16..24].copy_from_slice(&content.to_le_bytes());
    record[24..32].copy_from_slice(&contact.to_le_bytes());
    let sum = crc32fast::hash(&record[..32]);
    record[32..].copy_from_slice(&sum.to_le_bytes());
    record
}

fn decode(record: &[u8; RECORD_BYTES]) -> Option<(u64, u64, u64)> {
    let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
    let sound = record.starts_with(MAGIC) && crc32fast::hash(&record[..32]).to_le_bytes() == record[32..];
    sound.then(|| (word(8), word(16), word(24)))
}
