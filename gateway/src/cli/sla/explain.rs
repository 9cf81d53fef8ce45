//! `clew sla explain`: the clocks of a conversation, each with all its time, as the API explains them.

use super::super::{Exit, Failure};
use super::log::Log;
use crate::config::Place;
use crate::routes::sla::explained;
use clap::Args;
use clew_domain::fact::Fact;
use clew_domain::ids::{ConversationId, EventId};
use clew_domain::sla::{Counting, End, Explanation, Metric, Rule, Taken};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::store::EventStore;
use clew_projections::action::Action;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::fmt::Write;
use uuid::Uuid;

/// The arguments of `clew sla explain`.
#[derive(Args)]
pub(super) struct Explain {
    /// Which conversation
    conversation: Uuid,
    /// Up to which instant (RFC 3339) [default: now]
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// The time zone of the times (IANA)
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Print the JSON that the API answers with
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Explain {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let zone = TimeZone::get(&self.tz)
            .map_err(|_| Failure::new(Exit::Usage, "--tz is not a time zone; give one such as Europe/Paris"))?;
        let now = match &self.at {
            Some(text) => super::instant(text)?,
            None => jiff::Timestamp::now().into(),
        };
        let log = Log::open(&self.place)?;
        let conversation = ConversationId(self.conversation);
        let facts = log.store.read_stream(conversation.into(), 0).await?;
        let clocks = explained(&log.store, &facts, now).await?;
        let Some((_, clocks)) = clocks else {
            return Err(Failure::new(Exit::NotFound, format!("there is no conversation {conversation} in this log")));
        };
        if self.json {
            println!("{}", serde_json::json!({ "items": clocks }));
            return Ok(());
        }
        if clocks.is_empty() {
            println!("nothing was promised for this conversation");
        }
        let words = Words { workspace: log.workspace()?, facts: by_id(&facts), zone };
        for clock in &clocks {
            print!("{}", words.clock(clock));
        }
        Ok(())
    }
}

fn by_id(facts: &[Fact]) -> HashMap<EventId, Action> {
    facts.iter().map(|fact| (fact.id, Action::of(&fact.event))).collect()
}

/// Says in words what an explanation holds.
struct Words {
    workspace: WorkspaceState,
    facts: HashMap<EventId, Action>,
    zone: TimeZone,
}

impl Words {
    fn clock(&self, it: &Explanation) -> String {
        let mut text = String::new();
        let policy = self.workspace.sla.policy(it.policy).map_or_else(|| it.policy.to_string(), |it| it.name.clone());
        let metric = match it.metric {
            Metric::FirstResponse => "first response",
            Metric::NextResponse => "next response",
            Metric::Resolution => "resolution",
        };
        let by = match (it.counting, it.calendar) {
            (Counting::BusinessTime, Some(calendar)) => {
                let known = self.workspace.sla.calendars.get(&calendar);
                let name = known.map_or_else(|| calendar.to_string(), |it| it.calendar().name.clone());
                format!("business time of {name}")
            }
            (Counting::BusinessTime, None) => "business time, without a calendar: all of it".to_owned(),
            (Counting::CalendarTime, _) => "calendar time".to_owned(),
        };
        let mut line = |words: String| writeln!(text, "{words}").expect("writing to a String does not fail");
        line(format!("{metric}: {} of {by}, promised by {policy}", length(i64::from(it.target_s) * 1_000_000)));
        line(format!("  started {}, {}", self.at(it.started_at), self.fact(it.started_by)));
        for interval in &it.intervals {
            let lasted = interval.to.micros() - interval.from.micros();
            let (word, why) = self.taken(&interval.taken);
            let (from, to) = (self.at(interval.from), self.at(interval.to));
            line(format!("  {from} to {to}  {:>12}  {word}: {why}", length(lasted)));
        }
        line(format!("  counted {}", length(it.counted_us)));
        match (it.breach, it.due_at) {
            (Some(breach), _) => line(format!("  breached, due {}", self.at(breach.due))),
            (None, Some(due)) => line(format!("  in time, due {}", self.at(due))),
            (None, None) => line("  in time, without a due instant while it stands still".to_owned()),
        }
        match it.ended {
            Some(ended) => {
                let how = match ended.how {
                    End::Answered => "answered",
                    End::Resolved => "resolved",
                };
                line(format!("  {how} {}, {}", self.at(ended.at), self.fact(ended.by)));
            }
            None => line("  runs".to_owned()),
        }
        text
    }

    fn at(&self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from(at).to_zoned(self.zone.clone());
        at.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn fact(&self, id: EventId) -> String {
        self.facts.get(&id).map_or_else(|| format!("event {id}"), |action| format!("{action} (event {id})"))
    }

    fn taken(&self, taken: &Taken) -> (&'static str, String) {
        match taken {
            Taken::Counted => ("counted", "every hour counts".to_owned()),
            Taken::CountedOpen(rule) => ("counted", format!("open by {}", rule_of(rule))),
            Taken::Closed(rule) => ("excluded", format!("closed by {}", rule_of(rule))),
            Taken::Paused(by) | Taken::Blocked(by) => ("paused", self.fact(*by)),
        }
    }
}

fn rule_of(rule: &Rule) -> String {
    match rule {
        Rule::Week => "the week".to_owned(),
        Rule::Holiday { name } => format!("the holiday {name}"),
        Rule::Exception { date } => format!("the exception of {date}"),
    }
}

/// A length of time as hours, minutes and seconds.
fn length(micros: i64) -> String {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { text } else { format!("{text}.{:03}", rest / 1_000) }
}
