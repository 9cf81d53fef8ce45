//! Signed notes: text with Ed25519 signatures, and the text form of the keys. Format:
//! <https://c2sp.org/signed-note>; the secret key's text form is that of `golang.org/x/mod/sumdb/note`.

use super::ProofError;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The most signatures that a note may carry here; the specification asks for at least 16.
const SIGNATURES_MAX: usize = 64;

/// What stands in a key's name before how often its log was moved to other positions.
const MOVED: &str = "/moved-";

/// What a signature says, as the specification numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignatureKind {
    /// The text is the signer's own.
    Note = 1,
    /// A witness saw this tree at this time: <https://c2sp.org/tlog-cosignature>.
    Cosignature = 4,
}

/// A public key and its name. As text it is `name+id+base64`, the vkey that other tools take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// A key of this name; refused where notes do not allow the name or the bytes are no key.
    pub fn new(name: &str, kind: SignatureKind, bytes: &[u8; 32]) -> Result<Self, ProofError> {
        check_name(name)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| ProofError::malformed("public key", "it is no Ed25519 key"))?;
        Ok(Self { name: name.to_owned(), kind, key })
    }

    /// Whose key it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under the name of a partition's log: that of the whole for the first, with `/` and the number behind
    /// it for each other.
    #[must_use]
    pub fn of_partition(&self, partition: u16) -> Self {
        Self { name: name_of(&self.name, partition), ..self.clone() }
    }

    /// What its signatures say.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// `SHA-256(name || 0x0A || kind || public key)[:4]`.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), ProofError> {
        let refused = |why| ProofError::Signature { key: self.name.clone(), why };
        let signature =
            ed25519_dalek::Signature::from_slice(signature).map_err(|_| refused("the signature has a wrong length"))?;
        self.key
            .verify_strict(message, &signature)
            .map_err(|_| refused("the signature was made over another text or by another key"))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind as u8];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id()), BASE64_STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let wrong = |why: &str| ProofError::malformed("public key", why);
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it is not name+id+key"));
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| wrong("the key is not base64"))?;
        let (kind, bytes) = match bytes.split_first() {
            Some((1, bytes)) => (SignatureKind::Note, bytes),
            Some((4, bytes)) => (SignatureKind::Cosignature, bytes),
            Some(_) | None => return Err(wrong("only Ed25519 keys of the kinds 1 and 4 are taken")),
        };
        let bytes = bytes.try_into().map_err(|_| wrong("an Ed25519 key has 32 bytes"))?;
        let key = Self::new(name, kind, bytes)?;
        if hex(key.id()) == id { Ok(key) } else { Err(wrong("its id does not match its name and bytes")) }
    }
}

/// A secret key and its name, which signs notes.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A new key, from the system's randomness.
    pub fn generate(name: &str) -> Result<Self, ProofError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| ProofError::Stopped(format!("no randomness: {error}")))?;
        Self::from_seed(name, &seed)
    }

    /// The key of this seed.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, ProofError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    /// The same key under the name of a partition's log; see [`VerifierKey::of_partition`].
    #[must_use]
    pub fn of_partition(&self, partition: u16) -> Self {
        Self { name: name_of(&self.name, partition), key: self.key.clone() }
    }

    /// The same key under the name of the log whose facts have other positions than they had under this one: another
    /// tree under the same name would be a fork. Behind the first name stands how often that came to pass.
    #[must_use]
    pub fn after_move(&self) -> Self {
        let times = |(first, times): (&str, &str)| Some((first.to_owned(), times.parse::<u32>().ok()?));
        let (first, times) = self.name.rsplit_once(MOVED).and_then(times).unwrap_or((self.name.clone(), 0));
        Self { name: format!("{first}{MOVED}{}", times.saturating_add(1)), key: self.key.clone() }
    }

    /// What others check its signatures with.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), kind: SignatureKind::Note, key: self.key.verifying_key() }
    }

    /// The text to keep it as: `PRIVATE+KEY+name+id+base64`.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(vec![SignatureKind::Note as u8]);
        bytes.extend_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(&*bytes));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{}+{}", self.name, hex(self.verifier().id()), *encoded))
    }

    /// The key that was kept as this text.
    pub fn from_secret_text(text: &str) -> Result<Self, ProofError> {
        let wrong = || ProofError::malformed("secret key", "it is not PRIVATE+KEY+name+id+key");
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or_else(wrong)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(key).map_err(|_| wrong())?);
        let Some((1, seed)) = bytes.split_first() else { return Err(wrong()) };
        let key = Self::from_seed(name, seed.try_into().map_err(|_| wrong())?)?;
        if hex(key.verifier().id()) == id { Ok(key) } else { Err(wrong()) }
    }

    /// Signs a text, which ends in a newline and has no other control character.
    pub fn sign(&self, text: &str) -> Result<Note, ProofError> {
        check_text(text)?;
        let signature = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        let signature = NoteSignature { name: self.name.clone(), key_id: self.verifier().id(), bytes: signature };
        Ok(Note { text: text.to_owned(), signatures: vec![signature] })
    }

    /// What the cosignatures are checked with that a witness with this key makes.
    #[cfg(any(test, feature = "test-util"))]
    pub fn cosigner(&self) -> VerifierKey {
        VerifierKey { kind: SignatureKind::Cosignature, ..self.verifier() }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

fn name_of(name: &str, partition: u16) -> String {
    if partition == 0 { name.to_owned() } else { format!("{name}/{partition}") }
}

/// One signature of a note. As text it is a line: `— name base64(id || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// What the key made.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Whether it claims to be by this key.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.key_id == key.id()
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.key_id.iter().chain(&self.bytes).copied().collect();
        writeln!(f, "— {} {}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// A text and its signatures. Nothing in it is to be believed before a trusted key has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, with the newline that ends it.
    pub text: String,
    /// Who signed it, in the order of the lines.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// Whether this key signed this text. Every signature that claims to be by the key must be good.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), ProofError> {
        let mut signatures = self.signatures.iter().filter(|signature| signature.is_by(key)).peekable();
        if signatures.peek().is_none() {
            return Err(ProofError::Signature { key: key.name.clone(), why: "there is no signature by this key" });
        }
        signatures.try_for_each(|signature| key.verify(self.text.as_bytes(), &signature.bytes))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(f))
    }
}

