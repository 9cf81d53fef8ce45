//! Where each content of a full segment lies: a sorted table in a file of its own, which is rebuilt from the
//! segment when it is missing or damaged.
//!
//! Behind the header come pages of 4,096 bytes: CRC-32 of the rest of the page (4), number of entries (4), and
//! entries of number (8) and offset (4), sorted. The last 32 bytes are smallest number (8), greatest (8), where
//! the contents end (8), pages (4) and CRC-32 of these 28 bytes (4).

use super::contents::ContentsFile;
use super::disk::{Disk, sync_dir, unavailable};
use super::layout::{self, FileKind};
use crate::store::StoreError;
use clew_domain::content::ContentId;
use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

const PAGE_BYTES: usize = 4096;
const ENTRY_BYTES: usize = 12;
const ENTRIES_PER_PAGE: usize = (PAGE_BYTES - 8) / ENTRY_BYTES;
const FOOTER_BYTES: usize = 32;

/// A full segment of contents, and how to find one in it.
#[derive(Debug)]
pub(super) struct ContentsIndex {
    pub(super) contents: Arc<ContentsFile>,
    /// Where its contents end.
    pub(super) end: u64,
    least: u64,
    greatest: u64,
    table: File,
    pages: u32,
}

impl ContentsIndex {
    /// Writes the index of a segment that ends at `end`, and opens it.
    pub(super) fn create(
        disk: &dyn Disk,
        dir: &Path,
        contents: Arc<ContentsFile>,
        end: u64,
    ) -> Result<Self, StoreError> {
        let mut entries = contents.scan(end)?;
        entries.sort_unstable();
        let path = FileKind::ContentsIndex.path(dir, contents.number);
        let bytes = encode(&entries, contents.number, end);
        let made = path.with_extension("index-tmp");
        let write = || -> io::Result<File> {
            let file = disk.create(&made)?;
            disk.write_all_at(&file, &bytes, 0)?;
            disk.sync(&file)?;
            file.sync_all()?;
            std::fs::rename(&made, &path)?;
            sync_dir(path.parent().expect("an index lies in a folder"))?;
            Ok(file)
        };
        let file = write().map_err(unavailable("can't write", &path))?;
        let footer = Footer::read(&file).map_err(unavailable("can't read", &path))?;
        let footer = footer.ok_or_else(|| corrupt(&path, "it can't be read back"))?;
        Ok(Self::of(contents, file, &footer))
    }

    /// Opens the index of a full segment; `None` if there is no sound one.
    pub(super) fn open(dir: &Path, contents: Arc<ContentsFile>) -> Result<Option<Self>, StoreError> {
        let path = FileKind::ContentsIndex.path(dir, contents.number);
        let Ok(file) = File::open(&path) else { return Ok(None) };
        match layout::check_header(&file, &path, FileKind::ContentsIndex, contents.number) {
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            other => other?,
        };
        let footer = Footer::read(&file).map_err(unavailable("can't read", &path))?;
        Ok(footer.map(|footer| Self::of(contents, file, &footer)))
    }

    fn of(contents: Arc<ContentsFile>, file: File, footer: &Footer) -> Self {
        let Footer { least, greatest, end, pages } = *footer;
        Self { contents, end, least, greatest, table: file, pages }
    }

    /// Whether the content's number lies within the segment's.
    pub(super) fn may_hold(&self, id: ContentId) -> bool {
        (self.least..=self.greatest).contains(&id.0)
    }

    /// Where the content lies. A damaged index is passed by: the segment itself is searched.
    pub(super) fn find(&self, id: ContentId) -> Result<Option<u32>, StoreError> {
        match search(&self.table, self.pages, id) {
            Search::Found(offset) => return Ok(Some(offset)),
            Search::Absent => return Ok(None),
            Search::Damaged => {}
        }
        tracing::warn!(segment = self.contents.number, "an index of contents is damaged; the next start makes it anew");
        let all = self.contents.scan(self.end)?;
        Ok(all.into_iter().find_map(|(found, offset)| (found == id).then_some(offset)))
    }

    /// Whether every page is sound and says what the segment says.
    pub(super) fn matches_segment(&self) -> Result<bool, StoreError> {
        let mut expected = self.contents.scan(self.end)?;
        expected.sort_unstable();
        let mut found = Vec::with_capacity(expected.len());
        for page in 0..self.pages {
            match read_page(&self.table, page) {
                Some(entries) => found.extend(entries),
                None => return Ok(false),
            }
        }
        Ok(found == expected)
    }
}

