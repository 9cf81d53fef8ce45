//! `/v1/conversations`: from a contact's first message to the transcript, as an agent works it.

use crate::support::{Client, TestApp, Webhook};
use clew_domain::conversation::Visibility::{Private, Public};
use clew_domain::ids::{AgentId, TopicId};
use clew_domain::workspace::{ChannelKind, Command, Role};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A desk with one channel and two agents.
struct Desk {
    app: TestApp,
    hook: Webhook,
    ada: Client,
    ada_id: AgentId,
    ben: Client,
    ben_id: AgentId,
}

impl Desk {
    async fn open(kind: ChannelKind, visibility: clew_domain::conversation::Visibility) -> Self {
        let app = TestApp::new().await;
        let hook = Webhook::connect(&app, kind, visibility).await;
        let (ada, ada_id) = app.signed_in("ada", [Role::Agent, Role::Supervisor]).await;
        let (ben, ben_id) = app.signed_in("ben", [Role::Agent]).await;
        Self { app, hook, ada, ada_id, ben, ben_id }
    }

    /// A conversation with one message of `handle`; its address, and the message's id.
    async fn written(&self, id: &str, handle: &str, text: &str) -> (String, String) {
        let told = self.hook.write(id, handle, text).await;
        (address(&told["conversation"]), told["message"].as_str().expect("an id").to_owned())
    }

    /// What Ada sees there, with all that was done before.
    async fn read(&self, address: &str) -> Value {
        let head = self.app.app.state.store.head().to_string();
        self.ada.with("clew-min-position", &head).get(address).await.expect(200)
    }

    async fn queue(&self, queue: &str) -> Vec<Value> {
        let head = self.app.app.state.store.head().to_string();
        let page = self.ada.with("clew-min-position", &head).get(&format!("/v1/queues/{queue}")).await.expect(200);
        page["rows"].as_array().expect("rows").clone()
    }
}

fn address(conversation: &Value) -> String {
    format!("/v1/conversations/{}", conversation.as_str().expect("an id"))
}

fn messages(conversation: &Value) -> Vec<&Value> {
    let entries = conversation["entries"].as_array().expect("entries");
    entries.iter().filter(|entry| entry["type"] == "message").collect()
}

#[tokio::test]
async fn the_main_job_from_the_first_message_to_the_next_conversation() {
    let desk = Desk::open(ChannelKind::WhatsApp, Private).await;
    let (first, _) = desk.written("m1", "+44 1", "My bill is wrong").await;
    let rows = desk.queue("new").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["last_message"]["preview"], "My bill is wrong");
    assert_eq!(rows[0]["contact"]["name"], "Name of +44 1");
    assert_eq!(rows[0]["unanswered"], 1);

    desk.ada.put(&format!("{first}/assignment"), json!({"agent": desk.ben_id})).await.expect(200);
    let note = json!({"text": "Checked: charged twice"});
    desk.ben.post(&format!("{first}/notes"), note).await.expect(201);
    let seen = desk.read(&first).await["version"].clone();
    let reply = json!({"text": "We look into it", "seen": seen, "then": "pend"});
    desk.ben.post(&format!("{first}/messages"), reply).await.expect(201);
    assert_eq!(desk.read(&first).await["queue"], "pending");

    desk.written("m2", "+44 1", "Any news?").await;
    let again = desk.read(&first).await;
    assert_eq!(again["queue"], "new", "the contact's answer brings it back");
    assert_eq!(again["assignee"]["agent"]["id"], json!(desk.ben_id), "and it stays whose it was");

    let resolve = json!({"reason": "answered"});
    desk.ben.post(&format!("{first}/resolve"), resolve).await.expect(200);
    let done = desk.read(&first).await;
    assert_eq!((&done["queue"], &done["assignee"]["agent"]), (&json!("resolved"), &Value::Null));

    let (second, _) = desk.written("m3", "+44 1", "It happened again").await;
    assert_ne!(second, first);
    let next = desk.read(&second).await;
    assert_eq!(address(&next["previous"]), first);
    assert_eq!(address(&next["earlier"][0]["id"]), first);
    assert_eq!((&next["queue"], &next["assignee"]["agent"]), (&json!("new"), &Value::Null));

    let transcript = desk.ada.get(&format!("{first}/transcript?tz=Europe/Paris&language=fr")).await;
    assert_eq!(transcript.status.as_u16(), 200);
    let text = String::from_utf8(transcript.body).expect("UTF-8");
    let places: Vec<_> =
        ["My bill is wrong", "We look into it", "Any news?"].map(|said| text.find(said)).into_iter().collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{text}");
    assert!(!text.contains("charged twice"), "notes stay inside");
}

