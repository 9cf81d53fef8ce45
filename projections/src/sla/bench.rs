//! Measures the view over many open conversations on this machine: folding, pages, and an edit that moves every clock.

use super::board::Board;
use super::{Scope, Sla, SlaReader};
use crate::bench::BenchError;
use crate::engine::Engine;
use crate::histories::Traffic;
use crate::projection::{FoldError, Spec};
use crate::reader::{Live, Shared};
use crate::table::Table;
use clew_domain::content::{Commitment, ContentId, ContentRef};
use clew_domain::conversation::{
    Assignee, AssignmentCause, ConversationEvent as E, MessageKind, MessageReceived, ReplyMode, ReplyOrigin, ReplySent,
    ResolveReason, ReturnCause, Started, Visibility,
};
use clew_domain::fact::{Actor, Event, Fact, NewFact, Position};
use clew_domain::ids::{
    CalendarId, ChannelId, CommandId, ContactId, ConversationId, CorrelationId, EventId, MessageId, SlaPolicyId,
    StreamId, TeamId, ThreadId,
};
use clew_domain::sla::{Calendar, Conditions, Counting, Period, Policy, Target, Targets, Warning, Week};
use clew_domain::time::Timestamp;
use clew_domain::workspace::WorkspaceEvent;
use clew_eventstore::cursor::Cursor;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Facts between two saves, as when the view follows a busy log.
const FACTS_PER_SAVE: usize = 2_048;
const CHANNELS: u64 = 25;
const TEAMS: u64 = 10;
/// Bytes that the rows may be cached in, as in the server.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
const PAGES: usize = 2_000;
const PAGE_CLOCKS: usize = 50;
const OFFICE: CalendarId = CalendarId(Uuid::from_u128(3));
const POLICY: SlaPolicyId = SlaPolicyId(Uuid::from_u128(4));

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Conversations in which a clock runs.
    pub conversations: u64,
    /// Facts in a second while they began: folded, put in order and saved.
    pub begin_events_per_s: f64,
    /// Facts in a second with all of them open, while contacts write and are answered as people do
    /// (`histories/traffic.rs`): folded, put in order and saved.
    pub traffic_events_per_s: f64,
    /// The same without saving: folded alone.
    pub traffic_fold_events_per_s: f64,
    /// Facts in a second with all of them open, where a quarter of them are of any of these: folded, put in order and
    /// saved.
    pub open_events_per_s: f64,
    /// The same without saving: folded alone.
    pub fold_events_per_s: f64,
    /// Half of the pages of what is due next took at most so long, in microseconds.
    pub due_page_p50_us: f64,
    /// All but one in a hundred took at most so long.
    pub due_page_p99_us: f64,
    /// Until an edit of a policy had moved every clock, in seconds.
    pub edit_s: f64,
    /// All but one in a hundred of the pages that were read meanwhile took at most so long, in microseconds.
    pub edit_page_p99_us: f64,
    /// The longest of them.
    pub edit_page_max_us: f64,
    /// How long it takes to put the rows in order when they are opened, in seconds.
    pub open_s: f64,
}

struct Desk {
    shared: Arc<Shared>,
    engine: Engine,
    sequence: u64,
    now: Timestamp,
    random: u64,
    /// How far each conversation is in its course.
    steps: HashMap<u64, u8>,
    folding: Duration,
}

