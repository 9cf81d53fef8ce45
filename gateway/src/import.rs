//! Messages from a file, taken in as if their channel told them now, with occurred times of then. Every message goes
//! through [`crate::ingest`]; a second run of the same file changes nothing.

pub mod file;

use crate::ingest::{ChannelMessage, Ingest, IngestError, Source, ThreadName, Verdict};
use clew_domain::conversation::Visibility;
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{ChannelId, CommandId, ConversationId, StreamId};
use clew_domain::plaintext::ContactIdentity;
use clew_domain::time::Timestamp;
use clew_domain::workspace::{self, ChannelKind, ChannelProfile, Workspace};
use clew_eventstore::store::{EventStore, StoreError};
use clew_eventstore::transact::{TransactError, load, transact};
use file::{File, Placed, Rejected};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Lines of the file, blank ones left out.
    pub lines: usize,
    /// Messages that were taken in.
    pub messages: usize,
    /// Lines that told of a message that was in the log, or on another line, already.
    pub duplicates: usize,
    /// Lines that could not be taken in.
    pub rejected: usize,
    /// Conversations that the file's messages are in.
    pub conversations: usize,
    /// Facts that were appended.
    pub events_appended: usize,
}

/// Why an import was broken off; what it took in before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The log does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A channel could not be connected.
    #[error("the channel '{0}' can't be connected: {1}")]
    Channel(String, String),
    /// A message could not be taken in for a reason that will meet the next one too.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Takes a file's messages into the log.
pub struct Import<'a> {
    /// The log.
    pub store: &'a dyn EventStore,
    /// Takes messages in.
    pub ingest: &'a Ingest,
    /// The instant at which channels are connected that are not there yet.
    pub now: Timestamp,
}

impl Import<'_> {
    /// Takes in all messages of the file. `told` is called after each with how many are done, and with each line
    /// that is rejected.
    pub async fn run(&self, file: &File, told: &mut impl FnMut(Told<'_>)) -> Result<Summary, ImportError> {
        let mut summary = Summary {
            lines: file.lines,
            duplicates: file.repeated,
            rejected: file.rejected.len(),
            ..Summary::default()
        };
        for rejected in &file.rejected {
            told(Told::Rejected(rejected));
        }
        let mut sources = HashMap::new();
        let mut conversations: BTreeSet<ConversationId> = BTreeSet::new();
        for (done, placed) in (1..).zip(&file.messages) {
            let account = placed.line.brand.as_str();
            if !sources.contains_key(account) {
                let (source, appended) = self.source(account).await?;
                summary.events_appended += appended;
                sources.insert(account, source);
            }
            match self.take(&sources[account], placed).await {
                Ok(ingested) => {
                    conversations.extend(ingested.conversation);
                    summary.events_appended += ingested.appended;
                    match ingested.verdict {
                        Verdict::Accepted | Verdict::Refused => summary.messages += 1,
                        Verdict::Duplicate => summary.duplicates += 1,
                    }
                }
                Err(IngestError::Invalid(why)) => {
                    summary.rejected += 1;
                    told(Told::Rejected(&Rejected { line: placed.number, why }));
                }
                Err(error) => return Err(error.into()),
            }
            told(Told::Done(done));
        }
        summary.conversations = conversations.len();
        Ok(summary)
    }

    async fn take(&self, source: &Source, placed: &Placed) -> Result<crate::ingest::Ingested, IngestError> {
        let line = &placed.line;
        let root = if placed.root_is_here { None } else { self.ingest.root_of(source.channel, &placed.root)? };
        let message = ChannelMessage {
            id: line.id.clone(),
            contact: ContactIdentity { handle: placed.contact.clone(), name: None },
            text: line.text.clone(),
            kind: None,
            at: line.ts,
            thread: Some(root.map_or_else(|| ThreadName::Named(placed.root.clone()), ThreadName::Known)),
            answers: line.parent.clone(),
            link: Some(format!("https://x.com/i/web/status/{}", line.id)),
            author: (!line.inbound).then(|| line.author.clone()),
            attachments: Vec::new(),
        };
        if line.inbound {
            self.ingest.receive(source, message).await
        } else {
            self.ingest.record_reply(source, message).await
        }
    }

    /// The channel of this account, connected if it is not there yet, and how many facts that took.
    async fn source(&self, account: &str) -> Result<(Source, usize), ImportError> {
        let refused = |error: &dyn std::fmt::Display| ImportError::Channel(account.to_owned(), error.to_string());
        let loaded = load::<Workspace>(self.store, StreamId::WORKSPACE).await.map_err(|error| refused(&error))?;
        let mut channels = loaded.state.channels.iter();
        let known = channels.find(|(_, channel)| !channel.disconnected && channel.profile.name == account);
        if let Some((channel, known)) = known {
            let (profile, redactor) = (known.profile.clone(), loaded.state.redactions.redactor());
            return Ok((
                Source { channel: *channel, profile, redactor, settings_version: loaded.version, rules: None },
                0,
            ));
        }
        let channel = ChannelId(Uuid::now_v7());
        let profile = ChannelProfile {
            kind: ChannelKind::Twitter,
            name: account.to_owned(),
            visibility: Visibility::Public,
            reopens: false,
            team: None,
            reply_characters_max: Some(280),
        };
        let meta = CommandMeta::first(CommandId(Uuid::now_v7()), Actor::System, self.now, loaded.version);
        let command = workspace::Command::ConnectChannel { channel, profile: profile.clone() };
        let done = transact::<Workspace>(self.store, StreamId::WORKSPACE, &meta, &command, Vec::new()).await;
        let done = done.map_err(|error| match error {
            TransactError::Store(error) => ImportError::Store(error),
            TransactError::Rejected(_) | TransactError::ForeignEvent(_) => refused(&error),
        })?;
        let redactor = done.state.redactions.redactor();
        Ok((Source { channel, profile, redactor, settings_version: done.version, rules: None }, 1))
    }
}

/// How an import goes on.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// So many messages of the file are done.
    Done(usize),
    /// This line can't be taken in; the rest goes on.
    Rejected(&'a Rejected),
}
