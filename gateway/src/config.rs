//! What can be configured, and where from: a flag, else a `CLEW_*` variable, else the TOML file, else the
//! default. Every setting stands here once, with its help; nothing else reads the environment.

mod regions;
mod store;

pub use regions::{Region, Regions};
pub use store::{MaybeFile, Servers};

use crate::witnesses;
use clap::Args;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where everything is; every command takes these.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// Settings file in TOML; its keys are the flags' names with _ for -, as in `data = "/var/lib/clew"`
    #[arg(long, env = "CLEW_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Directory that holds everything; made if it is not there [default: clew-data]
    #[arg(long, env = "CLEW_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Leave the keys alone, where the key file is lost: facts, audit trail and proofs can be read, no content can,
    /// and nothing that holds one can be taken in
    #[arg(long)]
    pub without_keys: bool,
}

macro_rules! settings {
    ($($(#[doc = $doc:expr])+ $env:literal $value:literal $name:ident: $type:ty = $default:expr;)*) => {
        /// The settings of a server as flags and variables, or a file, give them.
        #[derive(Args, Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Options {
            #[arg(skip)]
            data: Option<PathBuf>,
            /// Only in the file.
            #[arg(skip)]
            witnesses: Vec<Witness>,
            /// Address at which browsers reach the server, such as `https://desk.example.org`; with it, cookies are
            /// `Secure` wherever it is https, and requests from other origins are told apart. Without it, the
            /// `Host` of each request stands for it
            #[arg(long, env = "CLEW_PUBLIC_URL", value_name = "URL")]
            pub public_url: Option<String>,
            $($(#[doc = $doc])+ #[arg(long, env = $env, value_name = $value)] pub $name: Option<$type>,)*
        }

        /// The settings of a server, complete.
        #[derive(Clone, Debug)]
        pub struct Config {
            /// The directory that holds everything.
            pub data: PathBuf,
            /// Whether the keys are left alone.
            pub without_keys: bool,
            /// Address at which browsers reach the server, without a slash at its end.
            pub public_url: Option<String>,
            /// Who is asked to cosign the log.
            pub witnesses: Vec<Witness>,
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Options {
            fn complete(self, file: Self, data: Option<PathBuf>) -> Config {
                let public_url = self.public_url.or(file.public_url);
                Config {
                    data: data.or(file.data).unwrap_or_else(|| PathBuf::from("clew-data")),
                    without_keys: false,
                    public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
                    witnesses: file.witnesses,
                    $($name: self.$name.or(file.$name).unwrap_or_else(|| $default),)*
                }
            }
        }
    };
}

settings! {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    "CLEW_LISTEN" "ADDRESS" listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    /// How many proxies of ours stand in front; so many entries at the end of X-Forwarded-For are trusted
    /// [default: 0]
    "CLEW_TRUSTED_PROXIES" "COUNT" trusted_proxies: u8 = 0;
    /// What is logged: a level, or levels by module as in `info,clew_gateway=debug` [default: info]
    "CLEW_LOG" "FILTER" log: String = "info".to_owned();
    /// Form of the log: `text` or `json` [default: text]
    "CLEW_LOG_FORMAT" "FORMAT" log_format: LogFormat = LogFormat::Text;
    /// Hours after which a sign-in ends by itself [default: 12]
    "CLEW_SESSION_HOURS" "HOURS" session_hours: u16 = 12;
    /// Failed sign-ins with one login, or from one address, before a pause of 15 minutes [default: 10]
    "CLEW_SIGN_IN_ATTEMPTS_MAX" "COUNT" sign_in_attempts_max: u32 = 10;
    /// Requests that one caller may make in a minute [default: 1200]
    "CLEW_REQUESTS_PER_MINUTE" "COUNT" requests_per_minute: u32 = 1200;
    /// Requests that are worked on at the same time [default: 512]
    "CLEW_REQUESTS_IN_FLIGHT_MAX" "COUNT" requests_in_flight_max: u32 = 512;
    /// Connections that are open at the same time [default: 4096]
    "CLEW_CONNECTIONS_MAX" "COUNT" connections_max: u32 = 4096;
    /// Live feeds that one caller may hold open [default: 16]
    "CLEW_FEEDS_PER_CALLER_MAX" "COUNT" feeds_per_caller_max: u32 = 16;
    /// Seconds that a client has to send a request's head [default: 10]
    "CLEW_HEADER_TIMEOUT_S" "SECONDS" header_timeout_s: u16 = 10;
    /// Seconds that a request may take [default: 30]
    "CLEW_REQUEST_TIMEOUT_S" "SECONDS" request_timeout_s: u16 = 30;
    /// Seconds after which what was added to the log is signed [default: 5]
    "CLEW_CHECKPOINT_INTERVAL_S" "SECONDS" checkpoint_interval_s: u16 = 5;
    /// Seconds after which the witnesses of the settings file are asked to cosign; 0 leaves it to `clew audit witness`
    /// [default: 60]
    "CLEW_WITNESS_INTERVAL_S" "SECONDS" witness_interval_s: u16 = 60;
    /// Seconds after which what the views show is recorded, so that a replay of the log can be held against it; 0 for
    /// never [default: 3600]
    "CLEW_DIGEST_INTERVAL_S" "SECONDS" digest_interval_s: u16 = 3600;
    /// Bytes of a request's body [default: 262144]
    "CLEW_BODY_BYTES_MAX" "BYTES" body_bytes_max: usize = 256 * 1024;
    /// Bytes of an uploaded or received file [default: 26214400]
    "CLEW_UPLOAD_BYTES_MAX" "BYTES" upload_bytes_max: usize = 25 * 1024 * 1024;
    /// Platforms that agents choose between when they sign in, as in
    /// `United States=https://desk.example.org, Europe=https://desk-eu.example.org`; this one is known by its public
    /// address [default: none]
    "CLEW_REGIONS" "NAME=URL,..." regions: Regions = Regions::default();
    /// Servers of a NATS cluster on which the log lies, as in `nats://a:4222,nats://b:4222,nats://c:4222`; the data
    /// directory then holds this gateway's copy and its keys. Without it, the log lies in the data directory
    /// [default: none]
    "CLEW_STORE" "URL,..." store: Servers = Servers::default();
    /// What the names of the log's streams and subjects on the cluster begin with [default: clew]
    "CLEW_STORE_PREFIX" "NAME" store_prefix: String = "clew".to_owned();
    /// On how many servers of the cluster each stream lies [default: 3]
    "CLEW_STORE_REPLICAS" "COUNT" store_replicas: usize = 3;
    /// Partitions of the log on the cluster, fixed when its streams are made [default: 1]
    "CLEW_STORE_PARTITIONS" "COUNT" store_partitions: u16 = 1;
    /// File with what the cluster's servers ask for: one line `USER:PASSWORD`, or one with a token [default: none]
    "CLEW_STORE_CREDENTIALS" "FILE" store_credentials: MaybeFile = MaybeFile::default();
    /// File of certificates that are trusted besides the system's; with it, servers are reached over TLS alone
    /// [default: none]
    "CLEW_STORE_TLS_CA" "FILE" store_tls_ca: MaybeFile = MaybeFile::default();
    /// File with the certificate by which the cluster's servers know this gateway; goes with its key [default: none]
    "CLEW_STORE_TLS_CERT" "FILE" store_tls_cert: MaybeFile = MaybeFile::default();
    /// File with the key of that certificate [default: none]
    "CLEW_STORE_TLS_KEY" "FILE" store_tls_key: MaybeFile = MaybeFile::default();
    /// Whether to take servers before 2.15, which may lose what they acknowledged when power fails [default: false]
    "CLEW_STORE_ALLOW_OLD_SERVER" "BOOL" store_allow_old_server: bool = false;
    /// Seconds that open requests have to end when the server is told to stop [default: 10]
    "CLEW_SHUTDOWN_GRACE_S" "SECONDS" shutdown_grace_s: u16 = 10;
}

/// A witness: somebody else's program that cosigns the log, so that no two can be shown different ones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The prefix of its addresses: `add-checkpoint` is appended to it.
    pub url: String,
    /// Its public key, as a vkey.
    pub key: String,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// As many partitions as names of streams and directories have two digits for.
const PARTITIONS_MAX: u16 = 99;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the settings file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the settings file {} is not valid: {source}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
    /// The public address is not one.
    #[error("'{0}' is not an address that browsers can reach: give scheme and host, as in https://desk.example.org")]
    PublicUrl(String),
    /// Platforms to choose between, but none of them is this one.
    #[error("none of the regions is this server: give its own address as the public URL, and among the regions")]
    NotARegion,
    /// No number of partitions that a log can have.
    #[error("a log can't have {0} partitions: give a number from 1 to {PARTITIONS_MAX}")]
    Partitions(u16),
    /// Partitions of a log on this machine.
    #[error(
        "a log on one machine has one partition: leave out the number of partitions, or name a cluster with --store"
    )]
    PartitionsOfOneMachine,
    /// A certificate without its key, or a key without its certificate.
    #[error("the certificate for the cluster and its key go together: name both files, or neither")]
    HalfACertificate,
    /// A witness can't be asked.
    #[error("the witness at '{url}' can't be asked: {why}")]
    Witness {
        /// Its address.
        url: String,
        /// What is wrong.
        why: String,
    },
}

impl Config {
    /// The settings that follow from what was given and from the file, where one is named.
    pub fn resolve(place: &Place, options: Options) -> Result<Self, ConfigError> {
        let file = match &place.config {
            None => Options::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
                toml::from_str(&text)
                    .map_err(|source| ConfigError::Invalid { path: path.clone(), source: Box::new(source) })?
            }
        };
        let mut config = options.complete(file, place.data.clone());
        config.without_keys = place.without_keys;
        if let Some(url) = config.public_url.as_ref().filter(|url| !is_web_address(url)) {
            return Err(ConfigError::PublicUrl(url.clone()));
        }
        let regions = config.regions.as_slice();
        if !regions.is_empty() && !regions.iter().any(|region| config.public_url.as_ref() == Some(&region.url)) {
            return Err(ConfigError::NotARegion);
        }
        match config.store_partitions {
            1 => {}
            2..=PARTITIONS_MAX if config.store.is_none() => return Err(ConfigError::PartitionsOfOneMachine),
            2..=PARTITIONS_MAX => {}
            other => return Err(ConfigError::Partitions(other)),
        }
        if config.store_tls_cert.path().is_some() != config.store_tls_key.path().is_some() {
            return Err(ConfigError::HalfACertificate);
        }
        for Witness { url, key } in &config.witnesses {
            let wrong = |why: String| ConfigError::Witness { url: url.clone(), why };
            witnesses::Asked::parse(url, key).map_err(wrong)?;
        }
        Ok(config)
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s.into())
    }
}

