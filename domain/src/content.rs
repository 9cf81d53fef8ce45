//! How a fact refers to what a person wrote: by number and commitment, never by the text itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a content: its place in the key tree. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentId(pub u64);

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number under which a contact's contents can be forgotten at once. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactNumber(pub u64);

impl ContactNumber {
    /// What belongs to no contact: saved replies, credentials of channels and accounts.
    pub const WORKSPACE: Self = Self(0);
}

/// `SHA-256(key_commit || salt || ciphertext || tag)`: binds a content before it is erased, tells nothing after.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Commitment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Commitment;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes, or 64 hexadecimal digits")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Commitment, E> {
                bytes.try_into().map(Commitment).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Commitment, E> {
                let digits = text.as_bytes();
                let mut bytes = [0; 32];
                if digits.len() != 64 {
                    return Err(E::invalid_length(digits.len(), &self));
                }
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let pair = std::str::from_utf8(pair).map_err(E::custom)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(E::custom)?;
                }
                Ok(Commitment(bytes))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

/// The SHA-256 of how conversations stood; see [`crate::installation::StateDigest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateHash(Commitment);

impl StateHash {
    /// The hash of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Commitment(bytes))
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The root of a log's Merkle tree; see [`crate::installation::InstallationEvent::LogMoved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RootHash(Commitment);

impl RootHash {
    /// The root of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Commitment(bytes))
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A fact's reference to a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentRef {
    /// Which content.
    pub id: ContentId,
    /// What it must hash to.
    pub commitment: Commitment,
}
