//! A rebuild while contacts write and agents read: killed in the middle, gone on with, compared and swapped. The
//! delays of reads are printed, beside those without a rebuild.

use super::program::{Channel, Program, binary};
use crate::support::requires::met;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// Conversations that there are before anything is rebuilt.
const CONVERSATIONS: u64 = 240;

/// Nobody tells a writer to stop where a test has failed.
const WRITTEN_FOR_AT_MOST: Duration = Duration::from_secs(120);

/// Writes until it is told to stop; counts what was acknowledged.
fn keep_writing<'scope>(
    scope: &'scope Scope<'scope, '_>,
    program: &'scope Program,
    channel: &'scope Channel,
    numbers: &'scope AtomicU64,
    stop: &'scope AtomicBool,
) -> std::thread::ScopedJoinHandle<'scope, Vec<u64>> {
    scope.spawn(move || {
        let mut acknowledged = Vec::new();
        let until = Instant::now() + WRITTEN_FOR_AT_MOST;
        while Instant::now() < until && !stop.load(Ordering::SeqCst) {
            let number = numbers.fetch_add(1, Ordering::SeqCst);
            if program.write(channel, number) {
                acknowledged.push(number);
            }
        }
        acknowledged
    })
}

/// Reads the queue while `goes_on`, every answer of which must be good; the delay that 99 in 100 stay under.
fn read_while(program: &Program, goes_on: impl Fn() -> bool) -> (usize, Duration) {
    let mut delays = Vec::new();
    while goes_on() || delays.len() < 50 {
        let began = Instant::now();
        let page = program.ask("GET", "/v1/queues/new?limit=20", &Value::Null);
        delays.push(began.elapsed());
        assert!(page["total"].as_u64().is_some_and(|total| total >= CONVERSATIONS), "half a view was shown: {page}");
    }
    delays.sort_unstable();
    (delays.len(), delays[delays.len() * 99 / 100])
}

fn rebuild_of(program: &Program) -> Value {
    program.projection("queues")["rebuild"].clone()
}

/// Rebuilds slowly under load and kills the server in the middle. What was acknowledged meanwhile.
fn killed_in_the_middle(program: &mut Program, channel: &Channel, numbers: &AtomicU64) -> Vec<u64> {
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let running = &*program;
        let writer = keep_writing(scope, running, channel, numbers, &stop);
        let began = Instant::now();
        let (reads, calm) = read_while(running, || began.elapsed() < Duration::from_secs(2));
        let slowly = ["projections", "rebuild", "queues", "--max-rate", "60", "--nice", "10", "--detach"];
        assert!(running.online(&slowly).status.success());
        let rebuild_began = Instant::now();
        let (reads_meanwhile, busy) = read_while(running, || rebuild_began.elapsed() < Duration::from_secs(5));
        println!(
            "p99 of reads under writes: {calm:?} ({reads}); with a rebuild beside: {busy:?} ({reads_meanwhile}); \
             ratio {:.2}",
            busy.as_secs_f64() / calm.as_secs_f64()
        );
        let building = rebuild_of(running);
        assert_eq!(building["state"], "running", "{building}");
        assert!(building["done"].as_u64() < building["total"].as_u64(), "{building}");
        assert_eq!(running.projection("queues")["state"], "running", "what is served follows the log meanwhile");
        stop.store(true, Ordering::SeqCst);
        writer.join().expect("the writer does not panic")
    });
    program.kill();
    written
}

/// Goes on with the rebuild under load, compares and swaps. What was acknowledged meanwhile.
fn gone_on_with(program: &Program, channel: &Channel, numbers: &AtomicU64) -> Vec<u64> {
    assert_eq!(program.projection("queues")["unfinished"], true);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = keep_writing(scope, program, channel, numbers, &stop);
        for arguments in [
            &["projections", "rebuild", "queues", "--quiet"][..],
            &["projections", "compare", "queues"],
            &["projections", "swap", "queues"],
        ] {
            let done = program.online(arguments);
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{arguments:?}: {said}");
        }
        let began_with = rebuild_of(program)["began_with"].as_u64();
        assert!(began_with.is_some_and(|facts| facts > 0), "it went on where it was: {began_with:?}");
        stop.store(true, Ordering::SeqCst);
        writer.join().expect("the writer does not panic")
    })
}

#[test]
fn killed_in_the_middle_it_goes_on_and_the_swap_loses_nothing() {
    if !met(binary().is_file(), "clew is not built: cargo build -p clew-gateway") {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut program = Program::new(dir.path());
    program.start();
    let (channel, numbers) = (program.channel(), AtomicU64::new(0));
    let mut acknowledged = Vec::new();
    while (acknowledged.len() as u64) < CONVERSATIONS {
        let number = numbers.fetch_add(1, Ordering::SeqCst);
        assert!(program.write(&channel, number), "message {number} is taken in");
        acknowledged.push(number);
    }
    shown_once(&program, CONVERSATIONS);
    acknowledged.extend(killed_in_the_middle(&mut program, &channel, &numbers));
    program.start();
    acknowledged.extend(gone_on_with(&program, &channel, &numbers));
    let told = acknowledged.len() as u64;
    let shown = shown_once(&program, told);
    // What was written and not acknowledged may be there too, at most one of each of the two writers.
    assert!((told..=told + 2).contains(&shown), "{told} were acknowledged, {shown} are shown");
    offline_it_is_the_same(&mut program, shown);
}

/// How many conversations are shown once the view has these; it follows the log at its own pace.
fn shown_once(program: &Program, expected: u64) -> u64 {
    let began = Instant::now();
    loop {
        let page = program.ask("GET", "/v1/queues/new?limit=1", &Value::Null);
        let shown = page["total"].as_u64().expect("a number");
        if shown >= expected || began.elapsed() > Duration::from_secs(60) {
            return shown;
        }
    }
}

/// The command line on the directory of a stopped server, and the server after it.
fn offline_it_is_the_same(program: &mut Program, shown: u64) {
    let busy = program.offline_any(&["projections", "list"]);
    assert_eq!(busy.status.code(), Some(4), "the server has it open");
    program.stop();
    let listed = program.offline(&["projections", "list", "--json"]);
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    assert!(listed.lines().count() >= 10 && listed.contains(r#""name":"queues""#), "{listed}");
    assert_eq!(program.offline_any(&["projections", "show", "nothing"]).status.code(), Some(3));
    assert_eq!(program.offline_any(&["projections", "compare", "sla"]).status.code(), Some(5), "nothing was rebuilt");
    program.offline(&["projections", "rebuild", "queues", "--dry-run"]);
    program.offline(&["projections", "rebuild", "queues", "sla", "--quiet"]);
    let refused = program.offline_any(&["projections", "swap", "sla"]);
    assert_eq!(refused.status.code(), Some(5), "not compared");
    for name in ["queues", "sla"] {
        program.offline(&["projections", "compare", name]);
        program.offline(&["projections", "swap", name]);
    }
    program.offline(&["projections", "rollback", "sla"]);
    program.offline(&["projections", "drop", "sla"]);
    program.start();
    let after = program.ask("GET", "/v1/queues/new?limit=1", &Value::Null)["total"].as_u64();
    assert_eq!(after, Some(shown));
    assert_eq!(program.projection("queues")["can_roll_back"], true);
    program.ask("POST", "/v1/operator/projections/queues/rollback", &json!({}));
    let after = program.ask("GET", "/v1/queues/new?limit=1", &Value::Null)["total"].as_u64();
    assert_eq!(after, Some(shown), "what was served before has caught up");
    program.stop();
}
