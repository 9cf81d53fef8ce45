//! What is known of the installation, by folding its events.

use super::event::{GatewayName, InstallationEvent};
use crate::content::RootHash;
use crate::ids::EventId;
use std::collections::BTreeSet;

/// The installation as the facts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstallationState {
    /// The facts whose erasure was carried out.
    pub erased: BTreeSet<EventId>,
    /// Size and root of each checkpoint with which the log was taken over from another store, as often as it was.
    pub moved: Vec<(u64, RootHash)>,
    /// The gateways that hold the keys.
    pub holders: BTreeSet<GatewayName>,
    /// Those that did, and are not waited for any more.
    pub dismissed: BTreeSet<GatewayName>,
}

impl InstallationState {
    pub(super) fn take(&mut self, event: &InstallationEvent) {
        match event {
            InstallationEvent::ErasureCompleted { of } => {
                self.erased.insert(*of);
            }
            InstallationEvent::LogMoved { size, root } => self.moved.push((*size, *root)),
            InstallationEvent::GatewayAdmitted { gateway } => {
                self.dismissed.remove(gateway);
                self.holders.insert(gateway.clone());
            }
            InstallationEvent::GatewayDismissed { gateway } => {
                self.holders.remove(gateway);
                self.dismissed.insert(gateway.clone());
            }
            InstallationEvent::DataRead { what: _ } | InstallationEvent::StateDigested(_) => {}
        }
    }
}
