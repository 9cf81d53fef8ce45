//! Records at intervals what the views show of the conversations that were worked on, so that who replays the log can
//! tell whether it leads there. A view that shows something else than the log is named, and nothing is recorded.

use crate::error::{Problem, kinds};
use crate::state::AppState;
use clew_domain::conversation::{Conversation, Standing};
use clew_domain::decider::Decider;
use clew_domain::derive;
use clew_domain::fact::{Actor, Aggregate, CommandMeta, Event, Fact, Position};
use clew_domain::ids::{CommandId, ConversationId, StreamKind};
use clew_domain::installation::{Command, InstallationEvent, StateDigest};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::proofs::digests::{hash_of, moved_to_other_positions};
use clew_projections::action::Action;
use clew_projections::audit::{Filter, Order};
use clew_projections::queues::Row;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Facts that one digest is about at most.
const FACTS_MAX: usize = 50_000;
/// Facts read at once.
const FACTS_READ_MAX: usize = 4_096;
/// So many digests for each partition are looked at to find its last; where it is not among them, it begins anew.
const LOOKED_BACK: usize = 16;
/// So many records of moves are looked at to find the last into another number of partitions: one such has one for
/// each.
const MOVES_LOOKED_BACK: usize = 200;
/// How long the view may take to see the facts that a digest is about.
const VIEW_BEHIND_MAX: Duration = Duration::from_secs(30);

/// What is known of digests.
#[derive(Default)]
pub struct Digests {
    /// Up to where each partition is digested; found once in the audit trail.
    upto: Mutex<Option<Vec<u64>>>,
    trouble: Mutex<Option<String>>,
}

impl Digests {
    /// Where a view differs from the log, if it does.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Records digests at the interval that is set, until the server stops.
pub async fn run(app: AppState) {
    let every = Duration::from_secs(app.config.digest_interval_s.into());
    if every.is_zero() {
        return;
    }
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(every) => {}
        }
        if let Err(problem) = record(&app).await {
            tracing::warn!(problem = problem.kind().slug, "the state that is shown could not be recorded");
        }
    }
}

/// Records what is shown of everything since the last digest, and says how many digests that took.
pub async fn record(app: &AppState) -> Result<u64, Problem> {
    let moved = last_move(app).await?;
    let mut upto = begin(app, moved.as_ref()).await?;
    let mut recorded = 0;
    for (partition, upto) in (0..).zip(&mut upto) {
        while *upto < app.store.head().sequence(partition) {
            let (next, digest) = digest(app, partition, *upto).await?;
            if let Some(digest) = digest {
                let id = id_of(app, &digest, moved.as_ref());
                let version = app.directory.settings().version;
                let meta = CommandMeta::first(id, Actor::System, app.clock.now(), version);
                app.readings.command(app.store.as_ref(), &meta, &Command::RecordState(digest)).await?;
                recorded += 1;
            } else if app.digests.trouble().is_some() {
                return Ok(recorded);
            }
            *upto = next;
        }
    }
    *app.digests.upto.lock().unwrap_or_else(PoisonError::into_inner) = Some(upto);
    Ok(recorded)
}

/// Several gateways may come to it at once: the command has the same id in each.
fn id_of(app: &AppState, digest: &StateDigest, moved: Option<&Fact>) -> CommandId {
    if app.cluster.is_none() {
        return CommandId(Uuid::new_v4());
    }
    let place = Uuid::from_u64_pair(digest.partition.into(), digest.after);
    // The same place of the log before a move is another one.
    derive::consequence(place, "digest", moved.map_or(Uuid::nil(), |moved| moved.id.0))
}

