//! Every address of the API on one screen. A handler's `#[utoipa::path]` holds its method and address, so this list
//! and the OpenAPI document can't differ.

use crate::extract::wait_for_position;
use crate::http::{guard, headers, trace};
use crate::openapi::{self, Document};
use crate::routes::{
    admin, agent_times, agents, audit, audit_proofs, bulks, catalogs, channels, contacts, conversations, docs,
    fallback, feed, health, inbound, me, metrics, notifications, outbox, problems, queues, regions, saved_replies,
    sessions, sla, teams,
};
use crate::state::AppState;
use crate::ui;
use axum::middleware::from_fn_with_state;
use axum::routing::{Router, get};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The whole application.
pub fn build(app: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = openapi::finish(document);
    let api = api
        .layer(from_fn_with_state(app.clone(), wait_for_position))
        .layer(from_fn_with_state(app.clone(), guard::bound))
        .layer(from_fn_with_state(app.clone(), guard::identify));
    Router::new()
        .merge(api)
        .merge(pages(document))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), headers::secure))
        .layer(from_fn_with_state(app.clone(), trace::trace))
        .with_state(app)
}

/// The OpenAPI document of the whole application.
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::finish(api().split_for_parts().1)
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(regions::list))
        .routes(routes!(sessions::sign_in))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(me::me))
        .routes(routes!(me::set_availability))
        .routes(routes!(me::set_preferences))
        .routes(routes!(me::set_name))
        .routes(routes!(me::set_password))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::read))
        .routes(routes!(agents::list))
        .routes(routes!(agents::show))
        .routes(routes!(agents::set_availability))
        .routes(routes!(agent_times::report))
        .routes(routes!(teams::list))
        .routes(routes!(channels::list))
        .routes(routes!(catalogs::topics))
        .routes(routes!(catalogs::groups))
        .routes(routes!(catalogs::away_statuses))
        .routes(routes!(catalogs::attributes))
        .routes(routes!(queues::counts))
        .routes(routes!(queues::page))
        .merge(conversations())
        .merge(contacts())
        .merge(saved_replies())
        .routes(routes!(audit::list))
        .routes(routes!(audit::of_conversation))
        .routes(routes!(feed::feed))
        .routes(routes!(inbound::take_in))
        .routes(routes!(outbox::read))
        .merge(proofs())
        .merge(sla())
        .merge(admin())
        .merge(operation())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
}

fn contacts() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(contacts::list))
        .routes(routes!(contacts::show))
        .routes(routes!(contacts::set_attribute, contacts::remove_attribute))
        .routes(routes!(contacts::join_group, contacts::leave_group))
        .routes(routes!(contacts::block, contacts::unblock))
        .routes(routes!(contacts::forget))
}

fn saved_replies() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(saved_replies::list))
        .routes(routes!(saved_replies::create))
        .routes(routes!(saved_replies::rename, saved_replies::delete))
        .routes(routes!(saved_replies::add))
        .routes(routes!(saved_replies::edit, saved_replies::remove))
}

fn proofs() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(audit_proofs::checkpoint))
        .routes(routes!(audit_proofs::witnessed))
        .routes(routes!(audit_proofs::partitions))
        .routes(routes!(audit_proofs::partition_checkpoint))
        .routes(routes!(audit_proofs::partition_witnessed))
        .routes(routes!(audit_proofs::key))
        .routes(routes!(audit_proofs::inclusion))
        .routes(routes!(audit_proofs::consistency))
        .routes(routes!(audit_proofs::receipt))
        // OpenAPI has no word for a path of any depth.
        .route("/v1/audit/tile/{*path}", get(audit_proofs::tile))
        .route("/v1/audit/partitions/{partition}/tile/{*path}", get(audit_proofs::partition_tile))
}

