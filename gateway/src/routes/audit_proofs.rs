//! The proofs over HTTP: `/v1/audit/checkpoint` and `/v1/audit/tile/` as <https://c2sp.org/tlog-tiles> has them,
//! with `/v1/audit` as prefix, and proofs made to order for those who do not read tiles.

use crate::auth::Caller;
use crate::auth::permissions::Permission;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query};
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
use clew_eventstore::proofs::{Checkpoint, ProofError, Tile, Tiles, bundle, proof};
use serde::{Deserialize, Serialize};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
/// A tile never changes, but only who may read the trail may keep it.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const NOT_AT_ALL: &str = "no-store";

/// The signed head of the log, as a C2SP checkpoint; with the cosignatures of witnesses once they have made them
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit", responses((status = 200, body = String)))]
pub async fn checkpoint(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let signed = app.proofs.log.served().ok_or_else(|| Problem::new(&kinds::LOG_NOT_SIGNED))?;
    Ok(answer(TEXT, NOT_AT_ALL, signed.to_string()))
}

/// The last checkpoint that witnesses cosigned
#[utoipa::path(get, path = "/v1/audit/checkpoint/witnessed", tag = "audit", responses((status = 200, body = String)))]
pub async fn witnessed(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let none = || Problem::new(&kinds::NOT_FOUND).detail("no witness has cosigned this log");
    Ok(answer(TEXT, NOT_AT_ALL, app.proofs.log.witnessed().ok_or_else(none)?.to_string()))
}

/// The public key of the log, as a C2SP vkey
#[utoipa::path(get, path = "/v1/audit/key", tag = "audit", responses((status = 200, body = String)))]
pub async fn key(State(app): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    Ok(answer(TEXT, NOT_AT_ALL, format!("{}\n", app.proofs.log.verifier())))
}

/// A tile of fingerprints or of facts, such as `/v1/audit/tile/0/x001/234` or `/v1/audit/tile/entries/000.p/17`.
pub async fn tile(State(app): State<AppState>, caller: Caller, Path(path): Path<String>) -> Result<Response, Problem> {
    caller.require(Permission::ReadAudit)?;
    let missing = || Problem::new(&kinds::NOT_FOUND).detail("there is no such tile under the last checkpoint");
    let tile: Tile = format!("tile/{path}").parse().map_err(|_| missing())?;
    let signed = current(&app)?;
    let whole = Tile::of(tile.kind, tile.index, signed.size).ok_or_else(missing)?;
    if tile.width > whole.width {
        return Err(missing());
    }
    let log = &app.proofs.log;
    let bytes = match tile.kind {
        TileKind::Hashes(_) => log.tile(tile)?,
        TileKind::Entries => {
            audit::record(&app, &caller, DataReading::Facts).await?;
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
    let size = known(&app, wanted.size)?;
    let log = app.proofs.log.as_ref();
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
    let new = known(&app, wanted.new)?;
    let log = app.proofs.log.as_ref();
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
    let index = position.sequence(0).checked_sub(1).ok_or_else(missing)?;
    let proofs = &app.proofs;
    let signed = match proofs.log.checkpoint() {
        Some(signed) if signed.checkpoint().size > index => signed,
        _ => proofs.refresh().await?,
    };
    let mut leaves = proofs.leaves.leaves(0, index, 1).await?;
    let leaf = leaves.pop().ok_or_else(missing)?;
    let receipt = Receipt::make(proofs.log.as_ref(), leaf.bytes, index, signed)?;
    Ok(answer(TEXT, FOR_EVER, receipt.to_string()))
}

fn current(app: &AppState) -> Result<Checkpoint, Problem> {
    let signed = app.proofs.log.checkpoint().ok_or_else(|| Problem::new(&kinds::LOG_NOT_SIGNED))?;
    Ok(signed.checkpoint().clone())
}

/// The size asked for, which a checkpoint must cover; that of the last one if none was asked for.
fn known(app: &AppState, size: Option<u64>) -> Result<u64, Problem> {
    let signed = current(app)?.size;
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
