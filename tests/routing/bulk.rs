//! Bulk acts: over a selection and a filter, with progress, cancelled, and taken up again after a crash.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::agent::{Agent, Bulk, BulkAct, Command};
use clew_domain::conversation::{Conversation, ConversationEvent as E, Queue, ResolveReason, Visibility};
use clew_domain::fact::{Actor, CommandMeta, Event};
use clew_domain::ids::{AgentId, BulkId, CommandId, ConversationId};
use clew_domain::workspace::{ChannelKind, Role};
use clew_eventstore::transact::{load, transact};
use clew_gateway::bulk;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

struct Desk {
    app: TestApp,
    ada: Client,
    ada_id: AgentId,
    conversations: Vec<ConversationId>,
}

impl Desk {
    async fn with(count: usize) -> Self {
        let app = TestApp::new().await;
        let hook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
        let mut conversations = Vec::new();
        for n in 0..count {
            let told = hook.write(&format!("m{n}"), &format!("+33 {n}"), "Hello").await;
            conversations.push(ConversationId(told["conversation"].as_str().expect("an id").parse().expect("a UUID")));
        }
        let (ada, ada_id) = app.signed_in("ada", [Role::Supervisor]).await;
        let ada = ada.with("clew-min-position", &app.app.state.store.head().to_string());
        Self { app, ada, ada_id, conversations }
    }

    /// How the act stands once it is over.
    async fn over(&self, bulk: &str) -> Value {
        let began = Instant::now();
        loop {
            let progress = self.ada.get(&format!("/v1/bulks/{bulk}")).await.expect(200);
            if progress["ended"] == true {
                return progress;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{progress}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn resolutions(&self, conversation: ConversationId, wanted: BulkId) -> usize {
        let facts = self.app.app.state.store.read_stream(conversation.into(), 0).await.expect("memory can be read");
        let resolved =
            |event: &Event| matches!(event, Event::Conversation(E::Resolved { bulk, .. }) if *bulk == Some(wanted));
        facts.iter().filter(|fact| resolved(&fact.event)).count()
    }
}

#[tokio::test]
async fn a_filter_says_which_conversations_and_each_has_its_own_outcome() {
    let desk = Desk::with(30).await;
    // The filter asks the view, which may be a little behind.
    let head = desk.app.app.state.store.head().to_string();
    desk.ada.with("clew-min-position", &head).get("/v1/queues").await.expect(200);
    let resolve = json!({"act": {"resolve": "answered"}, "filter": {"queue": "new", "assignee": "none"}});
    let begun = desk.ada.post("/v1/bulks", resolve).await.expect(202);
    assert_eq!(begun["total"], 30);
    let progress = desk.over(begun["bulk"].as_str().expect("an id")).await;
    let lines = progress["lines"].as_array().expect("lines");
    assert!(lines.len() == 30 && lines.iter().all(|line| line["outcome"] == "done"), "{progress}");

    let unknown = Uuid::new_v4();
    let chosen = json!({"act": "unassign", "conversations": [desk.conversations[0], unknown]});
    let begun = desk.ada.post("/v1/bulks", chosen).await.expect(202);
    let progress = desk.over(begun["bulk"].as_str().expect("an id")).await;
    assert_eq!(progress["lines"][0]["outcome"], "unchanged");
    assert_eq!(
        (&progress["lines"][1]["outcome"], &progress["lines"][1]["problem"]["status"]),
        (&json!("refused"), &json!(404))
    );
}

#[tokio::test]
async fn only_supervisors_act_in_bulk_and_what_is_no_act_is_refused() {
    let desk = Desk::with(1).await;
    let (ben, _) = desk.app.signed_in("ben", [Role::Agent]).await;
    let act = json!({"act": "unassign", "conversations": desk.conversations});
    ben.post("/v1/bulks", act).await.expect_problem(403, "forbidden");
    let post = |body: Value| async { desk.ada.post("/v1/bulks", body).await };
    post(json!({"act": "unassign"})).await.expect_problem(422, "invalid-value");
    post(json!({"act": "unassign", "conversations": []})).await.expect_problem(422, "invalid-value");
    let topic = json!({"act": {"add_topic": Uuid::new_v4()}, "conversations": desk.conversations});
    post(topic).await.expect_problem(422, "invalid-value");
    desk.ada.get(&format!("/v1/bulks/{}", Uuid::new_v4())).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_cancelled_act_goes_no_further_and_what_is_done_stays_done() {
    let desk = Desk::with(200).await;
    let act = json!({"act": {"resolve": "spam"}, "conversations": desk.conversations});
    let begun = desk.ada.post("/v1/bulks", act).await.expect(202);
    let bulk = begun["bulk"].as_str().expect("an id").to_owned();
    let cancelled = desk.ada.delete(&format!("/v1/bulks/{bulk}")).await.expect(200);
    assert_eq!(cancelled["cancelled"], true);
    let progress = desk.over(&bulk).await;
    let done = progress["lines"].as_array().expect("lines").len();
    let store = desk.app.app.state.store.as_ref();
    let mut resolved = 0;
    for conversation in &desk.conversations {
        let state = load::<Conversation>(store, (*conversation).into()).await.expect("read").state;
        resolved += usize::from(state.queue == Queue::Resolved);
    }
    assert_eq!(resolved, done);
    assert!(desk.app.app.state.directory.agent(desk.ada_id).state.bulks.is_empty(), "it will not be taken up again");
}

#[tokio::test]
async fn an_act_that_a_crash_broke_off_is_taken_up_again_and_does_nothing_twice() {
    let desk = Desk::with(20).await;
    let state = &desk.app.app.state;
    let (bulk, act) = (BulkId(Uuid::new_v4()), BulkAct::Resolve(ResolveReason::Answered));
    // What a server left behind that stopped after seven lines.
    let meta = |id| CommandMeta::first(id, Actor::Agent(desk.ada_id), state.clock.now(), 1);
    let begin = Command::BeginBulk { bulk, act, conversations: desk.conversations.clone() };
    state
        .act::<Agent>(desk.ada_id.into(), &meta(CommandId(Uuid::new_v4())), &begin, Vec::new())
        .await
        .expect("it begins");
    for conversation in &desk.conversations[..7] {
        let line = meta(BulkAct::line(bulk, *conversation));
        let command = act.command(bulk);
        let done = transact::<Conversation>(state.store.as_ref(), (*conversation).into(), &line, &command, Vec::new());
        done.await.expect("a line");
    }
    let known: Vec<Bulk> = state.directory.agent(desk.ada_id).state.bulks.values().map(|it| Bulk::clone(it)).collect();
    assert_eq!(known.len(), 1);
    bulk::resume(state);
    bulk::resume(state);
    let progress = desk.over(&bulk.to_string()).await;
    assert!(progress["lines"].as_array().expect("lines").iter().all(|line| line["outcome"] == "done"), "{progress}");
    for conversation in &desk.conversations {
        assert_eq!(desk.resolutions(*conversation, bulk).await, 1);
    }
    assert!(state.directory.agent(desk.ada_id).state.bulks.is_empty());
}
