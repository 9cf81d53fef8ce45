//! A puncturable key tree over 2^40 numbers, in two layers: a top cover, and a page of 2^16 leaves for each
//! subtree that was punctured in part. Pages come from wherever `Pages` has them; the caches are this file's.

use super::cover::{Cover, Place, descend};
use super::key::{Descent, KEY_BYTES, Key, TreeKind};
use super::{NUMBERS_END, VaultError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

const TREE_HEIGHT: u8 = 40;
const PAGE_HEIGHT: u8 = 16;
/// Nodes this high are remembered, so that a number seen at random costs four steps, not forty, as long as they are
/// among a million.
const MIDDLE_HEIGHT: u8 = 4;
const MIDDLE_NODES_MAX: usize = 64 * 1024;
const LOADED_PAGES_MAX: usize = 256;
/// Leaves that took so many steps or more are remembered: a contact's messages come among those of others.
const STEPS_REMEMBERED_MIN: u8 = 3;
const LEAVES_MAX: usize = 4 * 1024;

/// Where a page lies on disk, and the key that alone opens it.
#[derive(Clone)]
pub(super) struct PageRef {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) key: Key,
}

/// Reads pages back.
pub(super) trait Pages {
    /// The page, decrypted.
    fn load(&self, tree: TreeKind, number: u32, page: &PageRef) -> Result<Cover, VaultError>;
}

/// What is kept of a tree: all of it but the pages' own contents.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) top: Cover,
    pub(super) pages: BTreeMap<u32, PageRef>,
}

/// What punctures make of a tree; nothing of it holds before it is durable.
pub(super) struct Punctured {
    pub(super) shape: Arc<Shape>,
    /// The pages that changed; none has a place on disk yet.
    pub(super) pages: BTreeMap<u32, Arc<Cover>>,
}

/// A tree in use.
pub(super) struct Tree {
    kind: TreeKind,
    shape: Arc<Shape>,
    loaded: HashMap<u32, Arc<Cover>>,
    /// The nodes above the leaf that was derived last, by height.
    path: Option<Path>,
    middle: HashMap<u64, Key>,
    leaves: HashMap<u64, Key>,
}

struct Path {
    leaf: u64,
    /// The highest that is known.
    top: u8,
    nodes: Zeroizing<[[u8; KEY_BYTES]; TREE_HEIGHT as usize + 1]>,
}

impl Path {
    /// The height of the lowest node that is above this leaf too.
    fn common(&self, leaf: u64) -> u8 {
        u8::try_from(u64::BITS - (self.leaf ^ leaf).leading_zeros()).expect("at most 64")
    }
}

pub(super) fn top_place(tree: TreeKind) -> Place {
    Place { tree, base: PAGE_HEIGHT, height: TREE_HEIGHT - PAGE_HEIGHT }
}

pub(super) fn page_place(tree: TreeKind) -> Place {
    Place { tree, base: 0, height: PAGE_HEIGHT }
}

impl Tree {
    /// A tree of which nothing is punctured.
    pub(super) fn new(kind: TreeKind, root: Key) -> Self {
        Self::from_shape(kind, Arc::new(Shape { top: Cover::whole(top_place(kind), root), pages: BTreeMap::new() }))
    }

    /// A tree of which everything is punctured.
    pub(super) fn lost(kind: TreeKind) -> Self {
        let top = Cover::none(top_place(kind));
        Self::from_shape(kind, Arc::new(Shape { top, pages: BTreeMap::new() }))
    }

    pub(super) fn from_shape(kind: TreeKind, shape: Arc<Shape>) -> Self {
        Self { kind, shape, loaded: HashMap::new(), path: None, middle: HashMap::new(), leaves: HashMap::new() }
    }

