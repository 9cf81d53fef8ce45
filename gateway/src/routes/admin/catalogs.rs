//! Topics, groups of contacts and away states: things with a name that can be retired. They differ in their
//! words alone, so one description of the four operations serves for all three.

use super::{Admin, AdminCommand, Changed, Made, change, make};
use crate::extract::{Json, Path, Receipt};
use crate::state::AppState;
use crate::wire::{Created, Items, Naming};
use axum::extract::State;
use clew_domain::workspace::{Catalog, Command};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An entry, retired or not.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    id: Uuid,
    name: String,
    /// Whether it can't be used any more.
    retired: bool,
}

fn entries<Id: Ord + Copy>(catalog: &Catalog<Id>, uuid: impl Fn(Id) -> Uuid) -> Json<Items<Entry>> {
    let entries = catalog.iter();
    let items = entries.map(|(id, it)| Entry { id: uuid(id), name: it.name.clone(), retired: it.retired });
    Json(Items { items: items.collect() })
}

macro_rules! catalog {
    (
        $module:ident $doc:literal, $path:literal, $one_path:literal, $id:ident, $field:ident, $key:ident:
        $define:ident, $rename:ident, $retire:ident
    ) => {
        #[doc = $doc]
        pub mod $module {
            use super::*;
            use clew_domain::ids::$id;

            #[doc = concat!($doc, ", retired ones too")]
            #[utoipa::path(get, path = $path, summary = $doc, tag = "admin", responses((status = 200, body = Items<Entry>)))]
            pub async fn list(Admin(caller): Admin) -> Json<Items<Entry>> {
                entries(&caller.workspace.$field, |id| id.0)
            }

            /// Define one
            #[utoipa::path(post, path = $path, tag = "admin", responses((status = 201, body = Created)))]
            pub async fn define(
                State(app): State<AppState>,
                command: AdminCommand,
                Json(wanted): Json<Naming>,
            ) -> Made {
                make(&app, command, |id| Command::$define { $key: $id(id), name: wanted.name }).await
            }

            /// Rename one
            #[utoipa::path(put, path = $one_path, tag = "admin", responses((status = 200, body = Receipt)))]
            pub async fn rename(
                State(app): State<AppState>,
                command: AdminCommand,
                Path(id): Path<$id>,
                Json(wanted): Json<Naming>,
            ) -> Changed {
                change(&app, command, Command::$rename { $key: id, name: wanted.name }).await
            }

            /// Retire one: it stays where it stands, and can't be chosen any more
            #[utoipa::path(delete, path = $one_path, tag = "admin", responses((status = 200, body = Receipt)))]
            pub async fn retire(State(app): State<AppState>, command: AdminCommand, Path(id): Path<$id>) -> Changed {
                change(&app, command, Command::$retire { $key: id }).await
            }
        }
    };
}

catalog!(topics "Topics", "/v1/admin/topics", "/v1/admin/topics/{id}", TopicId, topics, topic:
    DefineTopic, RenameTopic, RetireTopic);
catalog!(groups "Groups of contacts", "/v1/admin/groups", "/v1/admin/groups/{id}", GroupId, groups, group:
    DefineGroup, RenameGroup, RetireGroup);
catalog!(away_statuses "Away states", "/v1/admin/away-statuses", "/v1/admin/away-statuses/{id}", AwayStatusId,
    away_statuses, status: DefineAwayStatus, RenameAwayStatus, RetireAwayStatus);
