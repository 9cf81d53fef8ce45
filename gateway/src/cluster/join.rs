//! How a gateway comes to its keys: the first one makes them; each other waits until an operator admits it, and a gateway
//! that has them hands them over sealed, past the log and past everything that is kept.

use super::leases::Leases;
use super::{ClusterError, Membership, json, place, recorded, store_options};
use crate::config::Config;
use crate::proofs;
use crate::state::AppState;
use clew_domain::installation::GatewayName;
use clew_eventstore::backends::jetstream::Registry;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::erasure::CHECKPOINT_FILE;
use clew_eventstore::vault::{Joining, Vault, VaultError};
use futures::StreamExt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Who made the keys, in the registry.
const FOUNDER: &str = "founder";
/// What the gateway that waits is asked for its public key with.
const WHO: &[u8] = b"?";
/// What a part of the sealed keys begins with; its index and their number follow, in four bytes each.
const PART: u8 = b'+';
const PART_BYTES: usize = 512 * 1024;
const TAKEN: &[u8] = b"taken";

/// Enters the cluster: with the keys that are here, with new ones where there is no log yet, or else once admitted.
pub async fn enter(config: &Config) -> Result<(Arc<Membership>, Vault), ClusterError> {
    if config.without_keys {
        return Err(ClusterError::WithoutKeys);
    }
    let gateway = place::name(config)?;
    let options = store_options(config)?;
    let registry = Registry::connect(&options).await?;
    registry.ensure_log(&options).await?;
    let keys = config.data.join("keys");
    let membership = Membership::new(&gateway, registry, config.store_partitions);
    membership.announce_schema().await?;
    let vault = if keys.exists() {
        membership.founder(false).await?;
        off_the_runtime(move || Vault::open(&keys)).await?
    } else {
        let empty = membership.registry.log_is_empty().await;
        match membership.founder(!empty).await? {
            None => return Err(ClusterError::NobodyHasKeys(config.data.clone())),
            Some(founder) if founder == membership.gateway && empty => {
                off_the_runtime(move || Vault::create(&keys)).await?
            }
            Some(founder) if founder == membership.gateway => return Err(ClusterError::KeysLost(keys)),
            Some(_) => membership.join(&config.data).await?,
        }
    };
    membership.hold().await?;
    membership.raise_schema().await?;
    let leases = Leases::new(config).map_err(|source| ClusterError::File { path: config.data.clone(), source })?;
    vault.lease_from(Box::new(leases));
    Ok((Arc::new(membership), vault))
}

async fn off_the_runtime(
    work: impl FnOnce() -> Result<Vault, VaultError> + Send + 'static,
) -> Result<Vault, ClusterError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| ClusterError::BrokenOff)??)
}

impl Membership {
    /// Who made the keys: this gateway, if nobody did, unless it is only to look.
    pub(super) async fn founder(&self, only_look: bool) -> Result<Option<String>, ClusterError> {
        let claim = |there: Option<&[u8]>| {
            let claimed = there.is_none() && !only_look;
            Ok::<_, ClusterError>(claimed.then(|| json(&self.gateway)))
        };
        let founder = self.registry.update(FOUNDER, claim).await?;
        let founder = founder.map(|founder| serde_json::from_slice(&founder)).transpose();
        founder.map_err(|_| ClusterError::Registry(FOUNDER))
    }

    /// Waits until a gateway hands over its keys.
    async fn join(&self, data: &Path) -> Result<Vault, ClusterError> {
        let joining = Arc::new(Joining::begin()?);
        let mut questions = self.registry.listen(&subject_of(&self.gateway)).await?;
        println!("This gateway has no keys yet. To let it in, run this where a gateway runs that has them:");
        println!("  clew keys admit {} {} --data DIR", self.gateway, joining.code());
        let mut parts = Parts::default();
        while let Some(question) = questions.next().await {
            match question.payload.split_first() {
                Some((&PART, part)) => {
                    let whole = parts.take(part);
                    let Some(sealed) = whole else {
                        question.answer(TAKEN.to_vec()).await;
                        continue;
                    };
                    let (joining, data) = (Arc::clone(&joining), data.to_owned());
                    match off_the_runtime(move || take_over(&data, &joining, &sealed)).await {
                        Ok(vault) => {
                            question.answer(TAKEN.to_vec()).await;
                            println!("The keys are here.");
                            return Ok(vault);
                        }
                        Err(error) => question.answer(error.to_string().into_bytes()).await,
                    }
                }
                _ if question.payload == WHO => question.answer(joining.public_key().to_vec()).await,
                _ => {}
            }
        }
        Err(ClusterError::BrokenOff)
    }
}

fn subject_of(gateway: &str) -> String {
    format!("join.{gateway}")
}

#[derive(Default)]
struct Parts {
    count: u32,
    bytes: Vec<u8>,
}

impl Parts {
    /// Takes the next part, or one again; answers all of them after the last.
    fn take(&mut self, part: &[u8]) -> Option<Vec<u8>> {
        let (index, part) = part.split_first_chunk()?;
        let (number, part) = part.split_first_chunk()?;
        let (index, number) = (u32::from_le_bytes(*index), u32::from_le_bytes(*number));
        if index == 0 {
            *self = Self::default();
        }
        if index == self.count {
            self.bytes.extend_from_slice(part);
            self.count += 1;
        }
        (self.count == number).then(|| std::mem::take(self).bytes)
    }
}

