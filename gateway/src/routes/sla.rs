//! Service levels: `/v1/sla/...`, which promises are broken or due and how many were kept, and why a clock says so.

mod summary;

pub use summary::*;

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query};
use crate::past::{Moment, Views};
use crate::reader::Reader;
use crate::state::AppState;
use crate::view::{ContactRef, Owner};
use crate::wire::Items;
use axum::extract::State;
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::{ConversationEvent, Queue};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ChannelId, ContactId, ConversationId, EventId, GroupId, SlaPolicyId, StreamId, TeamId};
use clew_domain::sla::{Explanation, Metric, explain};
use clew_domain::time::Timestamp;
use clew_domain::workspace::ChannelRight;
use clew_eventstore::store::{EventStore, StoreError};
use clew_projections::page::Page;
use clew_projections::sla::{Colour, Scope, Standing};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Clocks of a page, if nothing else is asked for.
const CLOCKS: usize = 50;
/// Clocks of a page at most.
const CLOCKS_MAX: usize = 200;
/// The days that a history covers at most.
const DAYS_MAX: i64 = 400;

/// Which clocks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// On this channel.
    channel: Option<ChannelId>,
    /// Of this team.
    team: Option<TeamId>,
    /// Under this policy.
    policy: Option<SlaPolicyId>,
    /// `new` or `pending`: in this queue. Only one of channel, team, policy and queue can be given.
    #[param(value_type = Option<String>)]
    queue: Option<WantedQueue>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Clocks at most; 50 if absent, never more than 200.
    limit: Option<usize>,
    /// Show what was there at this instant, or at this position of the log, instead of what is there now.
    #[param(value_type = Option<String>, example = "2026-01-31T08:00:00Z")]
    at: Option<Moment>,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// A queue in which clocks run.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedQueue {
    /// Those that need us.
    New,
    /// Those that wait.
    Pending,
}

/// How a running clock stands.
#[derive(Serialize, ToSchema)]
pub struct ClockView {
    /// Its conversation.
    conversation: ConversationId,
    /// The fact that started it.
    clock: EventId,
    /// On which channel.
    channel: Option<ChannelId>,
    /// Of which team.
    team: Option<TeamId>,
    /// What is measured.
    metric: Metric,
    /// Which policy promises it.
    policy: SlaPolicyId,
    /// Since when it runs.
    started_at: Timestamp,
    /// When it turns orange; none while it stands still.
    warned_at: Option<Timestamp>,
    /// The last instant at which the promise is kept; none while it stands still.
    due_at: Option<Timestamp>,
    /// `grey`, `orange` or `red`.
    #[schema(value_type = String)]
    colour: Colour,
    /// Seconds that are left, negative if it is late; none while it stands still.
    left_s: Option<i64>,
    /// With whom.
    contact: Option<ContactRef>,
    /// Who owns the conversation.
    assignee: Option<Owner>,
    /// Where the conversation stands.
    queue: Option<Queue>,
}

/// A page of clocks.
#[derive(Serialize, ToSchema)]
pub struct ClockPage {
    /// The clocks, in the order of their due instants.
    items: Vec<ClockView>,
    /// Where the next page begins; none behind the last. A page may come back short, or empty, with more to come.
    next: Option<String>,
}

impl ClockView {
    async fn of(standing: &Standing, reader: &mut Reader<'_>, views: &Views) -> Result<Self, Problem> {
        let (row, now) = (views.queues.row(standing.conversation)?, views.now);
        let contact = match &row {
            Some(row) => Some(reader.contact(row.contact).await?),
            None => None,
        };
        let left = |due: Timestamp| (due.micros() - now.micros()).div_euclid(1_000_000);
        Ok(Self {
            conversation: standing.conversation,
            clock: standing.clock,
            channel: standing.channel,
            team: standing.team,
            metric: standing.metric,
            policy: standing.policy,
            started_at: standing.started_at,
            warned_at: standing.warned_at,
            left_s: standing.due_at.map(left),
            due_at: standing.due_at,
            colour: standing.colour,
            contact,
            assignee: row.as_ref().map(|row| reader.owner(row)),
            queue: row.map(|row| row.queue),
        })
    }
}

impl Wanted {
    fn scope(&self) -> Result<Scope, Problem> {
        let queue = self.queue.map(|queue| match queue {
            WantedQueue::New => Scope::New,
            WantedQueue::Pending => Scope::Pending,
        });
        let scopes =
            [self.channel.map(Scope::Channel), self.team.map(Scope::Team), self.policy.map(Scope::Policy), queue];
        let mut given = scopes.into_iter().flatten();
        match (given.next(), given.next()) {
            (scope, None) => Ok(scope.unwrap_or(Scope::All)),
            (_, Some(_)) => Err(Problem::new(&kinds::INVALID_QUERY)
                .detail("only one of channel, team, policy and queue can be given; leave the others out")),
        }
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(CLOCKS).clamp(1, CLOCKS_MAX)
    }
}

/// What the caller may see of a page.
async fn readable(
    app: &AppState,
    caller: &Caller,
    page: Page<Standing>,
    views: &Views,
) -> Result<Json<ClockPage>, Problem> {
    let mut reader = views.reader(app, caller);
    let mut items = Vec::with_capacity(page.items.len());
    for it in page.items.iter().filter(|it| it.channel.is_some_and(|channel| caller.may_read(channel))) {
        // Whoever owned it then: what somebody else has now is not shown.
        let owner = app.projections.queues().row(it.conversation)?.and_then(|row| row.agent);
        if caller.workspace.sees(caller.agent, owner) {
            items.push(ClockView::of(it, &mut reader, views).await?);
        }
    }
    Ok(Json(ClockPage { items, next: page.next }))
}

