//! Numbers of contents and contacts, leased by compare-and-set: no two gateways ever use one twice.

use super::{ClusterError, json, store_options};
use crate::config::Config;
use clew_eventstore::backends::jetstream::Registry;
use clew_eventstore::store::StoreError;
use clew_eventstore::vault::Lessor;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The next numbers, in the registry.
const NUMBERS: &str = "numbers";
/// How long a lease may take.
const LEASED_WITHIN: Duration = Duration::from_secs(20);

/// Leases from the registry, over a connection and on a thread of its own: who waits for a lease holds up a thread of
/// the program, perhaps the last one.
pub struct Leases {
    config: Config,
    runtime: Option<Runtime>,
    registry: Arc<OnceCell<Registry>>,
}

#[derive(Serialize, Deserialize)]
struct Next {
    contents: u64,
    contacts: u64,
    /// Of each lease another, so that a lease whose answer got lost is known again.
    lease: Uuid,
}

impl Leases {
    /// For the cluster that the settings name.
    pub fn new(config: &Config) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("leases").enable_all().build()?;
        Ok(Self { config: config.clone(), runtime: Some(runtime), registry: Arc::default() })
    }
}

impl Lessor for Leases {
    fn lease(&mut self, contents: u64, contacts: u64, floor: (u64, u64)) -> Result<(u64, u64), String> {
        let (answer, answered) = mpsc::channel();
        let (registry, config) = (Arc::clone(&self.registry), self.config.clone());
        let runtime = self.runtime.as_ref().expect("it is there until this is dropped");
        runtime.spawn(async move {
            let leased = lease(&registry, &config, (contents, contacts), floor).await;
            // Who does not wait any more has not used it: the numbers are passed over.
            let _ = answer.send(leased);
        });
        answered.recv_timeout(LEASED_WITHIN).map_err(|_| "the cluster does not answer".to_owned())?
    }
}

async fn lease(
    registry: &OnceCell<Registry>,
    config: &Config,
    count: (u64, u64),
    floor: (u64, u64),
) -> Result<(u64, u64), String> {
    let connect = || async {
        let options = store_options(config).map_err(|error| error.to_string())?;
        Registry::connect(&options).await.map_err(|error| error.to_string())
    };
    let registry = registry.get_or_try_init(connect).await?;
    let (lease, mut first) = (Uuid::new_v4(), floor);
    let taken = |there: Option<&[u8]>| {
        let next: Option<Next> = there.and_then(|there| serde_json::from_slice(there).ok());
        if there.is_some() && next.is_none() {
            return Err(StoreError::Unavailable("the cluster's next numbers can't be read".into()));
        }
        let next = next.map_or((1, 1), |next| (next.contents, next.contacts));
        first = (next.0.max(floor.0), next.1.max(floor.1));
        Ok(Some(json(&Next { contents: first.0 + count.0, contacts: first.1 + count.1, lease })))
    };
    registry.update(NUMBERS, taken).await.map_err(|error| error.to_string())?;
    Ok(first)
}

/// The first numbers of contents and contacts that nobody has leased.
pub(super) async fn next_numbers(registry: &Registry) -> Result<(u64, u64), ClusterError> {
    let Some(there) = registry.get(NUMBERS).await? else { return Ok((1, 1)) };
    let next: Next = serde_json::from_slice(&there).map_err(|_| ClusterError::Registry(NUMBERS))?;
    Ok((next.contents, next.contacts))
}

impl Drop for Leases {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
