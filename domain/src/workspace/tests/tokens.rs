//! Bearer tokens.

use super::*;
use crate::decider::Decider;
use crate::decider::spec::given;
use crate::ids::TokenId;
use crate::name::NotAName;
use crate::time::Timestamp;

const SCRIPT: TokenId = TokenId(Uuid::from_u128(1));
/// When the harness gives its commands.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const HASH: TokenHash = TokenHash([1; 32]);

fn issued(token: TokenId, hash: TokenHash, expires_at: Option<Timestamp>) -> WorkspaceEvent {
    let scopes = BTreeSet::from([Scope::Read]);
    WorkspaceEvent::TokenIssued { token, agent: BOB, name: "script".to_owned(), hash, scopes, expires_at }
}

fn issue(token: TokenId, name: &str, scopes: BTreeSet<Scope>, expires_at: Option<Timestamp>) -> Command {
    Command::IssueToken { token, agent: BOB, name: name.to_owned(), hash: HASH, scopes, expires_at }
}

fn read() -> BTreeSet<Scope> {
    BTreeSet::from([Scope::Read])
}

#[test]
fn a_token_is_issued_once() {
    let issue = issue(SCRIPT, " script ", read(), Some(NOW.plus_secs(1)));
    let once = issued(SCRIPT, HASH, Some(NOW.plus_secs(1)));
    given::<Workspace>([bob()]).when(issue.clone()).then([once.clone()]);
    given::<Workspace>([bob(), once]).when(issue.clone()).then_nothing();
    given::<Workspace>([bob(), issued(SCRIPT, HASH, None)])
        .when(issue)
        .then_rejected(Rejection::Exists(Thing::Token(SCRIPT)));
}

#[test]
fn a_token_is_of_use() {
    let past = issue(SCRIPT, "script", read(), Some(NOW));
    given::<Workspace>([bob()]).when(past).then_rejected(Rejection::ExpiresInThePast);
    let idle = issue(SCRIPT, "script", BTreeSet::new(), None);
    given::<Workspace>([bob()]).when(idle).then_rejected(Rejection::NoScope);
    let nameless = issue(SCRIPT, "", read(), None);
    given::<Workspace>([bob()]).when(nameless).then_rejected(Rejection::Name(NotAName));
    let anybody = issue(SCRIPT, "script", read(), None);
    given::<Workspace>([]).when(anybody).then_rejected(Rejection::Unknown(Thing::Account(BOB)));
}

#[test]
fn no_two_tokens_are_the_same() {
    let other = TokenId(Uuid::from_u128(2));
    given::<Workspace>([bob(), issued(other, HASH, None)])
        .when(issue(SCRIPT, "script", read(), None))
        .then_rejected(Rejection::TokenTaken(other));
}

#[test]
fn usable_tokens_are_limited() {
    let full = (0..u8::try_from(TOKENS_PER_ACCOUNT_MAX).unwrap())
        .map(|n| issued(TokenId(Uuid::from_u128(100 + u128::from(n))), TokenHash([100 + n; 32]), None));
    given::<Workspace>(std::iter::once(bob()).chain(full))
        .when(issue(SCRIPT, "script", read(), None))
        .then_rejected(Rejection::TooMany { what: "usable tokens of this account", max: TOKENS_PER_ACCOUNT_MAX });
}

#[test]
fn a_token_is_revoked_once() {
    let (revoke, revoked) = (Command::RevokeToken { token: SCRIPT }, WorkspaceEvent::TokenRevoked { token: SCRIPT });
    given::<Workspace>([bob(), issued(SCRIPT, HASH, None)]).when(revoke.clone()).then([revoked.clone()]);
    given::<Workspace>([bob(), issued(SCRIPT, HASH, None), revoked]).when(revoke.clone()).then_nothing();
    given::<Workspace>([]).when(revoke).then_rejected(Rejection::Unknown(Thing::Token(SCRIPT)));
}

#[test]
fn only_usable_tokens_are_found() {
    let end = NOW.plus_secs(60);
    let found = |events: &[WorkspaceEvent], at| Workspace::fold(events).token_by_hash(&HASH, at).is_some();
    let once = [bob(), issued(SCRIPT, HASH, Some(end))];
    assert!(found(&once, NOW) && !found(&once, end));
    assert!(!found(&[bob()], NOW));
    for gone in [WorkspaceEvent::TokenRevoked { token: SCRIPT }, WorkspaceEvent::AccountClosed { agent: BOB }] {
        assert!(!found(&[once.to_vec(), vec![gone]].concat(), NOW));
    }
}
