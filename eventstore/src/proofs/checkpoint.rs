//! Checkpoints: the signed head of the tree, and the cosignatures of witnesses. Formats:
//! <https://c2sp.org/tlog-checkpoint> and, for version 1 with Ed25519, <https://c2sp.org/tlog-cosignature>.

use super::ProofError;
use super::note::{Note, NoteSignature, SignatureKind, SigningKey, VerifierKey};
use super::tree::Hash;
use std::fmt;
use std::str::FromStr;

/// What a checkpoint says: the log of this origin had this root at this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The identity of the log.
    pub origin: String,
    /// How many leaves it had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Lines behind the third, which we write none of.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extensions.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Self {
        Self { origin: origin.into(), size, root, extensions: Vec::new() }
    }

    /// Signs it.
    pub fn sign(self, key: &SigningKey) -> Result<SignedCheckpoint, ProofError> {
        let note = key.sign(&self.to_string())?;
        Ok(SignedCheckpoint { checkpoint: self, note })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = |why: &str| ProofError::malformed("checkpoint", why);
        let mut lines = text.strip_suffix('\n').ok_or_else(|| wrong("it has no final newline"))?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or_else(|| wrong("a line is missing"));
        let (origin, size, root) = (line()?, line()?, line()?);
        let number: u64 = size.parse().map_err(|_| wrong("its size is no number"))?;
        if number.to_string() != size {
            return Err(wrong("its size is not written as it must be"));
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(wrong("it has an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size: number, root: root.parse()?, extensions })
    }
}

/// A checkpoint with the note that it was signed as. Only [`SignedCheckpoint::open`] makes one from text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a checkpoint that this key must have signed, for the origin that the key is named after.
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, ProofError> {
        let note: Note = text.parse()?;
        note.verify(key)?;
        let checkpoint: Checkpoint = note.text.parse()?;
        if checkpoint.origin != key.name() {
            return Err(ProofError::malformed("checkpoint", "its origin is not the name of the key"));
        }
        Ok(Self { checkpoint, note })
    }

    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed text.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// When this witness saw the tree, in seconds since 1970; `None` if it did not cosign.
    pub fn cosigned_at(&self, witness: &VerifierKey) -> Result<Option<u64>, ProofError> {
        let Some(signature) = self.note.signatures.iter().find(|signature| signature.is_by(witness)) else {
            return Ok(None);
        };
        verify_cosignature(&self.note.text, signature, witness).map(Some)
    }

    /// Adds the cosignature of a witness that is trusted; it must be good. A former one of the witness goes.
    pub fn add_cosignature(&mut self, signature: NoteSignature, witness: &VerifierKey) -> Result<u64, ProofError> {
        let at = verify_cosignature(&self.note.text, &signature, witness)?;
        self.note.signatures.retain(|other| !other.is_by(witness));
        self.note.signatures.push(signature);
        Ok(at)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

fn verify_cosignature(text: &str, signature: &NoteSignature, witness: &VerifierKey) -> Result<u64, ProofError> {
    let refused = |why| ProofError::Signature { key: witness.name().to_owned(), why };
    if witness.kind() != SignatureKind::Cosignature || !signature.is_by(witness) {
        return Err(refused("it is not a cosignature by this witness"));
    }
    let (time, bytes) = signature.bytes.split_first_chunk().ok_or_else(|| refused("the signature is too short"))?;
    let at = u64::from_be_bytes(*time);
    if i64::try_from(at).is_err() {
        return Err(refused("its time is out of range"));
    }
    witness.verify(cosigned_message(text, at).as_bytes(), bytes)?;
    Ok(at)
}

fn cosigned_message(text: &str, at: u64) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

/// What a witness does: signs that it saw this checkpoint at `at`, in seconds since 1970.
#[cfg(any(test, feature = "test-util"))]
pub fn cosign(text: &str, key: &SigningKey, at: u64) -> (NoteSignature, VerifierKey) {
    let witness = key.cosigner();
    let signature = key.sign_raw(cosigned_message(text, at).as_bytes());
    let bytes = at.to_be_bytes().into_iter().chain(signature).collect();
    (NoteSignature { name: witness.name().to_owned(), key_id: witness.id(), bytes }, witness)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofs::tree::leaf_hash;

    /// The example of the checkpoint specification, whose key is not published: only its form is checked.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_text_is_that_of_the_specification() {
        let checkpoint: Checkpoint = EXAMPLE.parse().unwrap();
        assert_eq!((checkpoint.size, checkpoint.to_string().as_str()), (20_852_163, EXAMPLE));
        for wrong in ["", "a\n", "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "a\n1\nAAAA\n"] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
        }
        assert!(format!("{EXAMPLE}\nx\n").parse::<Checkpoint>().is_err());
    }

    #[test]
    fn a_signed_one_opens_with_its_key_only() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let signed = Checkpoint::new("clew.example/log", 7, leaf_hash(b"root")).sign(&key).unwrap();
        assert_eq!(SignedCheckpoint::open(&signed.to_string(), &key.verifier()).unwrap(), signed);
        let stranger = SigningKey::generate("clew.example/log").unwrap();
        assert!(SignedCheckpoint::open(&signed.to_string(), &stranger.verifier()).is_err());
        let other = Checkpoint::new("clew.example/other", 7, leaf_hash(b"root")).sign(&key).unwrap();
        assert!(SignedCheckpoint::open(&other.to_string(), &key.verifier()).is_err());
    }

    #[test]
    fn cosignatures_are_checked_with_their_time() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let mut signed = Checkpoint::new("clew.example/log", 7, leaf_hash(b"root")).sign(&key).unwrap();
        let witness = SigningKey::generate("witness.example/w1").unwrap();
        let (signature, verifier) = cosign(&signed.note().text, &witness, 1_679_315_147);
        assert_eq!(signed.cosigned_at(&verifier).unwrap(), None);
        signed.add_cosignature(signature.clone(), &verifier).unwrap();
        signed.add_cosignature(signature.clone(), &verifier).unwrap();
        let read = SignedCheckpoint::open(&signed.to_string(), &key.verifier()).unwrap();
        assert_eq!(read.cosigned_at(&verifier).unwrap(), Some(1_679_315_147));
        assert_eq!(read.note().signatures.len(), 2);
        let mut later = signature;
        later.bytes[7] ^= 1;
        assert!(signed.add_cosignature(later, &verifier).is_err());
    }
}
