//! The OpenAPI document: what all operations have in common is written here once and added to each of them.

use crate::error::ProblemDetails;
use clew_domain::conversation::Queue;
use clew_domain::ids::{
    AgentId, AttachmentId, AwayStatusId, ChannelId, CollectionId, ContactId, ConversationId, GroupId, MessageId,
    NoteId, RuleId, SavedReplyId, TeamId, TokenId, TopicId,
};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, HeaderBuilder, ObjectBuilder, Ref, ResponseBuilder, Schema, Type};

/// The document before the operations are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clew",
        description = "The API of a customer-care desk. Instants are RFC 3339, ids are UUIDs, errors are problem \
                       details (RFC 9457) whose `type` is stable. Every command takes an `Idempotency-Key` and \
                       answers with a position in the log; every read takes one as `Clew-Min-Position` and waits \
                       until it has seen it."
    ),
    // Ids stand in addresses too, whose types are not collected.
    components(schemas(
        ProblemDetails, AgentId, TeamId, ChannelId, TopicId, GroupId, AwayStatusId, ConversationId, ContactId, MessageId,
        NoteId, AttachmentId, CollectionId, SavedReplyId, TokenId, RuleId, Queue
    )),
    security(("session" = []), ("token" = [])),
    tags(
        (name = "session", description = "Signing in, and one's own account"),
        (name = "conversations", description = "Queues, conversations and what can be done with them"),
        (name = "sla", description = "Service levels: what is due, what is breached, and why"),
        (name = "contacts", description = "Who writes to us"),
        (name = "workspace", description = "Agents, teams, channels and the like, as agents see them"),
        (name = "audit", description = "Who did what, when"),
        (name = "feed", description = "What happens, as it happens"),
        (name = "connectors", description = "For programs that carry messages between a channel and us"),
        (name = "admin", description = "Setting up the workspace"),
        (name = "operation", description = "For whoever runs the installation"),
    )
)]
pub struct Document;

/// Adds what all operations have in common.
pub fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    if let Some(components) = document.components.as_mut() {
        let cookie = ApiKey::Cookie(ApiKeyValue::new(crate::auth::cookies::NAME));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
    for (path, item) in &mut document.paths.paths {
        let writing = [&mut item.post, &mut item.put, &mut item.delete].into_iter().flatten();
        for operation in writing {
            problems(operation);
            if path.starts_with("/v1/") && !path.starts_with("/v1/sessions") {
                header(operation, "Idempotency-Key", "1 to 255 characters; the same key again does nothing again");
            }
        }
        if let Some(operation) = item.get.as_mut() {
            problems(operation);
            if path.starts_with("/v1/") {
                header(operation, "Clew-Min-Position", "what the answer must have seen");
                positions(operation);
            }
        }
    }
    document
}

fn text() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())
}

/// Every operation may answer with a problem.
fn problems(operation: &mut Operation) {
    let content = Content::new(Some(Ref::from_schema_name("ProblemDetails")));
    let response = ResponseBuilder::new().description("A problem").content("application/problem+json", content).build();
    operation.responses.responses.insert("default".into(), response.into());
}

fn header(operation: &mut Operation, name: &str, description: &str) {
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .schema(Some(text()))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

/// Every read says how far it reaches.
fn positions(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let (true, utoipa::openapi::RefOr::T(response)) = (status.starts_with('2'), response) {
            let header =
                HeaderBuilder::new().schema(Some(text())).description(Some("How far into the log the answer reaches"));
            response.headers.insert("Clew-Position".into(), header.build().into());
        }
    }
}
