//! Where the log lies: on this machine, or on the servers of a cluster that are named here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The addresses of a cluster's servers, as in `nats://a:4222,nats://b:4222`; none where the log lies on this machine.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Servers(Vec<String>);

/// A file that may be named.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct MaybeFile(Option<PathBuf>);

/// The text is no list of servers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no server: write nats://HOST:PORT or tls://HOST:PORT, and a comma between two")]
pub struct NoServer(String);

impl Servers {
    /// In the order that they were given in.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether the log lies on this machine.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Servers {
    type Err = NoServer;

    fn from_str(text: &str) -> Result<Self, NoServer> {
        let mut servers: Vec<String> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            // As in `nats://a,b,c`: the scheme stands for all that follow.
            let scheme = servers.first().and_then(|first| first.split_once("://")).map(|(scheme, _)| scheme);
            let server = match part.split_once("://") {
                Some(("nats" | "tls", host)) if !host.is_empty() => part.to_owned(),
                None if scheme.is_some() => format!("{}://{part}", scheme.unwrap_or_default()),
                _ => return Err(NoServer(part.to_owned())),
            };
            servers.push(server);
        }
        Ok(Self(servers))
    }
}

impl TryFrom<String> for Servers {
    type Error = NoServer;

    fn try_from(text: String) -> Result<Self, NoServer> {
        text.parse()
    }
}

impl From<Servers> for String {
    fn from(servers: Servers) -> Self {
        servers.0.join(",")
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.write_str(if self.0.is_empty() { "none" } else { "a cluster" })
    }
}

impl MaybeFile {
    /// The file, if one is named.
    pub fn path(&self) -> Option<PathBuf> {
        self.0.clone()
    }
}

impl From<String> for MaybeFile {
    fn from(text: String) -> Self {
        Self((!text.is_empty()).then(|| PathBuf::from(text)))
    }
}

impl From<MaybeFile> for String {
    fn from(file: MaybeFile) -> Self {
        file.0.map(|path| path.display().to_string()).unwrap_or_default()
    }
}

impl FromStr for MaybeFile {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Debug for MaybeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("none"),
            Some(path) => path.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_order_and_share_a_scheme() {
        let servers: Servers = "nats://a:4222, b:4223,tls://c".parse().expect("servers");
        assert_eq!(servers.as_slice(), ["nats://a:4222", "nats://b:4223", "tls://c"]);
        assert_eq!("".parse(), Ok(Servers::default()));
    }

    #[test]
    fn what_is_no_server_is_refused_and_named() {
        for text in ["a:4222", "http://a", "nats://"] {
            assert_eq!(text.parse::<Servers>(), Err(NoServer(text.to_owned())));
        }
    }
}
