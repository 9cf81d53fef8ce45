//! Servers of a cluster, started as processes in a directory of their own and ended by their ids.

use super::network::{self, Network};
use crate::support::machine::Machine;
use crate::support::requires::met;
use base64::Engine;
use clew_eventstore::backends::jetstream::{Options, Store};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The largest message that the largest commit needs.
pub(super) const MAX_PAYLOAD: &str = "9MB";

/// One server or several that form a cluster.
pub(super) struct Servers {
    nodes: Mutex<Vec<Node>>,
    /// As each of two gateways reaches them; without networks of their own both have the same.
    addresses: [Vec<String>; 2],
    network: Option<Network>,
    dir: TempDir,
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    process: Option<Child>,
    /// Its disk, if that one's power can fail.
    machine: Option<Machine>,
}

/// What servers are given to fail by, besides being killed.
#[derive(Clone, Copy)]
pub(super) struct Fragile<'a> {
    /// Networks that can be cut.
    pub(super) network: bool,
    /// Disks whose power can fail, synced as this says.
    pub(super) sync: Option<&'a str>,
}

/// Where nats-server is: named by `CLEW_NATS_SERVER`, where `tests/run` puts it, or on the path.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("CLEW_NATS_SERVER").map(PathBuf::from);
    let kept = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/clew/nats-server-2.15.1"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join("nats-server"));
    named.into_iter().chain(kept).chain(on_path).find(|path| path.is_file())
}

