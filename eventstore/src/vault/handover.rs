//! How the key state travels from one gateway to another: sealed to a key that the receiver made for this alone and
//! keeps nowhere, together with a code that an operator carries. Who asks whom, and over what, is not known here.

use super::custody::decode;
use super::disk::Disk;
use super::key::KEY_BYTES;
use super::numbers::Numbers;
use super::seal::{decrypt, encrypt};
use super::{Live, Vault, VaultError, create_in, lock};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hkdf::Hkdf;
use sha2::Sha256;
use std::path::Path;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"CLEWHND1";
const CODE_BYTES: usize = 16;
const HEADER_BYTES: usize = 8 + KEY_BYTES;
const LENGTH_BYTES: usize = 4;

/// One attempt to join those who have the keys. It lives in memory alone: once it is dropped, nothing that was recorded
/// on the way can be opened any more, so no mask that comes later can be undone by it.
pub struct Joining {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    code: Zeroizing<[u8; CODE_BYTES]>,
}

impl Joining {
    /// A new key pair, and a new code.
    pub fn begin() -> Result<Self, VaultError> {
        let (mut secret, mut code) = (Zeroizing::new([0; KEY_BYTES]), Zeroizing::new([0; CODE_BYTES]));
        getrandom::fill(secret.as_mut_slice()).map_err(VaultError::random)?;
        getrandom::fill(code.as_mut_slice()).map_err(VaultError::random)?;
        Ok(Self { secret, code })
    }

    /// What the keys are sealed to; anybody may see it.
    pub fn public_key(&self) -> [u8; KEY_BYTES] {
        MontgomeryPoint::mul_base_clamped(*self.secret).to_bytes()
    }

    /// What the operator tells the gateway that has the keys. Who does not know it can neither receive the keys in this
    /// one's place nor hand it others.
    pub fn code(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(*self.code))
    }
}

impl Vault {
    /// The whole key state as of now and `beside`, sealed to a receiver's public key and the code that it shows.
    pub fn hand_over(&self, to: &[u8; KEY_BYTES], code: &str, beside: &[u8]) -> Result<Vec<u8>, VaultError> {
        let code = code_of(code).ok_or(VaultError::NotHandedOver("the code is not one: it has 32 digits"))?;
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(VaultError::random)?;
        let from = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
        let key = agreed(&secret, to, &from, to, &code)?;
        let state = {
            let _backing = lock(&self.backing);
            let root = lock(&self.live).root();
            self.payload(&root)?
        };
        let length = u32::try_from(beside.len()).expect("a key's text is short");
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH_BYTES + beside.len() + state.len() + 16));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(beside);
        bytes.extend_from_slice(&state);
        let header = [MAGIC.as_slice(), &from].concat();
        encrypt(&key, &header, &mut bytes);
        Ok([&header, bytes.as_slice()].concat())
    }

    /// Makes keys in a new directory from what was handed over; `keep` is given what came beside them before they are
    /// there. What the log says is erased must be erased again: the eraser does so when it starts without its checkpoint.
    pub fn take_over(
        dir: &Path,
        joining: &Joining,
        sealed: &[u8],
        keep: impl FnOnce(&[u8]) -> Result<(), VaultError>,
    ) -> Result<Self, VaultError> {
        let wrong = || VaultError::NotHandedOver("what came was not sealed for this gateway and its code");
        let (header, sealed) = sealed.split_first_chunk::<HEADER_BYTES>().ok_or_else(wrong)?;
        let (magic, from) = header.split_first_chunk::<8>().ok_or_else(wrong)?;
        let from: [u8; KEY_BYTES] = from.try_into().map_err(|_| wrong())?;
        if magic != MAGIC {
            return Err(wrong());
        }
        let key = agreed(&joining.secret, &from, &from, &joining.public_key(), &joining.code)?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        decrypt(&key, header, &mut bytes).ok_or_else(wrong)?;
        let (length, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let (beside, state) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(wrong)?;
        let (mut root, pages, next) = decode(state).ok_or_else(wrong)?;
        keep(beside)?;
        create_in(dir, |new| {
            let mut numbers = Numbers::create(new)?;
            numbers.raise(next.0, next.1)?;
            let disk = Disk::create_with(new, &mut root, &pages)?;
            Ok((disk, Live::from_root(root), numbers))
        })
    }
}

/// X25519 (RFC 7748), then HKDF-SHA256 over the shared point and the code, bound to both public keys.
fn agreed(
    secret: &[u8; KEY_BYTES],
    theirs: &[u8; KEY_BYTES],
    from: &[u8; KEY_BYTES],
    to: &[u8; KEY_BYTES],
    code: &[u8; CODE_BYTES],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    let shared = Zeroizing::new(MontgomeryPoint(*theirs).mul_clamped(*secret).to_bytes());
    if shared.iter().all(|byte| *byte == 0) {
        return Err(VaultError::NotHandedOver("the public key is not one"));
    }
    let mut input = Zeroizing::new([0; KEY_BYTES + CODE_BYTES]);
    input[..KEY_BYTES].copy_from_slice(shared.as_slice());
    input[KEY_BYTES..].copy_from_slice(code);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(Some(&[from.as_slice(), to].concat()), input.as_slice())
        .expand(b"clew handover v1", key.as_mut_slice())
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    Ok(key)
}

fn code_of(text: &str) -> Option<Zeroizing<[u8; CODE_BYTES]>> {
    let mut code = Zeroizing::new([0; CODE_BYTES]);
    if text.len() != 2 * CODE_BYTES || !text.is_ascii() {
        return None;
    }
    for (index, byte) in code.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_domain::content::ContactNumber;

    #[test]
    fn only_the_receiver_with_its_code_opens_what_is_handed_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::in_memory();
        let sealed = vault.seal(ContactNumber(1), b"hello").expect("sealed");
        let (one, other) = (Joining::begin().expect("random"), Joining::begin().expect("random"));
        let sent = vault.hand_over(&one.public_key(), &one.code(), b"beside").expect("handed over");
        let refused = |joining: &Joining, sent: &[u8]| {
            let taken = Vault::take_over(&dir.path().join("no"), joining, sent, |_| Ok(()));
            assert!(matches!(taken, Err(VaultError::NotHandedOver(_))), "refused");
        };
        refused(&other, &sent);
        let wrong_code = vault.hand_over(&one.public_key(), &other.code(), b"").expect("handed over");
        refused(&one, &wrong_code);
        let mut damaged = sent.clone();
        *damaged.last_mut().expect("not empty") ^= 1;
        refused(&one, &damaged);
        let mut beside = Vec::new();
        let keep = |bytes: &[u8]| {
            beside = bytes.to_vec();
            Ok(())
        };
        let taken = Vault::take_over(&dir.path().join("keys"), &one, &sent, keep).expect("taken over");
        assert_eq!(beside, b"beside");
        assert_eq!(taken.open_content(&sealed, &sealed.commitment()).expect("it opens")[..], b"hello"[..]);
        assert_eq!(taken.secret("a purpose"), vault.secret("a purpose"));
    }

    #[test]
    fn a_point_of_small_order_and_a_short_code_are_refused() {
        let vault = Vault::in_memory();
        let code = Joining::begin().expect("random").code();
        assert!(vault.hand_over(&[0; KEY_BYTES], &code, b"").is_err());
        assert!(vault.hand_over(&[9; KEY_BYTES], "abc", b"").is_err());
    }
}
