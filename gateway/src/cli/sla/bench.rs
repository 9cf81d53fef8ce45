//! `clew sla bench`: how fast the view is on this machine with many conversations open.

use super::super::{Exit, Failure};
use clap::Args;
use clew_projections::sla::bench::{Report, run};
use std::path::PathBuf;

/// The arguments of `clew sla bench`.
#[derive(Args)]
pub(super) struct Bench {
    /// Conversations that are open
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    conversations: u64,
    /// Facts that are folded while they are
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    events: u64,
    /// A directory that is not there yet; it is removed again
    #[arg(long, value_name = "DIR", default_value = "clew-sla-bench")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.dir.exists() {
            let why = format!("{} is there already; name a directory that is not", self.dir.display());
            return Err(Failure::new(Exit::Usage, why));
        }
        let measured = run(&self.dir, self.conversations, self.events, |step| eprintln!("{step}"));
        std::fs::remove_dir_all(&self.dir)?;
        let report = measured.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        if self.json {
            println!("{}", serde_json::json!(report));
        } else {
            print(&report);
        }
        Ok(())
    }
}

fn print(it: &Report) {
    println!("{} conversations open", it.conversations);
    println!("folded and saved while they began     {:>12.0} events/s", it.begin_events_per_s);
    println!("contacts write and are answered, saved{:>12.0} events/s", it.traffic_events_per_s);
    println!("folded alone                          {:>12.0} events/s", it.traffic_fold_events_per_s);
    println!("a quarter of any of them, saved        {:>12.0} events/s", it.open_events_per_s);
    println!("folded alone                          {:>12.0} events/s", it.fold_events_per_s);
    println!("page of what is due next, p50         {:>12.0} us", it.due_page_p50_us);
    println!("page of what is due next, p99         {:>12.0} us", it.due_page_p99_us);
    println!("an edit that moves every clock        {:>12.2} s", it.edit_s);
    println!("pages meanwhile, p99                  {:>12.0} us", it.edit_page_p99_us);
    println!("pages meanwhile, longest              {:>12.0} us", it.edit_page_max_us);
    println!("opening the rows anew                 {:>12.2} s", it.open_s);
}
