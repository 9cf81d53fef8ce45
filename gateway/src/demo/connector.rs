//! The demo's channels: they take every reply. A real channel has a program that fetches replies from the outbox.

use crate::ingest::{Ingest, Report, Source};
use clew_domain::conversation::{ConversationEvent, ReplyOrigin};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::ConversationId;
use clew_domain::workspace::WorkspaceState;
use clew_eventstore::cursor::Cursor;
use clew_eventstore::store::EventStore;
use futures::StreamExt;
use std::sync::Arc;

/// Accepts each reply a second after it was sent, by the log's time; ends with the store.
pub async fn deliver(store: Arc<dyn EventStore>, ingest: Ingest, workspace: impl Fn() -> Arc<WorkspaceState> + Send) {
    let mut facts = store.subscribe(Cursor::start(store.partitions()));
    while let Some(batch) = facts.next().await {
        let Ok(batch) = batch else { return };
        for fact in batch.iter() {
            if let Err(error) = accept(fact, &ingest, &workspace()).await {
                tracing::warn!(position = fact.position.sequence, %error, "the demo could not deliver a reply");
            }
        }
    }
}

async fn accept(fact: &Fact, ingest: &Ingest, workspace: &WorkspaceState) -> Result<(), crate::ingest::IngestError> {
    let Event::Conversation(ConversationEvent::ReplySent(sent)) = &fact.event else { return Ok(()) };
    let Some(channel) = workspace.channels.get(&sent.channel) else { return Ok(()) };
    if sent.origin == ReplyOrigin::Channel {
        return Ok(());
    }
    let source = Source {
        channel: sent.channel,
        profile: channel.profile.clone(),
        settings_version: fact.settings_version,
        rules: None,
    };
    let report = Report::Accepted { receipt: None, at: fact.occurred_at.plus_secs(1) };
    ingest.report_delivery(&source, ConversationId(fact.stream.id), sent.reply, report).await?;
    Ok(())
}