/// Folds a log of so many open conversations and so many further facts, with rows in `dir`, which is to be empty.
/// `step` is told what comes next.
pub fn run(dir: &Path, conversations: u64, events: u64, mut step: impl FnMut(&str)) -> Result<Report, BenchError> {
    step("contacts write and are answered");
    let (traffic_events_per_s, traffic_fold_events_per_s) = traffic(&dir.join("traffic"), conversations, events)?;
    step("opening conversations");
    let mut desk = Desk::open(&dir.join("all"))?;
    let (begin_events_per_s, _) = desk.measured(2 * conversations, |desk, n| desk.begin(n / 2, n % 2 == 1))?;
    step("folding with all of them open");
    let (open_events_per_s, fold_events_per_s) = desk.measured(events, |desk, _| desk.goes_on(conversations))?;
    let reader = SlaReader::new(Arc::clone(&desk.shared));
    step("pages");
    let mut pages = Vec::with_capacity(PAGES);
    for n in 0..PAGES {
        pages.push(page(&reader, desk.now, n)?);
    }
    step("an edit of a policy");
    let (edit_s, mut meanwhile) = desk.edit(&reader)?;
    step("opening the rows anew");
    let (table, cursor) = desk.shared.read_live(|live| (live.table.clone(), live.cursor.clone()));
    let began = Instant::now();
    drop(Live::new(Spec::of::<Sla>(), table, 0, cursor)?);
    let open_s = began.elapsed().as_secs_f64();
    Ok(Report {
        conversations,
        begin_events_per_s,
        traffic_events_per_s,
        traffic_fold_events_per_s,
        open_events_per_s,
        fold_events_per_s,
        due_page_p50_us: at(&mut pages, 50),
        due_page_p99_us: at(&mut pages, 99),
        edit_s,
        edit_page_p99_us: at(&mut meanwhile, 99),
        edit_page_max_us: at(&mut meanwhile, 100),
        open_s,
    })
}

/// Fills a desk at which nobody answers, then measures it while contacts are answered.
fn traffic(dir: &Path, conversations: u64, events: u64) -> Result<(f64, f64), BenchError> {
    let mut desk = Desk::bare(dir)?;
    let mut traffic = Traffic::unanswered(1);
    let mut ahead = Vec::new();
    while traffic.open() < conversations {
        ahead.extend(traffic.advance());
        if ahead.len() >= FACTS_PER_SAVE {
            desk.take(&ahead)?;
            ahead.clear();
        }
    }
    traffic.answer_from_now_on();
    let mut ahead = VecDeque::from(ahead);
    desk.measured(events, |_, _| {
        loop {
            if let Some(fact) = ahead.pop_front() {
                return fact;
            }
            ahead.extend(traffic.advance());
        }
    })
}

