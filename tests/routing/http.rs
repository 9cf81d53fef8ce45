//! Clients that fight for the same conversations over HTTP, while routing gives them out.

use crate::support::{TestApp, Webhook};
use clew_domain::agent::Agent;
use clew_domain::content::{Commitment, ContentId, ContentRef};
use clew_domain::conversation::{
    Command, Conversation, Direction, MessageKind, MessageReceived, Opening, Queue, Receive, Started, Visibility,
};
use clew_domain::fact::{Actor, CommandMeta};
use clew_domain::ids::{ChannelId, CommandId, ContactId, ConversationId, MessageId, ThreadId};
use clew_domain::workspace::{ChannelKind, Role};
use clew_eventstore::transact::load;
use serde_json::json;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CLIENTS: usize = 64;
const CONVERSATIONS: usize = 200;

async fn arrive(app: &TestApp, channel: ChannelId) -> ConversationId {
    let id = ConversationId(Uuid::new_v4());
    let started = Started {
        contact: ContactId(Uuid::new_v4()),
        channel,
        thread: ThreadId(Uuid::new_v4()),
        root: None,
        number: 1,
        previous: None,
        visibility: Visibility::Private,
    };
    let message = MessageReceived {
        message: MessageId(Uuid::new_v4()),
        content: ContentRef { id: ContentId(1), commitment: Commitment([0; 32]) },
        kind: MessageKind::PrivateMessage,
        answers: None,
        attachments: Vec::new(),
        groups: None,
    };
    let opening = Opening { started, team: None };
    let receive = Command::Receive(Receive { opening, message, redactions: Vec::new(), reopens: false });
    let state = &app.app.state;
    let meta = CommandMeta::first(CommandId(Uuid::new_v4()), Actor::System, state.clock.now(), 1);
    state.act::<Conversation>(id.into(), &meta, &receive, Vec::new()).await.expect("a first message is taken");
    id
}

#[tokio::test]
async fn clients_who_all_become_available_at_once_get_each_conversation_once() {
    let app = TestApp::new().await;
    let channel = app.channel("Letters").await;
    let mut conversations = Vec::new();
    for _ in 0..CONVERSATIONS {
        conversations.push(arrive(&app, channel).await);
    }
    let mut agents = Vec::new();
    for n in 0..CLIENTS {
        agents.push(app.signed_in(&format!("agent{n}"), [Role::Agent]).await);
    }
    let fights = agents.iter().map(|(client, _)| {
        let client = client.clone();
        tokio::spawn(async move { client.put("/v1/me/availability", json!({"kind": "available"})).await })
    });
    for fight in fights.collect::<Vec<_>>() {
        fight.await.expect("no client panics").expect(200);
    }

    let store = app.app.state.store.as_ref();
    let began = Instant::now();
    loop {
        let mut owners = Vec::new();
        for id in &conversations {
            let state = load::<Conversation>(store, (*id).into()).await.expect("read").state;
            assert_eq!(state.queue, Queue::New);
            owners.push(state.agent);
        }
        if owners.iter().all(Option::is_some) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "something still waits");
        tokio::task::yield_now().await;
    }
    let mut held = 0;
    for (_, agent) in &agents {
        let state = load::<Agent>(store, (*agent).into()).await.expect("read").state;
        assert!(state.holds.len() <= 5, "over the limit");
        held += state.holds.len();
        for conversation in &state.holds {
            let owner = load::<Conversation>(store, (*conversation).into()).await.expect("read").state.agent;
            assert_eq!(owner, Some(*agent), "two have it");
        }
    }
    assert_eq!(held, CONVERSATIONS, "each is held by exactly one");
}

#[tokio::test]
async fn clients_who_fight_for_the_same_conversations_answer_each_once_and_one_owns_it() {
    let app = TestApp::new().await;
    let hook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
    let mut conversations = Vec::new();
    for n in 0..10 {
        let told = hook.write(&format!("m{n}"), &format!("+33 {n}"), "Hello").await;
        conversations.push(ConversationId(told["conversation"].as_str().expect("an id").parse().expect("a UUID")));
    }
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        clients.push(app.signed_in(&format!("fighter{n}"), [Role::Agent]).await.0);
    }
    let mut fights = Vec::new();
    for (n, client) in clients.into_iter().enumerate() {
        let mut order = conversations.clone();
        order.rotate_left(n % conversations.len());
        fights.push(tokio::spawn(async move {
            for conversation in order {
                let at = format!("/v1/conversations/{conversation}");
                let lock = client.put(&format!("{at}/lock"), json!({})).await;
                // Sent twice, as after a time-out; without the lock, too.
                let answer = json!({"text": "Hello to you", "seen": 100});
                let answering = client.with("idempotency-key", &format!("answer to {conversation}"));
                let sent = answering.post(&format!("{at}/messages"), answer.clone()).await;
                let again = answering.post(&format!("{at}/messages"), answer).await;
                assert_eq!(sent.status, again.status);
                assert_eq!(lock.status.is_success(), sent.status.is_success(), "who has no lock does not answer");
            }
        }));
    }
    for fight in fights {
        fight.await.expect("no client panics");
    }
    for conversation in conversations {
        let store = app.app.state.store.as_ref();
        let state = load::<Conversation>(store, conversation.into()).await.expect("read").state;
        let replies = state.messages.values().filter(|message| message.direction == Direction::Out);
        assert_eq!(replies.count(), 1, "one answer");
        assert!(state.agent.is_some());
        assert_eq!(state.agent, state.lock, "who answered owns it");
    }
}
