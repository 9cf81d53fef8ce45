//! Rules at work: what messages set off over HTTP, and what silence sets off through crashes.

use super::world::{CHANNEL, World};
use crate::support::{Client, TestApp, Webhook};
use clew_domain::automation::{Act, Condition, Quiet, Rule, Trigger};
use clew_domain::conversation::{Command as C, ConversationEvent as E, Queue, ReplyOrigin, ResolveReason, Visibility};
use clew_domain::fact::{Actor, Event, Fact};
use clew_domain::ids::{ConversationId, RuleId};
use clew_domain::workspace::{ChannelKind, Command, Role};
use clew_eventstore::store::EventStore;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

struct Desk {
    app: TestApp,
    hook: Webhook,
    admin: Client,
}

impl Desk {
    async fn open() -> Self {
        let app = TestApp::new().await;
        let hook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
        let (admin, _) = app.signed_in("root", [Role::Admin, Role::Supervisor]).await;
        Self { app, hook, admin }
    }

    async fn make(&self, path: &str, body: Value) -> String {
        let made = self.admin.post(&format!("/v1/admin/{path}"), body).await.expect(201);
        made["id"].as_str().expect("an id").to_owned()
    }

    async fn rule(&self, name: &str, when: Value, then: Value) -> String {
        let definition =
            json!({"name": name, "on": true, "trigger": "message", "when": when, "then": then, "last": false});
        self.make("rules", json!({"definition": definition})).await
    }

    /// The contact writes; the facts of the conversation then.
    async fn write(&self, id: &str, text: &str) -> Vec<Fact> {
        let told = self.hook.write(id, "+33 1", text).await;
        let conversation: Uuid = told["conversation"].as_str().expect("an id").parse().expect("a UUID");
        let facts = self.app.app.state.store.read_stream(ConversationId(conversation).into(), 0).await;
        facts.expect("memory can be read")
    }
}

fn by_rule(facts: &[Fact]) -> Vec<(&E, &Fact)> {
    let facts = facts.iter().filter(|fact| matches!(fact.actor, Actor::Rule(_)));
    facts
        .filter_map(|fact| if let Event::Conversation(event) = &fact.event { Some((event, fact)) } else { None })
        .collect()
}

#[tokio::test]
async fn a_message_and_all_that_it_sets_off_are_one_commit_and_each_act_names_its_rule_and_cause() {
    let desk = Desk::open().await;
    let topic = desk.make("topics", json!({"name": "Refunds"})).await;
    let team = desk.make("teams", json!({"name": "Billing"})).await;
    let group = desk.make("groups", json!({"name": "VIP"})).await;
    let attribute = json!({"label": "Order", "kind": "text", "system": true});
    desk.admin.put("/v1/admin/attributes/order", attribute).await.expect(200);
    let words = json!([[{"words": ["remboursé", "refund"]}]]);
    let first = desk.rule("Refunds", words, json!([{"add_topic": topic}, {"score": 10}])).await;
    let by_topic = json!([[{"topics": {"which": "any", "of": [topic]}}]]);
    let second = desk.rule("To billing", by_topic, json!([{"assign_team": team}, {"join_group": group}])).await;
    let order = json!([{"fill_attribute": {"key": "order", "value": null}}, {"reply": "We look into it."}]);
    let third = desk.rule("Orders", json!([[{"pattern": "order ([0-9]+)"}]]), order).await;

    let facts = desk.write("m1", "Je veux être REMBOURSE: Order 1234").await;
    let received = facts.iter().find(|fact| matches!(&fact.event, Event::Conversation(E::MessageReceived(_))));
    let received = received.expect("the message");
    let rules = by_rule(&facts);
    assert!(rules.iter().all(|(_, fact)| fact.causation == Some(received.id)), "each names its cause");
    let names: Vec<_> = rules.iter().map(|(_, fact)| fact.actor).collect();
    let rule = |id: &str| Actor::Rule(RuleId(id.parse().expect("a UUID")));
    for (id, acts) in [(&first, 3), (&second, 2), (&third, 2)] {
        assert_eq!(names.iter().filter(|actor| **actor == rule(id)).count(), acts, "{rules:?}");
    }
    let store = &desk.app.app.state.store;
    let all = store.read_all(received.position, usize::MAX).await.expect("memory can be read");
    assert!(all.iter().all(|fact| fact.recorded_at == all[0].recorded_at), "nothing lies between them");
    assert!(all.len() >= rules.len());

    let position = store.head().to_string();
    let reader = desk.admin.with("clew-min-position", &position);
    let shown = reader.get(&format!("/v1/conversations/{}", received.stream.id)).await.expect(200);
    assert_eq!(shown["topics"][0]["name"], "Refunds");
    assert_eq!(shown["assignee"]["team"]["name"].as_str().or(shown["assignee"]["name"].as_str()), Some("Billing"));
    let replies: Vec<_> =
        shown["entries"].as_array().expect("entries").iter().filter(|it| it["direction"] == "out").collect();
    assert_eq!((replies.len(), &replies[0]["text"]), (1, &json!("We look into it.")));
    let contact = shown["contact"]["id"].as_str().expect("an id");
    let contact = reader.get(&format!("/v1/contacts/{contact}")).await.expect(200);
    assert_eq!(contact["groups"][0]["name"], "VIP");
    assert!(contact["attributes"].to_string().contains("1234"), "{contact}");
    let row = &reader.get("/v1/queues/new").await.expect(200)["rows"][0];
    assert_eq!(row["priority"], 10);
    assert!(!row["waiting_since"].is_null(), "whom a rule answered still waits");
}

