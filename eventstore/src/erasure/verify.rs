//! Holds the log against the keys and the ciphertexts: every unreadable content has a mask in the log, and every
//! masked content is unreadable. It reads everything; what it finds names ids, never plaintext.

use super::owned::{Streams, for_each_fact};
use crate::store::{EventStore, StoreError};
use crate::vault::attachment::chunk_place;
use crate::vault::{OpenError, Vault, VaultError};
use clew_domain::contact::ContactEvent;
use clew_domain::content::{Commitment, ContactNumber, ContentId};
use clew_domain::conversation::{Attachment, ContentSpan};
use clew_domain::fact::{Event, Fact};
use clew_domain::ids::{ContactId, EventId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
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
}

/// Checks all contents that the log ever referred to, and all keys that were destroyed.
pub async fn verify(store: &dyn EventStore, vault: &Vault) -> Result<Report, VerifyError> {
    let orders = Orders::read(store).await?;
    let mut check =
        Check { store, vault, streams: Streams::of(orders.contacts.clone()), orders, report: Report::default() };
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
struct Orders {
    /// Joined runs by their first number.
    contents: BTreeMap<u64, u64>,
    numbers: BTreeSet<ContactNumber>,
    contacts: BTreeSet<ContactId>,
}

impl Orders {
    async fn read(store: &dyn EventStore) -> Result<Self, StoreError> {
        let mut orders = Self { contents: BTreeMap::new(), numbers: BTreeSet::new(), contacts: BTreeSet::new() };
        let mut spans: Vec<ContentSpan> = Vec::new();
        for_each_fact(store, |fact| {
            let erasure = fact.event.erases();
            spans.extend(erasure.contents);
            orders.numbers.extend(erasure.contacts);
            if let Event::Contact(ContactEvent::Forgotten { .. }) = &fact.event {
                orders.contacts.insert(ContactId(fact.stream.id));
            }
        })
        .await?;
        spans.sort_by_key(|span| span.first);
        for span in spans {
            let (first, end) = (span.first.0, span.first.0 + u64::from(span.count));
            match orders.contents.last_entry() {
                Some(mut last) if *last.get() >= first => {
                    *last.get_mut() = end.max(*last.get());
                }
                _ => {
                    orders.contents.insert(first, end);
                }
            }
        }
        Ok(orders)
    }

    fn cover(&self, range: &Range<u64>) -> bool {
        let before = self.contents.range(..=range.start).next_back();
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
        let forgotten = self.streams.hold(fact);
        let brought = fact.event.brings_in();
        for content in brought.contents {
            self.content(fact.id, content.id, Some(content.commitment), &[], forgotten).await?;
        }
        for attachment in brought.attachments {
            self.chunks(fact.id, attachment, forgotten).await?;
        }
        Ok(())
    }

    async fn chunks(&mut self, of: EventId, attachment: &Attachment, forgotten: bool) -> Result<(), VerifyError> {
        let mut commitments = Sha256::new();
        let mut all = true;
        for (index, id) in (0..).zip(attachment.body.ids()) {
            let place = chunk_place(index, attachment.body.count);
            match self.content(of, id, None, &place, forgotten).await? {
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
        forgotten: bool,
    ) -> Result<Option<Commitment>, VerifyError> {
        let sealed = self.store.read_content(content).await?;
        if forgotten || self.orders.cover(&(content.0..content.0 + 1)) {
            self.report.erased += 1;
            if let Some(sealed) = sealed {
                let unreadable = self.vault.is_erased(content, sealed.owner)?;
                let finding = Finding::CiphertextRemains { content, of };
                self.find(if unreadable { finding } else { Finding::StillReadable { content, of } });
            } else if !forgotten && !self.vault.is_erased(content, ContactNumber::WORKSPACE)? {
                self.find(Finding::StillReadable { content, of });
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
            if !self.orders.cover(&range) {
                self.find(Finding::PuncturedContents(range));
            }
        }
        let gone: BTreeSet<_> = punctured.contacts.into_iter().flatten().map(ContactNumber).collect();
        let ordered = std::mem::take(&mut self.orders.numbers);
        gone.difference(&ordered).for_each(|number| self.find(Finding::PuncturedContact(*number)));
        ordered.difference(&gone).for_each(|number| self.find(Finding::NotForgotten(*number)));
        Ok(())
    }

    fn find(&mut self, finding: Finding) {
        self.report.findings_total += 1;
        if self.report.findings.len() < FINDINGS_LISTED_MAX {
            self.report.findings.push(finding);
        }
    }
}