    pub(super) fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// The leaf's key; none if it is punctured.
    pub(super) fn leaf(
        &mut self,
        leaf: u64,
        pages: &dyn Pages,
    ) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, VaultError> {
        if leaf >= NUMBERS_END {
            return Ok(None);
        }
        let near = self.path.as_ref().is_some_and(|path| path.common(leaf) < STEPS_REMEMBERED_MIN);
        if !near && let Some(key) = self.leaves.get(&leaf) {
            return Ok(Some(Zeroizing::new(*key.bytes())));
        }
        let Some(from) = self.nearest_known(leaf, pages)? else { return Ok(None) };
        let path = self.path.as_mut().expect("the nearest known node was put into the path");
        if from > 0 {
            let mut descent = Descent::in_tree(self.kind);
            for height in (0..from).rev() {
                let [below, above] = &mut path.nodes[usize::from(height)..=usize::from(height) + 1] else {
                    unreachable!("the slice has two nodes");
                };
                descent.child(above, height, leaf >> height & 1 == 1, below);
            }
        }
        path.leaf = leaf;
        if from > MIDDLE_HEIGHT && path.top >= MIDDLE_HEIGHT {
            if self.middle.len() >= MIDDLE_NODES_MAX {
                self.middle.clear();
            }
            self.middle.insert(leaf >> MIDDLE_HEIGHT, Key::copied(&path.nodes[usize::from(MIDDLE_HEIGHT)]));
        }
        if from >= STEPS_REMEMBERED_MIN {
            if self.leaves.len() >= LEAVES_MAX {
                self.leaves.clear();
            }
            self.leaves.insert(leaf, Key::copied(&path.nodes[0]));
        }
        Ok(Some(Zeroizing::new(path.nodes[0])))
    }

    /// Puts the lowest known node above the leaf into the path and says how high it is.
    fn nearest_known(&mut self, leaf: u64, pages: &dyn Pages) -> Result<Option<u8>, VaultError> {
        if let Some(path) = &self.path {
            let common = path.common(leaf);
            let better = common > MIDDLE_HEIGHT && self.middle.contains_key(&(leaf >> MIDDLE_HEIGHT));
            if common <= path.top && !better {
                return Ok(Some(common));
            }
        }
        if let Some(node) = self.middle.get(&(leaf >> MIDDLE_HEIGHT)) {
            let node = Zeroizing::new(*node.bytes());
            return Ok(Some(self.start_path(leaf, MIDDLE_HEIGHT, &node)));
        }
        if let Some((_, node)) = self.shape.top.above(leaf >> PAGE_HEIGHT) {
            let (height, node) = (node.height + PAGE_HEIGHT, Zeroizing::new(*node.key.bytes()));
            return Ok(Some(self.start_path(leaf, height, &node)));
        }
        let Some(page) = self.page(page_of(leaf), pages)? else { return Ok(None) };
        let Some((_, node)) = page.above(leaf % (1 << PAGE_HEIGHT)) else { return Ok(None) };
        Ok(Some(self.start_path(leaf, node.height, node.key.bytes())))
    }

    fn start_path(&mut self, leaf: u64, height: u8, node: &[u8; KEY_BYTES]) -> u8 {
        let path = self.path.get_or_insert_with(|| Path { leaf, top: height, nodes: Zeroizing::new([[0; 32]; 41]) });
        // A node that the path had above this one still stands, if it lies above this leaf too.
        if path.common(leaf) > height || path.top < height {
            path.top = height;
        }
        path.leaf = leaf;
        path.nodes[usize::from(height)].copy_from_slice(node);
        height
    }

    fn page(&mut self, number: u32, pages: &dyn Pages) -> Result<Option<Arc<Cover>>, VaultError> {
        if let Some(page) = self.loaded.get(&number) {
            return Ok(Some(page.clone()));
        }
        let Some(place) = self.shape.pages.get(&number) else { return Ok(None) };
        let page = Arc::new(pages.load(self.kind, number, place)?);
        if self.loaded.len() >= LOADED_PAGES_MAX {
            self.loaded.clear();
        }
        self.loaded.insert(number, page.clone());
        Ok(Some(page))
    }

