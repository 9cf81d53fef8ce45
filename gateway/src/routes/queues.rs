//! `/v1/queues`: what there is to do.

mod due;

use crate::auth::Caller;
use crate::error::{Problem, kinds};
use crate::extract::{Json, Path, Query};
use crate::past::{Moment, Then, Views};
use crate::state::AppState;
use crate::view::Row;
use axum::extract::State;
use clew_domain::conversation::Queue;
use clew_domain::ids::{AgentId, ChannelId, TeamId, TopicId};
use clew_projections::queues::{Counts, Filter, Order, Owner, QueueReader};
use serde::{Deserialize, Serialize};

/// Rows of a page, if nothing else is asked for.
const ROWS: usize = 50;
/// Rows of a page at most.
const ROWS_MAX: usize = 200;
/// Rows that a search by text reads at most, before it answers with what it found so far.
const ROWS_SEARCHED_MAX: usize = 2_000;

/// What a queue is narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// On this channel.
    channel: Option<ChannelId>,
    /// Given to this team.
    team: Option<TeamId>,
    /// `me`, `none`, or an agent's id.
    assignee: Option<String>,
    /// With this topic.
    topic: Option<TopicId>,
    /// Whose contact, handle or last message holds this text; case does not matter. Rows are searched page by page:
    /// a page may come back short, with a cursor to search on.
    text: Option<String>,
    /// `priority`, `due` (what is due soonest first), `newest` or `oldest`; New is ordered by priority, the others by
    /// what changed last, if absent.
    #[param(value_type = Option<String>)]
    order: Option<WantedOrder>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Rows at most; 50 if absent, never more than 200.
    limit: Option<usize>,
    /// Show what was there at this instant, or at this position of the log, instead of what is there now.
    #[param(value_type = Option<String>, example = "2026-01-31T08:00:00Z")]
    at: Option<Moment>,
    /// What the answer must have seen.
    #[allow(dead_code, reason = "read by the layer that waits, named here so that it is not refused")]
    min_position: Option<String>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WantedOrder {
    /// The most urgent first.
    Priority,
    /// What is due soonest first.
    Due,
    /// What changed last first.
    Newest,
    /// What has not changed for longest first.
    Oldest,
}

/// How many conversations each queue has.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QueueCounts {
    /// Those that need us.
    new: QueueCount,
    /// Those that wait.
    pending: QueueCount,
    /// Those that are done.
    resolved: QueueCount,
}

/// How many conversations a queue has.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QueueCount {
    /// All that the caller may see.
    total: u64,
    /// Those that no agent owns.
    unassigned: u64,
    /// Those that the caller owns.
    mine: u64,
}

impl From<Counts> for QueueCount {
    fn from(Counts { total, unassigned, mine }: Counts) -> Self {
        Self { total, unassigned, mine }
    }
}

/// A page of a queue.
#[derive(Serialize, utoipa::ToSchema)]
pub struct QueuePage {
    /// The rows, in order.
    rows: Vec<Row>,
    /// Where the next page begins; none behind the last.
    next: Option<String>,
    /// How many conversations match, on all pages; the text is not counted in.
    total: u64,
}

/// How many conversations there are in each queue.
#[utoipa::path(get, path = "/v1/queues", tag = "conversations", params(Narrowed),
    responses((status = 200, body = QueueCounts)))]
pub async fn counts(
    State(app): State<AppState>,
    caller: Caller,
    Query(narrowed): Query<Narrowed>,
) -> Result<Json<QueueCounts>, Problem> {
    let filter = narrowed.filter(&caller)?;
    let queues = match &narrowed.at {
        None => app.projections.queues(),
        Some(moment) => Then::find(&app, moment).await?.view(&app).await?,
    };
    Ok(Json(counts_in(&queues, &caller, &filter)?))
}

/// The counts that the caller is shown.
pub(crate) fn counts_of(app: &AppState, caller: &Caller, filter: &Filter) -> Result<QueueCounts, Problem> {
    counts_in(&app.projections.queues(), caller, filter)
}

fn counts_in(queues: &QueueReader, caller: &Caller, filter: &Filter) -> Result<QueueCounts, Problem> {
    let count = |queue| queues.counts(queue, filter, caller.agent).map(QueueCount::from);
    Ok(QueueCounts { new: count(Queue::New)?, pending: count(Queue::Pending)?, resolved: count(Queue::Resolved)? })
}

/// The conversations of a queue, in order.
#[utoipa::path(get, path = "/v1/queues/{queue}", tag = "conversations",
    params(("queue" = Queue, Path), Narrowed), responses((status = 200, body = QueuePage)))]