impl FromStr for Note {
    type Err = ProofError;
    fn from_str(note: &str) -> Result<Self, ProofError> {
        let wrong = |why: &str| ProofError::malformed("signed note", why);
        let end = note.rfind("\n\n").ok_or_else(|| wrong("no empty line parts text and signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        check_text(text)?;
        if !lines.ends_with('\n') {
            return Err(wrong("it does not end in a signature line"));
        }
        let signatures = parse_signatures(lines)?;
        Ok(Self { text: text.to_owned(), signatures })
    }
}

/// The signature lines of a note, or of a witness's answer.
pub(super) fn parse_signatures(lines: &str) -> Result<Vec<NoteSignature>, ProofError> {
    let wrong = |why: &str| ProofError::malformed("signature line", why);
    if lines.lines().count() > SIGNATURES_MAX {
        return Err(wrong("there are too many"));
    }
    let signatures = lines.lines().map(|line| {
        let (name, signature) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| wrong("it is not '— name signature'"))?;
        check_name(name)?;
        let bytes = BASE64_STANDARD.decode(signature).map_err(|_| wrong("the signature is not base64"))?;
        let (id, bytes) = bytes.split_first_chunk().ok_or_else(|| wrong("the signature has no key id"))?;
        Ok(NoteSignature { name: name.to_owned(), key_id: *id, bytes: bytes.to_vec() })
    });
    signatures.collect()
}

fn check_name(name: &str) -> Result<(), ProofError> {
    if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control()) {
        return Err(ProofError::malformed("key name", "it is empty, or has a space or a plus sign in it"));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), ProofError> {
    if !text.ends_with('\n') || text.contains(|c: char| c < ' ' && c != '\n') {
        return Err(ProofError::malformed("signed note", "its text has no final newline, or a control character"));
    }
    Ok(())
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the package documentation of `golang.org/x/mod/sumdb/note`.
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_note_that_another_program_signed_verifies() {
        let note: Note = GO_NOTE.parse().unwrap();
        let key: VerifierKey = GO_KEY.parse().unwrap();
        note.verify(&key).unwrap();
        assert_eq!(note.to_string(), GO_NOTE);
        assert_eq!(key.to_string(), GO_KEY);
    }

    #[test]
    fn keys_and_notes_round_trip_and_what_was_changed_is_refused() {
        let secret = SigningKey::generate("clew.example/log").unwrap();
        let again = SigningKey::from_secret_text(&secret.to_secret_text()).unwrap();
        let key: VerifierKey = again.verifier().to_string().parse().unwrap();
        let note = secret.sign("one\n\ntwo\n").unwrap();
        let mut read: Note = note.to_string().parse().unwrap();
        assert_eq!(read, note);
        read.verify(&key).unwrap();
        read.text = "one\n\ntwo!\n".into();
        assert!(matches!(read.verify(&key), Err(ProofError::Signature { .. })));
        let stranger = SigningKey::generate("clew.example/log").unwrap();
        assert!(note.verify(&stranger.verifier()).is_err());
    }

    #[test]
    fn the_key_of_a_log_that_was_moved_has_another_name_each_time() {
        let key = SigningKey::generate("clew.example/log").unwrap();
        let (once, twice) = (key.after_move(), key.after_move().after_move());
        assert_eq!(once.verifier().name(), "clew.example/log/moved-1");
        assert_eq!(twice.verifier().name(), "clew.example/log/moved-2");
        assert_eq!(twice.of_partition(3).verifier().name(), "clew.example/log/moved-2/3");
        assert_eq!(once.key, key.key);
        let note = once.sign("text\n").unwrap();
        assert!(note.verify(&key.verifier()).is_err(), "what is signed under one name is not signed under another");
    }

    #[test]
    fn malformed_keys_and_notes_are_refused() {
        for text in ["", "text\n", "text\n\n", "text\n\n— a b", "text\n\n— a AAAA\nx\n", "a\tb\n\n— a AAAAAAAA\n"]
        {
            assert!(text.parse::<Note>().is_err(), "{text:?}");
        }
        for text in ["", "a+b", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
        }
        for name in ["", "a b", "a+b"] {
            assert!(SigningKey::generate(name).is_err(), "{name:?}");
        }
        assert!(SigningKey::from_secret_text(GO_KEY).is_err());
    }
}
