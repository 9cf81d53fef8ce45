//! `clew projections`: how the views of the log fare; rebuilding one beside the one that is served, comparing the
//! two, exchanging them. Of a data directory while no server runs, or of a running server (`--server`).

mod local;
mod show;
mod watch;

use self::local::Local;
use super::remote::{Remote, Server};
use super::{Exit, Failure};
use crate::config::Place;
use crate::operation::{ComparisonView, EstimateView, HowToRebuild, ProjectionView};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

const ADDRESS: &str = "/v1/operator/projections";

/// The arguments of `clew projections`.
#[derive(Args)]
pub(super) struct Projections {
    #[command(subcommand)]
    action: Action,
}

/// Whose projections.
#[derive(Args)]
struct Whose {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
}

#[derive(Subcommand)]
enum Action {
    /// List the projections: state, position, lag, rate, rows, size, last rebuild
    List {
        /// Print one JSON object a projection
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Show one projection in full
    Show {
        /// Its name, as `list` shows it
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Build a projection anew beside the one that is served; ctrl-c ends it, and the next rebuild goes on from there
    Rebuild(Rebuild),
    /// Compare what was rebuilt with what is served, row by row; fails if they differ
    Compare {
        /// Its name
        name: String,
        /// Rows that differ, shown at most
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        show: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Serve what was rebuilt; what was served before is kept
    Swap {
        /// Its name
        name: String,
        /// Also if the two differ, or were not compared
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Serve again what was served before the last swap
    Rollback {
        /// Its name
        name: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Delete all rows that are not served
    Drop {
        /// Its name
        name: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Let a halted projection of a running server try again
    Retry {
        /// Its name
        name: String,
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Rebuild {
    /// The projections to rebuild, one after the other
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// Rebuild every projection
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Facts in a second at most; full speed, if absent
    #[arg(long, value_name = "FACTS", value_parser = clap::value_parser!(u32).range(1..))]
    max_rate: Option<u32>,
    /// How much to yield to other work on the processor: 0 not at all, 19 most
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=19))]
    nice: u8,
    /// Begin anew instead of going on where an interrupted rebuild was
    #[arg(long)]
    afresh: bool,
    /// Only tell how long it would take and how much space
    #[arg(long)]
    dry_run: bool,
    /// Leave it to the server and return at once
    #[arg(long, requires = "server")]
    detach: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    whose: Whose,
}

impl Action {
    fn whose(&self) -> &Whose {
        match self {
            Self::Rebuild(rebuild) => &rebuild.whose,
            Self::List { whose, .. }
            | Self::Show { whose, .. }
            | Self::Compare { whose, .. }
            | Self::Swap { whose, .. }
            | Self::Rollback { whose, .. }
            | Self::Drop { whose, .. }
            | Self::Retry { whose, .. } => whose,
        }
    }
}

/// Where the projections are.
enum Desk {
    Local(Local),
    Server(Remote),
}

impl Projections {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Whose { place, server } = self.action.whose();
        let desk = match server.remote()? {
            Some(remote) => Desk::Server(remote),
            None => Desk::Local(Local::open(place)?),
        };
        match &self.action {
            Action::List { json: true, .. } => desk.all().await?.iter().for_each(show::json),
            Action::List { json: false, .. } => show::table(&desk.all().await?),
            Action::Show { name, json: true, .. } => show::json(&desk.one(name).await?),
            Action::Show { name, json: false, .. } => show::full(&desk.one(name).await?),
            Action::Rebuild(how) => rebuild(&desk, how).await?,
            Action::Compare { name, show, json, .. } => compare(&desk, name, *show, *json).await?,
            Action::Swap { name, force, .. } => {
                desk.act(name, Act::Swap { force: *force }).await?;
                println!("{name}: what was rebuilt is served{}.", desk.since());
            }
            Action::Rollback { name, .. } => {
                desk.act(name, Act::Rollback).await?;
                println!("{name}: what was served before is served again{}.", desk.since());
            }
            Action::Drop { name, .. } => {
                desk.act(name, Act::Drop).await?;
                println!("{name}: only what is served is kept.");
            }
            Action::Retry { name, .. } => {
                desk.act(name, Act::Retry).await?;
                println!("{name}: it tries again; `clew projections show {name}` tells whether it got on.");
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<ProjectionView>,
}

/// What is done to a projection and answers at once.
#[derive(Clone, Copy)]
enum Act {
    Swap { force: bool },
    Rollback,
    Drop,
    Retry,
}

impl Desk {
    fn since(&self) -> &'static str {
        match self {
            Self::Local(_) => " from the next start on",
            Self::Server(_) => "",
        }
    }

    async fn all(&self) -> Result<Vec<ProjectionView>, Failure> {
        match self {
            Self::Local(local) => local.all().await,
            Self::Server(remote) => Ok(remote.get::<Listed>(ADDRESS).await?.items),
        }
    }

    async fn one(&self, name: &str) -> Result<ProjectionView, Failure> {
        match self {
            Self::Local(local) => local.one(name).await,
            Self::Server(remote) => remote.get(&format!("{ADDRESS}/{name}")).await,
        }
    }

    async fn estimate(&self, name: &str, how: &HowToRebuild) -> Result<EstimateView, Failure> {
        match self {
            Self::Local(local) => local.estimate(name, how.options()).await,
            Self::Server(remote) => remote.post(&format!("{ADDRESS}/{name}/rebuild"), how).await,
        }
    }

    async fn compare(&self, name: &str, shown_max: usize) -> Result<ComparisonView, Failure> {
        match self {
            Self::Local(local) => local.compare(name, shown_max).await,
            Self::Server(remote) => watch::compare(remote, name, shown_max).await,
        }
    }

    async fn act(&self, name: &str, act: Act) -> Result<(), Failure> {
        let remote = match self {
            Self::Local(local) => return local.act(name, act).await,
            Self::Server(remote) => remote,
        };
        let (verb, body) = match act {
            Act::Swap { force } => ("swap", json!({ "force": force })),
            Act::Rollback => ("rollback", json!({})),
            Act::Drop => ("drop", json!({})),
            Act::Retry => ("retry", json!({})),
        };
        remote.post::<ProjectionView>(&format!("{ADDRESS}/{name}/{verb}"), &body).await.map(drop)
    }
}

async fn rebuild(desk: &Desk, how: &Rebuild) -> Result<(), Failure> {
    let names = if how.all { desk.all().await?.into_iter().map(|it| it.name).collect() } else { how.names.clone() };
    let Rebuild { max_rate, nice, afresh, dry_run, .. } = *how;
    let options = HowToRebuild { max_rate, nice, afresh, dry_run };
    for name in &names {
        if dry_run {
            show::estimate(name, &desk.estimate(name, &options).await?);
            continue;
        }
        let done = match desk {
            Desk::Local(local) => local.rebuild(name, &options, !how.quiet).await?,
            Desk::Server(remote) => watch::rebuild(remote, name, &options, how.detach, !how.quiet).await?,
        };
        match done.state.as_str() {
            "running" => {
                println!("{name}: the server rebuilds it; `clew projections show {name}` tells how far it is.");
            }
            "ready" => show::rebuilt(name, &done),
            "cancelled" => {
                let why = format!("{name}: interrupted; the next rebuild goes on from there");
                return Err(Failure::new(Exit::Partial, why));
            }
            _ => {
                let why = done.reason.as_deref().unwrap_or("it is not told why");
                return Err(Failure::new(Exit::Failed, format!("{name}: the rebuild failed: {why}")));
            }
        }
    }
    Ok(())
}

async fn compare(desk: &Desk, name: &str, shown_max: usize, json: bool) -> Result<(), Failure> {
    let compared = desk.compare(name, shown_max).await?;
    if json {
        println!("{}", serde_json::to_string(&compared).expect("a comparison is plain data"));
    } else {
        show::comparison(&compared);
    }
    if compared.differing == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("{name}: {} rows differ", compared.differing)))
}
