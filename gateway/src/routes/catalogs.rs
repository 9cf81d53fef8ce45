//! What agents choose from: `/v1/topics`, `/v1/groups`, `/v1/away-statuses`, `/v1/attributes`.
//! What is retired is not listed.

use crate::auth::Caller;
use crate::extract::{Json, Query};
use crate::wire::{ByName, Items, Ref, RefId};
use clew_domain::contact::AttributeKey;
use clew_domain::workspace::{AttributeKind, Catalog};
use serde::Serialize;
use utoipa::ToSchema;

fn usable<Id: Ord + Copy + Into<RefId>>(catalog: &Catalog<Id>, wanted: &ByName) -> Json<Items<Ref>> {
    let usable = catalog.iter().filter(|(_, entry)| !entry.retired && wanted.takes(&entry.name));
    let mut items: Vec<Ref> = usable.map(|(id, entry)| Ref::new(id, &entry.name)).collect();
    items.sort_by_key(|entry| (entry.name.to_lowercase(), entry.id));
    Json(Items { items })
}

/// Topics
#[utoipa::path(get, path = "/v1/topics", tag = "workspace", responses((status = 200, body = Items<Ref>)))]
pub async fn topics(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<Ref>> {
    usable(&caller.workspace.topics, &wanted)
}

/// Groups of contacts
#[utoipa::path(get, path = "/v1/groups", tag = "workspace", responses((status = 200, body = Items<Ref>)))]
pub async fn groups(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<Ref>> {
    usable(&caller.workspace.groups, &wanted)
}

/// Away states
#[utoipa::path(get, path = "/v1/away-statuses", tag = "workspace", responses((status = 200, body = Items<Ref>)))]
pub async fn away_statuses(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<Ref>> {
    usable(&caller.workspace.away_statuses, &wanted)
}

/// An attribute of contacts.
#[derive(Serialize, ToSchema)]
pub struct Attribute {
    /// Its key.
    key: AttributeKey,
    /// Its label.
    label: String,
    /// What it takes.
    kind: AttributeKind,
    /// Whether only programs and rules fill it.
    system: bool,
}

/// Attributes of contacts
#[utoipa::path(get, path = "/v1/attributes", tag = "workspace", responses((status = 200, body = Items<Attribute>)))]
pub async fn attributes(caller: Caller, Query(wanted): Query<ByName>) -> Json<Items<Attribute>> {
    let usable = caller.workspace.attributes.iter().filter(|(_, it)| !it.retired && wanted.takes(&it.definition.label));
    let items = usable.map(|(key, it)| Attribute {
        key: key.clone(),
        label: it.definition.label.clone(),
        kind: it.definition.kind,
        system: it.definition.system,
    });
    Json(Items { items: items.collect() })
}