fn take_over(data: &Path, joining: &Joining, sealed: &[u8]) -> Result<Vault, VaultError> {
    // Without it, what the log says is erased is erased again from what comes.
    let _ = std::fs::remove_file(data.join("derived").join(CHECKPOINT_FILE));
    let proofs = data.join("proofs");
    let keep = |signing_key: &[u8]| {
        let unwritable = |_| VaultError::NotHandedOver("the signing key could not be written");
        std::fs::create_dir_all(&proofs).map_err(unwritable)?;
        let path = proofs.join(proofs::KEY);
        let _ = std::fs::remove_file(&path);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(unwritable)?;
        file.write_all(signing_key).and_then(|()| file.sync_all()).map_err(unwritable)?;
        proofs::write_public_key(&proofs).map_err(|_| VaultError::NotHandedOver("the signing key is none"))
    };
    Vault::take_over(&data.join("keys"), joining, sealed, keep)
}

/// Hands this gateway's keys over to one that waits for them and shows this code; or says why not.
pub async fn admit(app: &AppState, holder: &str, code: &str) -> Result<(), String> {
    let membership = app.cluster.as_ref().ok_or("this server is no gateway of a cluster")?;
    let told = |error: ClusterError| error.to_string();
    holder.parse::<GatewayName>().map_err(|why| format!("{holder:?} is no gateway's name: {why}"))?;
    let subject = subject_of(holder);
    let public = membership.registry.ask(&subject, WHO.to_vec()).await;
    let public = public.map_err(|_| format!("no gateway of the name {holder} waits to be let in"))?;
    let public: [u8; 32] = public.try_into().map_err(|_| format!("{holder} has no public key"))?;
    let _changing = membership.changing.lock().await;
    record_before(app, membership).await?;
    // Before anything is sealed: from now on, no mask is complete without it.
    let (mut is_new, mut was_dismissed) = (false, false);
    let start = Cursor::start(membership.partitions);
    let registered = membership.change_roll(|roll| {
        is_new = roll.holders.insert(holder.to_owned(), start.clone()).is_none();
        was_dismissed = roll.dismissed.remove(holder);
        Ok(true)
    });
    registered.await.map_err(told)?;
    let handed = hand_over(app, membership, &subject, &public, code).await;
    let mut withdrawn = Ok(());
    if let Err(why) = &handed {
        tracing::warn!(holder, %why, "a gateway was not let in");
        if is_new && why.refused {
            let as_before = |roll: &mut super::Roll| {
                let was_in = roll.holders.remove(holder).is_some();
                Ok(was_in | (was_dismissed && roll.dismissed.insert(holder.to_owned())))
            };
            withdrawn = membership.change_roll(as_before).await;
        }
    } else {
        tracing::info!(holder, "a gateway was let in and holds the keys");
    }
    record_after(app, membership).await;
    withdrawn.map_err(told)?;
    handed.map_err(|failure| failure.why)
}

/// Waits no more for a holder; whether there was one of this name. Its keys must be destroyed otherwise.
pub async fn dismiss(app: &AppState, holder: &str) -> Result<bool, String> {
    let membership = app.cluster.as_ref().ok_or("this server is no gateway of a cluster")?;
    let _changing = membership.changing.lock().await;
    record_before(app, membership).await?;
    let known = membership.dismiss(holder).await.map_err(|error| error.to_string())?;
    if known {
        tracing::info!(holder, "a gateway was dismissed");
    }
    record_after(app, membership).await;
    Ok(known)
}

/// What was not recorded yet would be lost with the roll that is changed now.
async fn record_before(app: &AppState, membership: &Membership) -> Result<(), String> {
    let recorded = recorded::record_roll(app, membership).await;
    recorded
        .map(|_| ())
        .map_err(|problem| format!("nothing is changed, as it could not be recorded: {}", problem.kind().slug))
}

/// What is changed stays so: if it can't be recorded now, this gateway or another one does so later.
async fn record_after(app: &AppState, membership: &Membership) {
    if let Err(problem) = recorded::record_roll(app, membership).await {
        tracing::warn!(problem = problem.kind().slug, "who holds the keys could not be recorded; it is tried again");
    }
}

#[derive(Debug)]
struct NotHanded {
    why: String,
    /// Whether it is certain that nobody has the keys by this.
    refused: bool,
}

impl std::fmt::Display for NotHanded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

async fn hand_over(
    app: &AppState,
    membership: &Membership,
    subject: &str,
    public: &[u8; 32],
    code: &str,
) -> Result<(), NotHanded> {
    let refused = |why: String| NotHanded { why, refused: true };
    let (vault, code, public) = (Arc::clone(&app.vault), Zeroizing::new(code.to_owned()), *public);
    let path: PathBuf = app.config.data.join("proofs").join(proofs::KEY);
    let seal = move || {
        let beside = Zeroizing::new(std::fs::read(&path).map_err(|error| error.to_string())?);
        vault.hand_over(&public, &code, &beside).map_err(|error| error.to_string())
    };
    let sealed = tokio::task::spawn_blocking(seal).await.map_err(|error| refused(error.to_string()))?;
    let sealed = sealed.map_err(refused)?;
    let parts: Vec<&[u8]> = sealed.chunks(PART_BYTES).collect();
    let number = u32::try_from(parts.len()).expect("a key state has far less than a PiB");
    for (index, part) in (0_u32..).zip(parts) {
        let message = [&[PART], index.to_le_bytes().as_slice(), &number.to_le_bytes(), part].concat();
        let answer = membership.registry.ask(subject, message).await.map_err(|error| NotHanded {
            why: format!("{error}; if the other gateway still waits, admit it again"),
            refused: false,
        })?;
        if answer != TAKEN {
            return Err(refused(String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    Ok(())
}