#[tokio::test]
async fn a_webhook_delivered_twice_lands_once_and_a_wrong_signature_never() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let first = desk.hook.write("m1", "+33 1", "Hello").await;
    let second = desk.hook.write("m1", "+33 1", "Hello").await;
    assert_eq!((&first["outcome"], &second["outcome"]), (&json!("accepted"), &json!("duplicate")));
    assert_eq!(first["conversation"], second["conversation"]);
    let data = json!({"id": "m2", "contact": {"handle": "+33 1"}, "text": "forged"});
    let forged = desk.hook.tell_signed_with(b"not the secret", "message.received", data).await;
    forged.expect_problem(401, "signature-invalid");
    assert_eq!(messages(&desk.read(&address(&first["conversation"])).await).len(), 1);
}

#[tokio::test]
async fn a_reply_against_what_is_not_the_newest_is_refused_with_what_is_new() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let seen = desk.read(&address).await["version"].clone();
    desk.written("m2", "+33 1", "One more thing").await;
    let stale = json!({"text": "Answer", "seen": seen});
    let problem = desk.ada.post(&format!("{address}/messages"), stale).await.expect_problem(409, "newer-messages");
    assert_eq!(problem["messages"][0]["text"], "One more thing");
    let fresh = json!({"text": "Answer", "seen": problem["version"]});
    desk.ada.post(&format!("{address}/messages"), fresh).await.expect(201);
}

#[tokio::test]
async fn a_command_under_one_key_happens_once() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let seen = desk.read(&address).await["version"].clone();
    let keyed = desk.ada.with("idempotency-key", "the same");
    let reply = json!({"text": "Answer", "seen": seen});
    let first = keyed.post(&format!("{address}/messages"), reply.clone()).await.expect(201);
    let second = keyed.post(&format!("{address}/messages"), reply).await.expect(201);
    assert_eq!(first["message"], second["message"]);
    assert_eq!(messages(&desk.read(&address).await).len(), 2);
    let note = json!({"text": "Once"});
    keyed.post(&format!("{address}/notes"), note.clone()).await.expect(201);
    keyed.post(&format!("{address}/notes"), note).await.expect(201);
    assert_eq!(desk.read(&address).await["entries"].as_array().expect("entries").len(), 3);
}

