//! `/v1/agents`, `/v1/teams`, `/v1/channels`, `/v1/topics` and the like, as agents see them.

use crate::support::TestApp;
use clew_domain::ids::TeamId;
use clew_domain::workspace::{ChannelRight, Command, Role};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn agents_and_teams_are_found_by_part_of_their_name() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    app.account("bob", [Role::Agent]).await;
    let team = TeamId(Uuid::new_v4());
    app.set(Command::CreateTeam { team, name: "Facturation".into() }).await;
    app.set(Command::AddTeamMember { team, agent }).await;
    let found = ada.get("/v1/agents?name=ADA").await.expect(200);
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["items"][0]["signed_in"], true);
    assert_eq!(found["items"][0]["teams"], json!([{"id": team, "name": "Facturation"}]));
    assert_eq!(ada.get("/v1/agents").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
    let teams = ada.get("/v1/teams?name=fact").await.expect(200);
    assert_eq!(teams["items"][0]["members"][0]["id"], agent.to_string());
    assert_eq!(ada.get("/v1/teams?name=zzz").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn channels_without_a_right_are_not_shown() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let (open, shut) = (app.channel("Open").await, app.channel("Shut").await);
    app.set(Command::SetChannelRight { agent, channel: shut, right: ChannelRight::None }).await;
    let channels = ada.get("/v1/channels").await.expect(200);
    assert_eq!(channels["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(channels["items"][0]["id"], open.to_string());
    assert_eq!(channels["items"][0]["right"], "contributor");
    let (operator, _) = app.signed_in("op", [Role::Operator]).await;
    assert_eq!(operator.get("/v1/channels").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn only_supervisors_change_the_availability_of_others() {
    let app = TestApp::new().await;
    let (ada, agent) = app.signed_in("ada", [Role::Agent]).await;
    let (bob, _) = app.signed_in("bob", [Role::Agent]).await;
    let (sue, _) = app.signed_in("sue", [Role::Supervisor]).await;
    let address = format!("/v1/agents/{agent}/availability");
    let problem = bob.put(&address, json!({"kind": "available"})).await.expect_problem(403, "forbidden");
    assert_eq!(problem["permission"], "see_everyone");
    sue.put(&address, json!({"kind": "available"})).await.expect(200);
    assert_eq!(ada.get("/v1/me").await.expect(200)["availability"]["kind"], "available");
}
