//! Bearer tokens for programs: 32 random bytes behind a prefix that secret scanners know; only a hash is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clew_domain::workspace::TokenHash;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const PREFIX: &str = "clew_";

/// A fresh token, to be shown once.
pub fn draw() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).expect("the operating system gives random bytes");
    Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// What is kept of a token. A fast hash will do: a token is too random to be guessed.
pub fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_say_what_they_are() {
        let (one, two) = (draw(), draw());
        assert_ne!(hash(&one), hash(&two));
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 43);
    }
}
