//! `clew sla what-if`: all promises of a log once more, under the rules that were in force and under those of a file.

use super::super::progress::Progress;
use super::super::{Exit, Failure};
use super::log::Log;
use super::report::{Counting, Under};
use super::rules_file::RulesFile;
use crate::config::Place;
use clap::Args;
use clew_domain::sla::{Groups, Replay, Rules};
use clew_domain::time::Timestamp;
use jiff::tz::TimeZone;
use std::io::Write;
use std::path::PathBuf;

/// Facts between two looks at the progress.
const FACTS_PER_STEP: u64 = 10_000;

/// The arguments of `clew sla what-if`.
#[derive(Args)]
pub(super) struct WhatIf {
    /// Policies and calendars in TOML or JSON, to be put over those in force; may be given again
    #[arg(long = "policy", visible_alias = "calendar", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Count what came about at this instant or later (RFC 3339) [default: from the beginning]
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// Count what came about before this instant (RFC 3339) [default: now]
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
    /// The time zone of the hours (IANA)
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Print one JSON object, with every hour
    #[arg(long)]
    json: bool,
    /// Print one line a channel and hour, separated by commas
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    place: Place,
}

impl WhatIf {
    pub(super) fn run(self) -> Result<(), Failure> {
        let zone = TimeZone::get(&self.tz)
            .map_err(|_| Failure::new(Exit::Usage, "--tz is not a time zone; give one such as Europe/Paris"))?;
        let now = Timestamp::from(jiff::Timestamp::now());
        let from = self.from.as_deref().map(super::instant).transpose()?.unwrap_or(Timestamp::MIN);
        let to = self.to.as_deref().map(super::instant).transpose()?.unwrap_or(now);
        if to <= from {
            return Err(Failure::new(Exit::Usage, "--to must be later than --from"));
        }
        let files = self.files.iter().map(|path| RulesFile::read(path)).collect::<Result<Vec<_>, _>>()?;
        let log = Log::open(&self.place)?;
        let workspace = log.workspace()?;
        let mut rules = Rules::clone(&workspace.sla);
        for file in files {
            file.over(&mut rules, &workspace)?;
        }
        let mut counting = Counting::new(from, to, zone);
        replay(&log, rules, now, &mut counting)?;
        let report = counting.report(log.facts(), &workspace);
        let text = if self.json {
            format!("{}\n", serde_json::json!(report))
        } else if self.csv {
            report.csv()
        } else {
            report.text()
        };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}

/// Takes the whole log in once, for both.
fn replay(log: &Log, rules: Rules, now: Timestamp, counting: &mut Counting) -> Result<(), Failure> {
    let (mut as_it_was, mut under) = (Replay::as_it_was(), Replay::under(rules));
    let progress = Progress::new(true, log.facts(), "facts");
    let (mut groups, mut done) = (Groups::default(), 0);
    log.scan(|fact| {
        as_it_was.take(fact, &groups, |outcome| counting.count(Under::Now, &outcome));
        under.take(fact, &groups, |outcome| counting.count(Under::Then, &outcome));
        groups.take(fact);
        done += 1;
        if done % FACTS_PER_STEP == 0 {
            progress.at(done);
        }
    })?;
    progress.finish();
    as_it_was.end(now, |outcome| counting.count(Under::Now, &outcome));
    under.end(now, |outcome| counting.count(Under::Then, &outcome));
    Ok(())
}
