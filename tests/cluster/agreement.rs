//! What gateways agree on beside the log: numbers that no two use, and one root for each size of the log.

use super::server::{Servers, is_there, prefix};
use clew_domain::content::ContactNumber;
use clew_eventstore::backends::jetstream::Registry;
use clew_eventstore::backends::memory::Store;
use clew_eventstore::conformance::{commit, stream, write};
use clew_eventstore::observer::{Leaf, LeafSource};
use clew_eventstore::proofs::{Log, ProofError, SigningKey};
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::vault::Vault;
use clew_gateway::cluster::{Leases, Membership};
use clew_gateway::config::Config;
use futures::future::{BoxFuture, FutureExt, ready};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Facts that nobody changes.
struct Facts(Vec<Leaf>);

impl LeafSource for Facts {
    fn leaves(&self, _: u16, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
        let behind = self.0.iter().filter(|leaf| leaf.sequence > after).take(limit).cloned().collect();
        ready(Ok(behind)).boxed()
    }
}

async fn facts(count: u64) -> Vec<Leaf> {
    let store = Store::default();
    store.append(commit(vec![write(stream(1), 0, 0..count)])).await.expect("memory takes all");
    store.leaves(0, 0, usize::MAX).await.expect("memory reads all")
}

/// A log over these facts, signed by the key of that text.
async fn log_of(facts: &[Leaf], key: &str) -> Arc<Log> {
    let log = Log::in_memory(0, SigningKey::from_secret_text(key).expect("a key"));
    log.catch_up(&Facts(facts.to_vec())).await.expect("it follows");
    Arc::new(log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_roots_of_one_size_are_never_signed() {
    if !is_there() {
        return;
    }
    let (servers, prefix) = (Servers::shared(1), prefix());
    let registry = Registry::connect(&servers.options(&prefix, 1, 1)).await.expect("a registry");
    let key = SigningKey::generate("log.example").expect("a key").to_secret_text();
    let member = |name: &str| Arc::new(Membership::new(name, registry.clone(), 1));
    let sign = |log: &Arc<Log>, name: &str| {
        let (log, member, runtime) = (Arc::clone(log), member(name), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            log.sign_if(|size, root| runtime.block_on(member.agree_to_sign(&log, size, root)))
        })
    };
    let (ours, theirs) = (facts(5).await, facts(5).await);
    let (three, forked) = (log_of(&ours[..3], &key).await, log_of(&theirs[..3], &key).await);
    let signed = sign(&three, "a").await.expect("no panic").expect("the first one signs");
    let refused = sign(&forked, "b").await.expect("no panic");
    assert!(matches!(&refused, Err(ProofError::Stopped(_))), "another root of the same size: {refused:?}");
    assert!(forked.checkpoint().is_none(), "nothing was signed");
    assert!(sign(&forked, "b").await.expect("no panic").is_err(), "and it stays so");

    let longer_fork = log_of(&theirs, &key).await;
    assert!(sign(&longer_fork, "b").await.expect("no panic").is_err(), "nor a longer one that does not continue it");
    let same = sign(&log_of(&ours[..3], &key).await, "c").await.expect("no panic").expect("the same facts");
    assert_eq!(same.to_string(), signed.to_string(), "signed by any gateway, it is the same");
    let shorter = sign(&log_of(&ours[..2], &key).await, "d").await.expect("no panic");
    assert!(shorter.is_err(), "who is behind signs nothing");
    let longer = sign(&log_of(&ours[..4], &key).await, "d").await.expect("no panic").expect("what continues it");
    assert_eq!(longer.checkpoint().size, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_number_is_used_by_two_gateways() {
    if !is_there() {
        return;
    }
    let (servers, prefix) = (Servers::shared(1), prefix());
    let store = servers.addresses().parse().expect("addresses");
    let config = Config { store, store_prefix: prefix, store_replicas: 1, ..Config::default() };
    let sealing = (0..3).map(|_| {
        let vault = Vault::in_memory();
        vault.lease_from(Box::new(Leases::new(&config).expect("a thread")));
        tokio::task::spawn_blocking(move || {
            let mut used = BTreeSet::new();
            for _ in 0..3 {
                let first = vault.reserve(40_000).expect("leased").0;
                used.insert((first, first + 40_000));
            }
            vault.raise_numbers(clew_domain::content::ContentId(1), ContactNumber(1)).expect("raised");
            let contacts: Vec<u64> = (0..1_500).map(|_| vault.next_contact_number().expect("leased").0).collect();
            (used, contacts)
        })
    });
    let (mut contents, mut contacts) = (Vec::new(), Vec::new());
    for of_one in sealing.collect::<Vec<_>>() {
        let (used, numbers) = of_one.await.expect("no panic");
        contents.extend(used);
        contacts.extend(numbers);
    }
    contents.sort_unstable();
    assert!(contents.windows(2).all(|pair| pair[0].1 <= pair[1].0), "runs overlap: {contents:?}");
    let count = contacts.len();
    assert_eq!(contacts.into_iter().collect::<BTreeSet<_>>().len(), count, "a contact's number was used twice");
}
