//! Blocks in memory: two halves, of which the older one is dropped whole when the newer one is full.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A block's run and its number therein.
type Place = (u64, u32);

#[derive(Debug)]
pub(super) struct Cache {
    half_bytes: usize,
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    recent: HashMap<Place, Arc<Vec<u8>>>,
    older: HashMap<Place, Arc<Vec<u8>>>,
    recent_bytes: usize,
}

impl Cache {
    pub(super) fn of(bytes: u64) -> Self {
        Self { half_bytes: usize::try_from(bytes / 2).unwrap_or(usize::MAX), halves: Mutex::default() }
    }

    pub(super) fn get(&self, place: Place) -> Option<Arc<Vec<u8>>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = halves.recent.get(&place) {
            return Some(Arc::clone(block));
        }
        let block = halves.older.remove(&place)?;
        halves.put(self.half_bytes, place, &block);
        Some(block)
    }

    pub(super) fn put(&self, place: Place, block: &Arc<Vec<u8>>) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.put(self.half_bytes, place, block);
    }
}

impl Halves {
    fn put(&mut self, half_bytes: usize, place: Place, block: &Arc<Vec<u8>>) {
        if self.recent_bytes + block.len() > half_bytes {
            self.older = std::mem::take(&mut self.recent);
            self.recent_bytes = 0;
        }
        self.recent_bytes += block.len();
        self.recent.insert(place, Arc::clone(block));
    }
}
