//! Tiles: the hashes of the tree, and its entries, by 256. Paths and bytes are those of
//! <https://c2sp.org/tlog-tiles>; who stores or serves them is not known here.

use super::ProofError;
use super::tree::Hash;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// How many levels of the tree a tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// How many hashes or entries a full tile holds.
pub const TILE_WIDTH: u64 = 256;
/// The longest entry, in bytes: its length is written in two.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// The hashes of a tree, wherever they are kept.
pub trait Tiles {
    /// How many leaves the tree has.
    fn size(&self) -> u64;

    /// `count` hashes of a level of tiles, from `first` on; all of them lie in one tile.
    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>, ProofError>;
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// The hashes of this level: 0 for those of leaves.
    Hashes(u8),
    /// The leaves themselves.
    Entries,
}

/// The name of a tile. As text it is its path, such as `tile/0/x001/234.p/17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its place in its level.
    pub index: u64,
    /// How many hashes or entries it holds: 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The tile of a tree of `size` leaves at this place; `None` where it would be empty.
    pub fn of(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let level = if let TileKind::Hashes(level) = kind { level } else { 0 };
        let hashes = level_len(size, level);
        let width = hashes.saturating_sub(index.checked_mul(TILE_WIDTH)?).min(TILE_WIDTH);
        (width > 0).then(|| Self { kind, index, width: u16::try_from(width).expect("at most 256") })
    }

    /// The first hash or entry of it, counted in its level.
    pub fn first(&self) -> u64 {
        self.index * TILE_WIDTH
    }

    /// Every hash tile of a tree of `size` leaves, level by level.
    pub fn all_hashes(size: u64) -> impl Iterator<Item = Self> {
        (0..8).flat_map(move |level| Self::every(TileKind::Hashes(level), size, 0, u64::MAX))
    }

    /// The entry tiles of a tree of `size` leaves that hold any of the leaves from `first` to `end`.
    pub fn entries(size: u64, first: u64, end: u64) -> impl Iterator<Item = Self> {
        Self::every(TileKind::Entries, size, first, end)
    }

    fn every(kind: TileKind, size: u64, first: u64, end: u64) -> impl Iterator<Item = Self> {
        (first / TILE_WIDTH..)
            .map_while(move |index| Self::of(kind, index, size))
            .take_while(move |tile| tile.first() < end)
    }
}

/// How many hashes a level of tiles has in a tree of `size` leaves.
pub fn level_len(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let digits = self.index.to_string();
        let padded = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        let groups = padded.len() / 3;
        for (group, element) in padded.as_bytes().chunks(3).enumerate() {
            let text = std::str::from_utf8(element).expect("digits");
            if group + 1 < groups { write!(f, "x{text}/")? } else { f.write_str(text)? }
        }
        if u64::from(self.width) < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = ProofError;

    /// Takes exactly the one spelling that the specification allows.
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let tile = parse(text).filter(|tile| tile.to_string() == text);
        tile.ok_or_else(|| ProofError::malformed("tile path", "it is not tile/<level or entries>/<index>[.p/<width>]"))
    }
}

fn parse(text: &str) -> Option<Tile> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(level.parse().ok().filter(|level| *level < 64)?),
    };
    let (path, width) = match rest.split_once(".p/") {
        Some((path, width)) => (path, width.parse().ok().filter(|width| (1..256).contains(width))?),
        None => (rest, 256),
    };
    let mut digits = String::new();
    for element in path.split('/') {
        write!(digits, "{}", element.strip_prefix('x').unwrap_or(element)).ok()?;
    }
    Some(Tile { kind, index: digits.parse().ok()?, width })
}

/// The bytes of a hash tile.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile; refused if its length is not `width` hashes.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, ProofError> {
    if bytes.len() != usize::from(width) * 32 {
        return Err(ProofError::malformed("tile", format!("{} bytes are not {width} hashes", bytes.len())));
    }
    Ok(bytes.as_chunks().0.iter().map(|chunk| Hash(*chunk)).collect())
}

/// Appends an entry to the bytes of an entry bundle: its length in two bytes, then it.
pub fn encode_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), ProofError> {
    let length = u16::try_from(entry.len())
        .map_err(|_| ProofError::malformed("entry", format!("{} bytes are too many", entry.len())))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of an entry bundle, in order, however many there are.
pub fn decode_entries(bundle: &[u8]) -> Result<Vec<&[u8]>, ProofError> {
    let cut = || ProofError::malformed("entry bundle", "it ends in the middle of an entry");
    let mut entries = Vec::with_capacity(256);
    let mut rest = bundle;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or_else(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or_else(cut)?;
        entries.push(entry);
        rest = behind;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |kind, index, width| Tile { kind, index, width }.to_string();
        assert_eq!(tile(TileKind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(TileKind::Hashes(1), 0, 17), "tile/1/000.p/17");
        assert_eq!(tile(TileKind::Entries, 273, 112), "tile/entries/273.p/112");
        for text in ["tile/0/x001/x234/067", "tile/63/999", "tile/entries/x001/000.p/255"] {
            assert_eq!(text.parse::<Tile>().unwrap().to_string(), text);
        }
        for text in
            ["tile/0/1", "tile/00/001", "tile/64/001", "tile/0/001.p/256", "tile/0/001.p/0", "tile/0/x000/001", "tile/"]
        {
            assert!(text.parse::<Tile>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() {
        let tiles: Vec<Tile> = Tile::all_hashes(70_000).collect();
        let count = |level, full| {
            tiles.iter().filter(|tile| tile.kind == TileKind::Hashes(level) && (tile.width == 256) == full).count()
        };
        assert_eq!((count(0, true), count(0, false), count(1, true)), (273, 1, 1));
        let partial: Vec<u16> = tiles.iter().filter(|tile| tile.width < 256).map(|tile| tile.width).collect();
        assert_eq!(partial, [112, 17, 1]);
        assert_eq!(
            Tile::all_hashes(256).map(|tile| tile.to_string()).collect::<Vec<_>>(),
            ["tile/0/000", "tile/1/000.p/1"]
        );
        assert_eq!(Tile::all_hashes(0).count(), 0);
    }

    #[test]
    fn entries_round_trip_and_a_cut_bundle_is_refused() {
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"", b"three"] {
            encode_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(decode_entries(&bundle).unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(decode_entries(&bundle[..bundle.len() - 1]).is_err());
        assert!(encode_entry(&mut bundle, &vec![0; 65_536]).is_err());
    }
}