#[tokio::test]
async fn a_message_delivered_twice_sets_off_nothing_twice() {
    let desk = Desk::open().await;
    desk.rule("Hello", json!([]), json!([{"reply": "Thank you"}, {"score": 1}])).await;
    let once = desk.write("m1", "Hello").await;
    let twice = desk.write("m1", "Hello").await;
    assert_eq!(once, twice);
}

#[tokio::test]
async fn two_programs_can_not_go_on_answering_each_other() {
    let desk = Desk::open().await;
    desk.rule("Hello", json!([]), json!([{"reply": "Thank you"}])).await;
    let mut facts = Vec::new();
    for n in 0..20 {
        facts = desk.write(&format!("m{n}"), "I am out of office").await;
    }
    let count = |wanted: fn(&E) -> bool| by_rule(&facts).iter().filter(|(event, _)| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, E::ReplySent(reply) if reply.origin == ReplyOrigin::Automation)), 1);
    assert_eq!(count(|event| matches!(event, E::RuleHeldBack { .. })), 1, "told once");
    let conversation = facts[0].stream.id;
    let seen = facts.last().expect("facts").version;
    let answer = json!({"text": "A person", "seen": seen});
    desk.admin.post(&format!("/v1/conversations/{conversation}/messages"), answer).await.expect(201);
    let facts = desk.write("again", "Hello?").await;
    let replies = by_rule(&facts).iter().filter(|(event, _)| matches!(event, E::ReplySent(_))).count();
    assert_eq!(replies, 2, "a person answered in between");
}

