//! Digests of state bind what the views showed to the log: how they are made, and the replay that must come to the
//! same. When they are recorded is not known here.

use super::examine::Progress;
use super::verdict::Finding;
use crate::store::{EventStore, StoreError};
use clew_domain::content::StateHash;
use clew_domain::conversation::{Conversation, Standing, State};
use clew_domain::decider::Decider;
use clew_domain::fact::{Event, Fact, Position};
use clew_domain::ids::{ConversationId, StreamId, StreamKind};
use clew_domain::installation::{InstallationEvent, StateDigest};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

const DOMAIN: &[u8] = b"clew.state-digest/v1\n";
/// How many facts are read at once.
const FACTS_READ_MAX: usize = 4_096;

/// The hash over how these conversations stand, whatever their order.
pub fn hash_of(mut standings: Vec<Standing>) -> StateHash {
    standings.sort_by_key(|standing| standing.conversation);
    let mut hash = Sha256::new_with_prefix(DOMAIN);
    let mut bytes = Vec::new();
    for standing in &standings {
        bytes.clear();
        standing.write(&mut bytes);
        hash.update(&bytes);
    }
    StateHash::new(hash.finalize().into())
}

/// What a replay of a partition came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Digests that the facts lead to.
    pub agreeing: u64,
    /// Those that were recorded before the log had the number of partitions that it has: they name places of a log that
    /// was, where they can be checked. All are counted with the first partition.
    pub elsewhere: u64,
    /// Those that they do not lead to, as findings.
    pub findings: Vec<Finding>,
}

/// Whether a fact records that the log was moved into another number of partitions: what earlier ones say of positions
/// holds where it was. One that was taken over as it was stands right behind what was taken over.
pub fn moved_to_other_positions(fact: &Fact) -> bool {
    match &fact.event {
        Event::Installation(InstallationEvent::LogMoved { size, .. }) => fact.position.sequence != size + 1,
        _ => false,
    }
}

/// A digest that is recorded, and the conversations that it is about as far as they are known.
struct Due {
    index: u64,
    digest: StateDigest,
    touched: BTreeSet<ConversationId>,
}

/// Replays the facts of a partition and compares with every digest that the log holds of it.
///
/// Keeps in memory how each conversation stands, without its messages.
pub async fn replay(
    store: &dyn EventStore,
    partition: u16,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Replayed, StoreError> {
    let facts = store.read_stream(StreamId::INSTALLATION, 0).await?;
    let moved = facts.iter().rposition(moved_to_other_positions).map_or(0, |last| last + 1);
    let (before, since) = facts.split_at(moved);
    let mut waiting = recorded(since, partition);
    let elsewhere = if partition == 0 { before.iter().filter_map(digest_of).count() as u64 } else { 0 };
    let mut replayed = Replayed { elsewhere, ..Replayed::default() };
    let total = store.head().sequence(partition);
    let mut states: HashMap<ConversationId, State> = HashMap::new();
    let mut after = 0;
    while !waiting.is_empty() {
        let facts = store.read_all(Position { partition, sequence: after }, FACTS_READ_MAX).await?;
        let Some(last) = facts.last() else { break };
        after = last.position.sequence;
        for fact in &facts {
            take(fact, &mut states, &mut waiting);
            let at = fact.position.sequence;
            for due in waiting.extract_if(.., |due| due.digest.at == at) {
                compare(&due, &states, &mut replayed);
            }
        }
        progress(Progress { stage: "state", done: after, total });
    }
    // What is said to have been shown after a fact that is not there.
    replayed.findings.extend(waiting.iter().map(differs));
    Ok(replayed)
}

fn digest_of(fact: &Fact) -> Option<StateDigest> {
    match &fact.event {
        Event::Installation(InstallationEvent::StateDigested(digest)) => Some(*digest),
        _ => None,
    }
}

fn recorded(facts: &[Fact], partition: u16) -> Vec<Due> {
    let due = |fact: &Fact| {
        let digest = digest_of(fact).filter(|digest| digest.partition == partition)?;
        Some(Due { index: fact.position.sequence.saturating_sub(1), digest, touched: BTreeSet::new() })
    };
    facts.iter().filter_map(due).collect()
}

fn take(fact: &Fact, states: &mut HashMap<ConversationId, State>, waiting: &mut [Due]) {
    let Event::Conversation(event) = &fact.event else { return };
    debug_assert_eq!(fact.stream.kind, StreamKind::Conversation);
    let conversation = ConversationId(fact.stream.id);
    let state = states.entry(conversation).or_default();
    Conversation::evolve(state, event);
    // No part of a standing, and most of a state's size.
    state.messages.clear();
    state.refused.clear();
    state.breaches.clear();
    state.notes.clear();
    let sequence = fact.position.sequence;
    for due in waiting.iter_mut().filter(|due| due.digest.after < sequence && sequence <= due.digest.upto) {
        due.touched.insert(conversation);
    }
}

fn compare(due: &Due, states: &HashMap<ConversationId, State>, replayed: &mut Replayed) {
    let standing = |id: &ConversationId| states.get(id).map(|state| Standing::of(*id, state));
    let standings: Vec<Standing> = due.touched.iter().filter_map(standing).collect();
    let same_count = u64::from(due.digest.conversations) == standings.len() as u64;
    if same_count && hash_of(standings) == due.digest.hash {
        replayed.agreeing += 1;
    } else {
        replayed.findings.push(differs(due));
    }
}

fn differs(due: &Due) -> Finding {
    Finding::StateDiffers { index: due.index, at: due.digest.at, conversations: due.digest.conversations }
}
