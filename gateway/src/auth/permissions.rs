//! What each role may do, and which of it each scope of a token lets through: two tables, and nothing else.
//! What a role gives on a channel is the domain's to say (`Role::right`).

use clew_domain::workspace::{Role, Scope};
use serde::Serialize;
use std::collections::BTreeSet;

/// Something that a caller may do, wherever channels do not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read conversations and contacts, on channels where the right allows it.
    ReadConversations,
    /// Work conversations, on channels where the right allows it.
    WorkConversations,
    /// Mask, whatever the workspace lets agents do.
    Mask,
    /// Resolve or assign many conversations at once.
    ActInBulk,
    /// Change the availability of others.
    SeeEveryone,
    /// Read the audit trail of the whole workspace.
    ReadAudit,
    /// Watch and run the installation.
    Operate,
    /// Set up the workspace.
    Administer,
    /// Bring messages in and take replies out.
    BringMessagesIn,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ReadConversations,
        Self::WorkConversations,
        Self::Mask,
        Self::ActInBulk,
        Self::SeeEveryone,
        Self::ReadAudit,
        Self::Operate,
        Self::Administer,
        Self::BringMessagesIn,
    ];
}

/// What a role may do.
pub fn of_role(role: Role) -> &'static [Permission] {
    use Permission as P;
    match role {
        Role::Agent => &[P::ReadConversations, P::WorkConversations],
        Role::Supervisor => &[P::ReadConversations, P::WorkConversations, P::Mask, P::ActInBulk, P::SeeEveryone],
        Role::Auditor => &[P::ReadConversations, P::SeeEveryone, P::ReadAudit],
        Role::Operator => &[P::Operate],
        Role::Admin => &[P::SeeEveryone, P::Administer],
        Role::Connector => &[P::BringMessagesIn],
    }
}

/// What of its account's permissions a token with this scope may use.
pub fn of_scope(scope: Scope) -> &'static [Permission] {
    use Permission as P;
    match scope {
        Scope::Read => &[P::ReadConversations, P::SeeEveryone, P::ReadAudit],
        Scope::Write => &[P::ReadConversations, P::WorkConversations, P::Mask, P::ActInBulk, P::SeeEveryone],
        Scope::Inbound => &[P::BringMessagesIn],
        Scope::Admin => &[P::SeeEveryone, P::Operate, P::Administer],
    }
}

/// What an account with these roles may do, through a token with these scopes or (`None`) signed in.
pub fn granted(roles: &BTreeSet<Role>, scopes: Option<&BTreeSet<Scope>>) -> BTreeSet<Permission> {
    let by_roles = roles.iter().flat_map(|role| of_role(*role)).copied();
    match scopes {
        None => by_roles.collect(),
        Some(scopes) => {
            let let_through: BTreeSet<_> = scopes.iter().flat_map(|scope| of_scope(*scope)).copied().collect();
            by_roles.filter(|permission| let_through.contains(permission)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission as P;

    const ROLES: [Role; 6] =
        [Role::Agent, Role::Supervisor, Role::Auditor, Role::Operator, Role::Admin, Role::Connector];

    fn holders(permission: Permission) -> Vec<Role> {
        ROLES.into_iter().filter(|role| of_role(*role).contains(&permission)).collect()
    }

    #[test]
    fn each_permission_is_held_by_exactly_these_roles() {
        assert_eq!(holders(P::ReadConversations), [Role::Agent, Role::Supervisor, Role::Auditor]);
        assert_eq!(holders(P::WorkConversations), [Role::Agent, Role::Supervisor]);
        assert_eq!(holders(P::Mask), [Role::Supervisor]);
        assert_eq!(holders(P::ActInBulk), [Role::Supervisor]);
        assert_eq!(holders(P::SeeEveryone), [Role::Supervisor, Role::Auditor, Role::Admin]);
        assert_eq!(holders(P::ReadAudit), [Role::Auditor]);
        assert_eq!(holders(P::Operate), [Role::Operator]);
        assert_eq!(holders(P::Administer), [Role::Admin]);
        assert_eq!(holders(P::BringMessagesIn), [Role::Connector]);
    }

    #[test]
    fn a_token_never_gives_more_than_its_account_has() {
        let every_scope = BTreeSet::from([Scope::Read, Scope::Write, Scope::Inbound, Scope::Admin]);
        for role in ROLES {
            let roles = BTreeSet::from([role]);
            assert_eq!(granted(&roles, Some(&every_scope)), granted(&roles, None), "{role:?}");
            assert!(granted(&roles, Some(&BTreeSet::new())).is_empty());
        }
        let admin = BTreeSet::from([Role::Admin]);
        assert!(!granted(&admin, Some(&BTreeSet::from([Scope::Read]))).contains(&P::Administer));
        let agent = BTreeSet::from([Role::Agent]);
        assert_eq!(granted(&agent, Some(&BTreeSet::from([Scope::Read]))), BTreeSet::from([P::ReadConversations]));
    }

    #[test]
    fn every_permission_is_reached_by_a_role_and_a_scope() {
        for permission in Permission::ALL {
            assert!(!holders(permission).is_empty(), "{permission:?}");
            let scopes = [Scope::Read, Scope::Write, Scope::Inbound, Scope::Admin];
            assert!(scopes.iter().any(|scope| of_scope(*scope).contains(&permission)), "{permission:?}");
        }
    }
}