pub async fn page(
    State(app): State<AppState>,
    Path(queue): Path<Queue>,
    caller: Caller,
    Query(narrowed): Query<Narrowed>,
) -> Result<Json<QueuePage>, Problem> {
    let filter = narrowed.filter(&caller)?;
    let usual = if queue == Queue::New { WantedOrder::Priority } else { WantedOrder::Newest };
    let order = match narrowed.order.unwrap_or(usual) {
        // What is resolved is due no more.
        WantedOrder::Due => (queue == Queue::Resolved).then_some(Order::Newest),
        WantedOrder::Priority => Some(Order::Priority),
        WantedOrder::Newest => Some(Order::Newest),
        WantedOrder::Oldest => Some(Order::Oldest),
    };
    let limit = narrowed.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX);
    let text = narrowed.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase);
    let views = Views::at(&app, narrowed.at.as_ref()).await?;
    let mut reader = views.reader(&app, &caller);
    let mut rows = Vec::with_capacity(limit);
    let mut cursor = narrowed.cursor;
    let mut searched = 0;
    loop {
        let wanted = if text.is_some() { limit } else { limit - rows.len() };
        let (found, next, total) = if let Some(order) = order {
            let (found, total) = views.queues.page(queue, &filter, order, cursor.as_deref(), wanted)?;
            (found.items, found.next, total)
        } else {
            let found = due::page(&views, queue, &filter, cursor.as_deref(), wanted)?;
            (found.rows, found.next, views.queues.count(queue, &filter)?)
        };
        searched += wanted;
        reader.fetch_rows(&found).await?;
        for row in &found {
            if narrowed.at.is_some() && !seen_now(&app, &caller, row)? {
                continue;
            }
            let row = reader.row(row).await?;
            if text.as_deref().is_none_or(|text| holds(&row, text)) {
                rows.push(row);
            }
        }
        cursor = next;
        if cursor.is_none() || rows.len() >= limit || searched >= ROWS_SEARCHED_MAX {
            return Ok(Json(QueuePage { rows, next: cursor, total }));
        }
    }
}

/// Whether the caller sees it as it is now: what somebody else has since can't be read by asking for before.
fn seen_now(app: &AppState, caller: &Caller, then: &clew_projections::queues::Row) -> Result<bool, Problem> {
    if caller.sees_only_of().is_none() {
        return Ok(true);
    }
    let now = app.projections.queues().row(then.id)?;
    Ok(now.is_some_and(|row| caller.workspace.sees(caller.agent, row.agent)))
}

fn holds(row: &Row, text: &str) -> bool {
    let preview = row.last_message.as_ref().and_then(|message| message.preview.as_deref());
    let fields = [row.contact.name.as_deref(), row.contact.handle.as_deref(), preview];
    fields.into_iter().flatten().any(|field| field.to_lowercase().contains(text))
}

impl Narrowed {
    /// To these alone.
    pub(crate) fn to(
        channel: Option<ChannelId>,
        team: Option<TeamId>,
        assignee: Option<String>,
        topic: Option<TopicId>,
    ) -> Self {
        Self { channel, team, assignee, topic, ..Self::default() }
    }

    /// What the caller may see of what is asked for.
    pub(crate) fn filter(&self, caller: &Caller) -> Result<Filter, Problem> {
        self.check_rights(caller)?;
        let readable = caller.readable_channels();
        let channels = match self.channel {
            Some(channel) => Some(readable.into_iter().filter(|readable| *readable == channel).collect()),
            None if readable.len() == caller.workspace.channels.len() => None,
            None => Some(readable.into_iter().collect()),
        };
        let owner = match self.assignee.as_deref() {
            None => None,
            Some("me") => Some(Owner::Agent(caller.agent)),
            Some("none") => Some(Owner::Nobody),
            Some(id) => Some(Owner::Agent(id.parse::<AgentId>().map_err(|_| {
                Problem::new(&kinds::INVALID_QUERY).detail("assignee is `me`, `none` or an agent's id")
            })?)),
        };
        Ok(Filter { channels, team: self.team, owner, topic: self.topic, free_or_of: caller.sees_only_of() })
    }

    /// Refuses an order, or a filter, to somebody whose teams let them choose none. What is theirs and what is
    /// nobody's is no filter in this sense.
    fn check_rights(&self, caller: &Caller) -> Result<(), Problem> {
        let refuse = |right: &str, why: &str| Err(Problem::new(&kinds::FORBIDDEN).with("right", right).detail(why));
        if self.order.is_some() && !caller.workspace.may_order(caller.agent) {
            return refuse("may_order", "your team does not choose the order of a queue; leave `order` out");
        }
        let of_another = self.assignee.as_deref().is_some_and(|of| !matches!(of, "me" | "none"));
        let narrows = self.channel.is_some() || self.team.is_some() || self.topic.is_some() || self.text.is_some();
        if (narrows || of_another) && !caller.workspace.may_filter(caller.agent) {
            let why = "your team does not filter queues; leave all filters out but `assignee` with `me` or `none`";
            return refuse("may_filter", why);
        }
        Ok(())
    }
}