/// Whether there is a server to test with; says so if not.
pub(super) fn is_there() -> bool {
    met(program().is_some(), "nats-server is not there: run tests/run, or set CLEW_NATS_SERVER")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

impl Servers {
    /// Starts so many servers, with these further lines in each one's configuration.
    pub(super) fn start(count: usize, further: &str) -> Self {
        Self::start_fragile(count, further, Fragile { network: false, sync: None })
    }

    /// Starts so many servers. What they can't be given here they do without, and that is told.
    pub(super) fn start_fragile(count: usize, further: &str, fragile: Fragile<'_>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let network = fragile.network.then(|| Network::new(count)).and_then(|made| {
            let why = made.as_ref().err().cloned().unwrap_or_default();
            met(made.is_ok(), &format!("networks can't be cut: {why}")).then(|| made.ok()).flatten()
        });
        let (ports, routes): (Vec<u16>, Vec<u16>) = (0..count).map(|_| (free_port(), free_port())).unzip();
        let at = |side: usize, node: usize, port: u16, own: u16| match &network {
            Some(network) => format!("{}:{own}", network.address(side, node)),
            None => format!("127.0.0.1:{port}"),
        };
        let addresses = [1, 2].map(|side| (0..count).map(|n| at(side, n, ports[n], network::CLIENTS)).collect());
        let routes: Vec<String> = (0..count).map(|n| at(0, n, routes[n], network::ROUTES)).collect();
        let all = routes.iter().map(|route| format!("\"nats://{route}\"")).collect::<Vec<_>>().join(", ");
        let mut nodes = Vec::new();
        for (index, (port, route)) in ports.iter().zip(&routes).enumerate() {
            let machine = fragile.sync.and_then(|_| Machine::whose_power_can_fail());
            let store = machine.as_ref().map_or_else(|| dir.path().join(format!("n{index}")), Machine::log);
            let (store, sync) = (store.display(), fragile.sync.unwrap_or("always"));
            let listen =
                if network.is_some() { format!("0.0.0.0:{}", network::CLIENTS) } else { at(1, index, *port, 0) };
            let mut lines = vec![format!("server_name: n{index}\nlisten: \"{listen}\"\n{further}")];
            if !further.contains("max_payload") {
                lines.push(format!("max_payload: {MAX_PAYLOAD}"));
            }
            if !further.contains("jetstream") {
                lines.push(format!("jetstream {{ store_dir: \"{store}\", sync_interval: {sync} }}"));
            }
            if count > 1 {
                // A gateway keeps to the addresses that it was given.
                let name = "name: clew, no_advertise: true";
                lines.push(format!("cluster {{ {name}, listen: \"{route}\", routes: [{all}] }}"));
            }
            let config = dir.path().join(format!("n{index}.conf"));
            std::fs::write(&config, lines.join("\n")).expect("a temporary directory takes files");
            nodes.push(Node { config, log: dir.path().join(format!("n{index}.log")), process: None, machine });
        }
        let servers = Self { nodes: Mutex::new(nodes), addresses, network, dir };
        for index in 0..count {
            servers.restart(index);
        }
        servers
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a server that is not running, and waits until it listens.
    pub(super) fn restart(&self, index: usize) {
        let node = &mut self.nodes()[index];
        let program = program().expect("looked for before");
        let mut command = match &self.network {
            Some(network) => {
                // `ip netns exec` would bring mounts of its own, and keep disks mounted whose power is cut.
                let mut inside = Command::new("nsenter");
                inside.arg(format!("--net=/run/netns/{}", network.namespace(index))).arg(program);
                inside
            }
            None => Command::new(program),
        };
        command.arg("-c").arg(&node.config).arg("-l").arg(&node.log);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nats-server starts");
        node.process = Some(process);
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&self.addresses[0][index]).is_err() {
            let log = std::fs::read_to_string(&node.log).unwrap_or_default();
            assert!(Instant::now() < until, "nats-server does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends a server without a word to it.
    pub(super) fn kill(&self, index: usize) {
        if let Some(mut process) = self.nodes()[index].process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Asks a server to stop in good order, and waits until it has.
    pub(super) fn stop(&self, index: usize) {
        self.signal(index, "TERM");
        if let Some(mut process) = self.nodes()[index].process.take() {
            let _ = process.wait();
        }
    }

    /// Sends a server a signal, by name.
    pub(super) fn signal(&self, index: usize, signal: &str) {
        if let Some(process) = &self.nodes()[index].process {
            let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.id().to_string()).status();
            assert!(sent.is_ok_and(|status| status.success()), "the server is there");
        }
    }

    /// The power of these servers' disks fails: they are stopped, so that nobody hears of what is not on a disk, what the
    /// file systems have in memory is dropped, and they end. Then the disks are there again.
    pub(super) fn cut_power(&self, which: &[usize]) {
        for index in which {
            self.signal(*index, "STOP");
        }
        for index in which {
            let nodes = self.nodes();
            nodes[*index].machine.as_ref().expect("asked for before").fail().expect("ext4 can be shut down");
        }
        for index in which {
            self.kill(*index);
            let machine = &mut self.nodes()[*index].machine;
            let machine = machine.as_mut().expect("asked for before");
            machine.unmount().expect("unmounted");
            machine.mount().expect("mounted again");
        }
    }

    /// Whether the power of all can fail.
    pub(super) fn have_power(&self) -> bool {
        self.nodes().iter().all(|node| node.machine.is_some())
    }

    /// Their networks, if they can be cut.
    pub(super) fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// Which server leads a stream; none if there is no leader now.
    pub(super) fn leader(&self, stream: &str) -> Option<usize> {
        self.info(stream)?["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok()
    }

    /// What the leader of a stream tells of it, with the messages that are deleted; none if there is no leader now.
    pub(super) fn info(&self, stream: &str) -> Option<serde_json::Value> {
        self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), b"{\"deleted_details\":true}")
    }

    /// Whether the servers have agreed on who leads them, and who each of these streams.
    pub(super) fn have_leaders(&self, streams: &[String]) -> bool {
        let told = |subject: &str| self.ask_within(Duration::from_millis(200), subject, b"");
        let led = |stream: &String| {
            told(&format!("$JS.API.STREAM.INFO.{stream}")).is_some_and(|it| it["cluster"]["leader"].is_string())
        };
        told("$JS.API.INFO").is_some_and(|it| it["error"].is_null()) && streams.iter().all(led)
    }

    /// Whether a server has all of a stream that its leader has.
    pub(super) fn is_current(&self, stream: &str, index: usize) -> bool {
        let Some(info) = self.info(stream) else { return false };
        let (cluster, name) = (&info["cluster"], format!("n{index}"));
        let mut replicas = cluster["replicas"].as_array().into_iter().flatten();
        let behind = |it: &serde_json::Value| it["lag"].as_u64().is_some_and(|lag| lag > 0);
        cluster["leader"] == name.as_str()
            || replicas.any(|it| it["name"] == name.as_str() && it["current"] == true && !behind(it))
    }

    /// Makes a server that has caught up the leader of a stream.
    pub(super) fn lead(&self, stream: &str, index: usize) {
        let until = Instant::now() + Duration::from_secs(30);
        let preferred = format!("{{\"placement\":{{\"preferred\":\"n{index}\"}}}}");
        while self.leader(stream) != Some(index) {
            assert!(Instant::now() < until, "n{index} does not lead {stream}");
            self.ask(&format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}"), preferred.as_bytes());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What the servers have logged.
    pub(super) fn logs(&self) -> String {
        self.nodes().iter().map(|node| std::fs::read_to_string(&node.log).unwrap_or_default()).collect()
    }

    /// The bytes of the last message of a subject.
    pub(super) fn last_message(&self, stream: &str, subject: &str) -> Vec<u8> {
        let which = format!("{{\"last_by_subj\":\"{subject}\"}}");
        let answer = self.ask(&format!("$JS.API.STREAM.MSG.GET.{stream}"), which.as_bytes()).expect("an answer");
        let data = answer["message"]["data"].as_str().expect("a message");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }

    /// Puts a message into a stream, as anybody may who can write to the cluster.
    pub(super) fn publish(&self, subject: &str, message: &[u8]) {
        let answer = self.ask(subject, message).expect("an answer");
        assert!(answer["seq"].is_u64(), "not taken: {answer}");
    }

    /// Asks the first server, in the protocol that a client speaks.
    fn ask(&self, subject: &str, message: &[u8]) -> Option<serde_json::Value> {
        self.ask_within(Duration::from_secs(3), subject, message)
    }

    fn ask_within(&self, within: Duration, subject: &str, message: &[u8]) -> Option<serde_json::Value> {
        let mut connected = TcpStream::connect(&self.addresses[0][0]).ok()?;
        connected.set_read_timeout(Some(within)).ok()?;
        let head =
            format!("CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n", message.len());
        connected.write_all(&[head.as_bytes(), message, b"\r\n"].concat()).ok()?;
        let mut lines = BufReader::new(connected).lines().map_while(Result::ok);
        serde_json::from_str(&lines.find(|line| line.starts_with('{'))?).ok()
    }

    /// Their addresses, as a gateway is given them.
    pub(super) fn addresses(&self) -> String {
        self.urls(0).join(",")
    }

    fn urls(&self, gateway: usize) -> Vec<String> {
        self.addresses[gateway].iter().map(|address| format!("nats://{address}")).collect()
    }

    /// How a store reaches them: streams on `replicas` of them, named by `prefix`.
    pub(super) fn options(&self, prefix: &str, replicas: usize, partitions: u16) -> Options {
        Options { prefix: prefix.to_owned(), replicas, partitions, ..self.reached_by(0) }
    }

    /// By the addresses that one of two gateways has of them.
    pub(super) fn reached_by(&self, gateway: usize) -> Options {
        Options { servers: self.urls(gateway), ..Options::default() }
    }

    /// A gateway's store, its copies in a directory of this name.
    pub(super) async fn open(&self, gateway: &str, options: Options) -> Store {
        let log = format!("{}_EV_00", options.prefix);
        let opened = Store::open(&self.copies(gateway), options).await;
        opened.unwrap_or_else(|error| panic!("the cluster does not take a gateway: {error}; {:?}", self.info(&log)))
    }

    /// Where a gateway of this name has its copies.
    pub(super) fn copies(&self, gateway: &str) -> PathBuf {
        self.dir.path().join(gateway)
    }

    /// Servers that tests running at the same time share, each under a prefix of its own.
    pub(super) fn shared(count: usize) -> Arc<Self> {
        static SHARED: Mutex<[Weak<Servers>; 2]> = Mutex::new([Weak::new(), Weak::new()]);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let place = &mut shared[usize::from(count > 1)];
        if let Some(running) = place.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start(count, ""));
        *place = Arc::downgrade(&started);
        started
    }
}

/// A prefix that no other test has.
pub(super) fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Drop for Servers {
    fn drop(&mut self) {
        let count = self.nodes().len();
        for index in 0..count {
            self.kill(index);
        }
    }
}
