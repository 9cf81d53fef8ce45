//! `/v1/admin`: who may set up the workspace, and that what is set up takes effect.

use crate::support::TestApp;
use clew_domain::workspace::Role;
use serde_json::json;

#[tokio::test]
async fn only_admins_set_up_the_workspace() {
    let app = TestApp::new().await;
    for role in [Role::Agent, Role::Supervisor, Role::Auditor, Role::Operator, Role::Connector] {
        let (client, _) = app.signed_in(&format!("{role:?}"), [role]).await;
        for path in ["accounts", "tokens", "channels", "teams", "topics", "groups", "away-statuses", "settings"] {
            client.get(&format!("/v1/admin/{path}")).await.expect_problem(403, "forbidden");
        }
        client.post("/v1/admin/teams", json!({"name": "T"})).await.expect_problem(403, "forbidden");
    }
    app.anybody().get("/v1/admin/teams").await.expect_problem(401, "sign-in-required");
}

#[tokio::test]
async fn a_token_works_until_it_is_revoked_and_no_further_than_its_scopes() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let ada = app.account("ada", [Role::Agent]).await;
    let body = json!({"account": ada, "name": "report", "scopes": ["read"]});
    let keyed = admin.with("idempotency-key", "report-token");
    let issued = keyed.post("/v1/admin/tokens", body.clone()).await.expect(201);
    let token = issued["token"].as_str().expect("a token").to_owned();
    keyed.post("/v1/admin/tokens", body).await.expect_problem(409, "shown-once");

    let program = app.anybody().with_token(&token);
    let me = program.get("/v1/me").await.expect(200);
    assert_eq!(me["permissions"], json!(["read_conversations"]));
    program.put("/v1/me/availability", json!({"kind": "away"})).await.expect_problem(403, "forbidden");
    program.get("/v1/admin/teams").await.expect_problem(403, "forbidden");

    let listed = admin.get("/v1/admin/tokens").await.expect(200);
    assert_eq!(listed["items"][0]["account"]["id"], ada.to_string());
    assert!(!listed.to_string().contains(&token));
    let id = issued["id"].as_str().expect("an id");
    admin.delete(&format!("/v1/admin/tokens/{id}")).await.expect(200);
    program.get("/v1/me").await.expect_problem(401, "token-invalid");
}

#[tokio::test]
async fn a_token_expires() {
    let app = TestApp::new().await;
    let (admin, root) = app.signed_in("root", [Role::Admin]).await;
    let now = app.app.state.clock.now();
    let body = json!({"account": root, "name": "t", "scopes": ["admin"], "expires_at": now.plus_secs(60)});
    let issued = admin.post("/v1/admin/tokens", body).await.expect(201);
    let program = app.anybody().with_token(issued["token"].as_str().expect("a token"));
    program.get("/v1/admin/teams").await.expect(200);
    app.pass(61);
    program.get("/v1/admin/teams").await.expect_problem(401, "token-invalid");
    let past = json!({"account": root, "name": "t", "scopes": ["admin"], "expires_at": now});
    admin.post("/v1/admin/tokens", past).await.expect_problem(422, "invalid-value");
}

#[tokio::test]
async fn closing_an_account_ends_its_sessions_and_spares_the_last_admin() {
    let app = TestApp::new().await;
    let (admin, root) = app.signed_in("root", [Role::Admin]).await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    admin.delete(&format!("/v1/admin/accounts/{agent}")).await.expect(200);
    ada.get("/v1/me").await.expect_problem(401, "session-ended");
    assert!(app.app.state.directory.agent(agent).sessions.is_empty());
    admin.delete(&format!("/v1/admin/accounts/{root}")).await.expect_problem(409, "last-admin");
}

