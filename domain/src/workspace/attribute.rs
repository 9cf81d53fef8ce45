//! Whether a value may fill an attribute of contacts. A value is never repeated in a refusal: it is personal.

use super::decide::{Rejection, Thing};
use super::event::AttributeKind;
use super::state::WorkspaceState;
use crate::contact::AttributeKey;

/// The characters of an attribute's value at most.
pub const VALUE_CHARACTERS_MAX: usize = 1_000;

impl WorkspaceState {
    /// Whether `value` may fill the attribute, by a person or by a program or rule.
    pub fn check_attribute(&self, key: &AttributeKey, value: &str, by_program: bool) -> Result<(), Rejection> {
        let thing = || Thing::Attribute(key.clone());
        let attribute = self.attributes.get(key).ok_or_else(|| Rejection::Unknown(thing()))?;
        if attribute.retired {
            return Err(Rejection::Gone(thing()));
        }
        if attribute.definition.system && !by_program {
            return Err(Rejection::FilledByProgramsOnly(key.clone()));
        }
        let kind = attribute.definition.kind;
        if kind.takes(value) { Ok(()) } else { Err(Rejection::NotA { key: key.clone(), kind }) }
    }
}

impl AttributeKind {
    /// Whether the kind takes the value, which has 1 to [`VALUE_CHARACTERS_MAX`] characters.
    pub fn takes(self, value: &str) -> bool {
        let value = value.trim();
        if value.is_empty() || value.chars().count() > VALUE_CHARACTERS_MAX {
            return false;
        }
        let one_line = !value.chars().any(char::is_control);
        match self {
            Self::Text => value.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'),
            Self::Email => one_line && is_email(value),
            Self::Phone => is_phone(value),
            Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Date => value.parse::<jiff::civil::Date>().is_ok() && value.len() == "2026-01-31".len(),
            Self::Url => one_line && is_url(value),
            Self::Boolean => matches!(value, "true" | "false"),
        }
    }

    /// What a value must be, to end a sentence with.
    pub(in crate::workspace) fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a text without control characters",
            Self::Email => "an e-mail address, such as name@example.org",
            Self::Phone => "a telephone number, such as +33 1 23 45 67 89",
            Self::Number => "a number, such as 12.5",
            Self::Date => "a date, such as 2026-01-31",
            Self::Url => "a web address that starts with https:// or http://",
            Self::Boolean => "true or false",
        }
    }
}

/// Only what every address has in common: who really reads there, only a message can tell.
fn is_email(value: &str) -> bool {
    value.rsplit_once('@').is_some_and(|(local, domain)| {
        let inner_dot = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
        !local.is_empty() && inner_dot && !value.contains(char::is_whitespace)
    })
}

fn is_phone(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let sound = |(at, c): (usize, char)| c.is_ascii_digit() || " .-()/".contains(c) || (c == '+' && at == 0);
    (3..=20).contains(&digits) && value.chars().enumerate().all(sound)
}

fn is_url(value: &str) -> bool {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.starts_with('/') && !rest.is_empty() && !value.contains(char::is_whitespace))
}