#[tokio::test]
async fn a_mask_takes_the_text_everywhere_and_only_supervisors_may() {
    let desk = Desk::open(ChannelKind::Twitter, Public).await;
    let (address, message) = desk.written("m1", "lea", "My secret is MARKER").await;
    let seen = desk.read(&address).await["version"].clone();
    let quoting =
        json!({"text": "Please do not post that", "seen": seen, "mode": {"kind": "quoting", "message": message}});
    desk.ben.post(&format!("{address}/messages"), quoting).await.expect(201);
    let mask = format!("{address}/messages/{message}/mask");
    desk.ben.post(&mask, json!({})).await.expect_problem(403, "channel-forbidden");
    desk.ada.post(&mask, json!({})).await.expect(200);
    let masked = desk.read(&address).await;
    assert!(!masked.to_string().contains("MARKER"), "{masked}");
    let entries = messages(&masked);
    assert_eq!((&entries[0]["text"], &entries[0]["link"]), (&Value::Null, &Value::Null));
    assert_eq!(entries[0]["masked"]["by"]["id"], json!(desk.ada_id));
    assert_eq!(entries[1]["quoted"]["masked"], true);
    assert!(!desk.queue("new").await[0].to_string().contains("MARKER"));
    let transcript = desk.ada.get(&format!("{address}/transcript")).await;
    let text = String::from_utf8(transcript.body).expect("UTF-8");
    assert!(text.contains("[message masked]") && !text.contains("MARKER"));
    let reply = json!({"text": "?", "seen": masked["version"], "mode": {"kind": "to", "message": message}});
    desk.ada.post(&format!("{address}/messages"), reply).await.expect_problem(409, "masked");
    desk.ada.put(&format!("{address}/messages/{message}/like"), json!({})).await.expect_problem(409, "masked");
    desk.ada.post(&mask, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_blocked_public_thread_refuses_everybody_and_says_so() {
    let desk = Desk::open(ChannelKind::Twitter, Public).await;
    let spam = json!({"id": "m1", "contact": {"handle": "spam"}, "text": "Buy!", "thread": "t"});
    let told = desk.hook.tell("message.received", spam).await.expect(202);
    let address = address(&told["conversation"]);
    desk.ada.put(&format!("{address}/block"), json!({})).await.expect(200);
    desk.read(&address).await;
    for (id, handle) in [("m2", "spam"), ("m3", "other")] {
        let more = json!({"id": id, "contact": {"handle": handle}, "text": "Buy!", "thread": "t"});
        let told = desk.hook.tell("message.received", more).await.expect(202);
        assert_eq!(told["outcome"], "refused");
        assert_eq!(told["conversation"], json!(address.rsplit('/').next()));
    }
    let blocked = desk.read(&address).await;
    assert_eq!((messages(&blocked).len(), &blocked["blocked"]), (1, &json!(true)));
    desk.ada.delete(&format!("{address}/block")).await.expect(200);
    desk.read(&address).await;
    let after = json!({"id": "m4", "contact": {"handle": "other"}, "text": "A question", "thread": "t"});
    let told = desk.hook.tell("message.received", after).await.expect(202);
    assert_eq!(told["outcome"], "accepted");
    assert_ne!(told["conversation"], json!(address.rsplit('/').next()), "another contact's own conversation");
}

#[tokio::test]
async fn one_lock_one_writer_until_it_is_taken_over() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let lock = format!("{address}/lock");
    desk.ada.put(&lock, json!({})).await.expect(200);
    let held = desk.ben.put(&lock, json!({})).await.expect_problem(409, "locked-by-other");
    assert_eq!(held["agent"], json!(desk.ada_id));
    let seen = desk.read(&address).await["version"].clone();
    let reply = json!({"text": "Answer", "seen": seen});
    desk.ben.post(&format!("{address}/messages"), reply.clone()).await.expect_problem(409, "locked-by-other");
    desk.ben.put(&lock, json!({"take_over": true})).await.expect(200);
    desk.ben.post(&format!("{address}/messages"), reply).await.expect(201);
    desk.ben.delete(&lock).await.expect(200);
    assert_eq!(desk.read(&address).await["lock"], Value::Null);
}

#[tokio::test]
async fn a_bulk_act_tells_of_each_line_and_each_line_names_the_act() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (one, _) = desk.written("m1", "+33 1", "Hello").await;
    let (two, _) = desk.written("m2", "+33 2", "Hello").await;
    desk.ada.post(&format!("{two}/resolve"), json!({"reason": "spam"})).await.expect(200);
    let id = |address: &str| address.rsplit('/').next().expect("an id").to_owned();
    let all = [id(&one), id(&two), Uuid::new_v4().to_string()];
    let bulk = json!({"conversations": all, "reason": "answered"});
    desk.ben.post("/v1/conversations:bulk-resolve", bulk.clone()).await.expect_problem(403, "forbidden");
    let done = desk.ada.post("/v1/conversations:bulk-resolve", bulk).await.expect(200);
    let outcomes: Vec<_> =
        done["results"].as_array().expect("results").iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["done", "unchanged", "refused"]);
    assert_eq!(desk.read(&one).await["queue"], "resolved");
    let assign = json!({"conversations": [id(&one)], "agent": desk.ben_id});
    let done = desk.ada.post("/v1/conversations:bulk-assign", assign).await.expect(200);
    assert_eq!(done["results"][0]["problem"]["type"], "/problems/already-resolved");
}