#[tokio::test]
async fn rules_are_set_up_ordered_tried_and_switched_off_by_admins() {
    let desk = Desk::open().await;
    let topic = desk.make("topics", json!({"name": "Refunds"})).await;
    let first = desk.rule("One", json!([[{"words": ["refund"]}]]), json!([{"add_topic": topic}])).await;
    let second = desk.rule("Two", json!([]), json!([{"score": 3}])).await;
    desk.admin.put("/v1/admin/rules", json!({"order": [second, first]})).await.expect(200);
    desk.admin.put("/v1/admin/rules", json!({"order": [second]})).await.expect_problem(422, "invalid-value");
    let listed = desk.admin.get("/v1/admin/rules").await.expect(200);
    assert_eq!(listed["items"][0]["id"], second);
    let sample = json!({"text": "Refund!", "channel": desk.hook.channel});
    let before = desk.app.app.state.store.head();
    let tried = desk.admin.post("/v1/admin/rules:try", sample.clone()).await.expect(200);
    assert_eq!(desk.app.app.state.store.head(), before, "a trial writes nothing");
    assert_eq!(tried["items"].as_array().map(Vec::len), Some(2));
    let mut off = listed["items"][0]["definition"].clone();
    off["on"] = json!(false);
    desk.admin.put(&format!("/v1/admin/rules/{second}"), json!({"definition": off})).await.expect(200);
    let tried = desk.admin.post("/v1/admin/rules:try", sample).await.expect(200);
    assert_eq!(tried["items"][0]["name"], "One");
    let bad = json!({"definition": {"name": "Bad", "on": true, "trigger": "message",
        "when": [[{"pattern": "("}]], "then": [{"score": 1}], "last": false}});
    desk.admin.post("/v1/admin/rules", bad).await.expect_problem(422, "invalid-value");
    desk.admin.delete(&format!("/v1/admin/rules/{first}")).await.expect(200);
    let (agent, _) = desk.app.signed_in("ada", [Role::Agent]).await;
    agent.get("/v1/admin/rules").await.expect_problem(403, "forbidden");
}

fn quiet(name: &str, queue: Queue, seconds: u32, act: Act) -> Command {
    let definition = Rule {
        name: name.into(),
        on: true,
        trigger: Trigger::Quiet(Quiet { queue, seconds }),
        when: vec![vec![Condition::Channels(BTreeSet::from([CHANNEL]))]],
        then: vec![act],
        last: false,
    };
    Command::SetRule { rule: RuleId(Uuid::new_v4()), definition }
}

#[tokio::test]
async fn what_nobody_does_anything_about_is_resolved_once_under_the_rules_that_it_began_with() {
    let day = 86_400;
    let mut world = World::new(1).await;
    let before = world.arrive().await;
    world.set(quiet("Inactive", Queue::New, day, Act::Resolve)).await;
    let after = world.arrive().await;
    world.start();
    world.settled().await;
    world.pass(i64::from(day) - 60);
    world.on(after, C::SetPriority { priority: 1 }).await;
    world.crash().await;
    world.pass(120);
    world.start();
    world.start();
    world.settled().await;
    let queue = |picture: &super::world::Picture, id| picture.conversations[&id].0.queue;
    assert_eq!(queue(&world.picture().await, after), Queue::New, "something was done in between");
    world.pass(i64::from(day));
    world.crash().await;
    world.start();
    world.start();
    world.settled().await;
    let picture = world.picture().await;
    assert_eq!(queue(&picture, after), Queue::Resolved);
    assert_eq!(queue(&picture, before), Queue::New, "it began before the rule");
    let facts = world.store.read_stream(after.into(), 0).await.expect("memory can be read");
    let inactive = |event: &E| matches!(event, E::Resolved { reason: ResolveReason::Inactive, .. });
    let resolved: Vec<_> = by_rule(&facts).into_iter().filter(|(event, _)| inactive(event)).collect();
    assert_eq!(resolved.len(), 1);
    assert!(resolved[0].1.causation.is_some(), "it names the last thing that was done");
}

#[tokio::test]
async fn what_is_pending_comes_back_after_a_time() {
    let mut world = World::new(1).await;
    world.set(quiet("Boomerang", Queue::Pending, 3_600, Act::BringBack)).await;
    let id = world.arrive().await;
    world.on(id, C::Pend { until: None }).await;
    world.pass(3_700);
    world.start();
    world.settled().await;
    assert_eq!(world.picture().await.conversations[&id].0.queue, Queue::New);
}

