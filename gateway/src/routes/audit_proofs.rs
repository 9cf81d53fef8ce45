//! The proofs over HTTP: `/v1/audit/checkpoint` and `/v1/audit/tile/` as <https://c2sp.org/tlog-tiles> has them,
//! with `/v1/audit` as prefix, and proofs made to order for those who do not read tiles. Each partition of a log beyond the
//! first has a tree of its own, with `/v1/audit/partitions/{partition}` as prefix.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query, place_of};
use crate::routes::audit;
use crate::state::AppState;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use clew_domain::installation::DataReading;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::proofs::receipt::Receipt;
use clew_eventstore::proofs::tile::TileKind;
use clew_eventstore::proofs::tree::Hash;
use clew_eventstore::proofs::{Checkpoint, Log, ProofError, SignedCheckpoint, Tile, Tiles, bundle, proof};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
/// A tile never changes, but only who may read the trail may keep it.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const NOT_AT_ALL: &str = "no-store";

/// The signed head of the log, as a C2SP checkpoint; with the cosignatures of witnesses once they have made them
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit", responses((status = 200, body = String)))]
pub async fn checkpoint(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    checkpoint_of(&app, &caller, 0)
}

/// The signed head of a partition of the log
#[utoipa::path(
    get, path = "/v1/audit/partitions/{partition}/checkpoint", tag = "audit",
    params(("partition" = u16, Path, description = "Its number, from 0")), responses((status = 200, body = String))
)]
pub async fn partition_checkpoint(
    State(app): State<AppState>,
    caller: Caller,
    Path(partition): Path<u16>,
) -> Result<Response, Problem> {
    checkpoint_of(&app, &caller, partition)
}

fn checkpoint_of(app: &AppState, caller: &Caller, partition: u16) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let signed = log_of(app, partition)?.served().ok_or_else(|| Problem::new(&kinds::LOG_NOT_SIGNED))?;
    Ok(answer(TEXT, NOT_AT_ALL, signed.to_string()))
}

/// The tree of a partition.
fn log_of(app: &AppState, partition: u16) -> Result<&Arc<Log>, Problem> {
    let missing = || Problem::new(&kinds::NOT_FOUND).detail("the log has no such partition");
    app.proofs.log(partition).ok_or_else(missing)
}

/// A partition of the log, whose facts have a tree of their own.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Partition {
    /// Its number, from 0.
    number: u16,
    /// Its public key, as a C2SP vkey: that of the log under another name.
    key: String,
    /// How many facts are signed.
    size: u64,
    /// The root over them, in base64; none if nothing is signed yet.
    root: Option<String>,
}

/// The partitions of the log.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Partitions {
    /// In the order of their numbers.
    items: Vec<Partition>,
}

/// The partitions of the log: one where the log is on one machine
#[utoipa::path(get, path = "/v1/audit/partitions", tag = "audit", responses((status = 200, body = Partitions)))]
pub async fn partitions(State(app): State<AppState>, caller: Caller) -> Result<Json<Partitions>, Problem> {
    caller.require(Permission::ReadAudit)?;
    let of_log = |log: &Arc<Log>| {
        let signed = log.checkpoint();
        let signed = signed.as_ref().map(SignedCheckpoint::checkpoint);
        Partition {
            number: log.partition(),
            key: log.verifier().to_string(),
            size: signed.map_or(0, |signed| signed.size),
            root: signed.map(|signed| signed.root.to_string()),
        }
    };
    Ok(Json(Partitions { items: app.proofs.logs().iter().map(of_log).collect() }))
}

/// The last checkpoint that witnesses cosigned
#[utoipa::path(get, path = "/v1/audit/checkpoint/witnessed", tag = "audit", responses((status = 200, body = String)))]
pub async fn witnessed(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    witnessed_of(&app, &caller, 0)
}

/// The last checkpoint of a partition that witnesses cosigned
#[utoipa::path(
    get, path = "/v1/audit/partitions/{partition}/checkpoint/witnessed", tag = "audit",
    params(("partition" = u16, Path, description = "Its number, from 0")), responses((status = 200, body = String))
)]
pub async fn partition_witnessed(
    State(app): State<AppState>,
    caller: Caller,
    Path(partition): Path<u16>,
) -> Result<Response, Problem> {
    witnessed_of(&app, &caller, partition)
}

