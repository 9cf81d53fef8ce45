//! Holds the log against the keys and the ciphertexts: every unreadable content has a mask in the log, and every
//! masked content is unreadable. It reads everything; what it finds names ids, never plaintext.
//!
//! What a crash left of an erasure that the log does not call completed is unfinished, not damage: the next start
//! destroys its keys before anything is served, then overwrites the rest.

use super::owned::{Streams, for_each_fact};
use crate::store::{EventStore, StoreError};
use crate::vault::attachment::chunk_place;
use crate::vault::{OpenError, Vault, VaultError};
use clew_domain::contact::ContactEvent;
use clew_domain::content::{Commitment, ContactNumber, ContentId};
use clew_domain::conversation::{Attachment, ContentSpan};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ContactId, EventId};
use clew_domain::installation::InstallationEvent;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

/// Findings that are listed; more are only counted.
const FINDINGS_LISTED_MAX: usize = 1_000;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A fact says it is erased, and its key can still be derived.
    StillReadable {
        /// The content.
        content: ContentId,
        /// The fact that brought it in.
        of: EventId,
    },
    /// It is erased and unreadable, but its ciphertext is still there.
    CiphertextRemains {
        /// The content.
        content: ContentId,
        /// The fact that brought it in.
        of: EventId,
    },
    /// No fact says it is erased, and it can't be read.
    Unreadable {
        /// The content.
        content: ContentId,
        /// The fact that brought it in.
        of: EventId,
        /// Why it can't.
        why: String,
    },
    /// Keys of these content numbers are gone, and no fact says why.
    PuncturedContents(Range<u64>),
    /// A fact says that this contact is forgotten, and their keys are still there.
    NotForgotten(ContactNumber),
    /// The keys of this contact are gone, and no fact says why.
    PuncturedContact(ContactNumber),
}

/// What was checked and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Contents that were opened.
    pub readable: u64,
    /// Contents that are erased, as the log says.
    pub erased: u64,
    /// What must not be, in the order of the log; at most 1000 of it.
    pub findings: Vec<Finding>,
    /// How many findings there are.
    pub findings_total: u64,
    /// Erasures that are ordered and not completed, by the fact that orders each.
    pub unfinished: BTreeMap<EventId, Left>,
    /// The contents that these erase.
    pub unfinished_contents: BTreeSet<ContentId>,
}

/// What an erasure that is not completed has left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Contents whose key can still be derived.
    pub readable: u64,
    /// Contents that nobody can read any more, and whose ciphertext is still there.
    pub ciphertexts: u64,
}

/// Checks all contents that the log ever referred to, and all keys that were destroyed.
pub async fn verify(store: &dyn EventStore, vault: &Vault) -> Result<Report, VerifyError> {
    let orders = Orders::read(store).await?;
    let streams = Streams::of(orders.contacts.keys().copied().collect());
    let unfinished = orders.unfinished.iter().map(|of| (*of, Left::default())).collect();
    let mut check = Check { store, vault, streams, orders, report: Report { unfinished, ..Report::default() } };
    let head = store.head();
    for partition in 0..store.partitions() {
        let mut after = clew_domain::fact::Position { partition, sequence: 0 };
        while after.sequence < head.sequence(partition) {
            let facts = store.read_all(after, super::FACTS_PER_READ).await?;
            let Some(last) = facts.last() else { break };
            after = last.position;
            for fact in &facts {
                check.fact(fact).await?;
            }
        }
    }
    check.punctures()?;
    Ok(check.report)
}

/// Why the check itself could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Everything that the log says is erased.
#[derive(Default)]
struct Orders {
    /// What erasures name that are completed.
    completed: Runs,
    /// What any erasure names.
    all: Runs,
    /// Each content that only erasures name that are not completed, with the first of them.
    open: BTreeMap<u64, EventId>,
    numbers: BTreeMap<ContactNumber, Standing>,
    contacts: BTreeMap<ContactId, Standing>,
    unfinished: Vec<EventId>,
}

/// How far an erasure has got, by the log alone.
#[derive(Clone, Copy)]
enum Standing {
    Completed,
    Unfinished(EventId),
}

/// Numbers of contents, as joined runs: the end of each by its first.
#[derive(Default)]
struct Runs(BTreeMap<u64, u64>);

impl Orders {
    async fn read(store: &dyn EventStore) -> Result<Self, StoreError> {
        let (mut orders, mut completed) = (Vec::new(), HashSet::new());
        for_each_fact(store, |fact| {
            if let Event::Installation(InstallationEvent::ErasureCompleted { of }) = &fact.event {
                completed.insert(*of);
            }
            let erasure = fact.event.erases();
            if !erasure.is_empty() {
                let forgets = matches!(&fact.event, Event::Contact(ContactEvent::Forgotten { .. }));
                orders.push((fact.id, erasure, forgets.then_some(ContactId(fact.stream.id))));
            }
        })
        .await?;
        let mut found = Self::default();
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for (of, erasure, contact) in orders {
            let is_completed = completed.contains(&of);
            let standing = if is_completed { Standing::Completed } else { Standing::Unfinished(of) };
            found.numbers.extend(erasure.contacts.into_iter().map(|number| (number, standing)));
            found.contacts.extend(contact.map(|contact| (contact, standing)));
            if is_completed {
                done.extend(erasure.contents);
            } else {
                found.unfinished.push(of);
                open.extend(erasure.contents.into_iter().map(|span| (span, of)));
            }
        }
        found.completed = Runs::of(done.iter().copied());
        found.all = Runs::of(done.into_iter().chain(open.iter().map(|(span, _)| *span)));
        for (span, of) in open {
            let ids = span.ids().filter(|id| !found.completed.cover(&(id.0..id.0 + 1)));
            ids.for_each(|id| _ = found.open.entry(id.0).or_insert(of));
        }
        Ok(found)
    }