/// Whether it is a scheme of the web and a host, perhaps with a port, and no more.
fn is_web_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    !host.is_empty() && !host.contains('/')
}

impl Default for Config {
    fn default() -> Self {
        Options::default().complete(Options::default(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: Options,
    }

    fn resolve(line: &[&str]) -> Result<Config, ConfigError> {
        let line = Line::parse_from(std::iter::once("clew").chain(line.iter().copied()));
        Config::resolve(&line.place, line.options)
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("clew.toml");
        std::fs::write(&path, "data = \"/srv/clew\"\nsession_hours = 8\nrequests_per_minute = 7\n").expect("written");
        let config = resolve(&["--config", path.to_str().expect("UTF-8"), "--session-hours", "2"]).expect("valid");
        assert_eq!(config.session_hours, 2);
        assert_eq!(config.requests_per_minute, 7);
        assert_eq!(config.data, PathBuf::from("/srv/clew"));
        assert_eq!(config.request_timeout_s, Config::default().request_timeout_s);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("clew.toml");
        std::fs::write(&path, "session_days = 1\n").expect("written");
        let error = resolve(&["--config", path.to_str().expect("UTF-8")]).expect_err("refused");
        assert!(error.to_string().contains("session_days"), "{error}");
    }

    #[test]
    fn a_public_url_without_a_scheme_is_refused() {
        assert!(matches!(resolve(&["--public-url", "desk.example.org"]), Err(ConfigError::PublicUrl(_))));
        let config = resolve(&["--public-url", "https://desk.example.org/"]).expect("valid");
        assert_eq!(config.public_url.as_deref(), Some("https://desk.example.org"));
    }

    #[test]
    fn regions_have_this_server_among_them() {
        let regions = "US=https://us.example.org, EU=https://eu.example.org";
        let line = ["--regions", regions, "--public-url", "https://asia.example.org"];
        assert!(matches!(resolve(&line), Err(ConfigError::NotARegion)));
        assert!(matches!(resolve(&line[..2]), Err(ConfigError::NotARegion)));
        let config = resolve(&["--regions", regions, "--public-url", "https://eu.example.org/"]).expect("valid");
        assert_eq!(config.regions.as_slice().len(), 2);
    }

    #[test]
    fn help_names_every_variable_and_the_true_default() {
        let options = Options::augment_args(clap::Command::new("clew"));
        let config = format!("{:?}", Config::default());
        for arg in options.get_arguments().filter(|arg| arg.get_id() != "public_url") {
            let variable = format!("CLEW_{}", arg.get_id().as_str().to_uppercase());
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
            let help = arg.get_help().expect("every setting is explained").to_string();
            let default = help.split("[default: ").nth(1).and_then(|rest| rest.split(']').next());
            let default = default.unwrap_or_else(|| panic!("{} does not state its default", arg.get_id()));
            let stated = config.to_lowercase().replace('"', "");
            assert!(stated.contains(&format!("{}: {default}", arg.get_id())), "{}: {default}", arg.get_id());
        }
        Line::command().debug_assert();
    }
}
