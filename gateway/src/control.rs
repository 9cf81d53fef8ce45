//! What the operator asks of the keys, of a running server or of its files: one line of JSON in, one out, over a
//! socket in the data directory. Whoever may open that socket may read the keys as well, so nothing else is asked.

use crate::clock::Clock;
use crate::cluster::{self, Membership, Roll};
use crate::state::AppState;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clew_domain::time::Timestamp;
use clew_eventstore::backends::embedded;
use clew_eventstore::erasure::{Act, Order, orders};
use clew_eventstore::store::EventStore;
use clew_eventstore::vault::{Custody, Vault, VaultError, VaultStatus};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error as IoError, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// Bytes of a question at most.
const ASK_BYTES_MAX: u64 = 64 * 1024;
/// How long an answer may take: a custody copy of many masks is stretched and written.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Something of the keys.
    Keys(AskKeys),
    /// What masks have still to reach.
    MaskStatus {
        /// Those with nothing left, too.
        all: bool,
    },
}

/// What is asked of the keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKeys {
    /// How many keys are destroyed, and who holds custody copies.
    State,
    /// A new key for the state.
    Rotate,
    /// A custody copy.
    Export {
        /// Who will hold it.
        holder: String,
        /// What it is sealed under.
        passphrase: String,
    },
    /// A gateway that waits is let in: it is handed the keys.
    Admit {
        /// Its name.
        gateway: String,
        /// The code that it shows.
        code: String,
    },
    /// A gateway is not waited for any more.
    Dismiss {
        /// Its name.
        gateway: String,
    },
    /// A custody copy was destroyed.
    CopyDestroyed {
        /// Its number.
        copy: u64,
    },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Lines for a person.
    Text(String),
    /// A custody copy in Base64.
    Copy(String),
    /// There is no such thing.
    Missing(String),
    /// It can't be done.
    Failed(String),
}

fn of_keys(vault: &Vault, now: Timestamp, ask: AskKeys) -> Answer {
    let answered = match ask {
        AskKeys::State => vault.status().map(|status| Answer::Text(described(&status))),
        AskKeys::Rotate => vault
            .rotate()
            .map(|()| Answer::Text("The keys are under a new key; the one before is overwritten.\n".to_owned())),
        AskKeys::Export { holder, passphrase } => {
            let copy = vault.export_custody(&holder, now, &zeroize::Zeroizing::new(passphrase));
            copy.map(|copy| Answer::Copy(STANDARD.encode(copy)))
        }
        AskKeys::Admit { .. } | AskKeys::Dismiss { .. } => {
            return Answer::Failed("no server runs on this data directory: start it, then ask again".to_owned());
        }
        AskKeys::CopyDestroyed { copy } => vault.forget_custody(copy).map(|known| {
            if known { Answer::Text(String::new()) } else { Answer::Missing(format!("there is no copy {copy}")) }
        }),
    };
    answered.unwrap_or_else(|error| Answer::Failed(error.to_string()))
}

fn described(status: &VaultStatus) -> String {
    let mut text = format!(
        "Generation {}: {} contents and {} contacts are erased for good; the state takes {} bytes.\n",
        status.generation, status.contents_punctured, status.contacts_punctured, status.state_bytes
    );
    if status.custody.is_empty() {
        text += "Nobody holds a custody copy: if the key file is lost, all contents are.\n";
    }
    for copy in &status.custody {
        let at = Timestamp::from_micros(copy.exported_at_micros);
        let behind = status.generation.saturating_sub(copy.generation);
        let age = if behind == 0 { "current".to_owned() } else { format!("{behind} changes behind") };
        let (number, holder) = (copy.generation, &copy.holder);
        writeln!(text, "Custody copy {number}: held by {holder}, made {at}, {age}.").expect("a String takes all");
    }
    text
}

