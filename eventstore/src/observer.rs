//! How the proofs follow a store: each leaf's exact bytes, in log order, as soon as they are durable.
//! What a leaf's hash is and what becomes of it is `proofs`' own.

use crate::store::StoreError;
use futures::future::BoxFuture;

/// The bytes of a fact as `codec.rs` lays them out, with its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The sequence of the fact within its partition.
    pub sequence: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Told of every fact once it is durable, in log order without a gap.
pub trait CommitObserver: Send {
    /// The facts that [`Self::committed`] will be given next, while they are being made durable: the time to work out
    /// what is costly. Should that fail, `committed` does not come.
    fn prepare(&mut self, _partition: u16, _leaves: &mut dyn Iterator<Item = (u64, &[u8])>) {}

    /// The facts of one group of commits of a partition, after their sync and before they are answered or read.
    ///
    /// It runs on the writer's thread: what takes long here holds up every append.
    fn committed(&mut self, partition: u16, leaves: &mut dyn Iterator<Item = (u64, &[u8])>);
}

/// Reads leaves back, for a tree that lags behind the log.
pub trait LeafSource: Send + Sync {
    /// At most `limit` leaves of a partition whose sequence is greater than `after`, in order. Fewer only at the end.
    fn leaves(&self, partition: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>>;
}
