//! What is defined, renamed and retired: topics, contact groups, away statuses; and attributes, which are defined anew
//! instead of renamed.

use super::{Decision, Rejection, Thing, only};
use crate::contact::AttributeKey;
use crate::ids::{AwayStatusId, GroupId, TopicId};
use crate::name;
use crate::workspace::event::{AttributeDefinition, WorkspaceEvent};
use crate::workspace::state::{Catalog, WorkspaceState};

/// The id of something that a [`Catalog`] holds, and the events that tell of it.
pub(super) trait Listed: Ord + Copy {
    fn thing(self) -> Thing;
    fn defined(self, name: String) -> WorkspaceEvent;
    fn renamed(self, name: String) -> WorkspaceEvent;
    fn retired(self) -> WorkspaceEvent;
}

macro_rules! listed {
    ($id:ident, $thing:ident, $field:ident, $defined:ident, $renamed:ident, $retired:ident) => {
        impl Listed for $id {
            fn thing(self) -> Thing {
                Thing::$thing(self)
            }
            fn defined(self, name: String) -> WorkspaceEvent {
                WorkspaceEvent::$defined { $field: self, name }
            }
            fn renamed(self, name: String) -> WorkspaceEvent {
                WorkspaceEvent::$renamed { $field: self, name }
            }
            fn retired(self) -> WorkspaceEvent {
                WorkspaceEvent::$retired { $field: self }
            }
        }
    };
}

listed!(TopicId, Topic, topic, TopicDefined, TopicRenamed, TopicRetired);
listed!(GroupId, Group, group, GroupDefined, GroupRenamed, GroupRetired);
listed!(AwayStatusId, AwayStatus, status, AwayStatusDefined, AwayStatusRenamed, AwayStatusRetired);

pub(super) fn define<Id: Listed>(catalog: &Catalog<Id>, id: Id, name: &str) -> Decision {
    let name = free_name(catalog, id, name)?;
    match catalog.get(id) {
        None => Ok(vec![id.defined(name)]),
        Some(there) if !there.retired && there.name == name => Ok(Vec::new()),
        Some(_) => Err(Rejection::Exists(id.thing())),
    }
}

pub(super) fn rename<Id: Listed>(catalog: &Catalog<Id>, id: Id, name: &str) -> Decision {
    let before = match catalog.get(id) {
        None => return Err(Rejection::Unknown(id.thing())),
        Some(entry) if entry.retired => return Err(Rejection::Gone(id.thing())),
        Some(entry) => &entry.name,
    };
    let name = free_name(catalog, id, name)?;
    only(*before != name, || id.renamed(name))
}

pub(super) fn retire<Id: Listed>(catalog: &Catalog<Id>, id: Id) -> Decision {
    let entry = catalog.get(id).ok_or_else(|| Rejection::Unknown(id.thing()))?;
    only(!entry.retired, || id.retired())
}

fn free_name<Id: Listed>(catalog: &Catalog<Id>, id: Id, name: &str) -> Result<String, Rejection> {
    let name = name::tidy(name)?;
    match catalog.iter().find(|(other, it)| *other != id && !it.retired && name::same(&it.name, &name)) {
        Some((other, _)) => Err(Rejection::NameTaken(other.thing())),
        None => Ok(name),
    }
}

pub(super) fn define_attribute(
    state: &WorkspaceState,
    key: &AttributeKey,
    definition: &AttributeDefinition,
) -> Decision {
    let definition = AttributeDefinition { label: name::tidy(&definition.label)?, ..definition.clone() };
    let there = state.usable_attribute(key) == Some(&definition);
    only(!there, || WorkspaceEvent::AttributeDefined { key: key.clone(), definition })
}

pub(super) fn retire_attribute(state: &WorkspaceState, key: &AttributeKey) -> Decision {
    let it = state.attributes.get(key).ok_or_else(|| Rejection::Unknown(Thing::Attribute(key.clone())))?;
    only(!it.retired, || WorkspaceEvent::AttributeRetired { key: key.clone() })
}
