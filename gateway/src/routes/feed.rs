//! What happens, as it happens: `GET /v1/feed`, server-sent events. The id of each event is the position to resume
//! from; where that is no longer known, `reset` says that everything is to be fetched again.

use super::conversations::presence::Viewers;
use super::queues::counts_of;
use crate::auth::Caller;
use crate::connections::{self, Turn};
use crate::error::{Problem, kinds};
use crate::extract::Query;
use crate::reader::Reader;
use crate::state::AppState;
use crate::view::Row;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use clew_domain::agent::Availability;
use clew_domain::conversation::Queue;
use clew_domain::ids::{AgentId, ConversationId};
use clew_eventstore::cursor::Cursor;
use clew_projections::action::Action;
use clew_projections::feed::{Next, Notice, Notices, Subscription};
use clew_projections::queues::Filter;
use futures::stream::{self, Stream, StreamExt};
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// How long a client that comes from another gateway waits for this one to know as much.
const BEHIND_ANOTHER_MAX: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Behind this position; `Last-Event-ID` says the same. From now on, if absent.
    after: Option<String>,
}

#[derive(Serialize)]
struct ConversationChanged {
    id: ConversationId,
    queue: Option<Queue>,
    version: u64,
    kinds: Vec<Action>,
    /// None if the caller sees it no longer.
    row: Option<Row>,
}

#[derive(Serialize)]
struct AgentChanged {
    id: AgentId,
    availability: Availability,
    signed_in: bool,
}