    /// How far the erasure of a content has got, if there is one; `whose` it is if they were forgotten.
    fn standing(&self, content: ContentId, whose: Option<ContactId>) -> Option<Standing> {
        let forgotten = whose.map(|contact| self.contacts[&contact]);
        if self.completed.cover(&(content.0..content.0 + 1)) || matches!(forgotten, Some(Standing::Completed)) {
            return Some(Standing::Completed);
        }
        self.open.get(&content.0).map(|of| Standing::Unfinished(*of)).or(forgotten)
    }
}

impl Runs {
    fn of(spans: impl Iterator<Item = ContentSpan>) -> Self {
        let mut spans: Vec<ContentSpan> = spans.collect();
        spans.sort_by_key(|span| span.first);
        let mut runs = BTreeMap::new();
        for span in spans {
            let (first, end) = (span.first.0, span.first.0 + u64::from(span.count));
            match runs.last_entry() {
                Some(mut last) if *last.get() >= first => {
                    *last.get_mut() = end.max(*last.get());
                }
                _ => {
                    runs.insert(first, end);
                }
            }
        }
        Self(runs)
    }

    fn cover(&self, range: &Range<u64>) -> bool {
        let before = self.0.range(..=range.start).next_back();
        before.is_some_and(|(_, end)| range.end <= *end)
    }
}

struct Check<'a> {
    store: &'a dyn EventStore,
    vault: &'a Vault,
    orders: Orders,
    streams: Streams,
    report: Report,
}

impl Check<'_> {
    async fn fact(&mut self, fact: &Fact) -> Result<(), VerifyError> {
        let whose = self.streams.whose(fact);
        let brought = fact.event.brings_in();
        for content in brought.contents {
            self.content(fact.id, content.id, Some(content.commitment), &[], whose).await?;
        }
        for attachment in brought.attachments {
            self.chunks(fact.id, attachment, whose).await?;
        }
        Ok(())
    }

    async fn chunks(
        &mut self,
        of: EventId,
        attachment: &Attachment,
        whose: Option<ContactId>,
    ) -> Result<(), VerifyError> {
        let mut commitments = Sha256::new();
        let mut all = true;
        for (index, id) in (0..).zip(attachment.body.ids()) {
            let place = chunk_place(index, attachment.body.count);
            match self.content(of, id, None, &place, whose).await? {
                Some(commitment) => commitments.update(commitment.0),
                None => all = false,
            }
        }
        if all && Commitment(commitments.finalize().into()) != attachment.commitment {
            let content = attachment.body.first;
            self.find(Finding::Unreadable { content, of, why: "its chunks are not those of the fact".into() });
        }
        Ok(())
    }

    /// Checks one content; the answer is the commitment of one that was opened.
    async fn content(
        &mut self,
        of: EventId,
        content: ContentId,
        expected: Option<Commitment>,
        associated: &[u8],
        whose: Option<ContactId>,
    ) -> Result<Option<Commitment>, VerifyError> {
        let sealed = self.store.read_content(content).await?;
        if let Some(standing) = self.orders.standing(content, whose) {
            self.report.erased += 1;
            let readable = match &sealed {
                Some(sealed) => !self.vault.is_erased(content, sealed.owner)?,
                None => whose.is_none() && !self.vault.is_erased(content, ContactNumber::WORKSPACE)?,
            };
            match standing {
                Standing::Completed if readable => self.find(Finding::StillReadable { content, of }),
                Standing::Completed if sealed.is_some() => self.find(Finding::CiphertextRemains { content, of }),
                Standing::Completed => {}
                Standing::Unfinished(order) => {
                    self.report.unfinished_contents.insert(content);
                    let left = self.report.unfinished.entry(order).or_default();
                    left.readable += u64::from(readable);
                    left.ciphertexts += u64::from(!readable && sealed.is_some());
                }
            }
            return Ok(None);
        }
        let Some(sealed) = sealed else {
            self.find(Finding::Unreadable { content, of, why: "its ciphertext is not there".into() });
            return Ok(None);
        };
        let commitment = expected.unwrap_or_else(|| sealed.commitment());
        match self.vault.open_at(&sealed, &commitment, associated) {
            Ok(_) => {
                self.report.readable += 1;
                return Ok(Some(commitment));
            }
            Err(OpenError::Keys(error)) => return Err(error.into()),
            Err(error) => self.find(Finding::Unreadable { content, of, why: error.to_string() }),
        }
        Ok(None)
    }

    /// Every key that is gone was ordered to go, and every contact that was ordered to go is gone.
    fn punctures(&mut self) -> Result<(), VaultError> {
        let punctured = self.vault.punctured()?;
        for range in punctured.contents {
            if !self.orders.all.cover(&range) {
                self.find(Finding::PuncturedContents(range));
            }
        }
        let gone: BTreeSet<_> = punctured.contacts.into_iter().flatten().map(ContactNumber).collect();
        let ordered = std::mem::take(&mut self.orders.numbers);
        let unknown = gone.iter().filter(|number| !ordered.contains_key(number));
        unknown.for_each(|number| self.find(Finding::PuncturedContact(*number)));
        let completed = ordered.iter().filter(|(_, standing)| matches!(standing, Standing::Completed));
        let kept = completed.filter(|(number, _)| !gone.contains(number));
        kept.for_each(|(number, _)| self.find(Finding::NotForgotten(*number)));
        Ok(())
    }

    fn find(&mut self, finding: Finding) {
        self.report.findings_total += 1;
        if self.report.findings.len() < FINDINGS_LISTED_MAX {
            self.report.findings.push(finding);
        }
    }
}
