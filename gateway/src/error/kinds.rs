//! Every type of problem that the API answers with. A slug is a promise to programs: it never changes meaning.

use axum::http::StatusCode;

/// A type of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of its `type`.
    pub slug: &'static str,
    /// The status that it is answered with.
    pub status: StatusCode,
    /// What it means, in short.
    pub title: &'static str,
    /// What it means, and what to do.
    pub meaning: &'static str,
}

macro_rules! kinds {
    ($($name:ident $status:ident $slug:literal $title:literal $meaning:literal;)*) => {
        $(
            #[doc = concat!("`", $slug, "`: ", $title, ".")]
            pub static $name: Kind =
                Kind { slug: $slug, status: StatusCode::$status, title: $title, meaning: $meaning };
        )*

        /// All of them, in the order of this file.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    NOT_FOUND NOT_FOUND "not-found" "There is no such thing"
        "The address names nothing, or something that the caller may not see.";
    METHOD_NOT_ALLOWED METHOD_NOT_ALLOWED "method-not-allowed" "The method does not fit the address"
        "The Allow header names the methods that do.";
    INVALID_BODY BAD_REQUEST "invalid-body" "The body is not valid"
        "`detail` names the place. Unknown fields are refused, too.";
    INVALID_QUERY BAD_REQUEST "invalid-query" "A query parameter is not valid"
        "`detail` names it.";
    INVALID_HEADER BAD_REQUEST "invalid-header" "A header is not valid"
        "`detail` names it and says what it takes.";
    INVALID_CURSOR BAD_REQUEST "invalid-cursor" "The cursor or position is not one of ours"
        "Give back what an answer carried, unchanged, with the same filters.";
    INVALID_VALUE UNPROCESSABLE_ENTITY "invalid-value" "A value breaks a rule"
        "`field` names it, `detail` says which rule.";
    UNSUPPORTED_MEDIA_TYPE UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body is not of a type that is taken here"
        "Send application/json, or what the operation says.";
    BODY_TOO_LARGE PAYLOAD_TOO_LARGE "body-too-large" "The body is too large"
        "`limit_bytes` is the most that is taken here.";

    SIGN_IN_REQUIRED UNAUTHORIZED "sign-in-required" "Nobody is signed in"
        "Sign in by POST /v1/sessions, or send a bearer token.";
    SIGN_IN_FAILED UNAUTHORIZED "sign-in-failed" "Login or password is wrong"
        "Which of the two is not told, nor whether the account is closed.";
    SESSION_ENDED UNAUTHORIZED "session-ended" "The session has ended"
        "It was ended or it expired: sign in again.";
    TOKEN_INVALID UNAUTHORIZED "token-invalid" "The token is not valid"
        "It is unknown, revoked or expired, or its account is closed.";
    SIGNATURE_INVALID UNAUTHORIZED "signature-invalid" "The webhook is not signed as it must be"
        "Sign `webhook-id.webhook-timestamp.body` with the channel's secret, by a clock that is right.";
    TOO_MANY_ATTEMPTS TOO_MANY_REQUESTS "too-many-attempts" "Too many failed sign-ins"
        "Retry-After says when to try again.";
    CROSS_SITE FORBIDDEN "cross-site-request" "The request came from another site"
        "Requests that change something with a session cookie need an Origin or Sec-Fetch-Site of this server.";
    FORBIDDEN FORBIDDEN "forbidden" "The caller may not do this"
        "`permission` names what would be needed.";
    CHANNEL_FORBIDDEN FORBIDDEN "channel-forbidden" "The caller may not do this on this channel"
        "`needed` names the right that would be needed, `right` the one there is.";

    RATE_LIMITED TOO_MANY_REQUESTS "rate-limited" "Too many requests"
        "Retry-After says when to go on.";
    TOO_MANY_FEEDS TOO_MANY_REQUESTS "too-many-feeds" "Too many live feeds are open"
        "Close one before opening another.";
    OVERLOADED SERVICE_UNAVAILABLE "overloaded" "The server works on as much as it can"
        "Nothing was done. Retry-After says when to try again.";
    TIMED_OUT SERVICE_UNAVAILABLE "timed-out" "The request took too long"
        "Whether it was done is not known: repeat a command with the same Idempotency-Key.";
    INTERNAL INTERNAL_SERVER_ERROR "internal" "Something broke on our side"
        "`instance` names the occurrence for whoever reads the log.";

    PROJECTION_BEHIND SERVICE_UNAVAILABLE "projection-behind" "The view has not caught up with that position yet"
        "The command was done; read again after Retry-After.";
    VIEW_DAMAGED INTERNAL_SERVER_ERROR "view-damaged" "A view of the log is damaged"
        "The log is whole; an operator has to have the view rebuilt.";
    PAST_NOT_KEPT CONFLICT "past-not-kept" "The view is not kept for that time"
        "`detail` says what an operator can do about it; the log itself tells all of it.";
    REBUILD_UNDER_WAY CONFLICT "rebuild-under-way" "A rebuild of the projection is under way"
        "Wait until it ends, or cancel it.";
    NOTHING_REBUILT CONFLICT "nothing-rebuilt" "There are no such rows"
        "`detail` says whether nothing was rebuilt yet or nothing is kept to go back to.";
    ROWS_DIFFER CONFLICT "rows-differ" "The rebuilt rows are not known to be the same"
        "Compare them; `force` swaps all the same.";
    ERASURE_PENDING SERVICE_UNAVAILABLE "erasure-pending" "The erasure is not carried out yet"
        "The log holds it, and it is tried again until it is done.";
    STORE_BUSY SERVICE_UNAVAILABLE "store-busy" "The log takes no more at the moment"
        "Nothing was written. Retry-After says when to try again.";
    STORE_UNAVAILABLE SERVICE_UNAVAILABLE "store-unavailable" "The log can't be written or read"
        "It stays so until an operator sees to it; GET /health/ready says why.";
    STORE_UNKNOWN SERVICE_UNAVAILABLE "outcome-unknown" "Whether it was written is not known"
        "Repeat the command with the same Idempotency-Key.";
    UPGRADE_UNDER_WAY SERVICE_UNAVAILABLE "upgrade-under-way" "Another gateway could not read this yet"
        "Nothing was written. It is possible once all gateways have the newer version.";
    STORE_CORRUPT INTERNAL_SERVER_ERROR "damaged" "Stored data is damaged"
        "An operator has to see to it; nothing is skipped or guessed.";
    LOG_NOT_SIGNED SERVICE_UNAVAILABLE "log-not-signed" "The log is not signed at the moment"
        "It goes on taking facts, but what was signed no longer agrees with it, or it lags; an operator has to see to it.";
    CONTENDED CONFLICT "contended" "Others changed it at the same time, again and again"
        "Nothing was done. Repeat it.";

    NO_LONGER_IN_USE CONFLICT "no-longer-in-use" "It is no longer in use"
        "It was retired, closed, disconnected, deleted or revoked: choose another one.";
    EXISTS CONFLICT "exists" "There is one already"
        "Change that one, or choose a fresh id.";
    NAME_TAKEN CONFLICT "name-taken" "Another one has this name"
        "Names are compared without case.";
    INVALID_NAME UNPROCESSABLE_ENTITY "invalid-name" "The text can't be a name"
        "A name has 1 to 100 characters and no control characters.";
    SHOWN_ONCE CONFLICT "shown-once" "It was shown before"
        "Tokens and secrets are shown once. Revoke or replace it if the answer was lost.";
    LOGIN_TAKEN CONFLICT "login-taken" "Another account has this login"
        "Logins are compared without case.";
    INVALID_PASSWORD UNPROCESSABLE_ENTITY "invalid-password" "The text can't be a password"
        "`detail` says how long a password has to be.";
    WRONG_PASSWORD FORBIDDEN "wrong-password" "The current password is wrong"
        "Give the password that the account has now.";
    LAST_ADMIN CONFLICT "last-admin" "It is the last admin account"
        "Make another account admin first.";
    IN_USE CONFLICT "in-use" "Something else needs it"
        "The member that names a thing says which; change that one first.";
    NOT_SERVED CONFLICT "not-served" "The team does not serve the channel"
        "`team` and `channel` name them: choose another team, or let the team serve the channel.";
    SET_UP_ALREADY CONFLICT "set-up-already" "The workspace is set up already"
        "There is only one.";
    TOO_MANY CONFLICT "too-many" "There are as many as there may be"
        "Do away with one that is not needed first.";
    CHANNEL_KIND_FIXED CONFLICT "channel-kind-fixed" "A channel stays what it is"
        "Connect a new channel for another kind.";
    NOT_SIGNED_IN CONFLICT "not-signed-in" "The agent is not signed in"
        "Who is not there takes no conversations.";
    TAKES_NO_MORE CONFLICT "takes-no-more" "The agent is given no conversation now"
        "They are not available, or have as many in New as the workspace gives at most.";
    FILLED_BY_PROGRAMS CONFLICT "filled-by-programs" "Only programs and rules fill this attribute"
        "Its definition says `system`.";
    INVALID_ATTRIBUTE_VALUE UNPROCESSABLE_ENTITY "invalid-attribute-value" "The value does not fit the attribute"
        "`kind` says what the attribute takes.";
    CONTACT_FORGOTTEN CONFLICT "contact-forgotten" "The contact was forgotten"
        "Nothing is kept of them, and nothing will be under this id.";
    CONTACT_NOT_BLOCKED CONFLICT "contact-not-blocked" "The contact is not blocked"
        "Their messages are taken in.";

    ALREADY_RESOLVED CONFLICT "already-resolved" "The conversation is resolved"
        "Start a follow-up to go on with the contact.";
    NEWER_MESSAGES CONFLICT "newer-messages" "The contact wrote in the meantime"
        "`messages` are those that the writer had not seen, `version` is what to send as seen after reading them.";
    LOCKED_BY_OTHER CONFLICT "locked-by-other" "Another agent has the conversation open"
        "`agent` has it; take it over to reply.";
    UNKNOWN_MESSAGE NOT_FOUND "unknown-message" "There is no such message in the conversation"
        "Nothing is accepted on a message that is not there.";
    UNKNOWN_NOTE NOT_FOUND "unknown-note" "There is no such note in the conversation"
        "It never was, or it was deleted.";
    UNKNOWN_ATTACHMENT NOT_FOUND "unknown-attachment" "The message has no such attachment"
        "It never had, or it is masked.";
    MASKED CONFLICT "masked" "It is masked"
        "What it said is erased for good, and nothing more can be done with it.";
    NOT_PUBLIC CONFLICT "not-public" "This works in public only"
        "Only public messages can be liked or quoted, only public threads blocked.";
    NOT_FROM_CONTACT CONFLICT "not-from-contact" "This works for messages of the contact only"
        "The message is one of ours.";
    NOT_A_REPLY CONFLICT "not-a-reply" "This works for our own replies only"
        "The message is the contact's.";
    NOTHING_TO_RETRY CONFLICT "nothing-to-retry" "The reply did not fail"
        "There is nothing to deliver again.";
    ALREADY_STARTED CONFLICT "already-started" "The conversation has already begun"
        "A follow-up starts where none is open.";
    BELONGS_ELSEWHERE CONFLICT "belongs-elsewhere" "The message belongs to another conversation"
        "Each contact of a public thread has a conversation of their own.";
    NOT_WAITING CONFLICT "not-waiting" "The conversation does not wait for an agent"
        "It is not in New, or somebody owns it.";
}

/// The kind with this slug, if there is one.
pub fn find(slug: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_distinct_and_well_formed() {
        for (index, kind) in ALL.iter().enumerate() {
            assert!(!ALL[..index].iter().any(|other| other.slug == kind.slug), "{} stands twice", kind.slug);
            assert!(kind.slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", kind.slug);
            assert!(kind.status.is_client_error() || kind.status.is_server_error());
        }
    }
}
