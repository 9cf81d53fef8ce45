//! What teams serve, see and may do: over HTTP, through every door to a conversation.

use crate::support::{Client, TestApp, Webhook};
use axum::body::Body;
use axum::http::Request;
use clew_domain::agent::Agent;
use clew_domain::conversation::{Conversation, Visibility};
use clew_domain::ids::{AgentId, ConversationId};
use clew_domain::workspace::{ChannelKind, Role};
use clew_eventstore::transact::load;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tower::ServiceExt;
use uuid::Uuid;

struct Desk {
    app: TestApp,
    hook: Webhook,
    admin: Client,
    team: String,
}

fn settings() -> Value {
    json!({"channels": [], "limit": null, "sees": "all", "may_order": true, "may_filter": true})
}

impl Desk {
    async fn open() -> Self {
        let app = TestApp::new().await;
        let hook = Webhook::connect(&app, ChannelKind::WhatsApp, Visibility::Private).await;
        let (admin, _) = app.signed_in("root", [Role::Admin, Role::Supervisor]).await;
        let made = admin.post("/v1/admin/teams", json!({"name": "Billing"})).await.expect(201);
        let team = made["id"].as_str().expect("an id").to_owned();
        Self { app, hook, admin, team }
    }

    /// A member of the team.
    async fn member(&self, login: &str) -> (Client, AgentId) {
        let (client, agent) = self.app.signed_in(login, [Role::Agent]).await;
        self.admin.put(&format!("/v1/admin/teams/{}/members/{agent}", self.team), json!(null)).await.expect(200);
        (client, agent)
    }

    /// The team is so from now on, but for this.
    async fn set(&self, but: Value) {
        let mut wanted = settings();
        for (name, value) in but.as_object().expect("fields") {
            wanted[name] = value.clone();
        }
        self.admin.put(&format!("/v1/admin/teams/{}/settings", self.team), wanted).await.expect(200);
    }

    async fn write(&self, id: &str, handle: &str) -> String {
        let told = self.hook.write(id, handle, "Hello").await;
        told["conversation"].as_str().expect("an id").to_owned()
    }

    async fn give(&self, conversation: &str, to: Value) {
        self.admin.put(&format!("/v1/conversations/{conversation}/assignment"), to).await.expect(200);
    }

    /// A client whose answers have seen all that was done.
    fn seeing(&self, client: &Client) -> Client {
        client.with("clew-min-position", &self.app.app.state.store.head().to_string())
    }

    async fn owner(&self, conversation: &str) -> Option<AgentId> {
        let id: Uuid = conversation.parse().expect("a UUID");
        let store = self.app.app.state.store.as_ref();
        load::<Conversation>(store, ConversationId(id).into()).await.expect("read").state.agent
    }

    async fn holds(&self, agent: AgentId) -> usize {
        let store = self.app.app.state.store.as_ref();
        load::<Agent>(store, agent.into()).await.expect("read").state.holds.len()
    }