/// What is asked of the keys of a gateway among others.
async fn of_gateways(app: &AppState, cluster: &Membership, ask: AskKeys) -> Answer {
    match ask {
        AskKeys::Admit { gateway, code } => match cluster::admit(app, &gateway, &code).await {
            Ok(()) => Answer::Text(format!("{gateway} has the keys; from now on no mask is complete without it.\n")),
            Err(why) => Answer::Failed(why),
        },
        AskKeys::Dismiss { gateway } if gateway == cluster.gateway => {
            Answer::Failed("a gateway can't dismiss itself: ask another one".to_owned())
        }
        AskKeys::Dismiss { gateway } => match cluster::dismiss(app, &gateway).await {
            Ok(true) => Answer::Text(format!(
                "{gateway} is not waited for any more. What it has of keys still opens what is masked from now on: \
                 destroy its data directory.\n"
            )),
            Ok(false) => Answer::Missing(format!("no gateway of the name {gateway} holds the keys")),
            Err(why) => Answer::Failed(why),
        },
        AskKeys::State => match (app.vault.status(), cluster.roll().await, cluster.schemas().await) {
            (Ok(status), Ok(roll), Ok(schemas)) => {
                let mut text = described(&status);
                for (holder, erased) in &roll.holders {
                    let here = if *holder == cluster.gateway { " (this one)" } else { "" };
                    let schema = schemas.get(holder).copied().unwrap_or(1);
                    writeln!(text, "Gateway {holder}{here}: keys destroyed up to {erased}; reads schema {schema}.")
                        .expect("a String takes all");
                }
                Answer::Text(text)
            }
            (Err(error), ..) => Answer::Failed(error.to_string()),
            (_, Err(error), _) | (.., Err(error)) => Answer::Failed(error.to_string()),
        },
        other => of_keys(&app.vault, app.clock.now(), other),
    }
}

async fn mask_status(vault: &Vault, store: &dyn EventStore, cluster: Option<&Membership>, all: bool) -> Answer {
    let custody = match vault.status() {
        Ok(status) => status.custody,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let orders = match orders(store).await {
        Ok(orders) => orders,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let roll = match cluster {
        None => None,
        Some(cluster) => match cluster.roll().await {
            Ok(roll) => Some(roll),
            Err(error) => return Answer::Failed(error.to_string()),
        },
    };
    let mut text = String::new();
    for order in &orders {
        let left = left_to_reach(order, &custody, roll.as_ref());
        if all || !left.is_empty() {
            writeln!(text, "{}", line(order, &left)).expect("a String takes all");
        }
    }
    let pending = orders.iter().filter(|order| order.completed_at.is_none()).count();
    writeln!(text, "{} erasures were ordered, {pending} are not completed.", orders.len()).expect("a String takes all");
    Answer::Text(text)
}

/// Where what is erased could still be had.
fn left_to_reach(order: &Order, custody: &[Custody], roll: Option<&Roll>) -> Vec<String> {
    let mut left: Vec<String> = Vec::new();
    if let Some(roll) = roll {
        left.extend(roll.without(order.position).into_iter().map(|holder| format!("the keys of gateway {holder}")));
    }
    if order.completed_at.is_none() && left.is_empty() {
        left.push("the keys and ciphertexts here: the server completes it, at once or on its next start".to_owned());
    }
    let copies = custody.iter().filter(|copy| copy.exported_at_micros <= order.at.micros());
    left.extend(copies.map(|copy| format!("custody copy {} of {}", copy.generation, copy.holder)));
    left
}

fn line(order: &Order, left: &[String]) -> String {
    let act = match order.act {
        Act::Masked => "masked",
        Act::Forgotten => "forgotten",
        Act::Replaced => "replaced or deleted",
    };
    let left = if left.is_empty() { "nothing".to_owned() } else { left.join("; ") };
    format!("{}  {act}  {}  fact {}  still to reach: {left}", order.at, order.stream, order.of)
}

fn socket(data: &Path) -> PathBuf {
    data.join("control")
}

/// Asks the server that has this data directory open. Blocks until it answers.
pub fn ask(data: &Path, ask: &Ask) -> Result<Answer, IoError> {
    let stream = UnixStream::connect(socket(data))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let mut line = zeroize::Zeroizing::new(serde_json::to_vec(ask)?);
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// Answers on the socket of the data directory until the server stops. Without it, the commands say to stop the
/// server first.
pub async fn serve(app: AppState) {
    let path = socket(&app.config.data);
    // Of a server that was killed; the directory's lock says that none runs.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)
        .and_then(|listener| std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map(|()| listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "no commands can be taken while the server runs");
            return;
        }
    };
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            connected = listener.accept() => if let Ok((stream, _)) = connected {
                let app = app.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(&app, stream).await {
                        tracing::warn!(%error, "a command broke off");
                    }
                });
            }
        }
    }
    let _ = std::fs::remove_file(&path);
}

