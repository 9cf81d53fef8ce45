//! Servers of a cluster, started as processes in a directory of their own and ended by their ids.

use crate::support::requires::met;
use clew_eventstore::backends::jetstream::{Options, Store};
use std::net::TcpListener;
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
    ports: Vec<u16>,
    dir: TempDir,
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    process: Option<Child>,
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
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (ports, routes): (Vec<u16>, Vec<u16>) = (0..count).map(|_| (free_port(), free_port())).unzip();
        let all: Vec<String> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let mut nodes = Vec::new();
        for (index, (port, route)) in ports.iter().zip(&routes).enumerate() {
            let store = dir.path().join(format!("n{index}"));
            let mut lines = vec![format!("server_name: n{index}\nlisten: \"127.0.0.1:{port}\"\n{further}")];
            if !further.contains("max_payload") {
                lines.push(format!("max_payload: {MAX_PAYLOAD}"));
            }
            if !further.contains("jetstream") {
                lines.push(format!("jetstream {{ store_dir: \"{}\", sync_interval: always }}", store.display()));
            }
            if count > 1 {
                let routes = all.join(", ");
                lines.push(format!("cluster {{ name: clew, listen: \"127.0.0.1:{route}\", routes: [{routes}] }}"));
            }
            let config = dir.path().join(format!("n{index}.conf"));
            std::fs::write(&config, lines.join("\n")).expect("a temporary directory takes files");
            nodes.push(Node { config, log: dir.path().join(format!("n{index}.log")), process: None });
        }
        let servers = Self { nodes: Mutex::new(nodes), ports, dir };
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
        let mut command = Command::new(program().expect("looked for before"));
        command.arg("-c").arg(&node.config).arg("-l").arg(&node.log);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nats-server starts");
        node.process = Some(process);
        let until = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", self.ports[index])).is_err() {
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

    /// Sends a server a signal, by name.
    pub(super) fn signal(&self, index: usize, signal: &str) {
        if let Some(process) = &self.nodes()[index].process {
            let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.id().to_string()).status();
            assert!(sent.is_ok_and(|status| status.success()), "the server is there");
        }
    }

    /// Their addresses, as a gateway is given them.
    pub(super) fn addresses(&self) -> String {
        let each = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}"));
        each.collect::<Vec<_>>().join(",")
    }

    /// How a store reaches them: streams on `replicas` of them, named by `prefix`.
    pub(super) fn options(&self, prefix: &str, replicas: usize, partitions: u16) -> Options {
        Options {
            servers: self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect(),
            prefix: prefix.to_owned(),
            replicas,
            partitions,
            ..Options::default()
        }
    }

    /// A gateway's store, its copies in a directory of this name.
    pub(super) async fn open(&self, gateway: &str, options: Options) -> Store {
        Store::open(&self.copies(gateway), options).await.expect("the cluster takes a gateway")
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
