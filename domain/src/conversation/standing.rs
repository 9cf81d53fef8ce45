//! How a conversation stands, in short and in canonical bytes: what a digest of state is made over. It depends on
//! no fold's rows and on no serialization.

use super::state::{Queue, State};
use crate::ids::{AgentId, ConversationId, TeamId, TopicId};
use crate::time::Timestamp;
use uuid::Uuid;

/// How a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The version of its stream.
    pub version: u64,
    /// In which queue.
    pub queue: Queue,
    /// Whether further messages of the thread are refused.
    pub blocked: bool,
    /// How urgent it is.
    pub priority: i16,
    /// When a pending one comes back by itself.
    pub pended_until: Option<Timestamp>,
    /// Who owns it.
    pub agent: Option<AgentId>,
    /// The team that has it.
    pub team: Option<TeamId>,
    /// Who has it open.
    pub lock: Option<AgentId>,
    /// Its topics, in order of their ids.
    pub topics: Vec<TopicId>,
}

impl Standing {
    /// As the decider knows it.
    pub fn of(conversation: ConversationId, state: &State) -> Self {
        Self {
            conversation,
            version: state.version,
            queue: state.queue,
            blocked: state.blocked,
            priority: state.priority,
            pended_until: state.pended_until,
            agent: state.agent,
            team: state.team,
            lock: state.lock,
            topics: state.topics.iter().copied().collect(),
        }
    }

    /// Appends its canonical bytes: integers little-endian, ids as their 16 bytes, nil for nobody, the earliest
    /// number for no instant.
    pub fn write(&self, out: &mut Vec<u8>) {
        let queue = match self.queue {
            Queue::New => 0_u8,
            Queue::Pending => 1,
            Queue::Resolved => 2,
        };
        let until = self.pended_until.map_or(i64::MIN, Timestamp::micros);
        let topics = u32::try_from(self.topics.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(self.conversation.0.as_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&[queue, u8::from(self.blocked)]);
        out.extend_from_slice(&self.priority.to_le_bytes());
        out.extend_from_slice(&until.to_le_bytes());
        for id in [self.agent.map(|it| it.0), self.team.map(|it| it.0), self.lock.map(|it| it.0)] {
            out.extend_from_slice(id.unwrap_or(Uuid::nil()).as_bytes());
        }
        out.extend_from_slice(&topics.to_le_bytes());
        self.topics.iter().for_each(|topic| out.extend_from_slice(topic.0.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let standing = Standing {
            topics: vec![TopicId(Uuid::from_u128(9))],
            version: 3,
            priority: -1,
            queue: Queue::Pending,
            agent: Some(AgentId(Uuid::from_u128(7))),
            ..Standing::of(ConversationId(Uuid::from_u128(5)), &State::default())
        };
        let mut bytes = Vec::new();
        standing.write(&mut bytes);
        assert_eq!(bytes.len(), 16 + 8 + 2 + 2 + 8 + 3 * 16 + 4 + 16);
        assert_eq!((bytes[15], bytes[16], bytes[24], bytes[25], &bytes[26..28]), (5, 3, 1, 0, &[0xff, 0xff][..]));
        assert_eq!(&bytes[28..36], i64::MIN.to_le_bytes());
        assert_eq!((bytes[51], bytes[67], bytes[83], bytes[84], bytes[103]), (7, 0, 0, 1, 9));
    }
}
