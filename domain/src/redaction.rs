//! Masking before saving: finds payment card numbers, and what the workspace's own patterns match, in a text that
//! comes in, and takes them out before anything is stored. Pure; the caller records which rule applied and how often.

use crate::ids::RuleId;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// What stands where a card number stood.
pub const CARD_REMOVED: &str = "[card number removed]";
/// What stands where a pattern of the workspace matched.
pub const MATCH_REMOVED: &str = "[removed]";

const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Characters between two digits of one number at most, as in `4111 - 1111`.
const SEPARATORS_MAX: usize = 3;
/// Characters of a pattern at most.
pub const PATTERN_CHARACTERS_MAX: usize = 1_000;
/// Places of one text that one pattern is looked for: finding each place takes time linear in the text, so their
/// number is bounded too.
const PLACES_MAX: usize = 1_000;
/// Bytes that a compiled pattern may take: what keeps matching fast is bounded when the pattern is made.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The rules by which inbound text is redacted. The default is the built-in one for card numbers alone.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    patterns: Vec<(RuleId, Regex)>,
}

/// A text without what the rules found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text that may be stored.
    pub text: String,
    /// Which rules found something (none: the built-in one) and in how many places; never where or what.
    pub places: Vec<(Option<RuleId>, u32)>,
}

/// A pattern that can't be a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not compile.
    #[error("the pattern is not a regular expression that can be matched in linear time: {0}")]
    Invalid(String),
    /// It is too long.
    #[error("a pattern has at most {PATTERN_CHARACTERS_MAX} characters; make several of it")]
    TooLong,
    /// It would match everywhere.
    #[error("the pattern matches the empty text, that is everywhere; make it match at least one character")]
    MatchesNothing,
}