fn witnessed_of(app: &AppState, caller: &Caller, partition: u16) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let none = || Problem::new(&kinds::NOT_FOUND).detail("no witness has cosigned this log");
    Ok(answer(TEXT, NOT_AT_ALL, log_of(app, partition)?.witnessed().ok_or_else(none)?.to_string()))
}

/// The public key of the log, as a C2SP vkey
#[utoipa::path(get, path = "/v1/audit/key", tag = "audit", responses((status = 200, body = String)))]
pub async fn key(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    Ok(answer(TEXT, NOT_AT_ALL, format!("{}\n", log_of(&app, 0)?.verifier())))
}

/// A tile of fingerprints or of facts, such as `/v1/audit/tile/0/x001/234` or `/v1/audit/tile/entries/000.p/17`.
pub async fn tile(State(app): State<AppState>, caller: Caller, Path(path): Path<String>) -> Result<Response, Problem> {
    tile_of(&app, &caller, 0, &path).await
}

/// A tile of a partition, as [`tile`] gives those of the first.
pub async fn partition_tile(
    State(app): State<AppState>,
    caller: Caller,
    Path((partition, path)): Path<(u16, String)>,
) -> Result<Response, Problem> {
    tile_of(&app, &caller, partition, &path).await
}

async fn tile_of(app: &AppState, caller: &Caller, partition: u16, path: &str) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let missing = || Problem::new(&kinds::NOT_FOUND).detail("there is no such tile under the last checkpoint");
    let tile: Tile = format!("tile/{path}").parse().map_err(|_| missing())?;
    let log = log_of(app, partition)?;
    let signed = current(log)?;
    let whole = Tile::of(tile.kind, tile.index, signed.size).ok_or_else(missing)?;
    if tile.width > whole.width {
        return Err(missing());
    }
    let bytes = match tile.kind {
        TileKind::Hashes(_) => log.tile(tile)?,
        TileKind::Entries => {
            audit::record(app, caller, DataReading::Facts).await?;
            bundle::entries(log, app.proofs.leaves.as_ref(), tile).await?
        }
    };
    Ok(answer(BYTES, FOR_EVER, bytes))
}

/// Which fact, in which log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Included {
    /// The place of the fact, counted from 0.
    index: u64,
    /// How many facts the log is to have; those of the last checkpoint, if absent.
    size: Option<u64>,
    /// Which partition of the log; the first, if absent.
    #[serde(default)]
    #[param(value_type = Option<u16>)]
    partition: u16,
}

/// That a fact is in the log.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InclusionProof {
    /// The place of the fact, counted from 0.
    index: u64,
    /// How many facts the log has.
    size: u64,
    /// The root over them, in base64.
    root: String,
    /// The hash of the fact, in base64.
    leaf_hash: String,
    /// The hashes from the leaf's sibling up (RFC 6962, section 2.1.1), in base64.
    hashes: Vec<String>,
}

/// Proof that a fact is in the log
#[utoipa::path(
    get, path = "/v1/audit/proofs/inclusion", tag = "audit", params(Included),
    responses((status = 200, body = InclusionProof))
)]
pub async fn inclusion(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Included>,
) -> Result<Json<InclusionProof>, Problem> {
    caller.require(Permission::ReadAudit)?;
    let log = log_of(&app, wanted.partition)?.as_ref();
    let size = known(log, wanted.size)?;
    let hashes = proof::inclusion(log, wanted.index, size)?;
    let leaf = log.hashes(0, wanted.index, 1)?;
    let leaf_hash = leaf.first().map(Hash::to_string).unwrap_or_default();
    let root = proof::root_at(log, size)?.to_string();
    Ok(Json(InclusionProof { index: wanted.index, size, root, leaf_hash, hashes: texts(&hashes) }))
}

