//! What an examination found, in words for somebody who is no programmer. How it is found out is not here.

use crate::codec::Header;
use std::fmt;
use std::ops::Range;

/// The most findings that are spelled out; more are counted.
const SPELLED_OUT_MAX: usize = 20;

/// Something that is not as it was signed. Facts are counted from 0 here and from 1 in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The bytes of a fact are others.
    Changed {
        /// Which fact.
        index: u64,
        /// What it says of itself now, if it can still be read.
        now: Option<Header>,
    },
    /// A fact claims to be recorded before the one in front of it.
    BackDated {
        /// Which fact.
        index: u64,
        /// What it says of itself.
        now: Header,
    },
    /// Facts are gone.
    Missing {
        /// The first of them.
        index: u64,
        /// How many.
        count: u64,
    },
    /// Facts are there that were never recorded.
    Inserted {
        /// The place at which the first of them stands.
        index: u64,
        /// How many.
        count: u64,
    },
    /// Two facts stand in each other's place.
    Swapped {
        /// The one.
        index: u64,
        /// The other.
        with: u64,
    },
    /// A fact stands at another place.
    Moved {
        /// Where it was recorded.
        index: u64,
        /// Where it stands.
        to: u64,
    },
    /// From here on the facts' own numbers are off by another amount: facts were left out or put in before signing.
    Misnumbered {
        /// Its place.
        index: u64,
        /// The number that it claims, counted from 1.
        claims: u64,
    },
    /// Fingerprints are not those that were signed.
    Rewritten {
        /// The facts that they are of.
        facts: Range<u64>,
    },
    /// All fingerprints fit the facts, yet do not lead to the signed root.
    NotTheSignedRoot,
    /// The log does not continue the one of the older checkpoint.
    Forked {
        /// How many facts the older checkpoint covers.
        size: u64,
    },
    /// The log is shorter than it was at the older checkpoint.
    Shortened {
        /// How many facts the older checkpoint covers.
        from: u64,
        /// How many there are.
        to: u64,
    },
    /// A signature is missing or wrong.
    NotSigned {
        /// What should be signed.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A file is missing or can't be read.
    Unreadable {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The facts do not lead to the state that was recorded as shown.
    StateDiffers {
        /// The fact that recorded it.
        index: u64,
        /// After which fact, counted from 1, conversations stood otherwise.
        at: u64,
        /// How many conversations were compared.
        conversations: u32,
    },
    /// A report is not the one that was exported.
    ReportChanged {
        /// Which file.
        path: String,
    },
}

fn describe(now: &Header) -> String {
    format!("it speaks of {} and claims to be recorded at {}", now.stream, now.place.recorded_at)
}

fn facts(first: u64, count: u64) -> String {
    if count == 1 { format!("Fact {}", first + 1) } else { format!("Facts {} to {}", first + 1, first + count) }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { index, now: Some(now) } => {
                write!(f, "Fact {} was changed after it was recorded: now {}.", index + 1, describe(now))
            }
            Self::Changed { index, now: None } => {
                write!(f, "Fact {} was changed after it was recorded, and can't be read any more.", index + 1)
            }
            Self::BackDated { index, now } => {
                write!(f, "Fact {} is back-dated: {}, before the fact in front of it.", index + 1, describe(now))
            }
            Self::Missing { index, count } => write!(f, "{} removed.", was(*index, *count)),
            Self::Inserted { index, count: 1 } => {
                write!(f, "A fact was inserted in front of fact {}; it was never recorded.", index + 1)
            }
            Self::Inserted { index, count } => {
                write!(f, "{count} facts were inserted in front of fact {}; they were never recorded.", index + 1)
            }
            Self::Swapped { index, with } => {
                write!(f, "Facts {} and {} were swapped: each stands in the other's place.", index + 1, with + 1)
            }
            Self::Moved { index, to } => {
                write!(f, "Fact {} was moved: it stands in front of fact {}.", index + 1, to + 1)
            }
            Self::Misnumbered { index, claims } => {
                write!(
                    f,
                    "Fact {} carries the number {claims}: facts in front of it were removed or added before signing.",
                    index + 1
                )
            }
            Self::Rewritten { facts: range } => {
                let which = facts(range.start, range.end - range.start);
                write!(f, "{which}: their fingerprints were changed, alone or together with one or more of the facts.")
            }
            Self::NotTheSignedRoot => f.write_str(
                "The facts and fingerprints fit each other, but they are not what was signed: the log was changed \
                 and all its fingerprints computed anew. An older checkpoint or bundle narrows down where.",
            ),
            Self::Forked { size } => write!(
                f,
                "The log was forked: the first {size} facts are not those that the older checkpoint was signed over. \
                 History up to there was rewritten."
            ),
            Self::Shortened { from, to } => {
                write!(f, "{} missing at the end: the older checkpoint covers them.", are(*to, from - to))
            }
            Self::NotSigned { what, why } => write!(f, "The {what} can't be trusted: {why}."),
            Self::Unreadable { path, why } => write!(f, "The file {path} can't be used: {why}."),
            Self::StateDiffers { index, at, conversations } => write!(
                f,
                "Fact {} says how {conversations} conversations stood after fact {at}, as the views showed them; \
                 the facts replayed lead to another state.",
                index + 1
            ),
            Self::ReportChanged { path } => write!(f, "The report {path} is not the one that was exported."),
        }
    }
}