/// The fact with which positions became others last, if they did.
async fn last_move(app: &AppState) -> Result<Option<Fact>, Problem> {
    let filter = Filter { action: Some(Action::LogMoved), ..Filter::default() };
    let moves = app.projections.audit().page(&filter, Order::Newest, None, MOVES_LOOKED_BACK)?;
    for entry in moves.items {
        let last = fact_at(app, entry.position).await?.filter(moved_to_other_positions);
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

async fn fact_at(app: &AppState, at: Position) -> Result<Option<Fact>, Problem> {
    let before = Position { sequence: at.sequence - 1, ..at };
    Ok(app.store.read_all(before, 1).await?.into_iter().next())
}

/// Up to where each partition is digested since positions became others. The trail may be behind: then some of it is
/// digested once more.
async fn begin(app: &AppState, moved: Option<&Fact>) -> Result<Vec<u64>, Problem> {
    // Beside other gateways, which may have recorded some meanwhile, the trail is asked each time.
    if app.cluster.is_none()
        && let Some(known) = &*app.digests.upto.lock().unwrap_or_else(PoisonError::into_inner)
    {
        return Ok(known.clone());
    }
    let mut upto = vec![None; usize::from(app.store.partitions())];
    let filter = Filter { action: Some(Action::StateDigested), ..Filter::default() };
    let latest = upto.len() * LOOKED_BACK;
    let last = app.projections.audit().page(&filter, Order::Newest, None, latest)?;
    let since = moved.map_or(0, |moved| moved.position.sequence);
    for entry in last.items.into_iter().filter(|entry| entry.position.sequence > since) {
        // Which partition it is of does not stand in the trail.
        let fact = fact_at(app, entry.position).await?;
        if let Some(Event::Installation(InstallationEvent::StateDigested(digest))) = fact.as_ref().map(|it| &it.event)
            && let Some(upto @ None) = upto.get_mut(usize::from(digest.partition))
        {
            *upto = Some(digest.upto);
        }
        if upto.iter().all(Option::is_some) {
            break;
        }
    }
    Ok(upto.into_iter().map(Option::unwrap_or_default).collect())
}

/// The digest over the facts behind `after`, with how far it goes; none where no conversation is concerned, or where
/// a view shows something else than the log.
async fn digest(app: &AppState, partition: u16, after: u64) -> Result<(u64, Option<StateDigest>), Problem> {
    let (upto, touched) = touched(app, partition, after).await?;
    if touched.is_empty() {
        return Ok((upto, None));
    }
    let view = app.projections.queues();
    let mut wanted = Cursor::start(app.store.partitions());
    wanted.advance(Position { partition, sequence: upto });
    view.wait_for(&wanted, VIEW_BEHIND_MAX).await.map_err(|_| Problem::new(&kinds::PROJECTION_BEHIND))?;
    let (rows, seen) = view.rows_at(touched.iter().copied())?;
    let at = seen.sequence(partition);
    let standings: Vec<Standing> = rows.iter().map(Row::standing).collect();
    let trouble = difference(app, &touched, &standings, at).await?;
    if let Some(why) = &trouble {
        tracing::error!(why, "a view does not show what the log says");
    }
    let differs = trouble.is_some();
    app.digests.set_trouble(trouble);
    if differs {
        return Ok((after, None));
    }
    let conversations = u32::try_from(standings.len()).expect("at most as many as facts were read");
    Ok((upto, Some(StateDigest { partition, after, upto, at, conversations, hash: hash_of(standings) })))
}

/// The conversations that have a fact behind `after`, and the last fact that was looked at.
async fn touched(app: &AppState, partition: u16, after: u64) -> Result<(u64, BTreeSet<ConversationId>), Problem> {
    let (mut upto, mut touched, mut read) = (after, BTreeSet::new(), 0);
    while read < FACTS_MAX {
        let facts = app.store.read_all(Position { partition, sequence: upto }, FACTS_READ_MAX).await?;
        let Some(last) = facts.last() else { break };
        upto = last.position.sequence;
        read += facts.len();
        let of_conversations = facts.iter().filter(|fact| fact.stream.kind == StreamKind::Conversation);
        touched.extend(of_conversations.map(|fact| ConversationId(fact.stream.id)));
    }
    Ok((upto, touched))
}

/// What is wrong with how the view shows these conversations at this place of the log, if something is.
async fn difference(
    app: &AppState,
    touched: &BTreeSet<ConversationId>,
    shown: &[Standing],
    at: u64,
) -> Result<Option<String>, Problem> {
    let shown: HashMap<_, _> = shown.iter().map(|standing| (standing.conversation, standing)).collect();
    for conversation in touched {
        let facts = app.store.read_stream((*conversation).into(), 0).await?;
        let then = facts.iter().take_while(|fact| fact.position.sequence <= at);
        let state = Conversation::fold(then.filter_map(|fact| Conversation::unwrap(&fact.event)));
        let told = Standing::of(*conversation, &state);
        match shown.get(conversation) {
            Some(standing) if **standing == told => {}
            Some(_) => {
                return Ok(Some(format!(
                    "the queues show conversation {conversation} otherwise than the log; rebuild them"
                )));
            }
            None => return Ok(Some(format!("the queues do not show conversation {conversation}; rebuild them"))),
        }
    }
    Ok(None)
}