fn conversations() -> OpenApiRouter<AppState> {
    use conversations::{attachments, bulk, locks, messages, notes, presence, replay, transcript, view, work};
    OpenApiRouter::new()
        .routes(routes!(view::read))
        .routes(routes!(transcript::read))
        .routes(routes!(replay::replay))
        .routes(routes!(messages::send))
        .routes(routes!(messages::retry))
        .routes(routes!(messages::mask))
        .routes(routes!(messages::mask_attachment))
        .routes(routes!(messages::like, messages::unlike))
        .routes(routes!(attachments::upload))
        .routes(routes!(attachments::fetch))
        .routes(routes!(work::assign))
        .routes(routes!(work::pend))
        .routes(routes!(work::resolve))
        .routes(routes!(work::return_to_new))
        .routes(routes!(work::follow_up))
        .routes(routes!(work::prioritize))
        .routes(routes!(work::add_topic, work::remove_topic))
        .routes(routes!(work::block, work::unblock))
        .routes(routes!(notes::add))
        .routes(routes!(notes::edit, notes::delete))
        .routes(routes!(notes::mask))
        .routes(routes!(locks::lock, locks::release))
        .routes(routes!(presence::enter, presence::leave))
        .routes(routes!(bulks::begin))
        .routes(routes!(bulks::show, bulks::cancel))
        .routes(routes!(bulk::resolve))
        .routes(routes!(bulk::assign))
}

fn sla() -> OpenApiRouter<AppState> {
    use admin::sla as setup;
    OpenApiRouter::new()
        .routes(routes!(sla::breached))
        .routes(routes!(sla::due))
        .routes(routes!(sla::summary))
        .routes(routes!(sla::history))
        .routes(routes!(sla::of_conversation))
        .routes(routes!(setup::calendars, setup::make_calendar))
        .routes(routes!(setup::change_calendar, setup::remove_calendar))
        .routes(routes!(setup::choose_calendar))
        .routes(routes!(setup::policies, setup::make_policy, setup::order_policies))
        .routes(routes!(setup::change_policy, setup::remove_policy))
        .routes(routes!(setup::try_out::try_out))
}

fn admin() -> OpenApiRouter<AppState> {
    use admin::catalogs::{away_statuses, groups, topics};
    use admin::{accounts, attributes, channels, redactions, rules, settings, teams, tokens};
    OpenApiRouter::new()
        .routes(routes!(settings::show, settings::replace))
        .routes(routes!(accounts::list, accounts::open))
        .routes(routes!(accounts::replace, accounts::close))
        .routes(routes!(accounts::set_password))
        .routes(routes!(accounts::set_right, accounts::clear_right))
        .routes(routes!(tokens::list, tokens::issue))
        .routes(routes!(tokens::revoke))
        .routes(routes!(channels::list, channels::connect))
        .routes(routes!(channels::replace, channels::disconnect))
        .routes(routes!(channels::draw_secret))
        .routes(routes!(teams::list, teams::create))
        .routes(routes!(teams::rename, teams::close))
        .routes(routes!(teams::change_settings))
        .routes(routes!(teams::add_member, teams::remove_member))
        .routes(routes!(topics::list, topics::define))
        .routes(routes!(topics::rename, topics::retire))
        .routes(routes!(groups::list, groups::define))
        .routes(routes!(groups::rename, groups::retire))
        .routes(routes!(away_statuses::list, away_statuses::define))
        .routes(routes!(away_statuses::rename, away_statuses::retire))
        .routes(routes!(attributes::list))
        .routes(routes!(attributes::define, attributes::retire))
        .routes(routes!(rules::list, rules::create, rules::order))
        .routes(routes!(rules::replace, rules::remove))
        .routes(routes!(rules::attempt))
        .routes(routes!(redactions::list, redactions::add))
        .routes(routes!(redactions::replace, redactions::remove))
        .routes(routes!(redactions::attempt))
}

fn operation() -> OpenApiRouter<AppState> {
    use admin::projections;
    OpenApiRouter::new()
        .routes(routes!(projections::list))
        .routes(routes!(projections::show))
        .routes(routes!(projections::rebuild, projections::cancel))
        .routes(routes!(projections::compare))
        .routes(routes!(projections::swap))
        .routes(routes!(projections::rollback))
        .routes(routes!(projections::drop_old))
        .routes(routes!(projections::retry))
}

/// Pages and files, which are no part of the API.
fn pages(document: utoipa::openapi::OpenApi) -> Router<AppState> {
    Router::new()
        .route("/openapi.json", get(docs::openapi(document)))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::file))
        .route("/problems/{slug}", get(problems::explain))
        .route("/", get(ui::index))
        .route("/ui/{*path}", get(ui::file))
}
