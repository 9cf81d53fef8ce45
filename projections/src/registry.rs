//! The one list of projections, and what runs them all. What each answers stands in its own file.

mod gauges;
mod operate;

pub use operate::{Compared, Details};

use self::gauges::{Census, Pace};
use self::operate::Candidate;
use crate::feed::Feed;
use crate::generation::{Generation, Home};
use crate::past::{Past, PastError};
use crate::projection::{FoldError, Projection, Spec};
use crate::reader::{Live, Reader, Shared};
use crate::rebuild::Job;
use crate::runner::{Control, Runner};
use crate::settings::Settings;
use crate::status::{Behind, State, Status};
use crate::table::{Table, TableError};
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::{EventStore, StoreError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

macro_rules! projections {
    ($($(#[$doc:meta])* $name:ident: $projection:path;)*) => {
        /// Every projection there is.
        pub const ALL: &[Spec] = &[$(Spec::of::<$projection>()),*];

        impl Projections {
            $($(#[$doc])*
            pub fn $name(&self) -> Reader<$projection> {
                Reader::new(Arc::clone(self.shared(<$projection as crate::Projection>::NAME)))
            })*
        }
    };
}

projections! {
    /// What there is to do: New, Pending, Resolved.
    queues: crate::queues::Queues;
    /// What was said in a conversation, and what it is about.
    conversations: crate::conversation::Conversations;
    /// Where the next message of a thread belongs.
    threads: crate::thread::Thread;
    /// Who did what, when.
    audit: crate::audit::Audit;
    /// Who writes to us.
    contacts: crate::contacts::Contacts;
    /// Who is at work, and how much they have open.
    agents: crate::agents::Agents;
    /// Answers kept for later.
    saved_replies: crate::saved_replies::SavedReplies;
    /// What an agent is told of.
    notifications: crate::notifications::Notifications;
    /// Replies that channels have not taken yet.
    outbox: crate::outbox::Outbox;
    /// Which promises of service levels are broken or due.
    sla: crate::sla::Sla;
}

/// How projections are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that the caches of all rows together may use.
    pub cache_bytes: u64,
    /// Notices kept for clients of the feed that come back.
    pub feed_notices_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024, feed_notices_max: 20_000 }
    }
}

/// Why projections can't be opened at all; damage of one alone does not come to this.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Their directory can't be used.
    #[error("the directory of the projections can't be used: {0}")]
    Directory(#[from] io::Error),
    /// Rows can't be kept.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows are not what their fold wrote.
    #[error(transparent)]
    Rows(#[from] FoldError),
    /// The log can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All projections of one log, each on a thread of its own; the settings; the feed.
pub struct Projections {
    store: Arc<dyn EventStore>,
    running: Vec<Running>,
    settings: Settings,
    feed: Feed,
    past: Past,
}

struct Running {
    shared: Arc<Shared>,
    control: mpsc::UnboundedSender<Control>,
    thread: Mutex<Option<JoinHandle<()>>>,
    home: Option<Home>,
    job: Arc<Mutex<Option<Arc<Job>>>>,
    candidate: Arc<Mutex<Option<Candidate>>>,
    compared: Mutex<Option<Compared>>,
    pace: Arc<Pace>,
    census: Arc<Census>,
}

impl Projections {
    /// Opens every projection under `dir`, or in memory without one, and begins to follow the log.
    /// To be called inside a tokio runtime. Answers when the settings are up to date; projections may still be behind.
    pub async fn open(
        dir: Option<&Path>,
        store: Arc<dyn EventStore>,
        options: Options,
    ) -> Result<Arc<Self>, OpenError> {
        Self::open_those(ALL, dir, store, options).await
    }

    /// [`open`](Self::open) with these projections alone.
    pub(crate) async fn open_those(
        specs: &[Spec],
        dir: Option<&Path>,
        store: Arc<dyn EventStore>,
        options: Options,
    ) -> Result<Arc<Self>, OpenError> {
        let settings = Settings::follow(Arc::clone(&store)).await?;
        let mut running = Vec::with_capacity(specs.len());
        for spec in specs {
            running.push(start(*spec, dir, &store, options)?);
        }
        let seen = running.iter().map(|it| Arc::clone(&it.shared)).collect();
        let feed = Feed::follow(Arc::clone(&store), seen, options.feed_notices_max);
        Ok(Arc::new(Self { store, running, settings, feed, past: Past::default() }))
    }

    fn shared(&self, name: &str) -> &Arc<Shared> {
        let found = self.running.iter().find(|it| it.shared.spec.name == name);
        &found.expect("every projection of the list was started").shared
    }

    /// Asks the projection of that name, whichever it is.
    #[cfg(test)]
    pub(crate) fn read<R>(&self, name: &str, question: impl FnOnce(&crate::reader::View<'_>) -> R) -> R {
        self.shared(name).read(question)
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What changes, as it changes.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Waits until every projection that goes on has seen all that `cursor` has, at most so long.
    /// One that has halted holds nobody up: what it shows says itself how far it has read.
    pub async fn wait_for(&self, cursor: &Cursor, at_most: Duration) -> Result<(), Behind> {
        let deadline = tokio::time::Instant::now() + at_most;
        for it in &self.running {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            match it.shared.wait_for(cursor, left).await {
                Err(Behind { halted: true, .. }) | Ok(()) => {}
                Err(behind) => return Err(behind),
            }
        }
        Ok(())
    }

    /// What the projection `P` showed when the log reached to `at`, which must not lie behind its end.
    pub async fn past<P: Projection>(&self, at: &Cursor) -> Result<Reader<P>, PastError> {
        let found = self.running.iter().find(|it| it.shared.spec.name == P::NAME);
        let home = found.and_then(|it| it.home.clone());
        self.past.read(home, Arc::clone(&self.store), at.clone()).await
    }

    /// How each of them fares.
    pub fn status(&self) -> Vec<Status> {
        let head = self.store.head();
        self.running.iter().map(|it| it.shared.status(&head)).collect()
    }

    /// Has a halted projection try again. Whether there is one of that name.
    pub fn retry(&self, name: &str) -> bool {
        let found = self.running.iter().find(|it| it.shared.spec.name == name);
        found.is_some_and(|it| it.control.send(Control::Retry).is_ok())
    }

    /// Ends all of them; what they folded is saved. What is served can still be read.
    pub async fn shutdown(&self) {
        self.feed.shutdown();
        self.settings.shutdown();
        for it in &self.running {
            if let Some(job) = &*it.job.lock().unwrap_or_else(PoisonError::into_inner) {
                job.cancel();
            }
            // A thread that is gone already has nothing to be told.
            let _ = it.control.send(Control::Stop);
        }
        for it in &self.running {
            let thread = it.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread
                && !matches!(tokio::task::spawn_blocking(|| thread.join()).await, Ok(Ok(())))
            {
                let reason = "its thread ended badly".to_owned();
                it.shared.set_state(State::Halted { event: None, position: None, reason });
            }
        }
    }
}

impl Drop for Projections {
    fn drop(&mut self) {
        self.feed.shutdown();
        self.settings.shutdown();
        for it in &self.running {
            let _ = it.control.send(Control::Stop);
        }
    }
}

/// What is served of a projection. Rows that are damaged, or have seen more than the log holds, are set aside and
/// folded anew.
fn open_live(spec: Spec, home: &Home, store: &Arc<dyn EventStore>) -> Result<(Live, Generation), OpenError> {
    let (generation, table) = home.open_served(spec)?;
    let seen = table.checkpoint()?.unwrap_or_else(|| Cursor::start(store.partitions()));
    let why = if store.head().covers(&seen) {
        match Live::new(spec, table.clone(), generation.version, seen) {
            Err(error) if table.is_damaged() => error.to_string(),
            opened => return Ok((opened?, generation)),
        }
    } else {
        format!("they have seen the log up to {seen}, and it ends at {}", store.head())
    };
    tracing::error!(projection = spec.name, why, "rows set aside; they are rebuilt from the log");
    drop(table);
    home.set_aside(generation)?;
    let (generation, table) = home.open_served(spec)?;
    Ok((Live::new(spec, table, generation.version, Cursor::start(store.partitions()))?, generation))
}

fn start(spec: Spec, dir: Option<&Path>, store: &Arc<dyn EventStore>, options: Options) -> Result<Running, OpenError> {
    let (live, home) = match dir {
        None => (Live::new(spec, Table::memory(), spec.version, Cursor::start(store.partitions()))?, None),
        Some(dir) => {
            let home = Home::of(spec, dir, options.cache_bytes / ALL.len() as u64)?;
            let (live, generation) = open_live(spec, &home, store)?;
            (live, Some((home, generation)))
        }
    };
    let shared = Arc::new(Shared::new(spec, live));
    let (control, told) = mpsc::unbounded_channel();
    let job = Arc::default();
    let runner = Runner {
        shared: Arc::clone(&shared),
        store: Arc::clone(store),
        control: told,
        runtime: Handle::current(),
        home: home.clone(),
        job: Arc::clone(&job),
        keeper: None,
        mended: false,
    };
    let thread = Mutex::new(Some(runner.spawn()?));
    let home = home.map(|(home, _)| home);
    let pace = Pace::follow(&shared);
    Ok(Running {
        shared,
        control,
        thread,
        home,
        job,
        candidate: Arc::default(),
        compared: Mutex::default(),
        pace,
        census: Arc::default(),
    })
}