/// From which size of the log to which.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Continued {
    /// How many facts the log had.
    old: u64,
    /// How many it has; those of the last checkpoint, if absent.
    new: Option<u64>,
    /// Which partition of the log; the first, if absent.
    #[serde(default)]
    #[param(value_type = Option<u16>)]
    partition: u16,
}

/// That a log is the continuation of an earlier one.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ConsistencyProof {
    /// How many facts it had.
    old: u64,
    /// The root over them, in base64.
    old_root: String,
    /// How many it has.
    new: u64,
    /// The root over them, in base64.
    new_root: String,
    /// The hashes of RFC 6962, section 2.1.2, in base64.
    hashes: Vec<String>,
}

/// Proof that the log continues what it was
#[utoipa::path(
    get, path = "/v1/audit/proofs/consistency", tag = "audit", params(Continued),
    responses((status = 200, body = ConsistencyProof))
)]
pub async fn consistency(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Continued>,
) -> Result<Json<ConsistencyProof>, Problem> {
    caller.require(Permission::ReadAudit)?;
    let log = log_of(&app, wanted.partition)?.as_ref();
    let new = known(log, wanted.new)?;
    let hashes = proof::consistency(log, wanted.old, new)?;
    let (old_root, new_root) = (proof::root_at(log, wanted.old)?.to_string(), proof::root_at(log, new)?.to_string());
    Ok(Json(ConsistencyProof { old: wanted.old, old_root, new, new_root, hashes: texts(&hashes) }))
}

/// A receipt for one line of the audit trail: a `.tlog-proof` file that can be checked offline
#[utoipa::path(
    get, path = "/v1/audit/receipts/{position}", tag = "audit",
    params(("position" = String, Path, description = "The position of the line")),
    responses((status = 200, body = String))
)]
pub async fn receipt(
    State(app): State<AppState>,
    caller: Caller,
    Path(position): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let missing = || Problem::new(&kinds::NOT_FOUND).detail("the log has no fact at that position");
    audit::record(&app, &caller, DataReading::Facts).await?;
    let position: Cursor = position.parse().map_err(|_| missing())?;
    let place = place_of(&position).ok_or_else(missing)?;
    let (partition, index) = (place.partition, place.sequence - 1);
    let (proofs, log) = (&app.proofs, log_of(&app, partition).map_err(|_| missing())?);
    let signed = match log.checkpoint() {
        Some(signed) if signed.checkpoint().size > index => signed,
        _ => proofs.sign(log).await?,
    };
    let mut leaves = proofs.leaves.leaves(partition, index, 1).await?;
    let leaf = leaves.pop().ok_or_else(missing)?;
    let receipt = Receipt::make(log.as_ref(), leaf.bytes, index, signed)?;
    Ok(answer(TEXT, FOR_EVER, receipt.to_string()))
}

fn current(log: &Log) -> Result<Checkpoint, Problem> {
    let signed = log.checkpoint().ok_or_else(|| Problem::new(&kinds::LOG_NOT_SIGNED))?;
    Ok(signed.checkpoint().clone())
}

/// The size asked for, which a checkpoint must cover; that of the last one if none was asked for.
fn known(log: &Log, size: Option<u64>) -> Result<u64, Problem> {
    let signed = current(log)?.size;
    match size {
        Some(asked) if asked > signed => Err(ProofError::OutOfRange { asked, size: signed }.into()),
        size => Ok(size.unwrap_or(signed)),
    }
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

fn answer(media_type: &'static str, caching: &'static str, body: impl IntoResponse) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, caching)], body).into_response()
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let kind = match error {
            ProofError::OutOfRange { .. } => &kinds::NOT_FOUND,
            ProofError::Malformed { .. } => &kinds::INVALID_QUERY,
            ProofError::Stopped(_) => &kinds::LOG_NOT_SIGNED,
            ProofError::Signature { .. } | ProofError::Refuted => &kinds::STORE_CORRUPT,
            ProofError::Io { .. } | ProofError::Facts(_) => &kinds::STORE_UNAVAILABLE,
        };
        Self::new(kind).detail(error.to_string())
    }
}
