//! Bulk acts at work: each conversation its own line with its own outcome. What is asked stands in the log before the
//! first line, each line has a name that derives from the act, so a server that stops in the middle goes on after it
//! starts and does nothing twice.

use crate::error::{Problem, ProblemDetails, kinds};
use crate::routes::conversations::work::team_serves;
use crate::state::AppState;
use clew_domain::agent::{self, Agent, Bulk, BulkAct, BulkEnd};
use clew_domain::conversation::{Assignee, Conversation};
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{AgentId, BulkId, CommandId, ConversationId, CorrelationId};
use clew_domain::workspace::{ChannelRight, WorkspaceState};
use clew_eventstore::transact::{Effect, load};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Acts that are over and whose lines are still known.
const REMEMBERED_MAX: usize = 50;
/// How long to wait before what the store did not take is given to it again.
const PAUSE: Duration = Duration::from_secs(1);

/// What became of one conversation.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct Line {
    /// Which conversation.
    pub conversation: ConversationId,
    /// What became of it.
    pub outcome: LineOutcome,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemDetails>,
}

/// What became of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineOutcome {
    /// It was done.
    Done,
    /// It was as asked already.
    Unchanged,
    /// It may not be done; `problem` says why.
    Refused,
}

/// A bulk act as this server knows it.
#[derive(Clone)]
pub struct Progress {
    /// Who asked it.
    pub agent: AgentId,
    /// Its conversations.
    pub total: usize,
    /// What became of those that were looked at, in order.
    pub lines: Vec<Line>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether it is over.
    pub ended: bool,
}

/// The bulk acts that this server carries out, and the last ones that it did; cheap to clone.
#[derive(Clone, Default)]
pub struct Bulks(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    acts: HashMap<BulkId, Progress>,
    ended: VecDeque<BulkId>,
}

impl Bulks {
    /// How an act stands, if it is known here.
    pub fn progress(&self, bulk: BulkId) -> Option<Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).acts.get(&bulk).cloned()
    }

    fn is_cancelled(&self, bulk: BulkId) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.acts.get(&bulk).is_none_or(|act| act.cancelled)
    }

    /// Lets an act end after the line that is under way.
    pub fn cancel(&self, bulk: BulkId) {
        self.on(bulk, |act| act.cancelled |= !act.ended);
    }

    fn begin(&self, bulk: BulkId, agent: AgentId, total: usize) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = !known.acts.contains_key(&bulk);
        if fresh {
            let act = Progress { agent, total, lines: Vec::new(), cancelled: false, ended: false };
            known.acts.insert(bulk, act);
        }
        fresh
    }

    fn on(&self, bulk: BulkId, change: impl FnOnce(&mut Progress)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.acts.get_mut(&bulk).map(change);
    }

    fn end(&self, bulk: BulkId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(act) = known.acts.get_mut(&bulk) {
            act.ended = true;
        }
        known.ended.push_back(bulk);
        if known.ended.len() > REMEMBERED_MAX
            && let Some(oldest) = known.ended.pop_front()
        {
            known.acts.remove(&oldest);
        }
    }
}

/// Takes up every act that is not over. To be called when the server starts.
pub fn resume(app: &AppState) {
    for (agent, record) in app.directory.agents() {
        for (bulk, act) in &record.state.bulks {
            start(app, agent, *bulk, Bulk::clone(act));
        }
    }
}

/// Carries an act out beside requests. One that is under way here goes on as it is.
pub fn start(app: &AppState, agent: AgentId, bulk: BulkId, act: Bulk) {
    if app.bulks.begin(bulk, agent, act.conversations.len()) {
        tokio::spawn(run(app.clone(), agent, bulk, act));
    }
}

