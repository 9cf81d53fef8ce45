//! The questions to the audit trail: pages in order of time, narrowed to what is asked for.

use super::places::Walk;
use super::{AuditReader, Entry, PLACE_BYTES, Scope, entries_key};
use crate::action::Action;
use crate::key::{self, ascending};
use crate::page::{self, PAGE_ENTRIES_MAX, PAGE_SCANNED_MAX, Page};
use crate::reader::{QueryError, View};
use crate::table::Range;
use clew_domain::fact::Actor;
use clew_domain::ids::{ContactId, ConversationId, CorrelationId, StreamId};
use clew_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a list is narrowed to; what is not given does not narrow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The history of one stream, such as a conversation's.
    pub stream: Option<StreamId>,
    /// What concerns a contact: their own history and that of their conversations.
    pub contact: Option<ContactId>,
    /// Who did it.
    pub actor: Option<Actor>,
    /// What was done.
    pub action: Option<Action>,
    /// What belongs to this: the lines of a bulk act, a rule's doing with what set it off. Lists are not kept by it, so
    /// it is best asked with a time.
    pub correlation: Option<CorrelationId>,
    /// Recorded at this instant or later.
    pub from: Option<Timestamp>,
    /// Recorded before this instant.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// The history of a conversation.
    pub fn conversation(conversation: ConversationId) -> Self {
        Self { stream: Some(conversation.into()), ..Self::default() }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What was recorded last first.
    #[default]
    Newest,
    /// What was recorded first first.
    Oldest,
}

impl AuditReader {
    /// A page of entries.
    pub fn page(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Entry>, QueryError> {
        let after = after.map(|text| page::from_text(text, PLACE_BYTES)).transpose()?;
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        let (from, to) = bounds(filter, order, after.as_deref());
        self.read(|view| {
            let mut page = Page::empty();
            let mut source = Source::begin(view, narrowest(filter), &from, to.as_deref(), order == Order::Newest)?;
            for scanned in 0.. {
                let Some((place, entry)) = source.next(view)? else { break };
                if page.items.len() == limit || scanned == PAGE_SCANNED_MAX {
                    return Ok(page);
                }
                page.next = Some(page::to_text(&place));
                if filter.matches(&entry) {
                    page.items.push(entry);
                }
            }
            page.next = None;
            Ok(page)
        })
    }
}

/// Where entries come from: all of them in order of time, or the places in a list.
enum Source {
    Entries(Range),
    List(Walk),
}

impl Source {
    fn begin(
        view: &View<'_>,
        scope: Option<Scope>,
        from: &[u8],
        to: Option<&[u8]>,
        backwards: bool,
    ) -> Result<Self, QueryError> {
        if let Some(scope) = scope {
            return Ok(Self::List(Walk::begin(view, scope, from, to, backwards)?));
        }
        let all = entries_key().done();
        let from = [&all[..], from].concat();
        let to = to.map_or_else(|| key::behind(&all), |to| Some([&all[..], to].concat()));
        Ok(Self::Entries(view.range(&from, to.as_deref(), backwards)))
    }

    /// The next place, and the entry that stands there.
    fn next(&mut self, view: &View<'_>) -> Result<Option<(Vec<u8>, Entry)>, QueryError> {
        match self {
            Self::Entries(range) => {
                let Some((key, value)) = range.next().transpose()? else { return Ok(None) };
                let place = key.get(1..).ok_or_else(|| view.damaged())?;
                Ok(Some((place.to_vec(), view.decode(&value)?)))
            }
            Self::List(walk) => {
                let Some(place) = walk.next(view)? else { return Ok(None) };
                let entry = view.get(entries_key().bytes(&place))?.ok_or_else(|| view.damaged())?;
                Ok(Some((place.to_vec(), entry)))
            }
        }
    }
}

/// The shortest of the lists that hold all that is asked for, as far as one can tell without looking.
fn narrowest(filter: &Filter) -> Option<Scope> {
    let stream = filter.stream.map(Scope::Stream);
    let contact = filter.contact.map(Scope::Contact);
    let actor = filter.actor.map(Scope::Actor);
    stream.or(contact).or(actor).or(filter.action.map(Scope::Action))
}

/// The places from which on, and before which, entries are asked for.
fn bounds(filter: &Filter, order: Order, after: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
    let at = |at: Timestamp| ascending(at).to_be_bytes().to_vec();
    let mut from = filter.from.map_or_else(Vec::new, at);
    let mut to = filter.to.map(at);
    if let Some(after) = after {
        let mut place = after.to_vec();
        match order {
            Order::Newest => to = Some(to.map_or(place.clone(), |to| to.min(place))),
            Order::Oldest => {
                place.push(0);
                from = from.max(place);
            }
        }
    }
    (from, to)
}

impl Filter {
    fn matches(&self, entry: &Entry) -> bool {
        self.stream.is_none_or(|stream| entry.stream == stream)
            && self.contact.is_none_or(|contact| entry.contact == Some(contact))
            && self.actor.is_none_or(|actor| entry.actor == actor)
            && self.action.is_none_or(|action| entry.action == action)
            && self.correlation.is_none_or(|correlation| entry.correlation == correlation)
    }
}
