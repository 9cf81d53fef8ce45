//! How one content is sealed and opened once the leaves of the two trees are there. No state, no files.

use super::key::KEY_BYTES;
use aes_gcm::aead::array::Array;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

pub(super) const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;
const PADDED_BYTES_MIN: usize = 64;
const INFO: &[u8] = b"clew1";

/// The two keys of one content.
pub(super) struct ContentKeys {
    encryption: Zeroizing<[u8; KEY_BYTES]>,
    pub(super) commit: [u8; 32],
}

impl ContentKeys {
    /// `HKDF-Expand-SHA256(contents leaf || contacts leaf, "clew1" || salt)` (RFC 5869): an AES-256 key and a value
    /// that commits to it. The leaves are uniform, so there is nothing to extract; together they fill the hash's
    /// block, and label and salt are short enough that each of its six compressions is needed.
    pub(super) fn derive(content: &[u8; KEY_BYTES], contact: &[u8; KEY_BYTES], salt: &[u8; 16]) -> Self {
        let mut leaves = Zeroizing::new([0; 2 * KEY_BYTES]);
        leaves[..KEY_BYTES].copy_from_slice(content);
        leaves[KEY_BYTES..].copy_from_slice(contact);
        let mut out = Zeroizing::new([0; 64]);
        let kdf = Hkdf::<Sha256>::from_prk(leaves.as_slice()).expect("the leaves have 64 bytes");
        let filled = kdf.expand_multi_info(&[INFO, salt], out.as_mut_slice());
        filled.expect("HKDF-SHA256 gives up to 8160 bytes");
        let mut keys = Self { encryption: Zeroizing::new([0; KEY_BYTES]), commit: [0; 32] };
        keys.encryption.copy_from_slice(&out[..KEY_BYTES]);
        keys.commit.copy_from_slice(&out[KEY_BYTES..]);
        keys
    }
}

/// Encrypts `plaintext` behind its length, padded; the answer is ciphertext and tag.
pub(super) fn seal(keys: &ContentKeys, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let padded = padded_bytes(LENGTH_BYTES + plaintext.len());
    let length = u32::try_from(plaintext.len()).expect("the caller bounds a content's length");
    let mut sealed = Vec::with_capacity(padded + TAG_BYTES);
    sealed.extend_from_slice(&length.to_le_bytes());
    sealed.extend_from_slice(plaintext);
    sealed.resize(padded, 0);
    encrypt(&keys.encryption, associated, &mut sealed);
    sealed
}

/// The plaintext; none if the bytes were not sealed under these keys with this associated data.
pub(super) fn open(keys: &ContentKeys, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    decrypt(&keys.encryption, associated, &mut bytes)?;
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if rest.len() < length {
        return None;
    }
    bytes.drain(..LENGTH_BYTES);
    bytes.truncate(length);
    Some(bytes)
}

/// Bytes of a sealed content with so many bytes of plaintext.
pub(super) fn sealed_bytes(plaintext: usize) -> usize {
    padded_bytes(LENGTH_BYTES + plaintext) + TAG_BYTES
}

/// Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019):
/// at most 12 percent more, and of `n` possible lengths only about `log log n` bits show. At least 64 bytes, so
/// that a "yes" looks like a "no, thank you".
fn padded_bytes(length: usize) -> usize {
    if length <= PADDED_BYTES_MIN {
        return PADDED_BYTES_MIN;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let unit = 1 << (exponent - kept);
    length.next_multiple_of(unit)
}

/// Encrypts in place and appends the tag. A key is used for one message only, so the nonce is fixed.
pub(super) fn encrypt(key: &[u8; KEY_BYTES], associated: &[u8], bytes: &mut Vec<u8>) {
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(&Array::default(), associated, bytes.as_mut_slice().into())
        .expect("AES-GCM takes 64 GiB");
    bytes.extend_from_slice(&tag);
}

/// Checks the tag, decrypts in place and removes the tag.
pub(super) fn decrypt(key: &[u8; KEY_BYTES], associated: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (_, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
    let tag = Array::from(*tag);
    bytes.truncate(bytes.len() - TAG_BYTES);
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt_inout_detached(&Array::default(), associated, bytes.as_mut_slice().into(), &tag).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_costs_at_most_an_eighth_and_hides_short_lengths() {
        assert_eq!(padded_bytes(5), padded_bytes(64));
        for length in 65..100_000 {
            let padded = padded_bytes(length);
            assert!(padded >= length && padded - length <= length / 8, "{length} became {padded}");
        }
        let lengths: std::collections::BTreeSet<_> = (1..65_536).map(padded_bytes).collect();
        assert_eq!(lengths.len(), 145);
    }

    #[test]
    fn only_the_same_keys_and_associated_data_open() {
        let keys = ContentKeys::derive(&[1; 32], &[2; 32], &[3; 16]);
        let sealed = seal(&keys, b"7", b"hello");
        assert_eq!(sealed.len(), sealed_bytes(5));
        assert_eq!(open(&keys, b"7", &sealed).expect("sealed just now")[..], b"hello"[..]);
        assert!(open(&keys, b"8", &sealed).is_none());
        let others = [([9; 32], [2; 32], [3; 16]), ([1; 32], [9; 32], [3; 16]), ([1; 32], [2; 32], [9; 16])];
        for (content, contact, salt) in others {
            let other = ContentKeys::derive(&content, &contact, &salt);
            assert_ne!(other.commit, keys.commit);
            assert!(open(&other, b"7", &sealed).is_none());
        }
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(open(&keys, b"7", &damaged).is_none());
        }
    }
}
