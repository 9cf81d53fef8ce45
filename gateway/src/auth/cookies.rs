//! The session cookie: agent and session with a MAC, so that the log is asked only for sessions that we gave out.
//! Whether a session is still open is the directory's to say.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clew_domain::ids::{AgentId, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// The cookie's name.
pub const NAME: &str = "clew_session";

/// The key that session cookies are signed with.
#[derive(Clone)]
pub struct CookieKey([u8; 32]);

/// The cookie is not one that we gave out.
#[derive(Debug, PartialEq, Eq)]
pub struct Forged;

impl CookieKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, agent: AgentId, session: SessionId) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"clew session v1");
        mac.update(agent.0.as_bytes());
        mac.update(session.0.as_bytes());
        mac
    }

    /// What the cookie of this session holds.
    pub fn seal(&self, agent: AgentId, session: SessionId) -> String {
        let tag = self.mac(agent, session).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([agent.0.as_bytes().as_slice(), session.0.as_bytes(), &tag].concat())
    }

    /// The session that a cookie's value names.
    pub fn open(&self, value: &str) -> Result<(AgentId, SessionId), Forged> {
        let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| Forged)?;
        let (ids, tag) = bytes.split_at_checked(32).ok_or(Forged)?;
        let id = |part: &[u8]| Uuid::from_slice(part).map_err(|_| Forged);
        let (agent, session) = (AgentId(id(&ids[..16])?), SessionId(id(&ids[16..])?));
        self.mac(agent, session).verify_slice(tag).map_err(|_| Forged)?;
        Ok((agent, session))
    }
}

/// The session that the request's cookie names, if it has one.
pub fn session_of(headers: &HeaderMap, key: &CookieKey) -> Option<Result<(AgentId, SessionId), Forged>> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.find(|(name, _)| *name == NAME)?.1;
    Some(key.open(value))
}

/// The `Set-Cookie` that gives a session out.
pub fn give(value: &str, secure: bool, lifetime_s: u64) -> HeaderValue {
    set(&format!("{NAME}={value}; Max-Age={lifetime_s}"), secure)
}

/// The `Set-Cookie` that takes it back.
pub fn take_back(secure: bool) -> HeaderValue {
    set(&format!("{NAME}=; Max-Age=0"), secure)
}

fn set(pair: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{pair}; Path=/; HttpOnly; SameSite=Strict{secure}"))
        .expect("base64 and attributes are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId(Uuid::from_u128(7));
    const SESSION: SessionId = SessionId(Uuid::from_u128(8));

    #[test]
    fn only_what_was_sealed_opens() {
        let key = CookieKey::new([1; 32]);
        let value = key.seal(AGENT, SESSION);
        assert_eq!(key.open(&value), Ok((AGENT, SESSION)));
        assert_eq!(CookieKey::new([2; 32]).open(&value), Err(Forged));
        for index in 0..value.len() {
            let other = if value.as_bytes()[index] == b'A' { "B" } else { "A" };
            let mut changed = value.clone();
            changed.replace_range(index..=index, other);
            // The last character's unused bits make some texts no base64 at all; none opens as another session.
            assert_eq!(key.open(&changed), Err(Forged), "at {index}");
        }
        assert_eq!(key.open(""), Err(Forged));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let key = CookieKey::new([1; 32]);
        let mut headers = HeaderMap::new();
        assert!(session_of(&headers, &key).is_none());
        let line = format!("a=b; {NAME}={}; c=d", key.seal(AGENT, SESSION));
        headers.insert(COOKIE, HeaderValue::try_from(line).expect("visible ASCII"));
        assert_eq!(session_of(&headers, &key), Some(Ok((AGENT, SESSION))));
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let header = give("x", true, 60);
        let text = header.to_str().expect("ASCII");
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!take_back(false).to_str().expect("ASCII").contains("Secure"));
    }
}