    /// Waits until the agent owns it.
    async fn until_owned(&self, conversation: &str, agent: AgentId) {
        let began = Instant::now();
        while self.owner(conversation).await != Some(agent) {
            assert!(began.elapsed() < Duration::from_secs(20), "{agent} never owns {conversation}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the agent holds so many.
    async fn until_holds(&self, agent: AgentId, count: usize) {
        let began = Instant::now();
        while self.holds(agent).await != count {
            assert!(began.elapsed() < Duration::from_secs(20), "{agent} never holds {count}");
            tokio::task::yield_now().await;
        }
    }
}

async fn become_available(client: &Client) {
    client.put("/v1/me/availability", json!({"kind": "available"})).await.expect(200);
}

#[tokio::test]
async fn who_sees_only_their_own_sees_what_others_have_through_no_door() {
    let desk = Desk::open().await;
    let (ann, me) = desk.member("ann").await;
    let (_, ben) = desk.app.signed_in("ben", [Role::Agent]).await;
    let id = desk.write("m1", "+33 1").await;
    let before = desk.app.app.state.store.head().to_string();
    let unowned = desk.seeing(&ann).get(&format!("/v1/conversations/{id}")).await.expect(200);
    let (contact, message) = (unowned["contact"]["id"].clone(), unowned["entries"][0]["id"].clone());
    let contact = format!("/v1/contacts/{}", contact.as_str().expect("an id"));
    desk.give(&id, json!({"agent": ben})).await;
    desk.seeing(&ann).get(&format!("/v1/conversations/{id}")).await.expect(200);

    desk.set(json!({"sees": "unowned_and_own"})).await;
    let ann = desk.seeing(&ann);
    let at = format!("/v1/conversations/{id}");
    for door in ["", &format!("?at={before}"), "/transcript", "/replay", "/audit", "/sla"] {
        ann.get(&format!("{at}{door}")).await.expect_problem(404, "not-found");
    }
    let file = format!("{at}/messages/{}/attachments/{}", message.as_str().expect("an id"), Uuid::new_v4());
    ann.get(&file).await.expect_problem(404, "not-found");
    for (door, body) in
        [("lock", json!({"take_over": true})), ("presence", json!({})), ("assignment", json!({"agent": me}))]
    {
        ann.put(&format!("{at}/{door}"), body).await.expect_problem(404, "not-found");
    }
    ann.post(&format!("{at}/messages"), json!({"text": "Hi", "seen": 9})).await.expect_problem(404, "not-found");
    ann.post(&format!("{at}/notes"), json!({"text": "Hi"})).await.expect_problem(404, "not-found");
    ann.post(&format!("{at}/resolve"), json!({"reason": "answered"})).await.expect_problem(404, "not-found");

    for narrowed in ["", "?assignee=me", "?text=hello", &format!("?assignee={ben}"), &format!("?at={before}")] {
        let page = ann.get(&format!("/v1/queues/new{narrowed}")).await.expect(200);
        assert_eq!(page["rows"], json!([]), "{narrowed}");
    }
    for order in ["priority", "due", "newest", "oldest"] {
        let page = ann.get(&format!("/v1/queues/new?order={order}")).await.expect(200);
        assert_eq!((&page["rows"], &page["total"]), (&json!([]), &json!(0)), "{order}");
    }
    assert_eq!(ann.get("/v1/queues").await.expect(200)["new"]["total"], 0);
    assert_eq!(ann.get(&contact).await.expect(200)["conversations"], json!([]));
    for view in ["breached", "due"] {
        assert_eq!(ann.get(&format!("/v1/sla/{view}")).await.expect(200)["items"], json!([]));
    }
    assert_eq!(ann.get("/v1/sla/summary").await.expect(200)["channels"], json!([]));
    assert_eq!(ann.get("/v1/me").await.expect(200)["rights"]["sees"], "unowned_and_own");

    let boss = desk.seeing(&desk.admin);
    assert_eq!(boss.get("/v1/queues").await.expect(200)["new"]["total"], 1, "who sees to others sees all");
    boss.get(&at).await.expect(200);

    let mine = desk.write("m2", "+33 2").await;
    desk.give(&mine, json!({"agent": me})).await;
    desk.give(&id, json!({})).await;
    let ann = desk.seeing(&ann);
    let counts = ann.get("/v1/queues").await.expect(200);
    let new = &counts["new"];
    assert_eq!((&new["total"], &new["unassigned"], &new["mine"]), (&json!(2), &json!(1), &json!(1)), "{counts}");
    for order in ["priority", "due", "newest", "oldest"] {
        let page = ann.get(&format!("/v1/queues/new?order={order}&limit=1")).await.expect(200);
        let rest = page["next"].as_str().expect("a second page");
        let rest = ann.get(&format!("/v1/queues/new?order={order}&cursor={rest}")).await.expect(200);
        assert_eq!((page["rows"].as_array().expect("rows").len(), &page["total"]), (1, &json!(2)), "{order}");
        assert_eq!(rest["rows"].as_array().expect("rows").len(), 1, "{order}");
    }
    ann.get(&at).await.expect(200);
    ann.post(&format!("/v1/conversations/{mine}/resolve"), json!({"reason": "answered"})).await.expect(200);
}

#[tokio::test]
async fn a_feed_takes_away_what_somebody_else_was_given_and_tells_no_more_of_it() {
    let desk = Desk::open().await;
    let (_, me) = desk.member("ann").await;
    let (ben, his) = desk.app.signed_in("ben", [Role::Agent]).await;
    desk.set(json!({"sees": "unowned_and_own"})).await;
    let id = desk.write("m1", "+33 1").await;
    let head = desk.app.app.state.store.head().to_string();
    let cookie = format!("clew_session={}", desk.app.session(me).await);
    let request = Request::get(format!("/v1/feed?after={head}")).header("cookie", cookie);
    let request = request.body(Body::empty()).expect("well formed");
    let mut body = desk.app.app.router().oneshot(request).await.expect("answered").into_body();
    desk.give(&id, json!({"agent": his})).await;
    ben.post(&format!("/v1/conversations/{id}/notes"), json!({"text": "for myself"})).await.expect(201);
    let last = desk.write("m2", "+33 2").await;
    let mut text = String::new();
    // The two may lie in different partitions, and come in any order.
    while !text.contains(&last) || !text.contains("\"row\":null") {
        let frame = body.frame().await.expect("the feed goes on").expect("and does not break off");
        text.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8"));
    }
    let of_it: Vec<&str> = text.lines().filter(|line| line.starts_with("data:") && line.contains(&id)).collect();
    assert_eq!(of_it.len(), 1, "{text}");
    assert!(of_it[0].contains("\"row\":null"), "{text}");
}

#[tokio::test]
async fn who_may_not_order_or_filter_is_refused_and_told_why() {
    let desk = Desk::open().await;
    let (ann, _) = desk.member("ann").await;
    let channel = desk.hook.channel;
    ann.get(&format!("/v1/queues/new?order=oldest&channel={channel}")).await.expect(200);
    desk.set(json!({"may_order": false, "may_filter": false})).await;
    let ann = desk.seeing(&ann);
    let refused = ann.get("/v1/queues/new?order=oldest").await.expect_problem(403, "forbidden");
    assert_eq!(refused["right"], "may_order");
    for filter in [
        format!("channel={channel}"),
        format!("team={}", desk.team),
        "text=x".into(),
        format!("assignee={}", Uuid::nil()),
    ] {
        for view in ["/v1/queues/new", "/v1/queues"] {
            let refused = ann.get(&format!("{view}?{filter}")).await.expect_problem(403, "forbidden");
            assert_eq!(refused["right"], "may_filter", "{filter}");
        }
    }
    for whose in ["me", "none"] {
        ann.get(&format!("/v1/queues/new?assignee={whose}")).await.expect(200);
    }
    let rights = &ann.get("/v1/me").await.expect(200)["rights"];
    assert_eq!(*rights, json!({"sees": "all", "may_order": false, "may_filter": false}));
}

#[tokio::test]
async fn a_team_is_given_what_it_serves_and_its_members_no_more_than_its_limit() {
    let desk = Desk::open().await;
    let mail = desk.app.channel("Mail").await;
    let (ann, me) = desk.member("ann").await;
    desk.set(json!({"channels": [mail], "limit": 2})).await;
    let listed = desk.seeing(&ann).get("/v1/teams").await.expect(200);
    assert_eq!(listed["items"][0]["settings"]["limit"], 2, "{listed}");
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(desk.write(&format!("m{n}"), &format!("+33 {n}")).await);
    }
    let to_team = json!({"team": desk.team});
    let refused = desk.admin.put(&format!("/v1/conversations/{}/assignment", ids[0]), to_team.clone()).await;
    let refused = refused.expect_problem(409, "not-served");
    assert_eq!((&refused["team"], &refused["channel"]), (&json!(desk.team), &json!(desk.hook.channel)));
    let bulk = json!({"conversations": [ids[0]], "team": desk.team});
    let lines = desk.admin.post("/v1/conversations:bulk-assign", bulk).await.expect(200);
    assert_eq!(lines["results"][0]["outcome"], "refused", "{lines}");
    let gives =
        json!({"kind": "whats_app", "name": "Chat", "visibility": "private", "reopens": false, "team": desk.team});
    let change = format!("/v1/admin/channels/{}", desk.hook.channel);
    desk.admin.put(&change, gives).await.expect_problem(409, "not-served");

    become_available(&ann).await;
    // Somebody in no team is given one, so that it is known that routing has looked at all of them.
    let (ben, his) = desk.app.signed_in("ben", [Role::Agent]).await;
    become_available(&ben).await;
    desk.until_holds(his, 4).await;
    assert_eq!(desk.holds(me).await, 0, "no team of hers serves the channel");
    desk.give(&ids[0], json!({"agent": me})).await;
    assert_eq!(desk.owner(&ids[0]).await, Some(me), "by hand she is given what she may work on");
    desk.give(&ids[0], json!({"agent": his})).await;

    ben.put("/v1/me/availability", json!({"kind": "away"})).await.expect(200);
    for id in &ids {
        desk.give(id, json!({})).await;
        // He had it open, and what somebody has open waits for nobody.
        ben.delete(&format!("/v1/conversations/{id}/lock")).await.expect(200);
    }
    desk.set(json!({"limit": 2})).await;
    desk.until_holds(me, 2).await;
    desk.give(&ids[3], to_team).await;
    ann.post(&format!("/v1/conversations/{}/pend", ids[0]), json!({})).await.expect(200);
    desk.until_owned(&ids[2], me).await;
    assert_eq!((desk.holds(me).await, desk.owner(&ids[3]).await), (2, None), "and no more than two");
    let trail = desk.app.signed_in("auditor", [Role::Auditor]).await.0;
    let trail = desk.seeing(&trail).get("/v1/audit?action=team_settings_changed").await.expect(200);
    let changes = trail["entries"][0]["details"].to_string();
    assert!(changes.contains("\"Mail\"") && !changes.contains("may_order"), "{changes}");
}