impl Redactor {
    /// Card numbers first, then these patterns in their order.
    pub fn new<'a>(patterns: impl IntoIterator<Item = (RuleId, &'a str)>) -> Result<Self, PatternError> {
        let compile = |(rule, pattern)| Ok((rule, compile(pattern)?));
        Ok(Self { patterns: patterns.into_iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// The text without what the rules find, in time linear in the text. Where one pattern is found in a thousand
    /// places, all that follows them is taken out too.
    pub fn redact(&self, text: &str) -> Redacted {
        let cards = card_numbers(text);
        let mut places = Vec::new();
        let mut text = cut(text, &cards, CARD_REMOVED);
        places.extend(counted(None, cards.len()));
        for (rule, pattern) in &self.patterns {
            let found = places_of(pattern, &text);
            places.extend(counted(Some(*rule), found.len()));
            text = cut(&text, &found, MATCH_REMOVED);
        }
        Redacted { text, places }
    }
}

/// A workspace's pattern, or why it can't be one.
pub fn compile(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.chars().count() > PATTERN_CHARACTERS_MAX {
        return Err(PatternError::TooLong);
    }
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    let regex = built.map_err(|error| PatternError::Invalid(error.to_string()))?;
    if regex.is_match("") { Err(PatternError::MatchesNothing) } else { Ok(regex) }
}

fn places_of(pattern: &Regex, text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<_> = pattern.find_iter(text).take(PLACES_MAX).map(|found| found.range()).collect();
    if found.len() == PLACES_MAX
        && let Some(last) = found.last_mut()
    {
        last.end = text.len();
    }
    // Such as those of `\b`: nothing stands there that could be taken out.
    found.retain(|place| !place.is_empty());
    found
}

fn counted(rule: Option<RuleId>, places: usize) -> Option<(Option<RuleId>, u32)> {
    (places > 0).then(|| (rule, u32::try_from(places).unwrap_or(u32::MAX)))
}

fn cut(text: &str, ranges: &[Range<usize>], instead: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        out.push_str(&text[at..range.start]);
        out.push_str(instead);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Digits that stand together.
struct Group {
    range: Range<usize>,
    digits: Vec<u8>,
}

/// Where card numbers stand: 13 to 19 digits with the right check digit, alone or in groups with separators. A number
/// never begins or ends inside a group of digits, so an order number of 30 digits holds none.
fn card_numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs(text) {
        let mut first = 0;
        while first < run.len() {
            match longest_card(&run[first..]) {
                Some(groups) => {
                    found.push(run[first].range.start..run[first + groups - 1].range.end);
                    first += groups;
                }
                None => first += 1,
            }
        }
    }
    found
}

/// How many groups from the first on make the longest card number.
fn longest_card(groups: &[Group]) -> Option<usize> {
    let mut digits = Vec::with_capacity(*CARD_DIGITS.end());
    let mut longest = None;
    for (index, group) in groups.iter().enumerate() {
        if digits.len() + group.digits.len() > *CARD_DIGITS.end() {
            break;
        }
        digits.extend_from_slice(&group.digits);
        if CARD_DIGITS.contains(&digits.len()) && is_issued(&digits) && luhn(&digits) {
            longest = Some(index + 1);
        }
    }
    longest
}

/// Groups of digits with nothing but a few separators between them.
fn runs(text: &str) -> Vec<Vec<Group>> {
    let mut runs: Vec<Vec<Group>> = Vec::new();
    // How many separators came since the last digit; none if something else did.
    let mut separators: Option<usize> = None;
    for (at, char) in text.char_indices() {
        let end = at + char.len_utf8();
        if let Some(digit) = digit(char) {
            match (separators, runs.last_mut().and_then(|run| run.last_mut())) {
                (Some(0), Some(group)) => {
                    group.range.end = end;
                    group.digits.push(digit);
                }
                (Some(_), Some(_)) => {
                    let run = runs.last_mut().expect("it has a group");
                    run.push(Group { range: at..end, digits: vec![digit] });
                }
                _ => runs.push(vec![Group { range: at..end, digits: vec![digit] }]),
            }
            separators = Some(0);
        } else {
            separators =
                separators.map(|count| count + 1).filter(|count| is_separator(char) && *count <= SEPARATORS_MAX);
        }
    }
    runs
}

/// The value of a digit as people type them: ASCII, full-width, Arabic-Indic and extended Arabic-Indic.
fn digit(char: char) -> Option<u8> {
    let zero = match char {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        _ => return None,
    };
    u8::try_from(u32::from(char) - u32::from(zero)).ok()
}

fn is_separator(char: char) -> bool {
    char.is_whitespace() || matches!(char, '-' | '.' | '_' | '/' | '\u{2010}'..='\u{2015}' | '\u{200b}' | '\u{2060}')
}

/// Whether card numbers of this length begin with this digit (ISO/IEC 7812-1: 3 to 6 are travel, banking and
/// merchandizing; other industries have cards of 15 and 16 digits). Instants such as `20191213044137` are none.
fn is_issued(digits: &[u8]) -> bool {
    match digits.len() {
        15 | 16 => digits[0] != 0,
        _ => (3..=6).contains(&digits[0]),
    }
}

/// Whether the last digit checks the others (ISO/IEC 7812-1, after Luhn).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = (0..)
        .zip(digits.iter().rev())
        .map(|(place, digit)| match u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 } {
            double @ 10.. => double - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const RULE: RuleId = RuleId(Uuid::from_u128(5));

    fn redact(text: &str) -> Redacted {
        Redactor::default().redact(text)
    }

    #[test]
    fn card_numbers_go_however_they_are_written() {
        // Numbers that card networks publish for tests.
        for number in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111 - 1111 - 1111 - 1111",
            "4111.1111.1111.1111",
            "4111\u{a0}1111\u{202f}1111\u{2009}1111",
            "4111\u{2013}1111\u{2013}1111\u{2013}1111",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
            "4111\n1111 1111\r\n1111",
            "４１１１１１１１１１１１１１１１",
            "٤١١١١١١١١١١١١١١١",
            "3782 822463 10005",
            "30569309025904",
            "4222222222222",
            "6304000000000000000",
            "5555555555554444",
        ] {
            let found = redact(&format!("Mine is {number}, thanks"));
            assert_eq!(found.text, format!("Mine is {CARD_REMOVED}, thanks"), "{number:?}");
            assert_eq!(found.places, [(None, 1)], "{number:?}");
        }
    }

    #[test]
    fn a_card_number_is_found_among_other_numbers() {
        let found = redact("2 cards: 4111 1111 1111 1111 12/27 123 and 5555-5555-5555-4444.");
        assert!(!found.text.contains("1111") && !found.text.contains("5555"), "{}", found.text);
        assert_eq!(found.places, [(None, 2)]);
        assert!(redact("tel 0612345678 4111111111111111").text.ends_with(CARD_REMOVED));
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "",
            "4111 1111 1111 1112",
            "call 0033 6 12 34 56 78",
            "order 000000000000000000000000004111111111111111",
            "0000 0000 0000 0000",
            "on 2017-11-03 at 10:15, case 123456789012",
            "4111 1111 and then 1111 1111",
            "https://web.archive.org/web/20191213044137/https://support.example",
            "4111    1111    1111    1111",
        ] {
            assert_eq!(redact(text), Redacted { text: text.into(), places: vec![] });
        }
    }

    #[test]
    fn patterns_of_the_workspace_follow_and_are_counted_by_rule() {
        let redactor = Redactor::new([(RULE, r"(?i)\bpin:?\s*\d{4}\b")]).expect("a pattern");
        let found = redactor.redact("PIN 1234, card 4111111111111111, pin: 9999");
        assert_eq!(found.text, format!("{MATCH_REMOVED}, card {CARD_REMOVED}, {MATCH_REMOVED}"));
        assert_eq!(found.places, [(None, 1), (Some(RULE), 2)]);
    }

    #[test]
    fn patterns_that_can_not_be_rules_are_refused() {
        assert!(matches!(compile("("), Err(PatternError::Invalid(_))));
        assert!(matches!(compile(r"(a)\1"), Err(PatternError::Invalid(_))));
        assert!(matches!(compile("a{1000}{1000}"), Err(PatternError::Invalid(_))));
        assert!(matches!(compile("a*"), Err(PatternError::MatchesNothing)));
        assert!(matches!(compile(&"a".repeat(1_001)), Err(PatternError::TooLong)));
    }

    #[test]
    fn a_pattern_that_is_slow_to_search_costs_a_bounded_number_of_searches() {
        // Each search runs to the end of the text before it settles for one letter.
        let redactor = Redactor::new([(RULE, r".*[^A-Z]|[A-Z]")]).expect("a pattern");
        let found = redactor.redact(&"A".repeat(20_000));
        assert_eq!(found.text, MATCH_REMOVED.repeat(1_000));
        assert_eq!(found.places, [(Some(RULE), 1_000)]);
    }

    #[test]
    fn a_long_text_takes_time_linear_in_it() {
        let text = "4 1 ".repeat(200_000) + &"1".repeat(800_000) + &"4111111111111 ".repeat(50_000);
        assert!(redact(&text).text.len() <= text.len() + 50_000 * CARD_REMOVED.len());
    }

    proptest! {
        #[test]
        fn no_card_number_is_left_and_the_rest_stays(
            before in "[a-z ,]{0,20}[a-z,]", payload in prop::collection::vec(0_u8..10, 12..=18),
            separator in prop::sample::select(vec!["", " ", "-", ". "]), after in "[a-z,][a-z ,]{0,20}",
        ) {
            let mut digits = payload;
            digits[0] = 3 + digits[0] % 4;
            digits.push(0);
            let last = digits.len() - 1;
            digits[last] = (0..10).find(|check| { digits[last] = *check; luhn(&digits) }).expect("one of ten fits");
            let groups: Vec<String> =
                digits.chunks(4).map(|group| group.iter().map(|digit| char::from(b'0' + digit)).collect()).collect();
            let found = redact(&format!("{before}{}{after}", groups.join(separator)));
            prop_assert_eq!(found.text, format!("{before}{CARD_REMOVED}{after}"));
        }

        #[test]
        fn redacting_again_changes_nothing(text in "[0-9 a-z-]{0,80}") {
            let once = redact(&text);
            prop_assert_eq!(redact(&once.text).text, once.text);
        }
    }
}
