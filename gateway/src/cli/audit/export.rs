//! `clew audit export`: writes a bundle for auditors, while no server runs. That it was written is recorded.

use super::instant;
use crate::cli::offline::Offline;
use crate::cli::{Exit, Failure};
use crate::config::Place;
use crate::error::Problem;
use crate::routes::audit;
use clap::Args;
use clew_domain::installation::DataReading;
use clew_domain::time::Timestamp;
use clew_eventstore::proofs::bundle::{self, REPORTS, report};
use clew_projections::audit::{Filter, Order};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Entries read at once.
const PAGE: usize = 500;

/// The arguments of `clew audit export`.
#[derive(Args)]
pub(in crate::cli) struct Export {
    /// Directory to write; must not be there yet
    bundle: PathBuf,

    /// Recorded at this instant or later (RFC 3339) [default: from the beginning]
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,

    /// Recorded before this instant (RFC 3339) [default: all there is]
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,

    #[command(flatten)]
    place: Place,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let from = self.from.as_deref().map(instant).transpose()?;
        let to = self.to.as_deref().map(instant).transpose()?;
        std::fs::create_dir(&self.bundle)
            .map_err(|error| Failure::new(Exit::Failed, format!("can't make {}: {error}", self.bundle.display())))?;
        let desk = Offline::open(&self.place).await?;
        let exported = self.export(&desk, from, to).await;
        desk.close().await;
        exported
    }

    async fn export(&self, desk: &Offline, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Failure> {
        let app = &desk.app.state;
        desk.record_reading(DataReading::AuditBundle).await?;
        let signed = app.proofs.refresh().await.map_err(Problem::from)?;
        let trail = app.projections.audit();
        let caught_up = trail.wait_for(&app.store.head(), super::CATCH_UP_MAX).await;
        caught_up.map_err(|behind| Failure::new(Exit::Failed, behind.to_string()))?;
        let behind = async |at: Option<Timestamp>, partition: u16, otherwise: u64| match at {
            None => Ok(otherwise),
            Some(at) => app.store.cursor_at(at.plus_micros(-1)).await.map(|cursor| cursor.sequence(partition)),
        };
        let logs = app.proofs.logs();
        for (log, signed) in logs.iter().zip(&signed) {
            let bundle = match logs {
                [_] => self.bundle.clone(),
                _ => self.bundle.join(bundle::of_partition(log.partition())),
            };
            std::fs::create_dir_all(&bundle)?;
            self::report(desk, &bundle, log.partition(), &Filter { from, to, ..Filter::default() })?;
            let size = signed.checkpoint().size;
            let first = behind(from, log.partition(), 0).await.map_err(Problem::from)?;
            let end = behind(to, log.partition(), size).await.map_err(Problem::from)?;
            let written =
                bundle::write(&bundle, log, app.proofs.leaves.as_ref(), signed, first..end, &mut |_| {}).await;
            let written = written.map_err(Problem::from)?;
            println!("{} holds {} of {size} facts.", bundle.display(), written.end - written.start);
        }
        println!("Give the auditor this public key by another way than the bundle:\n{}", logs[0].verifier());
        Ok(())
    }
}

/// Writes the trail of a partition as CSV and as a page, line by line.
fn report(desk: &Offline, bundle: &Path, partition: u16, filter: &Filter) -> Result<(), Failure> {
    let open = |name: &str| File::create(bundle.join(name)).map(BufWriter::new);
    let [csv, html] = REPORTS;
    let (mut csv, mut html) = (open(csv)?, open(html)?);
    csv.write_all(report::csv_head().as_bytes())?;
    let explanation = "Who did what, and when. The facts that these lines tell of lie beside this page, signed.";
    html.write_all(report::html_head("Audit trail", explanation).as_bytes())?;
    let (trail, workspace) = (desk.app.state.projections.audit(), desk.workspace());
    let mut cursor = None;
    loop {
        let page = trail.page(filter, Order::Oldest, cursor.as_deref(), PAGE).map_err(Problem::from)?;
        for entry in page.items.into_iter().filter(|entry| entry.position.partition == partition) {
            let number = entry.position.sequence;
            let row = row(number, &serde_json::json!(audit::view(&workspace, entry)));
            csv.write_all(report::csv_row(&row).as_bytes())?;
            html.write_all(report::html_row(&row).as_bytes())?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    html.write_all(report::html_foot().as_bytes())?;
    csv.flush()?;
    html.flush()?;
    Ok(())
}

/// A line of the report, from an entry as the API shows it.
fn row(number: u64, entry: &Value) -> report::Row {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let named = |value: &Value| {
        let name = text(&value["name"]);
        let name = if name.is_empty() { text(&value["id"]) } else { name };
        format!("{} {name}", text(&value["kind"])).trim().to_owned()
    };
    report::Row {
        number,
        recorded_at: text(&entry["recorded_at"]),
        occurred_at: text(&entry["at"]),
        actor: named(&entry["actor"]),
        action: text(&entry["action"]),
        object: named(&entry["object"]),
        details: text(&entry["details"]),
        cause: text(&entry["cause"]),
        fact: text(&entry["event_id"]),
    }
}
