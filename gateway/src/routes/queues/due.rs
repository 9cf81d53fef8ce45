//! The order "due soonest": conversations by the first due instant of their clocks, then those without one in the
//! order that the queue has otherwise. The due instants are the breach view's, the rows the queues' own.

use crate::error::{Problem, kinds};
use crate::past::Views;
use clew_domain::conversation::Queue;
use clew_projections::queues::{Filter, Order, Row};
use clew_projections::sla::{Scope, Standing};

/// Up to so many matching conversations are sorted themselves; more are found along the list of due instants.
const SORTED_MAX: u64 = 1_000;
/// Entries of the list of due instants, or rows without one, that are looked at for one page at most.
const LOOKED_AT_MAX: usize = 4_000;
/// Entries or rows that are read at once.
const READ_AT_ONCE: usize = 200;

/// A page in this order; it may come back short, or empty, with more to come.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<String>,
}

/// Where a page begins.
enum From<'a> {
    /// Behind this place among those that are due.
    Due(Option<&'a str>),
    /// Among those without a due instant, on the page of the queue behind this cursor.
    Rest(Option<&'a str>),
}

/// Reads the page behind `cursor`.
pub(super) fn page(
    views: &Views,
    queue: Queue,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Found, Problem> {
    let from = match cursor {
        None => From::Due(None),
        Some(cursor) => parse(cursor)?,
    };
    let asked = Asked { views, queue, filter, limit };
    match from {
        From::Rest(after) => asked.rest(after, Vec::new()),
        From::Due(after) if views.queues.count(queue, filter)? <= SORTED_MAX => asked.sorted(after),
        From::Due(after) => asked.along_the_list(after),
    }
}

fn parse(cursor: &str) -> Result<From<'_>, Problem> {
    match cursor.split_once('.') {
        Some(("due", place)) => Ok(From::Due(Some(place))),
        Some(("rest", "")) => Ok(From::Rest(None)),
        Some(("rest", place)) => Ok(From::Rest(Some(place))),
        Some(_) | None => Err(Problem::new(&kinds::INVALID_CURSOR)),
    }
}

struct Asked<'a> {
    views: &'a Views,
    queue: Queue,
    filter: &'a Filter,
    limit: usize,
}

impl Asked<'_> {
    /// The clock of a conversation that is due first, if one is.
    fn first_due(&self, row: &Row) -> Result<Option<Standing>, Problem> {
        let clocks = self.views.sla.of(row.id, self.views.now)?;
        Ok(clocks.into_iter().filter(|clock| clock.due_at.is_some()).min_by_key(Standing::place))
    }

    fn sorted(&self, after: Option<&str>) -> Result<Found, Problem> {
        let (queues, mut rows, mut cursor) = (&self.views.queues, Vec::new(), None::<String>);
        loop {
            let (page, _) = queues.page(self.queue, self.filter, Order::Oldest, cursor.as_deref(), READ_AT_ONCE)?;
            for row in page.items {
                if let Some(place) = self.first_due(&row)?.map(|clock| clock.place()) {
                    rows.push((place, row));
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        rows.retain(|(place, _)| after.is_none_or(|after| place.as_str() > after));
        rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|(place, _)| format!("due.{place}"));
        let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
        match next {
            Some(next) => Ok(Found { rows, next: Some(next) }),
            None => self.rest(None, rows),
        }
    }

    fn along_the_list(&self, after: Option<&str>) -> Result<Found, Problem> {
        let (mut rows, mut after) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..LOOKED_AT_MAX / READ_AT_ONCE {
            let page = self.views.sla.by_due(self.scope(), self.views.now, after.as_deref(), READ_AT_ONCE)?;
            for clock in page.items {
                if rows.len() == self.limit {
                    return Ok(Found { rows, next: after.map(|place| format!("due.{place}")) });
                }
                let place = clock.place();
                rows.extend(self.row_at(&clock, &place)?);
                after = Some(place);
            }
            if page.next.is_none() {
                return self.rest(None, rows);
            }
        }
        Ok(Found { rows, next: after.map(|place| format!("due.{place}")) })
    }

    /// The row of a clock's conversation, if it matches and this is its clock that is due first.
    fn row_at(&self, clock: &Standing, place: &str) -> Result<Option<Row>, Problem> {
        let Some(row) = self.views.queues.row(clock.conversation)? else { return Ok(None) };
        if row.queue != self.queue || !self.filter.takes(&row) {
            return Ok(None);
        }
        let is_first = self.first_due(&row)?.is_some_and(|first| first.place() == place);
        Ok(is_first.then_some(row))
    }

    /// Of the clocks' lists, the shortest that holds all that is asked for.
    fn scope(&self) -> Scope {
        match (&self.filter.channels, self.filter.team, self.queue) {
            (_, Some(team), _) => Scope::Team(team),
            (Some(channels), None, _) if channels.len() == 1 => Scope::Channel(channels[0]),
            (_, None, Queue::Pending) => Scope::Pending,
            (_, None, Queue::New | Queue::Resolved) => Scope::New,
        }
    }

    /// Fills up with the conversations that have no due instant.
    fn rest(&self, after: Option<&str>, mut rows: Vec<Row>) -> Result<Found, Problem> {
        let order = if self.queue == Queue::New { Order::Priority } else { Order::Newest };
        let (queues, mut after) = (&self.views.queues, after.map(str::to_owned));
        let mut looked_at = 0;
        loop {
            if rows.len() >= self.limit || looked_at >= LOOKED_AT_MAX {
                return Ok(Found { rows, next: Some(format!("rest.{}", after.unwrap_or_default())) });
            }
            let wanted = self.limit - rows.len();
            let (page, _) = queues.page(self.queue, self.filter, order, after.as_deref(), wanted)?;
            looked_at += wanted;
            for row in page.items {
                if self.first_due(&row)?.is_none() {
                    rows.push(row);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(Found { rows, next: None });
            }
        }
    }
}