#[tokio::test]
async fn topics_likes_priority_and_follow_up() {
    let desk = Desk::open(ChannelKind::Twitter, Public).await;
    let topic = TopicId(Uuid::new_v4());
    desk.app.set(Command::DefineTopic { topic, name: "Bill".into() }).await;
    let (address, message) = desk.written("m1", "lea", "Hello").await;
    desk.ada.put(&format!("{address}/topics/{topic}"), json!({})).await.expect(200);
    desk.ada.put(&format!("{address}/topics/{}", Uuid::new_v4()), json!({})).await.expect_problem(404, "not-found");
    desk.ada.put(&format!("{address}/messages/{message}/like"), json!({})).await.expect(200);
    desk.ada.put(&format!("{address}/priority"), json!({"priority": 5})).await.expect(200);
    let shown = desk.read(&address).await;
    assert_eq!(shown["topics"][0]["name"], "Bill");
    assert_eq!((&shown["priority"], &messages(&shown)[0]["liked"]), (&json!(5), &json!(true)));
    desk.ada.post(&format!("{address}/follow-up"), json!({})).await.expect_problem(409, "already-started");
    desk.ada.post(&format!("{address}/resolve"), json!({"reason": "answered"})).await.expect(200);
    let next = desk.ada.post(&format!("{address}/follow-up"), json!({})).await.expect(200);
    let told = desk.hook.write("m2", "lea", "One more").await;
    assert_ne!(told["conversation"], next["conversation"], "a new public thread is another conversation");
}

#[tokio::test]
async fn what_a_caller_may_not_read_is_not_there() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let (channel, none) = (desk.hook.channel, clew_domain::workspace::ChannelRight::None);
    desk.app.set(Command::SetChannelRight { agent: desk.ben_id, channel, right: none }).await;
    desk.read(&address).await;
    desk.ben.get(&address).await.expect_problem(404, "not-found");
    desk.ben.post(&format!("{address}/pend"), json!({})).await.expect_problem(404, "not-found");
    let page = desk.ben.get("/v1/queues/new").await.expect(200);
    assert_eq!((page["total"].as_u64(), page["rows"].as_array().map(Vec::len)), (Some(0), Some(0)));
    assert_eq!(desk.ben.get("/v1/queues").await.expect(200)["new"]["total"], 0);
}

#[tokio::test]
async fn replies_wait_in_the_outbox_until_the_channel_tells() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (program, _) = desk.app.signed_in("program", [Role::Connector]).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let seen = desk.read(&address).await["version"].clone();
    let reply = json!({"text": "Answer", "seen": seen});
    let sent = desk.ada.post(&format!("{address}/messages"), reply).await.expect(201);
    desk.read(&address).await;
    let outbox = format!("/v1/outbox/{}", desk.hook.channel);
    desk.ben.get(&outbox).await.expect_problem(403, "forbidden");
    let waiting = program.get(&outbox).await.expect(200)["replies"][0].clone();
    assert_eq!((&waiting["to"], &waiting["text"]), (&json!("+33 1"), &json!("Answer")));
    let (conversation, reply) = (waiting["conversation"].clone(), waiting["reply"].clone());
    let failed = json!({"conversation": conversation, "reply": reply, "cause": "unreachable"});
    desk.hook.tell("delivery.failed", failed).await.expect(202);
    let shown = desk.read(&address).await;
    assert_eq!(messages(&shown)[1]["delivery"]["state"], "failed");
    assert_eq!(program.get(&outbox).await.expect(200)["replies"], json!([]));
    let retry = format!("{address}/messages/{}/retry", sent["message"].as_str().expect("an id"));
    desk.ada.post(&retry, json!({})).await.expect(200);
    desk.read(&address).await;
    assert_eq!(program.get(&outbox).await.expect(200)["replies"][0]["reply"], reply);
    let accepted = json!({"conversation": conversation, "reply": reply, "link": "https://sms.example/1"});
    desk.hook.tell("delivery.accepted", accepted).await.expect(202);
    let shown = desk.read(&address).await;
    assert_eq!(messages(&shown)[1]["delivery"]["state"], "accepted");
    assert_eq!(messages(&shown)[1]["link"], "https://sms.example/1");
    assert_eq!(program.get(&outbox).await.expect(200)["replies"], json!([]));
}