#[tokio::test]
async fn roles_and_rights_take_effect_at_once() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let channel = app.channel("Mail").await;
    admin
        .put(&format!("/v1/admin/accounts/{agent}"), json!({"roles": ["supervisor"], "name": "Ada"}))
        .await
        .expect(200);
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!((me["roles"].clone(), me["agent"]["name"].clone()), (json!(["supervisor"]), json!("Ada")));
    let address = format!("/v1/admin/accounts/{agent}/channel-rights/{channel}");
    admin.put(&address, json!({"right": "viewer"})).await.expect(200);
    assert_eq!(ada.get("/v1/channels").await.expect(200)["items"][0]["right"], "viewer");
    admin.delete(&address).await.expect(200);
    assert_eq!(ada.get("/v1/channels").await.expect(200)["items"][0]["right"], "supervisor");
}

#[tokio::test]
async fn channels_teams_and_catalogs_are_made_renamed_and_retired() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    for list in ["teams", "topics", "groups", "away-statuses"] {
        let made = admin.post(&format!("/v1/admin/{list}"), json!({"name": "One"})).await.expect(201);
        let one = format!("/v1/admin/{list}/{}", made["id"].as_str().expect("an id"));
        admin.post(&format!("/v1/admin/{list}"), json!({"name": "ONE"})).await.expect_problem(409, "name-taken");
        admin.put(&one, json!({"name": "Two"})).await.expect(200);
        assert_eq!(admin.get(&format!("/v1/{list}")).await.expect(200)["items"][0]["name"], "Two");
        admin.delete(&one).await.expect(200);
        assert_eq!(admin.get(&format!("/v1/{list}")).await.expect(200)["items"], json!([]));
        assert_eq!(admin.get(&format!("/v1/admin/{list}")).await.expect(200)["items"][0]["name"], "Two");
        admin.put(&one, json!({"name": "Three"})).await.expect_problem(409, "no-longer-in-use");
    }
}

#[tokio::test]
async fn a_channel_is_connected_changed_and_given_a_secret() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let mut profile = json!({
        "kind": "email", "name": "Mail", "visibility": "private", "reopens": false, "team": null,
        "reply_characters_max": null,
    });
    let made = admin.post("/v1/admin/channels", profile.clone()).await.expect(201);
    let one = format!("/v1/admin/channels/{}", made["id"].as_str().expect("an id"));
    profile["name"] = json!("E-mail");
    admin.put(&one, profile.clone()).await.expect(200);
    profile["kind"] = json!("sms");
    admin.put(&one, profile).await.expect_problem(409, "channel-kind-fixed");
    let secret = admin.put(&format!("{one}/secret"), json!({})).await.expect(200);
    assert!(secret["secret"].as_str().is_some_and(|text| text.starts_with("whsec_")), "{secret}");
    let listed = admin.get("/v1/admin/channels").await.expect(200);
    assert_eq!(listed["items"][0]["has_secret"], true);
    assert_eq!(listed["items"][0]["name"], "E-mail");
    admin.delete(&one).await.expect(200);
    assert_eq!(admin.get("/v1/admin/channels").await.expect(200)["items"][0]["disconnected"], true);
}

#[tokio::test]
async fn settings_and_attributes_are_kept_within_their_rules() {
    let app = TestApp::new().await;
    let (admin, _) = app.signed_in("root", [Role::Admin]).await;
    let mut settings = admin.get("/v1/admin/settings").await.expect(200);
    settings["agents_may_mask"] = json!(true);
    admin.put("/v1/admin/settings", settings.clone()).await.expect(200);
    assert_eq!(admin.get("/v1/admin/settings").await.expect(200), settings);
    settings["lock_grace_s"] = json!(0);
    let problem = admin.put("/v1/admin/settings", settings).await.expect_problem(422, "invalid-value");
    assert_eq!(problem["field"], "lock_grace_s");
    let definition = json!({"label": "Customer number", "kind": "number", "system": true});
    admin.put("/v1/admin/attributes/customer_number", definition.clone()).await.expect(200);
    assert_eq!(admin.get("/v1/attributes").await.expect(200)["items"][0]["label"], "Customer number");
    admin.put("/v1/admin/attributes/Customer", definition).await.expect_problem(404, "not-found");
    admin.delete("/v1/admin/attributes/customer_number").await.expect(200);
    assert_eq!(admin.get("/v1/attributes").await.expect(200)["items"], json!([]));
}
