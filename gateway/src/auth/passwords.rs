//! Passwords: argon2id hashes made and checked on a few blocking threads, never so many that they crowd out the rest.

use crate::error::{Problem, kinds};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Characters of a password at least.
pub const CHARACTERS_MIN: usize = 10;
/// Bytes of a password at most.
pub const BYTES_MAX: usize = 1024;
/// Hashes computed at the same time; each takes 19 MiB and a core.
const AT_ONCE_MAX: usize = 2;
/// Sign-ins that wait for their turn.
const WAITING_MAX: usize = 64;

/// A password on its way in; wiped from memory after use, never shown.
#[derive(Clone, utoipa::ToSchema)]
#[schema(value_type = String, format = Password)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password that a person typed.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A text that can't be a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password has at least {CHARACTERS_MIN} characters and at most {BYTES_MAX} bytes")]
pub struct NotAPassword;

/// Hashes and checks passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(AT_ONCE_MAX + WAITING_MAX)),
        }
    }
}

/// The argon2id hash of a new password, as a PHC string.
pub fn hash(password: &Password) -> Result<String, NotAPassword> {
    if password.0.chars().count() < CHARACTERS_MIN || password.0.len() > BYTES_MAX {
        return Err(NotAPassword);
    }
    let hash = Argon2::default().hash_password(password.0.as_bytes());
    Ok(hash.expect("argon2 takes any password of bounded size").to_string())
}

fn matches(password: &Password, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok())
}

/// A hash that no password is known for: what an unknown login is checked against, so that it takes as long.
fn nobodys_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash(&Password::new(uuid::Uuid::new_v4().to_string())).expect("a UUID's text is long enough"))
}

impl Passwords {
    /// Whether the password is the one of this hash; without a hash it never is, after the same time.
    pub async fn check(&self, password: Password, hash: Option<Zeroizing<String>>) -> Result<bool, Problem> {
        self.in_turn(move || {
            if let Some(hash) = hash {
                return matches(&password, &hash);
            }
            matches(&password, nobodys_hash());
            false
        })
        .await
    }

    /// The argon2id hash of a new password.
    pub async fn hash(&self, password: Password) -> Result<Result<String, NotAPassword>, Problem> {
        self.in_turn(move || hash(&password)).await
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let overloaded = || Problem::new(&kinds::OVERLOADED).retry_after(Duration::from_secs(2));
        let _waiting = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let _turn = self.turns.acquire().await.map_err(|_| overloaded())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(&kinds::INTERNAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let passwords = Passwords::default();
        let right = Password::new("correct horse battery".into());
        let hash = passwords.hash(right.clone()).await.expect("a turn").expect("long enough");
        assert!(hash.starts_with("$argon2id$"));
        let hash = Zeroizing::new(hash);
        assert!(passwords.check(right.clone(), Some(hash.clone())).await.expect("a turn"));
        assert!(!passwords.check(Password::new("correct horse battery ".into()), Some(hash)).await.expect("a turn"));
        assert!(!passwords.check(right, None).await.expect("a turn"));
    }

    #[test]
    fn a_password_has_bounds_and_is_never_shown() {
        assert_eq!(hash(&Password::new("short".into())), Err(NotAPassword));
        assert_eq!(hash(&Password::new("x".repeat(BYTES_MAX + 1))), Err(NotAPassword));
        assert_eq!(format!("{:?}", Password::new("secret words".into())), "Password(..)");
    }
}
