//! The real `clew` as a process that can be killed and started again, asked over HTTP and by its own command line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const READY_WITHIN: Duration = Duration::from_secs(120);

/// The program, if it was built.
pub(super) fn binary() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows where it lies");
    exe.ancestors().nth(2).expect("a test lies in <profile>/deps").join("clew")
}

/// A server on a data directory of its own.
pub(super) struct Program {
    data: PathBuf,
    port: u16,
    token: String,
    child: Option<Child>,
}

/// A channel and the secret that signs what it tells.
#[derive(Clone)]
pub(super) struct Channel {
    id: String,
    secret: Vec<u8>,
}

impl Program {
    /// On an empty directory, with one account that may do all of this.
    pub(super) fn new(data: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let mut program = Self { data: data.to_owned(), port, token: String::new(), child: None };
        let roles = ["--role", "admin", "--role", "operator", "--role", "supervisor"];
        program.offline(&[&["user", "add", "op@example.org"][..], &roles].concat());
        let scopes = ["--scope", "admin", "--scope", "read"];
        let issued =
            program.offline(&[&["token", "issue", "op@example.org", "--name", "t", "--json"][..], &scopes].concat());
        let issued: Value = serde_json::from_slice(&issued.stdout).expect("JSON");
        issued["token"].as_str().expect("a token").clone_into(&mut program.token);
        program
    }

    /// Runs a command on the directory; it must end well.
    pub(super) fn offline(&self, arguments: &[&str]) -> Output {
        let output = self.offline_any(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs a command on the directory.
    pub(super) fn offline_any(&self, arguments: &[&str]) -> Output {
        Command::new(binary()).args(arguments).arg("--data").arg(&self.data).output().expect("the program starts")
    }

    /// Runs a command that asks the server.
    pub(super) fn online(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(arguments).env("CLEW_SERVER", format!("http://127.0.0.1:{}", self.port));
        command.env("CLEW_TOKEN", &self.token).output().expect("the program starts")
    }

    /// Starts the server and waits until it is ready.
    pub(super) fn start(&mut self) {
        let mut serve = Command::new(binary());
        serve.args(["serve", "--log", "error", "--requests-per-minute", "1000000", "--listen"]);
        serve.arg(format!("127.0.0.1:{}", self.port)).arg("--data").arg(&self.data);
        self.child = Some(serve.stdout(Stdio::null()).spawn().expect("the program starts"));
        let until = Instant::now() + READY_WITHIN;
        while self.request("GET", "/health/ready", &[], "").is_none_or(|(status, _)| status != 200) {
            assert!(Instant::now() < until, "the server was not ready in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server at once, as a crash would.
    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be ended");
        child.wait().expect("it ends");
    }

    /// Ends the server in good order.
    pub(super) fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let told = Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()), "it can be told");
        assert!(child.wait().expect("it ends").success());
    }

    /// A request as the account makes it; none if there was no answer.
    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: clew\r\nConnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a String takes all");
        }
        let length = body.len();
        write!(head, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("a String takes all");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// A request that must be answered well.
    #[track_caller]
    pub(super) fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) =
            self.request(method, path, &[("Authorization", &bearer)], &body).expect("the server answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// How a projection fares.
    #[track_caller]
    pub(super) fn projection(&self, name: &str) -> Value {
        self.ask("GET", &format!("/v1/operator/projections/{name}"), &Value::Null)
    }

    /// Connects a channel.
    pub(super) fn channel(&self) -> Channel {
        let profile = json!({"kind": "generic", "name": "Mail", "visibility": "private", "reopens": false,
            "team": null, "reply_characters_max": null});
        let made = self.ask("POST", "/v1/admin/channels", &profile);
        let id = made["id"].as_str().expect("an id").to_owned();
        let drawn = self.ask("PUT", &format!("/v1/admin/channels/{id}/secret"), &json!({}));
        let secret = drawn["secret"].as_str().and_then(|text| text.strip_prefix("whsec_")).expect("its prefix");
        Channel { id, secret: STANDARD.decode(secret).expect("Base64") }
    }

    /// Somebody writes for the first time. Whether that was acknowledged.
    pub(super) fn write(&self, channel: &Channel, number: u64) -> bool {
        let data = json!({"id": format!("m{number}"), "contact": {"handle": format!("h{number}")}, "text": "Hello"});
        let body = json!({"type": "message.received", "data": data}).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(&channel.secret).expect("a key of any length");
        mac.update(format!("w{number}.{now}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let id = format!("w{number}");
        let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &now), ("webhook-signature", &signature)];
        let path = format!("/v1/inbound/{}", channel.id);
        self.request("POST", &path, &headers, &body).is_some_and(|(status, _)| status == 202)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