/// The promises that are broken now, those that are late longest first.
#[utoipa::path(get, path = "/v1/sla/breached", tag = "sla", params(Wanted), responses((status = 200, body = ClockPage)))]
pub async fn breached(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ClockPage>, Problem> {
    let views = Views::at(&app, wanted.at.as_ref()).await?;
    let page = views.sla.breached(wanted.scope()?, views.now, wanted.cursor.as_deref(), wanted.limit())?;
    readable(&app, &caller, page, &views).await
}

/// The promises that are due next, the most urgent first.
#[utoipa::path(get, path = "/v1/sla/due", tag = "sla", params(Wanted), responses((status = 200, body = ClockPage)))]
pub async fn due(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ClockPage>, Problem> {
    let views = Views::at(&app, wanted.at.as_ref()).await?;
    let page = views.sla.due_next(wanted.scope()?, views.now, wanted.cursor.as_deref(), wanted.limit())?;
    readable(&app, &caller, page, &views).await
}

/// Which days to tally.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// From the day of UTC that this instant lies in.
    #[param(value_type = String, format = DateTime)]
    from: Timestamp,
    /// To the day of UTC that this instant lies in.
    #[param(value_type = String, format = DateTime)]
    to: Timestamp,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// How many promises of one kind were kept and broken.
#[derive(Serialize, ToSchema)]
pub struct TallyView {
    /// On which channel.
    channel: ChannelId,
    /// Of which team, if of one.
    team: Option<TeamId>,
    /// Under which policy.
    policy: SlaPolicyId,
    /// What was measured.
    metric: Metric,
    /// Clocks that ended in time.
    kept: u64,
    /// Clocks that breached.
    breached: u64,
    /// The share that was kept, in thousandths.
    attained_permille: Option<u64>,
}

/// How many promises were kept and broken in a period, by channel, team, policy and metric. A promise that was kept
/// counts on the day on which its clock ended, a broken one on the day on which it was due.
#[utoipa::path(get, path = "/v1/sla/history", tag = "sla", params(Period),
    responses((status = 200, body = Items<TallyView>)))]
pub async fn history(
    State(app): State<AppState>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Items<TallyView>>, Problem> {
    if period.to < period.from || period.from.plus_secs(DAYS_MAX * 86_400) < period.to {
        return Err(
            Problem::new(&kinds::INVALID_QUERY).detail("a history covers up to 400 days, from an earlier to a later")
        );
    }
    let channels = caller.readable_channels();
    let mut sums = BTreeMap::<_, (u64, u64)>::new();
    for ((of, _), tally) in app.projections.sla().history(period.from, period.to)? {
        let (kept, breached) = sums.entry(of).or_default();
        (*kept, *breached) = (*kept + tally.kept, *breached + tally.breached);
    }
    let items =
        sums.into_iter().filter(|(of, _)| channels.contains(&of.channel)).map(|(of, (kept, breached))| TallyView {
            channel: of.channel,
            team: of.team,
            policy: of.policy,
            metric: of.metric,
            kept,
            breached,
            attained_permille: clew_projections::sla::Tally { kept, breached }.attained_permille(),
        });
    Ok(Json(Items { items: items.collect() }))
}

/// Why the clocks of a conversation say what they say: every interval, with the event or calendar rule behind it.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/sla", tag = "sla",
    params(("conversation" = ConversationId, Path)), responses((status = 200, body = Items<Explanation>)))]
pub async fn of_conversation(
    State(app): State<AppState>,
    Path(conversation): Path<ConversationId>,
    caller: Caller,
) -> Result<Json<Items<Explanation>>, Problem> {
    let facts = app.store.read_stream(conversation.into(), 0).await?;
    let explained = explained(&*app.store, &facts, app.clock.now()).await?;
    let (channel, items) = explained.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    caller.require_on(channel, ChannelRight::Viewer)?;
    caller.require_sight(app.projections.queues().row(conversation)?.and_then(|row| row.agent))?;
    Ok(Json(Items { items }))
}

/// Explains the clocks of the conversation that these are the facts of, up to `now`, and tells its channel; none if
/// it never began.
pub(crate) async fn explained(
    store: &dyn EventStore,
    facts: &[Fact],
    now: Timestamp,
) -> Result<Option<(ChannelId, Vec<Explanation>)>, StoreError> {
    let started = facts.iter().find_map(|fact| match &fact.event {
        Event::Conversation(ConversationEvent::Started(started)) => Some(*started),
        _ => None,
    });
    let Some(started) = started else { return Ok(None) };
    let of_contact = store.read_stream(started.contact.into(), 0).await?;
    let mut log = store.read_stream(StreamId::WORKSPACE, 0).await?;
    log.extend_from_slice(facts);
    let groups = |_: ContactId, fact: &Fact| groups_before(&of_contact, fact);
    Ok(Some((started.channel, explain(&log, groups, now))))
}

/// The groups that the contact was in when a fact was recorded.
fn groups_before(of_contact: &[Fact], fact: &Fact) -> Vec<GroupId> {
    let mut groups = Vec::new();
    let before = |it: &&Fact| (it.recorded_at, it.position) < (fact.recorded_at, fact.position);
    for known in of_contact.iter().take_while(before) {
        match &known.event {
            Event::Contact(ContactEvent::GroupJoined { group }) => groups.push(*group),
            Event::Contact(ContactEvent::GroupLeft { group }) => groups.retain(|it| it != group),
            _ => {}
        }
    }
    groups
}