async fn converse(app: &AppState, stream: tokio::net::UnixStream) -> Result<(), IoError> {
    let (read, mut write) = stream.into_split();
    let mut line = zeroize::Zeroizing::new(String::new());
    tokio::io::BufReader::new(read.take(ASK_BYTES_MAX)).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        // On a thread of its own: keys sync the disk and stretch passphrases.
        Ok(ask) => {
            let (app, runtime) = (app.clone(), tokio::runtime::Handle::current());
            let work = move || match ask {
                Ask::Keys(ask) => match &app.cluster {
                    Some(cluster) => runtime.block_on(of_gateways(&app, cluster, ask)),
                    None => of_keys(&app.vault, app.clock.now(), ask),
                },
                Ask::MaskStatus { all } => {
                    runtime.block_on(mask_status(&app.vault, &*app.store, app.cluster.as_deref(), all))
                }
            };
            tokio::task::spawn_blocking(work).await.map_err(IoError::other)?
        }
        Err(_) => Answer::Failed("the server does not know this question; use its own version of clew".to_owned()),
    };
    let mut answer = serde_json::to_vec(&answer)?;
    answer.push(b'\n');
    write.write_all(&answer).await
}

/// Answers by the files of a data directory, or by the server that has them open.
pub async fn answer_for(data: &Path, asked: Ask) -> Result<Answer, VaultError> {
    match Vault::open(&data.join("keys")) {
        Ok(vault) => Ok(match asked {
            Ask::Keys(asked) => of_keys(&vault, Clock::system().now(), asked),
            Ask::MaskStatus { .. } if cluster::is_copy(data) => {
                Answer::Failed("this is a gateway of a cluster: start it, or ask another one".to_owned())
            }
            Ask::MaskStatus { all } => match embedded::Store::open(data, embedded::Options::default()) {
                Ok((store, _)) => mask_status(&vault, &store, None, all).await,
                Err(error) => Answer::Failed(error.to_string()),
            },
        }),
        Err(VaultError::InUse { dir }) => ask(data, &asked).map_err(|_| VaultError::InUse { dir }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_domain::fact::{Actor, Position};
    use clew_domain::ids::{EventId, StreamId};
    use uuid::Uuid;

    #[test]
    fn a_mask_has_to_reach_every_custody_copy_that_is_older() {
        let mut order = Order {
            of: EventId(Uuid::nil()),
            position: Position { partition: 0, sequence: 5 },
            stream: StreamId::WORKSPACE,
            by: Actor::System,
            at: Timestamp::from_micros(100),
            act: Act::Masked,
            contents: 1,
            completed_at: None,
        };
        let copy = |generation, at| Custody { holder: "safe".into(), generation, exported_at_micros: at };
        let custody = [copy(4, 99), copy(5, 101)];
        assert_eq!(left_to_reach(&order, &custody, None).len(), 2);
        order.completed_at = Some(Timestamp::from_micros(102));
        let left = left_to_reach(&order, &custody, None);
        assert_eq!(left, ["custody copy 4 of safe"]);
        assert!(line(&order, &left).ends_with("still to reach: custody copy 4 of safe"));
        assert!(line(&order, &[]).ends_with("still to reach: nothing"));
    }
}