async fn run(app: AppState, agent: AgentId, bulk: BulkId, act: Bulk) {
    let mut stopping = app.stopping.clone();
    for conversation in act.conversations {
        if app.bulks.is_cancelled(bulk) {
            break;
        }
        let line = loop {
            if *stopping.borrow() {
                return;
            }
            match one(&app, agent, bulk, act.act, conversation).await {
                Ok(Effect::Unchanged) => break (LineOutcome::Unchanged, None),
                Ok(_) => break (LineOutcome::Done, None),
                Err(problem) if problem.kind().status.is_server_error() => {
                    tracing::warn!(problem = problem.kind().slug, "a line of a bulk act could not be written");
                    tokio::select! {
                        _ = stopping.wait_for(|stop| *stop) => return,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
                Err(problem) => break (LineOutcome::Refused, Some(problem.details())),
            }
        };
        let (outcome, problem) = line;
        app.bulks.on(bulk, |act| act.lines.push(Line { conversation, outcome, problem }));
    }
    if let Some(progress) = app.bulks.progress(bulk)
        && let Err(problem) = end(&app, agent, bulk, &progress).await
    {
        tracing::warn!(problem = problem.kind().slug, "the end of a bulk act could not be recorded");
    }
    app.bulks.end(bulk);
}

/// Has the log say that the act is over. Said twice, it changes nothing.
pub async fn end(app: &AppState, agent: AgentId, bulk: BulkId, progress: &Progress) -> Result<(), Problem> {
    let count = |outcome| {
        let lines = progress.lines.iter().filter(|line| line.outcome == outcome).count();
        u32::try_from(lines).unwrap_or(u32::MAX)
    };
    let end = BulkEnd {
        cancelled: progress.cancelled,
        done: count(LineOutcome::Done),
        unchanged: count(LineOutcome::Unchanged),
        refused: count(LineOutcome::Refused),
    };
    let first = CommandMeta::first(
        CommandId(Uuid::new_v4()),
        Actor::Agent(agent),
        app.clock.now(),
        app.directory.settings().version,
    );
    let meta = CommandMeta { correlation: CorrelationId(bulk.0), ..first };
    app.act::<Agent>(agent.into(), &meta, &agent::Command::EndBulk { bulk, end }, Vec::new()).await?;
    Ok(())
}

async fn one(
    app: &AppState,
    agent: AgentId,
    bulk: BulkId,
    act: BulkAct,
    conversation: ConversationId,
) -> Result<Effect, Problem> {
    let settings = app.directory.settings();
    let loaded = load::<Conversation>(app.store.as_ref(), conversation.into()).await.map_err(Problem::from)?;
    let started = loaded.state.started.ok_or_else(|| Problem::new(&kinds::NOT_FOUND))?;
    check_right(&settings.workspace, agent, act, started.channel)?;
    if !settings.workspace.sees(agent, loaded.state.agent) {
        return Err(Problem::new(&kinds::NOT_FOUND));
    }
    let first =
        CommandMeta::first(BulkAct::line(bulk, conversation), Actor::Agent(agent), app.clock.now(), settings.version);
    let meta = CommandMeta { correlation: CorrelationId(bulk.0), ..first };
    let asked = act.command(bulk);
    let done = match act {
        BulkAct::AddTopic(_) | BulkAct::RemoveTopic(_) => {
            let by_hand = app.by_hand(&settings.workspace);
            by_hand.on_topics(&meta, started.contact, conversation, &asked).await.map_err(Problem::from)?
        }
        BulkAct::Resolve(_) | BulkAct::Assign(_) | BulkAct::Unassign => {
            app.act::<Conversation>(conversation.into(), &meta, &asked, Vec::new()).await?
        }
    };
    Ok(done.effect)
}

/// As they are now: somebody whose right was taken away in the middle does not go on.
fn check_right(
    workspace: &WorkspaceState,
    agent: AgentId,
    act: BulkAct,
    channel: clew_domain::ids::ChannelId,
) -> Result<(), Problem> {
    match workspace.right_on(agent, channel) {
        ChannelRight::None => return Err(Problem::new(&kinds::NOT_FOUND)),
        ChannelRight::Viewer => return Err(Problem::new(&kinds::FORBIDDEN)),
        ChannelRight::Contributor | ChannelRight::Supervisor => {}
    }
    match act {
        BulkAct::Assign(Assignee::Agent(to)) if workspace.right_on(to, channel) < ChannelRight::Contributor => {
            let why = "this agent may not work conversations of the channel; choose another, or give them the right";
            Err(Problem::new(&kinds::INVALID_VALUE).with("field", "agent").detail(why))
        }
        BulkAct::Assign(Assignee::Team(team)) => team_serves(workspace, team, channel),
        BulkAct::Resolve(_)
        | BulkAct::Assign(_)
        | BulkAct::Unassign
        | BulkAct::AddTopic(_)
        | BulkAct::RemoveTopic(_) => Ok(()),
    }
}
