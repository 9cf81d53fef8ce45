//! Gateways tell each other each second whose feeds they have open, so that an agent is not taken for lost by one gateway
//! while another one serves them. Nothing of it is kept.

use crate::state::AppState;
use clew_domain::ids::AgentId;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Within this, what another gateway has open was heard of, if that gateway lives.
pub const FEEDS_HEARD_WITHIN: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(1);
const FEEDS: &str = "feeds";

#[derive(Serialize, Deserialize)]
struct Feeds {
    gateway: String,
    agents: Vec<AgentId>,
}

/// Tells the others, until the server stops.
pub async fn tell(app: AppState) {
    let Some(cluster) = app.cluster.clone() else { return };
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let agents = app.connections.open();
        if !agents.is_empty() {
            let feeds = Feeds { gateway: cluster.gateway.clone(), agents };
            // Who does not hear it hears the next.
            let _ = cluster.registry.say(FEEDS, super::json(&feeds)).await;
        }
    }
}

/// Hears what the others tell, until the server stops.
pub async fn hear(app: AppState) {
    let Some(cluster) = app.cluster.clone() else { return };
    let mut stopping = app.stopping.clone();
    loop {
        if let Ok(mut heard) = cluster.registry.listen(FEEDS).await {
            loop {
                let said = tokio::select! {
                    _ = stopping.wait_for(|stop| *stop) => return,
                    said = heard.next() => said,
                };
                let Some(said) = said else { break };
                if let Ok(feeds) = serde_json::from_slice::<Feeds>(&said.payload)
                    && feeds.gateway != cluster.gateway
                {
                    app.connections.heard(&feeds.agents, Instant::now());
                }
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