    /// Whether the leaf's key can't be derived any more.
    pub(super) fn is_punctured(&mut self, leaf: u64, pages: &dyn Pages) -> Result<bool, VaultError> {
        if leaf >= NUMBERS_END || self.shape.top.above(leaf >> PAGE_HEIGHT).is_some() {
            return Ok(leaf >= NUMBERS_END);
        }
        let page = self.page(page_of(leaf), pages)?;
        Ok(page.is_none_or(|page| page.above(leaf % (1 << PAGE_HEIGHT)).is_none()))
    }

    /// All runs of punctured leaves, in order, as (first, end).
    pub(super) fn gaps(&mut self, pages: &dyn Pages) -> Result<Vec<(u64, u64)>, VaultError> {
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        let mut add = |first, end| match gaps.last_mut() {
            Some(last) if last.1 == first => last.1 = end,
            _ => gaps.push((first, end)),
        };
        for (first, end) in self.shape.top.gaps() {
            for number in first..end {
                let start = number << PAGE_HEIGHT;
                let number = u32::try_from(number).expect("24 bits");
                match self.page(number, pages)? {
                    None => add(start, start + (1 << PAGE_HEIGHT)),
                    Some(page) => page.gaps().into_iter().for_each(|(first, end)| add(start + first, start + end)),
                }
            }
        }
        Ok(gaps)
    }

    /// What the tree is without these leaves; none where nothing of them is left anyway.
    pub(super) fn without(&mut self, spans: &[Range<u64>], pages: &dyn Pages) -> Result<Option<Punctured>, VaultError> {
        let mut shape = (*self.shape).clone();
        let mut changed = BTreeMap::new();
        let mut any = false;
        for span in spans {
            let mut from = span.start.min(NUMBERS_END);
            let to = span.end.min(NUMBERS_END);
            while from < to {
                let number = page_of(from);
                let start = u64::from(number) << PAGE_HEIGHT;
                let end = to.min(start + (1 << PAGE_HEIGHT));
                any |= self.puncture_page(number, from - start..end - start, &mut shape, &mut changed, pages)?;
                from = end;
            }
        }
        Ok(any.then(|| Punctured {
            shape: Arc::new(shape),
            pages: changed.into_iter().map(|(number, page)| (number, Arc::new(page))).collect(),
        }))
    }

    /// Punctures within one page; answers whether the page changes, now or by an earlier span.
    fn puncture_page(
        &mut self,
        number: u32,
        leaves: Range<u64>,
        shape: &mut Shape,
        changed: &mut BTreeMap<u32, Cover>,
        pages: &dyn Pages,
    ) -> Result<bool, VaultError> {
        let mut page = if let Some((_, node)) = shape.top.above(u64::from(number)) {
            let leaf = u64::from(number) << PAGE_HEIGHT;
            let root = descend(node.key.bytes(), self.kind, node.height + PAGE_HEIGHT, PAGE_HEIGHT, leaf);
            let page = Cover::whole(page_place(self.kind), Key::copied(&root));
            shape.top.puncture(u64::from(number), u64::from(number) + 1);
            page
        } else if let Some(page) = changed.remove(&number) {
            page
        } else if shape.pages.contains_key(&number) {
            let page = self.page(number, pages)?.expect("it was just found");
            if !page.holds_any(leaves.start, leaves.end) {
                return Ok(false);
            }
            (*page).clone()
        } else {
            return Ok(false);
        };
        page.puncture(leaves.start, leaves.end);
        if page.is_empty() {
            shape.pages.remove(&number);
        } else {
            changed.insert(number, page);
        }
        Ok(true)
    }

    /// Takes over what is durable now, and forgets every node that was derived before.
    pub(super) fn replace(&mut self, punctured: Punctured) {
        self.shape = punctured.shape;
        self.path = None;
        self.middle.clear();
        self.leaves.clear();
        for number in self.loaded.keys().copied().collect::<Vec<_>>() {
            if !self.shape.pages.contains_key(&number) {
                self.loaded.remove(&number);
            }
        }
        self.loaded.extend(punctured.pages);
    }
}

fn page_of(leaf: u64) -> u32 {
    u32::try_from(leaf >> PAGE_HEIGHT).expect("a number of a tree has 40 bits")
}
