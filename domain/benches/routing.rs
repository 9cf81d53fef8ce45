//! What a decision of routing costs while so many conversations wait: an agent has room again and is given the next. And
//! for how long it stands still while what it knows is copied to be kept, and what making it anew of that takes.
//! `cargo bench -p clew-domain --bench routing`. Times are for a machine, ratios are for the record.

use clew_domain::agent::{AgentState, Availability};
use clew_domain::conversation::{Conversation, ConversationEvent, Started, Visibility};
use clew_domain::decider::Decider;
use clew_domain::fact::{Actor, CommandMeta, Fact, Position, facts_of};
use clew_domain::ids::{AgentId, ChannelId, CommandId, ContactId, ConversationId, ThreadId};
use clew_domain::routing::{Board, Class, Floor, Place};
use clew_domain::time::Timestamp;
use clew_domain::workspace::{ChannelKind, ChannelProfile, Role, Workspace, WorkspaceEvent as W, WorkspaceState};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

const CHANNELS: u128 = 20;
const AGENTS: u128 = 1_000;
const DECISIONS: u32 = 20_000;

fn workspace() -> Arc<WorkspaceState> {
    let mut events = Vec::new();
    for n in 0..CHANNELS {
        let profile = ChannelProfile {
            kind: ChannelKind::Email,
            name: n.to_string(),
            visibility: Visibility::Private,
            reopens: false,
            team: None,
            reply_characters_max: None,
        };
        events.push(W::ChannelConnected { channel: ChannelId(Uuid::from_u128(n)), profile });
    }
    for n in 0..AGENTS {
        let roles = BTreeSet::from([Role::Agent]);
        events.push(W::AccountOpened { agent: agent(n), login: n.to_string(), name: n.to_string(), roles });
    }
    Arc::new(Workspace::fold(&events))
}

fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(1_000_000_000 + n))
}

/// The `n`-th to come, at a place in the line that has nothing to do with its number.
fn line_up(board: &mut Board, n: u128) {
    let scattered = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 7) % 1_000_000_007;
    let since = Timestamp::from_micros(i64::try_from(scattered).expect("it is small"));
    let class = Class { channel: ChannelId(Uuid::from_u128(n % CHANNELS)), team: None };
    board.put(class, Place { priority: Reverse(0), since, conversation: ConversationId(Uuid::from_u128(n)) });
}

/// A conversation begins.
fn begins(n: u128) -> Fact {
    let command = CommandId(Uuid::from_u128((1 << 64) | n));
    let at = Timestamp::from_micros(i64::try_from(n).expect("it is small"));
    let meta = CommandMeta::first(command, Actor::System, at, 0);
    let started = ConversationEvent::Started(Started {
        contact: ContactId(Uuid::nil()),
        channel: ChannelId(Uuid::from_u128(n % CHANNELS)),
        thread: ThreadId(Uuid::nil()),
        root: None,
        number: 1,
        previous: None,
        visibility: Visibility::Private,
    });
    let body = facts_of::<Conversation>(&meta, vec![started]).pop().expect("one of one");
    let position = Position { partition: 0, sequence: 1 };
    Fact { position, stream: ConversationId(Uuid::from_u128(n)).into(), version: 1, recorded_at: at, body }
}

fn main() {
    for open in [10_000_u128, 100_000, 1_000_000] {
        let mut floor = Floor::default();
        (0..open).for_each(|n| assert_eq!(floor.take(&begins(n)), None));
        let began = Instant::now();
        let saved = floor.saved(&[]);
        let copied = began.elapsed();
        let began = Instant::now();
        let resumed = Floor::resumed(saved, &[]).expect("no settings were known");
        assert_eq!(resumed.waiting(), floor.waiting());
        println!("{open:>9} open: copied in {copied:.2?}, made anew in {:.2?}", began.elapsed());
    }
    decisions();
}

fn decisions() {
    let workspace = workspace();
    let mut first = None;
    for waiting in [1_000_u128, 10_000, 100_000, 1_000_000] {
        let mut board = Board::default();
        board.change_workspace(|it| it.clone_from(&workspace));
        for n in 0..waiting {
            line_up(&mut board, n);
        }
        let here = AgentState { availability: Availability::Available, ..AgentState::default() };
        let away = AgentState::default();
        let began = Instant::now();
        for round in 0..u128::from(DECISIONS) {
            let who = agent(round % AGENTS);
            board.set_agent(who, &here);
            let offer = board.next_offer().expect("something waits and somebody has room");
            assert_eq!(offer.agent, who);
            board.set_agent(who, &away);
            board.settle(who);
            line_up(&mut board, waiting + round);
        }
        let each_ns = began.elapsed().as_nanos() / u128::from(DECISIONS);
        let ratio = each_ns * 100 / *first.get_or_insert(each_ns);
        println!(
            "{waiting:>9} waiting: {each_ns:>6} ns a decision, {}.{:02} times the first",
            ratio / 100,
            ratio % 100
        );
    }
}
