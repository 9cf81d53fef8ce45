//! Watches what takes long: a rebuild or a comparison in a running server, and the bar that shows either.

use super::super::remote::Remote;
use super::super::{Exit, Failure};
use super::{ADDRESS, show};
use crate::operation::{ComparisonView, HowToRebuild, ProjectionView, RebuildView};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::time::Duration;

/// How often the bar moves.
pub(super) const LOOKED_AT_EVERY: Duration = Duration::from_millis(200);

/// How often a server is asked.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// A bar on standard error, where a person looks.
pub(super) fn bar(name: &str, shown: bool) -> ProgressBar {
    let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let template = "{prefix} {bar:40} {human_pos}/{human_len} events {msg}";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
    bar.set_prefix(name.to_owned());
    bar
}

/// Has a server rebuild, and watches it unless `detach`; ctrl-c ends the rebuild in good order.
pub(super) async fn rebuild(
    remote: &Remote,
    name: &str,
    how: &HowToRebuild,
    detach: bool,
    shown: bool,
) -> Result<RebuildView, Failure> {
    let address = format!("{ADDRESS}/{name}/rebuild");
    let mut building = of(remote.post(&address, how).await?)?;
    let bar = bar(name, shown);
    while building.state == "running" && !detach {
        show::progress(&bar, &building);
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {
                remote.delete::<Value>(&address).await?;
            }
            () = tokio::time::sleep(ASKED_EVERY) => {}
        }
        building = of(remote.get(&format!("{ADDRESS}/{name}")).await?)?;
    }
    bar.finish_and_clear();
    Ok(building)
}

fn of(projection: ProjectionView) -> Result<RebuildView, Failure> {
    projection.rebuild.ok_or_else(|| Failure::new(Exit::Failed, "the server knows nothing of the rebuild any more"))
}

/// Has a server compare, and waits for what comes out.
pub(super) async fn compare(remote: &Remote, name: &str, shown_max: usize) -> Result<ComparisonView, Failure> {
    let asked = json!({ "shown_max": shown_max });
    let answer: Value = remote.post(&format!("{ADDRESS}/{name}/compare"), &asked).await?;
    if let Ok(compared) = serde_json::from_value(answer) {
        return Ok(compared);
    }
    loop {
        tokio::time::sleep(ASKED_EVERY).await;
        let projection: ProjectionView = remote.get(&format!("{ADDRESS}/{name}")).await?;
        let Some(compared) = projection.comparison else {
            return Err(Failure::new(Exit::Failed, "the server knows nothing of the comparison any more"));
        };
        match (compared.running, compared.found, compared.failed) {
            (true, _, _) => {}
            (false, Some(found), _) => return Ok(found),
            (false, None, failed) => return Err(Failure::new(Exit::Failed, failed.unwrap_or_default())),
        }
    }
}
