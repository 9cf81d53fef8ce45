//! What changed of things that are set whole: policies, calendars, attributes, preferences. The one before is kept in a
//! row, since the event does not say it.

use super::{Change, Value, before_key, change, number, word};
use crate::projection::FoldError;
use crate::rows::Rows;
use clew_domain::agent::Preferences;
use clew_domain::sla::{Calendar, Conditions, Period, Policy, Target, Warning};
use clew_domain::workspace::AttributeDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

type Field = (&'static str, Option<Value>, Option<Value>);

/// The fields that are not as they were before.
pub(super) fn differing(fields: impl IntoIterator<Item = Field>) -> Vec<Change> {
    let differs = |(field, before, after): Field| (before != after).then(|| change(field, before, after));
    fields.into_iter().filter_map(differs).collect()
}

/// Takes note of a definition, none for one that is no more, and says what differs from the one before.
fn changed<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static>(
    rows: &mut Rows,
    (kind, id): (u8, Uuid),
    after: Option<&T>,
    fields: impl Fn(&T) -> Vec<(&'static str, Option<Value>)>,
) -> Result<Vec<Change>, FoldError> {
    let key = before_key(kind, id);
    let before = rows.take::<T>(&key)?;
    if let Some(after) = after {
        rows.put(&key, after.clone());
    }
    let (before, after) = (before.as_ref().map(&fields), after.map(&fields));
    let names = before.iter().chain(&after).next().into_iter().flatten().map(|(name, _)| *name).collect::<Vec<_>>();
    let value =
        |of: &Option<Vec<(&'static str, Option<Value>)>>, at: usize| of.as_ref().and_then(|it| it[at].1.clone());
    Ok(differing(names.into_iter().enumerate().map(|(at, name)| (name, value(&before, at), value(&after, at)))))
}

pub(super) fn policy(rows: &mut Rows, id: Uuid, after: Option<&Policy>) -> Result<Vec<Change>, FoldError> {
    changed(rows, (b'y', id), after, |policy| {
        let seconds = |target: Option<Target>| target.map(|target| number(target.seconds));
        let counting = |target: Option<Target>| target.map(|target| word(target.counting));
        let Conditions { channels, visibility, topics, groups, teams } = &policy.conditions;
        let ids = |ids: Vec<Uuid>| {
            let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
            (!texts.is_empty()).then(|| Value::Word(texts.join(" ")))
        };
        let (used, left) = match policy.warning {
            Warning::UsedPercent(percent) => (Some(number(percent)), None),
            Warning::LeftSeconds(seconds) => (None, Some(number(seconds))),
        };
        vec![
            ("name", Some(Value::Name(policy.name.clone()))),
            ("first_response_s", seconds(policy.targets.first_response)),
            ("first_response_counting", counting(policy.targets.first_response)),
            ("next_response_s", seconds(policy.targets.next_response)),
            ("next_response_counting", counting(policy.targets.next_response)),
            ("resolution_s", seconds(policy.targets.resolution)),
            ("resolution_counting", counting(policy.targets.resolution)),
            ("calendar", policy.calendar.map(Value::Calendar)),
            ("warning_used_percent", used),
            ("warning_left_s", left),
            ("pending_pauses", Some(Value::Flag(policy.pending_pauses))),
            ("automatic_replies_count", Some(Value::Flag(policy.automatic_replies_count))),
            ("channels", ids(channels.iter().map(|it| it.0).collect())),
            ("visibility", visibility.map(word)),
            ("topics", ids(topics.iter().map(|it| it.0).collect())),
            ("groups", ids(groups.iter().map(|it| it.0).collect())),
            ("teams", ids(teams.iter().map(|it| it.0).collect())),
        ]
    })
}

pub(super) fn calendar(rows: &mut Rows, id: Uuid, after: Option<&Calendar>) -> Result<Vec<Change>, FoldError> {
    changed(rows, (b'l', id), after, |calendar| {
        let Calendar { name, zone, week, holidays, exceptions } = calendar;
        let hours = |periods: &[Period]| (!periods.is_empty()).then(|| Value::Word(times(periods)));
        vec![
            ("name", Some(Value::Name(name.clone()))),
            ("zone", Some(Value::Word(zone.clone()))),
            ("monday", hours(&week.monday)),
            ("tuesday", hours(&week.tuesday)),
            ("wednesday", hours(&week.wednesday)),
            ("thursday", hours(&week.thursday)),
            ("friday", hours(&week.friday)),
            ("saturday", hours(&week.saturday)),
            ("sunday", hours(&week.sunday)),
            ("holidays", listed(holidays.iter().map(|it| format!("{} {}", it.date, it.name)))),
            ("exceptions", listed(exceptions.iter().map(|it| format!("{} {}", it.date, times(&it.periods))))),
        ]
    })
}

/// Periods as `09:00-12:30 14:00-18:00`.
fn times(periods: &[Period]) -> String {
    let texts = periods.iter().map(|it| format!("{}-{}", String::from(it.from), String::from(it.to)));
    texts.collect::<Vec<_>>().join(" ")
}

fn listed(texts: impl Iterator<Item = String>) -> Option<Value> {
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| Value::Name(texts.join(", ")))
}

pub(super) fn attribute(
    rows: &mut Rows,
    key: &str,
    after: Option<&AttributeDefinition>,
) -> Result<Vec<Change>, FoldError> {
    // Keys of attributes are text; the row of what was before is found by an id.
    let id = clew_domain::derive::consequence(Uuid::nil(), key, Uuid::nil()).0;
    changed(rows, (b'd', id), after, |definition| {
        vec![
            ("label", Some(Value::Name(definition.label.clone()))),
            ("kind", Some(word(definition.kind))),
            ("system", Some(Value::Flag(definition.system))),
        ]
    })
}

pub(super) fn preferences(rows: &mut Rows, agent: Uuid, after: &Preferences) -> Result<Vec<Change>, FoldError> {
    changed(rows, (b'f', agent), Some(after), |preferences| {
        vec![
            ("default_availability", Some(super::availability_value(preferences.default_availability))),
            ("language", preferences.language.map(word)),
            ("theme", Some(word(preferences.theme))),
            ("desktop_notifications", Some(Value::Flag(preferences.desktop_notifications))),
            ("show_audit_trail", Some(Value::Flag(preferences.show_audit_trail))),
        ]
    })
}
