//! Service levels end to end: over real material, by the command line, and through crashes.

mod command_line;
mod due_order;
mod expected;
mod real_file;
mod recorder;

use crate::support::TestApp;
use clew_domain::ids::{ChannelId, ConversationId};
use clew_domain::plaintext::ContactIdentity;
use clew_gateway::ingest::{ChannelMessage, Source};
use uuid::Uuid;

/// A contact writes on a private channel, now; every view has seen it.
pub(crate) async fn receive(app: &TestApp, channel: ChannelId, handle: &str) -> ConversationId {
    let state = &app.app.state;
    let settings = state.directory.settings();
    let source = Source::of(&settings.workspace, settings.version, channel).expect("a channel that is connected");
    let message = ChannelMessage {
        id: Uuid::new_v4().to_string(),
        contact: ContactIdentity { handle: handle.to_owned(), name: None },
        text: "hello".to_owned(),
        kind: None,
        at: state.clock.now(),
        thread: None,
        answers: None,
        link: None,
        author: None,
        attachments: Vec::new(),
    };
    let taken = state.ingest.receive(&source, message).await.expect("a message is taken in");
    let waited = state.wait_for(&state.store.head(), std::time::Duration::from_secs(20)).await;
    waited.expect("the views keep up");
    taken.conversation.expect("it belongs to a conversation")
}