struct Footer {
    least: u64,
    greatest: u64,
    end: u64,
    pages: u32,
}

impl Footer {
    fn read(file: &File) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let Some(at) = length.checked_sub(FOOTER_BYTES as u64) else { return Ok(None) };
        let mut bytes = [0; FOOTER_BYTES];
        file.read_exact_at(&mut bytes, at)?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let footer = Self { least: long(0), greatest: long(8), end: long(16), pages: word(24) };
        let sound = crc32fast::hash(&bytes[..28]) == word(28);
        let whole = (layout::HEADER_BYTES + FOOTER_BYTES + PAGE_BYTES * footer.pages as usize) as u64 == length;
        Ok((sound && whole).then_some(footer))
    }
}

fn encode(entries: &[(ContentId, u32)], number: u32, end: u64) -> Vec<u8> {
    let mut bytes = layout::header(FileKind::ContentsIndex, number, 0).to_vec();
    for entries in entries.chunks(ENTRIES_PER_PAGE) {
        let mut page = [0; PAGE_BYTES];
        let count = u32::try_from(entries.len()).expect("a page's entries");
        page[4..8].copy_from_slice(&count.to_le_bytes());
        for ((id, offset), entry) in entries.iter().zip(page[8..].chunks_exact_mut(ENTRY_BYTES)) {
            entry[..8].copy_from_slice(&id.0.to_le_bytes());
            entry[8..].copy_from_slice(&offset.to_le_bytes());
        }
        let crc = crc32fast::hash(&page[4..]);
        page[..4].copy_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&page);
    }
    let mut footer = [0; FOOTER_BYTES];
    // Without entries the bounds admit nothing.
    let (least, greatest) = (entries.first().map_or(1, |entry| entry.0.0), entries.last().map_or(0, |entry| entry.0.0));
    let pages = u32::try_from(entries.len().div_ceil(ENTRIES_PER_PAGE)).expect("a segment's contents");
    footer[..8].copy_from_slice(&least.to_le_bytes());
    footer[8..16].copy_from_slice(&greatest.to_le_bytes());
    footer[16..24].copy_from_slice(&end.to_le_bytes());
    footer[24..28].copy_from_slice(&pages.to_le_bytes());
    let crc = crc32fast::hash(&footer[..28]);
    footer[28..].copy_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&footer);
    bytes
}

fn read_page(file: &File, page: u32) -> Option<Vec<(ContentId, u32)>> {
    let mut bytes = [0; PAGE_BYTES];
    file.read_exact_at(&mut bytes, layout::HEADER_BYTES as u64 + u64::from(page) * PAGE_BYTES as u64).ok()?;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let count = word(4) as usize;
    if crc32fast::hash(&bytes[4..]) != word(0) || count == 0 || count > ENTRIES_PER_PAGE {
        return None;
    }
    let entry = |entry: &[u8]| {
        let (id, offset) = entry.split_at(8);
        let id = ContentId(u64::from_le_bytes(id.try_into().expect("eight bytes")));
        (id, u32::from_le_bytes(offset.try_into().expect("four bytes")))
    };
    Some(bytes[8..].chunks_exact(ENTRY_BYTES).take(count).map(entry).collect())
}

/// What a search of the table came to.
enum Search {
    Found(u32),
    Absent,
    Damaged,
}

fn search(file: &File, pages: u32, id: ContentId) -> Search {
    let (mut low, mut high) = (0, pages);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(entries) = read_page(file, middle) else { return Search::Damaged };
        let [(first, _), .., (last, _)] = entries[..] else {
            // A page of one entry: it is the one, or the search ends beside it.
            let [(only, offset)] = entries[..] else { return Search::Damaged };
            match id.cmp(&only) {
                Ordering::Less => high = middle,
                Ordering::Equal => return Search::Found(offset),
                Ordering::Greater => low = middle + 1,
            }
            continue;
        };
        if id < first {
            high = middle;
        } else if id > last {
            low = middle + 1;
        } else {
            let found = entries.binary_search_by_key(&id, |entry| entry.0);
            return found.map_or(Search::Absent, |at| Search::Found(entries[at].1));
        }
    }
    Search::Absent
}

fn corrupt(path: &Path, what: &str) -> StoreError {
    StoreError::Corrupt { place: path.display().to_string(), what: what.into() }
}
