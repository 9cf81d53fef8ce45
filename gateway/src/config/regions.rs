//! The platforms that agents choose between when they sign in, such as one in the US and one in the EU: their names and
//! addresses. Each is an installation of its own; this one only tells where the others are.

use super::is_web_address;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// One platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What people call it.
    pub name: String,
    /// Where browsers reach it, without a slash at its end.
    pub url: String,
}

/// All of them, as in `United States=https://desk.example.org, Europe=https://desk-eu.example.org`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Regions(Vec<Region>);

/// The text is no list of platforms.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no region: write NAME=URL, as in Europe=https://desk-eu.example.org, and a comma between two")]
pub struct NoRegion(String);

impl Regions {
    /// In the order that they were given in.
    pub fn as_slice(&self) -> &[Region] {
        &self.0
    }
}

impl FromStr for Regions {
    type Err = NoRegion;

    fn from_str(text: &str) -> Result<Self, NoRegion> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(region).collect::<Result<_, _>>().map(Self)
    }
}

fn region(part: &str) -> Result<Region, NoRegion> {
    let refused = || NoRegion(part.to_owned());
    let (name, url) = part.split_once('=').ok_or_else(refused)?;
    let (name, url) = (name.trim(), url.trim().trim_end_matches('/'));
    if name.is_empty() || !is_web_address(url) {
        return Err(refused());
    }
    Ok(Region { name: name.to_owned(), url: url.to_owned() })
}

impl TryFrom<String> for Regions {
    type Error = NoRegion;

    fn try_from(text: String) -> Result<Self, NoRegion> {
        text.parse()
    }
}

impl fmt::Debug for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_in_order() {
        let regions: Regions = "US = https://desk.example.org/, Europe=https://eu.example.org:8443".parse().unwrap();
        let found: Vec<_> =
            regions.as_slice().iter().map(|region| (region.name.as_str(), region.url.as_str())).collect();
        assert_eq!(found, [("US", "https://desk.example.org"), ("Europe", "https://eu.example.org:8443")]);
        assert_eq!(" ".parse(), Ok(Regions::default()));
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused_and_named() {
        for text in ["Europe", "=https://eu.example.org", "Europe=eu.example.org", "Europe=javascript:alert(1)"] {
            assert_eq!(text.parse::<Regions>(), Err(NoRegion(text.to_owned())));
        }
    }
}