/// What happens, as it happens
///
/// Events: `conversation`, `counts`, `notification`, `agent`, `contact`, `saved_replies`, `settings`, `presence`,
/// `reset`. A comment every 15 seconds shows that the connection lives.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed",
    responses((status = 200, description = "Server-sent events", body = String, content_type = "text/event-stream"))
)]
pub async fn feed(
    State(app): State<AppState>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").to_owned());
    let after: Option<Cursor> = last.or(wanted.after).map(|text| text.parse()).transpose()?;
    let max = app.config.feeds_per_caller_max;
    let turn = app.connections.take(caller.agent, max);
    let turn = turn.ok_or_else(|| Problem::new(&kinds::TOO_MANY_FEEDS).with("max", max))?;
    app.metrics.feeds_open.inc();
    let turn = (turn, OpenFeed(app.metrics.feeds_open.clone()));
    connections::restore(&app, caller.agent).await?;
    if let (Some(_), Some(after)) = (&app.cluster, &after) {
        // Another gateway may have told more than this one knows yet. Who is still behind then begins afresh.
        let _ = app.projections.queues().wait_for(after, BEHIND_ANOTHER_MAX).await;
    }
    let (presence, viewed) = (app.presence.changes(), app.presence.viewed());
    let subscription = app.projections.feed().subscribe(after.as_ref());
    let from = after.unwrap_or_else(|| app.projections.feed().position());
    let mut client = Client { app, caller, subscription, presence, waiting: VecDeque::new(), _turn: turn };
    for conversation in viewed {
        client.tell_presence(conversation)?;
    }
    // The first event tells where one is, so that a client that gets nothing else can resume.
    let hello = stream::once(std::future::ready(Ok(event("hello", &from, &serde_json::json!({})))));
    let events = stream::unfold(client, |mut client| async { Some((Ok(client.next().await?), client)) });
    Ok(Sse::new(hello.chain(events)).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Counts a feed as open until dropped.
struct OpenFeed(Gauge);

impl Drop for OpenFeed {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Client {
    app: AppState,
    caller: Caller,
    subscription: Subscription,
    presence: broadcast::Receiver<ConversationId>,
    waiting: VecDeque<Event>,
    _turn: (Turn, OpenFeed),
}

impl Client {
    /// The next event; none when the server stops or the caller may no longer listen.
    async fn next(&mut self) -> Option<Event> {
        let mut stopping = self.app.stopping.clone();
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let next = tokio::select! {
                next = self.subscription.next() => next?,
                moved = self.presence.recv() => {
                    // Who missed some hears of them when they change again, or from the conversation itself.
                    if let Ok(conversation) = moved {
                        self.tell_presence(conversation).ok()?;
                    }
                    continue;
                }
                _ = stopping.wait_for(|stop| *stop) => return None,
            };
            // Rights may have changed since the feed was opened.
            self.caller = self.caller.refreshed(&self.app)?;
            match next {
                Next::Reset(cursor) => return Some(event("reset", &cursor, &serde_json::json!({}))),
                Next::Notices(notices) => {
                    if let Err(problem) = self.tell(&notices).await {
                        tracing::warn!(problem = problem.kind().slug, "a feed ends early");
                        return None;
                    }
                }
            }
        }
    }

    /// Only the last event of a batch names the new position: who loses the connection before it gets all again.
    async fn tell(&mut self, notices: &Arc<Notices>) -> Result<(), Problem> {
        let mut told = Vec::new();
        let mut queues_changed = false;
        for notice in &notices.notices {
            match notice {
                Notice::Conversation { id, version, actions } => {
                    if let Some(changed) = self.conversation(*id, *version, actions).await? {
                        queues_changed = true;
                        told.push(("conversation", json(&changed)));
                    }
                }
                Notice::Agent { id, .. } => {
                    let record = self.app.directory.agent(*id);
                    let availability = record.state.availability;
                    let signed_in = !record.sessions.is_empty();
                    told.push(("agent", json(&AgentChanged { id: *id, availability, signed_in })));
                }
                Notice::Assigned { agent, conversation } if *agent == self.caller.agent => {
                    told.push(("notification", serde_json::json!({ "conversation": conversation })));
                }
                Notice::Contact { id, actions } => {
                    let contact = self.app.projections.contacts().contact(*id)?;
                    if contact.is_some_and(|contact| self.caller.may_read(contact.channel)) {
                        told.push(("contact", serde_json::json!({ "id": id, "kinds": actions })));
                    }
                }
                Notice::SavedReplies { id } => told.push(("saved_replies", serde_json::json!({ "collection": id }))),
                Notice::Settings { version } => told.push(("settings", serde_json::json!({ "version": version }))),
                Notice::Assigned { .. } => {}
            }
        }
        if queues_changed {
            let channels = Some(self.caller.readable_channels().into_iter().collect());
            let free_or_of = self.caller.sees_only_of();
            let counts = counts_of(&self.app, &self.caller, &Filter { channels, free_or_of, ..Filter::default() })?;
            told.push(("counts", json(&counts)));
        }
        let last = told.len().saturating_sub(1);
        for (index, (name, data)) in told.into_iter().enumerate() {
            let made = Event::default().event(name).data(data.to_string());
            self.waiting.push_back(if index == last { made.id(notices.cursor.to_string()) } else { made });
        }
        Ok(())
    }

    /// Has no place in the log: it is told to who is there, and never again.
    fn tell_presence(&mut self, conversation: ConversationId) -> Result<(), Problem> {
        let row = self.app.projections.queues().row(conversation)?;
        if row.is_some_and(|row| self.caller.sees(row.channel, row.agent)) {
            let viewers = Viewers::of(&self.app, &self.caller.workspace, conversation);
            self.waiting.push_back(Event::default().event("presence").data(json(&viewers).to_string()));
        }
        Ok(())
    }

    async fn conversation(
        &self,
        id: ConversationId,
        version: u64,
        actions: &[Action],
    ) -> Result<Option<ConversationChanged>, Problem> {
        let Some(row) = self.app.projections.queues().row(id)? else { return Ok(None) };
        if !self.caller.may_read(row.channel) {
            return Ok(None);
        }
        let version = version.max(row.version);
        if !self.caller.sees(row.channel, row.agent) {
            // They may have seen it until somebody else was given it; of what became of it since they hear nothing.
            let given = actions.contains(&Action::Assigned);
            let gone = ConversationChanged { id, queue: None, version, kinds: Vec::new(), row: None };
            return Ok(given.then_some(gone));
        }
        let mut reader = Reader::new(&self.app, Arc::clone(&self.caller.workspace));
        let shown = Some(reader.row(&row).await?);
        Ok(Some(ConversationChanged { id, queue: Some(row.queue), version, kinds: actions.to_vec(), row: shown }))
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("what a feed tells is plain data")
}

fn event(name: &str, position: &Cursor, data: &serde_json::Value) -> Event {
    Event::default().event(name).id(position.to_string()).data(data.to_string())
}
