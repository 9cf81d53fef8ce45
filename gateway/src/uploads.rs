//! Files that were uploaded and wait for the reply that they go with. Their bytes are sealed in the store already;
//! only what a reply needs to refer to them is kept here, in memory, for an hour.

use crate::error::{Problem, kinds};
use clew_domain::conversation::Attachment;
use clew_domain::ids::{AgentId, AttachmentId, ConversationId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an upload waits for its reply.
const KEPT: Duration = Duration::from_secs(3600);
/// Uploads of one agent that may wait at the same time.
const WAITING_PER_AGENT_MAX: usize = 50;

/// Files that wait for their reply.
#[derive(Debug, Default)]
pub struct Uploads {
    staged: Mutex<HashMap<AttachmentId, Staged>>,
}

#[derive(Debug)]
struct Staged {
    attachment: Attachment,
    agent: AgentId,
    conversation: ConversationId,
    since: Instant,
}

impl Uploads {
    /// Keeps an upload until its reply is sent.
    pub fn stage(&self, agent: AgentId, conversation: ConversationId, attachment: Attachment) -> Result<(), Problem> {
        let mut staged = self.lock();
        staged.retain(|_, upload| upload.since.elapsed() < KEPT);
        if staged.values().filter(|upload| upload.agent == agent).count() >= WAITING_PER_AGENT_MAX {
            let why = format!("{WAITING_PER_AGENT_MAX} uploads wait for their replies; send or drop some first");
            return Err(Problem::new(&kinds::TOO_MANY).detail(why).with("max", WAITING_PER_AGENT_MAX));
        }
        let upload = Staged { attachment, agent, conversation, since: Instant::now() };
        staged.insert(attachment.id, upload);
        Ok(())
    }

    /// The uploads of a reply, in its order; each was made by this agent for this conversation.
    pub fn of_reply(
        &self,
        agent: AgentId,
        conversation: ConversationId,
        ids: &[AttachmentId],
    ) -> Result<Vec<Attachment>, Problem> {
        let staged = self.lock();
        let find = |id: &AttachmentId| {
            let upload = staged.get(id).filter(|upload| upload.agent == agent && upload.conversation == conversation);
            upload.filter(|upload| upload.since.elapsed() < KEPT).map(|upload| upload.attachment).ok_or_else(|| {
                let why =
                    "there is no such upload for this conversation, or it waited for over an hour; upload it again";
                Problem::new(&kinds::INVALID_VALUE).with("field", "attachments").with("attachment", id).detail(why)
            })
        };
        ids.iter().map(find).collect()
    }

    /// Lets go of uploads whose reply was sent.
    pub fn forget(&self, ids: &[AttachmentId]) {
        let mut staged = self.lock();
        for id in ids {
            staged.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AttachmentId, Staged>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
