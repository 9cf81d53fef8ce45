//! Names that people give to things: what they may look like, and when two of them are the same.

/// The characters of a name at most.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// A text that can't be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters and no control characters; give another one")]
pub struct NotAName;

/// The name without the blanks around it, if it has 1 to [`NAME_CHARACTERS_MAX`] characters, none of them a control.
pub fn tidy(text: &str) -> Result<String, NotAName> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX;
    if fits && !name.chars().any(char::is_control) { Ok(name.to_owned()) } else { Err(NotAName) }
}

/// What two names have in common if they differ in case alone.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether two names differ in case alone.
pub fn same(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(tidy("  Facturation "), Ok("Facturation".to_owned()));
        assert_eq!(tidy(&"é".repeat(NAME_CHARACTERS_MAX)), Ok("é".repeat(NAME_CHARACTERS_MAX)));
        for bad in ["", "   ", "a\nb", "a\u{7f}b", &"x".repeat(NAME_CHARACTERS_MAX + 1)] {
            assert_eq!(tidy(bad), Err(NotAName), "{bad:?}");
        }
    }

    #[test]
    fn case_makes_no_other_name() {
        assert!(same("Équipe A", "équipe a "));
        assert!(!same("a", "b"));
    }
}