#[tokio::test]
async fn the_outbox_is_read_page_by_page() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (program, _) = desk.app.signed_in("program", [Role::Connector]).await;
    let mut sent = BTreeSet::new();
    for n in 0..8 {
        let (address, _) = desk.written(&format!("m{n}"), &format!("+33 {n}"), "Hello").await;
        let seen = desk.read(&address).await["version"].clone();
        let reply = json!({"text": "Answer", "seen": seen});
        let told = desk.ada.post(&format!("{address}/messages"), reply).await.expect(201);
        sent.insert(told["message"].to_string());
    }
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let page = program.get(&format!("/v1/outbox/{}?limit=3{after}", desk.hook.channel)).await.expect(200);
        read.extend(page["replies"].as_array().expect("replies").iter().map(|it| it["reply"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(read.len(), 8, "none is there twice");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[tokio::test]
async fn an_attachment_is_uploaded_sent_fetched_and_masked() {
    use axum::body::Body;
    use axum::http::Method;
    let desk = Desk::open(ChannelKind::WhatsApp, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.resize(150_000, 7);
    let length = png.len().to_string();
    let sender = desk.ada.with("content-type", "image/png").with("content-length", &length);
    let path = format!("{address}/uploads?name=photo.png");
    let uploaded = sender.send(Method::POST, &path, Body::from(png.clone())).await.expect(201);
    let seen = desk.read(&address).await["version"].clone();
    let reply = json!({"text": "", "seen": seen, "attachments": [uploaded["upload"]]});
    let sent = desk.ada.post(&format!("{address}/messages"), reply).await.expect(201);
    let shown = desk.read(&address).await;
    let attachment = messages(&shown)[1]["attachments"][0].clone();
    assert_eq!((&attachment["name"], &attachment["size_bytes"]), (&json!("photo.png"), &json!(150_000)));
    let url = attachment["url"].as_str().expect("a url");
    let fetched = desk.ben.get(url).await;
    assert_eq!(fetched.body, png);
    assert_eq!(fetched.header("content-disposition"), "inline; filename*=UTF-8''photo.png");
    assert_eq!(fetched.header("x-content-type-options"), "nosniff");
    let transcript = desk.ada.get(&format!("{address}/transcript")).await;
    assert!(String::from_utf8(transcript.body).expect("UTF-8").contains("photo.png"));
    let message = sent["message"].as_str().expect("an id");
    desk.ada.post(&format!("{address}/messages/{message}/mask"), json!({})).await.expect(200);
    desk.read(&address).await;
    desk.ben.get(url).await.expect_problem(409, "masked");
    let html = desk.ada.with("content-type", "text/html").with("content-length", "4");
    let path = format!("{address}/uploads?name=a.html");
    html.send(Method::POST, &path, Body::from("<hi>")).await.expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn the_past_is_shown_as_it_was() {
    let desk = Desk::open(ChannelKind::Sms, Private).await;
    let (address, _) = desk.written("m1", "+33 1", "Hello").await;
    let then = desk.app.app.state.clock.now();
    desk.app.pass(60);
    desk.ada.post(&format!("{address}/resolve"), json!({"reason": "spam"})).await.expect(200);
    let path = format!("{address}?at={then}");
    let past = desk.ada.get(&path).await.expect(200);
    assert_eq!((&past["queue"], &past["may"]["work"]), (&json!("new"), &json!(false)));
    assert_eq!(desk.read(&address).await["queue"], "resolved");
}
