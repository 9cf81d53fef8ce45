//! What is known of the installation, by folding its events.

use super::event::InstallationEvent;
use crate::ids::EventId;
use std::collections::BTreeSet;

/// The installation as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallationState {
    /// The facts whose erasure was carried out.
    pub erased: BTreeSet<EventId>,
}

impl InstallationState {
    pub(super) fn take(&mut self, event: &InstallationEvent) {
        match event {
            InstallationEvent::ErasureCompleted { of } => {
                self.erased.insert(*of);
            }
            InstallationEvent::DataRead { what: _ } | InstallationEvent::StateDigested(_) => {}
        }
    }
}