fn at(times: &mut [Duration], part: usize) -> f64 {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((times.len() * part / 100).min(last)).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn page(reader: &SlaReader, now: Timestamp, n: usize) -> Result<Duration, BenchError> {
    let scopes = [Scope::All, Scope::New, Scope::Policy(POLICY), Scope::Channel(channel(n as u64))];
    let began = Instant::now();
    reader.due_next(scopes[n % scopes.len()], now, None, PAGE_CLOCKS)?;
    Ok(began.elapsed())
}

impl Desk {
    fn open(dir: &Path) -> Result<Self, BenchError> {
        let mut desk = Self::bare(dir)?;
        let settings = [desk.setting(calendar()), desk.setting(policy(3_600))];
        desk.take(&settings)?;
        Ok(desk)
    }

    /// Without anything promised.
    fn bare(dir: &Path) -> Result<Self, BenchError> {
        std::fs::create_dir_all(dir)?;
        let (spec, table) = (Spec::of::<Sla>(), Table::open(dir, CACHE_BYTES)?);
        let live = Live::new(spec, table.clone(), spec.version, Cursor::start(1))?;
        let engine = Engine::resume(spec, table, 1)?;
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let shared = Arc::new(Shared::new(spec, live));
        Ok(Self { shared, engine, sequence: 0, now, random: 1, steps: HashMap::new(), folding: Duration::ZERO })
    }

    // SplitMix64 (Steele, Lea and Flood 2014).
    fn roll(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.random)
    }

    fn fact(&mut self, stream: StreamId, event: Event) -> Fact {
        self.sequence += 1;
        self.now = self.now.plus_micros(1_000);
        let command = CommandId(Uuid::from_u64_pair(1, self.sequence));
        let body = NewFact {
            id: EventId(Uuid::from_u64_pair(mixed(self.sequence), self.sequence)),
            occurred_at: self.now,
            actor: Actor::System,
            command,
            causation: None,
            correlation: CorrelationId(command.0),
            settings_version: 2,
            event,
        };
        let position = Position { partition: 0, sequence: self.sequence };
        Fact { position, stream, version: self.sequence, recorded_at: self.now, body }
    }

    fn setting(&mut self, event: WorkspaceEvent) -> Fact {
        self.fact(StreamId::WORKSPACE, Event::Workspace(event))
    }

    fn begin(&mut self, n: u64, writes: bool) -> Fact {
        let event = if writes {
            message()
        } else {
            let contact = ContactId(Uuid::from_u64_pair(mixed(n), n));
            E::Started(Started {
                contact,
                channel: channel(n),
                thread: ThreadId(Uuid::from_u64_pair(7, n)),
                root: None,
                number: 1,
                previous: None,
                visibility: Visibility::Private,
            })
        };
        self.fact(conversation(n).into(), Event::Conversation(event))
    }

    /// What happens next in some conversation: each goes from an answer over a pause to its end, and begins again.
    fn goes_on(&mut self, conversations: u64) -> Fact {
        // Most of what happens at a desk happens to a few of its conversations.
        let range = if self.roll().is_multiple_of(4) { conversations } else { (conversations / 50).max(1) };
        let which = self.roll() % range;
        let known = self.steps.entry(which).or_default();
        let step = *known;
        *known = (step + 1) % 10;
        let event = match step {
            0 => E::Assigned {
                to: Assignee::Team(TeamId(Uuid::from_u64_pair(9, which % TEAMS))),
                cause: AssignmentCause::ByHand,
            },
            1 | 6 => reply(),
            2 => E::Pended { until: None },
            3 | 8 => E::ReturnedToNew { cause: ReturnCause::ByHand },
            7 => E::Resolved { reason: ResolveReason::Answered, bulk: None },
            _ => message(),
        };
        self.fact(conversation(which).into(), Event::Conversation(event))
    }

    /// Facts in a second, wholly and folded alone; made beforehand, batch by batch.
    #[allow(clippy::cast_precision_loss)]
    fn measured(
        &mut self,
        events: u64,
        mut make: impl FnMut(&mut Self, u64) -> Fact,
    ) -> Result<(f64, f64), BenchError> {
        let (mut took, mut done) = (Duration::ZERO, 0);
        self.folding = Duration::ZERO;
        while done < events {
            let many = (FACTS_PER_SAVE as u64).min(events - done);
            let batch: Vec<Fact> = (done..done + many).map(|n| make(self, n)).collect();
            let began = Instant::now();
            self.take(&batch)?;
            took += began.elapsed();
            done += many;
        }
        Ok((events as f64 / took.as_secs_f64(), events as f64 / self.folding.as_secs_f64()))
    }

    /// Folds and saves, as whoever follows the log does.
    fn take(&mut self, facts: &[Fact]) -> Result<(), BenchError> {
        let began = Instant::now();
        self.engine.fold(facts).map_err(|stuck| stuck.error)?;
        self.folding += began.elapsed();
        let (changes, cursor) = self.engine.changes()?;
        self.shared.update(|live| {
            let derived = live.derived.clone();
            let follow = derived.as_ref().map(|derived| derived.follow(&changes)).transpose()?;
            live.table.save(changes, cursor)?;
            if let Some(follow) = follow {
                follow();
            }
            live.cursor = Cursor::clone(cursor);
            Ok::<(), FoldError>(())
        })?;
        Ok(())
    }

    /// Halves the promise for every open clock, while pages are read.
    fn edit(&mut self, reader: &SlaReader) -> Result<(f64, Vec<Duration>), BenchError> {
        let (done, now) = (AtomicBool::new(false), self.now);
        thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut pages = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    pages.push(page(reader, now, pages.len())?);
                }
                Ok::<_, BenchError>(pages)
            });
            let edit = [self.setting(policy(1_800))];
            let began = Instant::now();
            let taken = self.take(&edit);
            while !reader.read(|view| view.derived::<Board>().map(Board::is_settled))? {
                thread::sleep(Duration::from_millis(1));
            }
            let took = began.elapsed().as_secs_f64();
            done.store(true, Ordering::Relaxed);
            taken?;
            let pages = reading.join().map_err(|_| BenchError::Fold(FoldError::Panicked))??;
            Ok((took, pages))
        })
    }
}