#[tokio::test]
async fn a_topic_or_group_by_hand_moves_the_conversation_in_the_order_once_and_back() {
    let desk = Desk::open().await;
    let topic = desk.make("topics", json!({"name": "Refunds"})).await;
    let late = desk.make("topics", json!({"name": "Late"})).await;
    let team = desk.make("teams", json!({"name": "Billing"})).await;
    let group = desk.make("groups", json!({"name": "VIP"})).await;
    let of_topic = json!([[{"topics": {"which": "any", "of": [topic]}}]]);
    let then = json!([{"score": 10}, {"assign_team": team}, {"add_topic": late}, {"reply": "Hello"}]);
    let rule = desk.rule("Refunds", of_topic, then).await;
    let of_late = json!([[{"topics": {"which": "any", "of": [late]}}]]);
    desk.rule("Late", of_late, json!([{"score": 5}, {"add_topic": topic}])).await;
    let vip = json!([[{"groups": {"which": "any", "of": [group]}}]]);
    desk.rule("VIP", vip, json!([{"score": 100}])).await;
    let reads = json!([[{"topics": {"which": "any", "of": [topic]}}], [{"words": ["hello"]}]]);
    desk.rule("Reads", reads, json!([{"score": 1000}])).await;
    desk.hook.write("m0", "+33 9", "I was first").await;
    let facts = desk.write("m1", "Hello").await;
    let id = facts[0].stream.id.to_string();
    let first = async || {
        let reader = desk.admin.with("clew-min-position", &desk.app.app.state.store.head().to_string());
        let row = reader.get("/v1/queues/new").await.expect(200)["rows"][0].clone();
        (row["id"] == json!(id), row["priority"].clone())
    };
    assert_eq!(first().await, (false, json!(0)));

    let at = format!("/v1/conversations/{id}/topics/{topic}");
    desk.admin.put(&at, json!(null)).await.expect(200);
    assert_eq!(first().await, (true, json!(15)), "it moved to the front");
    let store = &desk.app.app.state.store;
    let facts = store.read_stream(facts[0].stream, 0).await.expect("memory can be read");
    let added = facts.iter().find(|fact| matches!(&fact.event, Event::Conversation(E::TopicAdded { .. })));
    let added = added.expect("the topic");
    let by_rules = by_rule(&facts);
    assert!(by_rules.iter().all(|(_, fact)| fact.causation == Some(added.id)), "{by_rules:?}");
    assert!(by_rules.iter().all(|(_, fact)| fact.recorded_at == added.recorded_at), "one commit");
    assert!(by_rules.iter().any(|(_, fact)| fact.actor == Actor::Rule(RuleId(rule.parse().expect("a UUID")))));
    assert!(by_rules.iter().any(|(event, _)| matches!(event, E::Assigned { .. })));
    assert!(!by_rules.iter().any(|(event, _)| matches!(event, E::ReplySent(_))), "nobody wrote: nothing is answered");
    desk.admin.put(&at, json!(null)).await.expect(200);
    assert_eq!(first().await.1, json!(15), "it was there: nothing changes");

    let contact = store.read_stream(facts[0].stream, 0).await.expect("read").into_iter().find_map(|fact| {
        if let Event::Conversation(E::Started(started)) = fact.event { Some(started.contact) } else { None }
    });
    let groups = format!("/v1/contacts/{}/groups/{group}", contact.expect("it began"));
    let once = desk.admin.with("idempotency-key", "once");
    once.put(&groups, json!(null)).await.expect(200);
    once.put(&groups, json!(null)).await.expect(200);
    assert_eq!(first().await.1, json!(115), "a repetition does nothing twice");
    desk.admin.delete(&groups).await.expect(200);
    assert_eq!(first().await.1, json!(15));

    desk.admin.delete(&at).await.expect(200);
    assert_eq!(first().await.1, json!(5), "what the rule added to the priority goes with the topic");
    desk.admin.put(&format!("/v1/conversations/{id}/priority"), json!({"priority": 50})).await.expect(200);
    let bulk = json!({"act": {"add_topic": topic}, "conversations": [id]});
    let begun = desk.admin.post("/v1/bulks", bulk).await.expect(202);
    let progress = format!("/v1/bulks/{}", begun["bulk"].as_str().expect("an id"));
    while desk.admin.get(&progress).await.expect(200)["ended"] != json!(true) {
        tokio::task::yield_now().await;
    }
    assert_eq!(first().await.1, json!(60), "in bulk too, and on top of what a person set");
}