fn was(first: u64, count: u64) -> String {
    format!("{} {}", facts(first, count), if count == 1 { "was" } else { "were" })
}

fn are(first: u64, count: u64) -> String {
    format!("{} {}", facts(first, count), if count == 1 { "is" } else { "are" })
}

/// The outcome of an examination. As text it is what an auditor reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The identity of the log.
    pub origin: String,
    /// How many facts the checkpoint covers.
    pub size: u64,
    /// The facts that were read and compared, counted from 0.
    pub facts: Range<u64>,
    /// How many facts the older checkpoint covers, if one was given and the log continues it.
    pub continues: Option<u64>,
    /// How many records of shown state the facts were replayed against, and all led to the same.
    pub digests: u64,
    /// How many such records are of before the log was moved into another number of partitions.
    pub digests_elsewhere: u64,
    /// The trusted witnesses that saw the log, with how many facts it had and when, in seconds since 1970.
    pub witnesses: Vec<(String, u64, u64)>,
    /// What is wrong; nothing if the log is sound.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = facts(self.facts.start, self.facts.end - self.facts.start);
        if self.is_sound() {
            writeln!(f, "SOUND\n\nThis is the log of {} as it was signed, with {} facts.", self.origin, self.size)?;
            if self.facts.is_empty() {
                writeln!(f, "No fact is in it to be read; the fingerprints of all of them fit the signature.")?;
            } else {
                writeln!(f, "{read} were read: none was changed, removed, inserted, reordered or back-dated since.")?;
            }
        } else {
            writeln!(f, "NOT SOUND\n\nThis is not the log of {} as it was signed:", self.origin)?;
            for (number, finding) in self.findings.iter().take(SPELLED_OUT_MAX).enumerate() {
                writeln!(f, "{:3}. {finding}", number + 1)?;
            }
            if self.findings.len() > SPELLED_OUT_MAX {
                writeln!(f, "     and {} more.", self.findings.len() - SPELLED_OUT_MAX)?;
            }
            writeln!(f, "{read} of {} were read.", self.size)?;
        }
        if let Some(size) = self.continues {
            writeln!(f, "It continues the older checkpoint: the first {size} facts are still the same.")?;
        }
        if self.digests > 0 {
            writeln!(
                f,
                "Replayed, the facts lead to the state that was shown, wherever it was recorded ({}).",
                if self.digests == 1 { "once".to_owned() } else { format!("{} times", self.digests) }
            )?;
        }
        if self.digests_elsewhere > 0 {
            writeln!(
                f,
                "What was recorded as shown before the log was moved and parted otherwise ({}) can be checked where it \
                 was.",
                if self.digests_elsewhere == 1 {
                    "once".to_owned()
                } else {
                    format!("{} times", self.digests_elsewhere)
                }
            )?;
        }
        for (name, size, at) in &self.witnesses {
            let seconds = i64::try_from(*at).unwrap_or(i64::MAX);
            let at = clew_domain::time::Timestamp::from_micros(seconds.saturating_mul(1_000_000));
            writeln!(f, "The witness {name} saw its first {size} facts at {at}.")?;
        }
        Ok(())
    }
}