fn mixed(value: u64) -> u64 {
    let mixed = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn conversation(n: u64) -> ConversationId {
    ConversationId(Uuid::from_u64_pair(mixed(n + 1), n))
}

fn channel(n: u64) -> ChannelId {
    ChannelId(Uuid::from_u64_pair(8, n % CHANNELS))
}

fn content() -> ContentRef {
    ContentRef { id: ContentId(1), commitment: Commitment([0; 32]) }
}

fn message() -> E {
    E::MessageReceived(MessageReceived {
        message: MessageId(Uuid::nil()),
        content: content(),
        kind: MessageKind::Email,
        answers: None,
        attachments: Vec::new(),
        groups: Some(Vec::new()),
    })
}

fn reply() -> E {
    E::ReplySent(ReplySent {
        reply: MessageId(Uuid::nil()),
        content: content(),
        kind: MessageKind::Email,
        channel: channel(0),
        mode: ReplyMode::Plain,
        attachments: Vec::new(),
        origin: ReplyOrigin::Desk,
    })
}

fn calendar() -> WorkspaceEvent {
    let time = |minutes| clew_domain::sla::LocalTime::from_minutes(minutes).expect("a time of the day");
    let day = [Period { from: time(540), to: time(1_020) }];
    let (name, zone) = ("Office".to_owned(), "Europe/Paris".to_owned());
    let week = Week::workdays(&day);
    let definition = Calendar { name, zone, week, holidays: Vec::new(), exceptions: Vec::new() };
    WorkspaceEvent::CalendarSet { calendar: OFFICE, definition: Box::new(definition), apply_to_open: false }
}

fn policy(seconds: u32) -> WorkspaceEvent {
    let definition = Policy {
        name: "An hour".to_owned(),
        conditions: Conditions::default(),
        targets: Targets {
            next_response: Some(Target { seconds, counting: Counting::BusinessTime }),
            resolution: Some(Target { seconds: 8 * seconds, counting: Counting::BusinessTime }),
            ..Targets::default()
        },
        calendar: Some(OFFICE),
        warning: Warning::UsedPercent(75),
        pending_pauses: true,
        automatic_replies_count: false,
    };
    WorkspaceEvent::SlaPolicySet { policy: POLICY, definition: Box::new(definition), apply_to_open: seconds < 3_600 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every clock, in order, with its due instant.
    fn all(reader: &SlaReader, now: Timestamp) -> Vec<(ConversationId, Option<Timestamp>)> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = reader.by_due(Scope::All, now, after.as_deref(), 500).unwrap();
            all.extend(page.items.iter().map(|it| (it.conversation, it.due_at)));
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    #[test]
    fn an_edit_moves_every_clock_beside_readers_to_where_rows_opened_anew_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut desk = Desk::open(dir.path()).unwrap();
        desk.measured(5_000, |desk, n| desk.begin(n / 2, n % 2 == 1)).unwrap();
        desk.measured(5_000, |desk, _| desk.goes_on(2_500)).unwrap();
        let reader = SlaReader::new(Arc::clone(&desk.shared));
        let before = all(&reader, desk.now);
        assert!(before.len() > 2_500, "more clocks than are moved at once");
        desk.edit(&reader).unwrap();
        let after = all(&reader, desk.now);
        assert!(after.is_sorted_by_key(|(_, due)| *due));
        assert_ne!(before, after, "the promise is shorter by half");
        let (table, cursor) = desk.shared.read_live(|live| (live.table.clone(), live.cursor.clone()));
        assert_eq!(all(&SlaReader::still(table, cursor), desk.now), after);
        desk.measured(2_000, |desk, _| desk.goes_on(2_500)).unwrap();
        let (table, cursor) = desk.shared.read_live(|live| (live.table.clone(), live.cursor.clone()));
        assert_eq!(all(&SlaReader::still(table, cursor), desk.now), all(&reader, desk.now));
    }
}
