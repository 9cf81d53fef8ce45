//! What `rmp-serde` writes is read as it reads it; whatever else the bytes are, it is an error and never a panic.

use super::*;
use crate::codec::samples::of_each_variant;
use clew_domain::agent::AgentEvent;
use clew_domain::contact::ContactEvent;
use clew_domain::conversation::ConversationEvent;
use clew_domain::installation::InstallationEvent;
use clew_domain::saved_reply::CollectionEvent;
use clew_domain::workspace::WorkspaceEvent;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;
use std::fmt::Debug;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    None,
    One(Box<Kind>),
    Two(i16, String),
    Fields { float: f64, byte: u8, optional: Option<u32> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    id: Uuid,
    kinds: Vec<Kind>,
    names: BTreeMap<String, i64>,
    pair: (char, f32),
    nothing: (),
    hash: [u8; 4],
    truth: bool,
    #[serde(default)]
    later: Option<String>,
}

fn kind() -> impl Strategy<Value = Kind> {
    let float = any::<f64>().prop_filter("equal to itself", |float| !float.is_nan());
    let leaf = prop_oneof![
        Just(Kind::None),
        (any::<i16>(), ".{0,40}").prop_map(|(number, text)| Kind::Two(number, text)),
        (float, any::<u8>(), any::<Option<u32>>()).prop_map(|(float, byte, some)| Kind::Fields {
            float,
            byte,
            optional: some
        }),
    ];
    leaf.prop_recursive(6, 6, 1, |inner| inner.prop_map(|kind| Kind::One(Box::new(kind))))
}

fn everything() -> impl Strategy<Value = Everything> {
    let names = prop::collection::btree_map(".{0,300}", any::<i64>(), 0..20);
    let float = any::<f32>().prop_filter("equal to itself", |float| !float.is_nan());
    let rest = (any::<u128>(), prop::collection::vec(kind(), 0..40), any::<char>(), float);
    (rest, names, any::<[u8; 4]>(), any::<bool>(), any::<Option<String>>()).prop_map(
        |((id, kinds, char, float), names, hash, truth, later)| Everything {
            id: Uuid::from_u128(id),
            kinds,
            names,
            pair: (char, float),
            nothing: (),
            hash,
            truth,
            later,
        },
    )
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let (by_place, by_name) = (rmp_serde::to_vec(value).unwrap(), rmp_serde::to_vec_named(value).unwrap());
    for bytes in [by_place, by_name] {
        assert_eq!(from_slice::<T>(&bytes).as_ref(), Ok(value));
        from_slice::<IgnoredAny>(&bytes).unwrap();
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in everything()) {
        round_trips(&value);
    }

    #[test]
    fn of_any_bytes_it_reads_what_rmp_serde_reads_or_nothing(value in everything(), at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut forged = rmp_serde::to_vec(&value).unwrap();
        let at = at.index(forged.len());
        forged.splice(at..(at + bytes.len()).min(forged.len()), bytes);
        if let Ok(read) = from_slice::<Everything>(&forged) {
            let theirs = rmp_serde::from_slice::<Everything>(&forged).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{theirs:?}"));
        }
    }
}

#[test]
fn whatever_is_cut_or_too_long_or_too_deep_is_told() {
    let bytes = rmp_serde::to_vec(&vec![Kind::Two(-300, "words".into()), Kind::None]).unwrap();
    for end in 0..bytes.len() {
        assert!(from_slice::<Vec<Kind>>(&bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(from_slice::<Vec<Kind>>(&longer), Err(ReadError::Long));
    let mut deep = Kind::None;
    for _ in 0..=DEPTH_MAX {
        deep = Kind::One(Box::new(deep));
    }
    assert_eq!(from_slice::<Kind>(&rmp_serde::to_vec(&deep).unwrap()), Err(ReadError::Deep));
    // Four thousand million items are announced and none follows.
    assert_eq!(from_slice::<Vec<u8>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(ReadError::Short));
    assert_eq!(from_slice::<u8>(&[0xcd, 1, 0]).unwrap_err().to_string(), "invalid value: integer `256`, expected u8");
}

#[test]
fn every_event_is_read_as_rmp_serde_reads_it() {
    fn each<T: Serialize + DeserializeOwned + PartialEq + Debug>() -> usize {
        let samples = of_each_variant::<T>();
        for (_, event) in &samples {
            round_trips(event);
        }
        samples.len()
    }
    let seen = each::<ConversationEvent>()
        + each::<ContactEvent>()
        + each::<AgentEvent>()
        + each::<WorkspaceEvent>()
        + each::<CollectionEvent>()
        + each::<InstallationEvent>();
    assert!(seen > 50, "{seen}");
}
