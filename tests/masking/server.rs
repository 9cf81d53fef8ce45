//! `clew serve` over a data directory: started, asked over HTTP, ended without notice.

use crate::support::program::{clew, printed};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

/// A running server and the token that it is asked with.
pub(crate) struct Server {
    child: Mutex<Child>,
    address: String,
    token: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Opens an account that may do everything, and issues a token for it.
pub(crate) fn token(data: &Path) -> String {
    let roles = ["admin", "supervisor", "agent", "auditor", "operator", "connector"];
    let mut add = vec!["user", "add", "root"];
    for role in roles {
        add.extend(["--role", role]);
    }
    printed(data, &add);
    let scopes = ["--scope", "read", "--scope", "write", "--scope", "admin", "--scope", "inbound"];
    let issue = [&["token", "issue", "root", "--name", "test", "--json"], &scopes[..]].concat();
    let issued: Value = serde_json::from_str(&printed(data, &issue)).expect("JSON");
    issued["token"].as_str().expect("a token").to_owned()
}

impl Server {
    /// Starts it; what it logs is added to `log`.
    pub(crate) fn start(data: &Path, log: &Path, token: &str, arguments: &[&str]) -> Self {
        Self::try_start(data, log, token, arguments).expect("the server says where it is before it ends")
    }

    /// The same, or how it ended before it served.
    pub(crate) fn try_start(data: &Path, log: &Path, token: &str, arguments: &[&str]) -> Result<Self, ExitStatus> {
        Self::start_hearing(data, log, token, arguments, |_| {})
    }

    /// The same; `hear` is told each line that it prints before it serves.
    pub(crate) fn start_hearing(
        data: &Path,
        log: &Path,
        token: &str,
        arguments: &[&str],
        hear: impl FnMut(&str),
    ) -> Result<Self, ExitStatus> {
        Self::start_program(clew(), data, log, token, arguments, hear)
    }

    /// The same of another version of the program.
    pub(crate) fn start_program(
        program: &Path,
        data: &Path,
        log: &Path,
        token: &str,
        arguments: &[&str],
        mut hear: impl FnMut(&str),
    ) -> Result<Self, ExitStatus> {
        let log = File::options().create(true).append(true).open(log).expect("a log file");
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "debug", "--requests-per-minute", "100000"])
            .args(arguments);
        command.arg("--data").arg(data).env_remove("CLEW_CONFIG").stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let lines = output.lines().map_while(Result::ok).inspect(|line| hear(line));
        let told = { lines }.find(|line| line.starts_with("Clew is at http://"));
        let Some(told) = told else { return Err(child.wait().expect("it has ended")) };
        let address = told.split(['/', ' ']).nth(5).expect("an address").to_owned();
        Ok(Self { child: Mutex::new(child), address, token: token.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.lock().expect("no panic while it is held").id()
    }

    /// Asks it to stop in good order, and does not wait for it.
    pub(crate) fn terminate(&self) {
        let asked = Command::new("kill").arg(self.id().to_string()).status().expect("kill is there");
        assert!(asked.success(), "it runs");
    }

    /// The same, and waits until it has ended.
    pub(crate) fn stop(&self) {
        self.terminate();
        self.child.lock().expect("no panic while it is held").wait().expect("it has ended");
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("kill is there").success(), "it runs");
    }

    /// What comes of an answer that does not end, until `wanted` stands in it.
    pub(crate) fn stream_until(&self, path: &str, headers: &[(&str, &str)], wanted: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a socket takes a time-out");
        let mut head =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n", self.address, self.token);
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a String takes all");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("it reads");
        let (mut text, mut piece) = (String::new(), [0; 4096]);
        while !text.contains(wanted) {
            let read = stream.read(&mut piece).unwrap_or(0);
            assert!(read > 0, "no {wanted} came: {text}");
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        text
    }

    /// Ends it as a power cut ends a process.
    pub(crate) fn kill(self) {
        self.end();
    }

    /// The same while others still ask.
    pub(crate) fn end(&self) {
        let mut child = self.child.lock().expect("no panic while it is held");
        child.kill().expect("it can be ended");
        child.wait().expect("it has ended");
    }

    /// Asks; a connection for each question.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_ask(method, path, headers, body).expect("the server answers")
    }

    /// Asks, or tells that nobody answers any more.
    pub(crate) fn try_ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        if !headers.iter().any(|(name, _)| matches!(*name, "webhook-signature" | "cookie")) {
            write!(head, "authorization: Bearer {}\r\n", self.token).expect("a String takes all");
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a String takes all");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        parse(&answer)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[])
    }

    /// Sends JSON and expects it to be done; the answer is given.
    #[track_caller]
    pub(crate) fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, &[("content-type", "application/json")], body.to_string().as_bytes());
        answer.json()
    }

    /// What an address shows once the views have caught up.
    #[track_caller]
    pub(crate) fn shown(&self, path: &str, position: &str) -> Value {
        self.ask("GET", path, &[("clew-min-position", position)], &[]).json()
    }
}

impl Drop for Server {
    /// No test leaves a server behind, also one that fails.
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Answer {
    /// The JSON of an answer that says it is done.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert!((200..300).contains(&self.status), "{} {text}", self.status);
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }
}

/// The answer, if its head is whole.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let told = String::from_utf8_lossy(&answer[..end]).into_owned();
    let head = told.to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = &answer[end + 4..];
    let chunked = head.contains("transfer-encoding: chunked");
    Some(Answer { status, head: told, body: if chunked { unchunked(body) } else { body.to_vec() } })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).expect("a size is ASCII");
        let size = usize::from_str_radix(size.trim(), 16).expect("a size is hexadecimal");
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
    whole
}
