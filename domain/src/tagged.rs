//! Reading enums that are written as a tag and, beside it, an id. serde's own reading of them wants the id's place
//! also where there is none, when fields are told by place as in facts; this one does not.

macro_rules! tagged {
    ($name:ident: $tag:ident, $content:ident { $($unit:ident),* } { $($full:ident($id:path)),* }) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "snake_case")]
                enum Kind {
                    $($unit,)*
                    $($full,)*
                }

                #[derive(serde::Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Form {
                    $tag: Kind,
                    #[serde(default)]
                    $content: Option<uuid::Uuid>,
                }

                let form = Form::deserialize(deserializer)?;
                match (form.$tag, form.$content) {
                    $((Kind::$unit, None) => Ok(Self::$unit),)*
                    $((Kind::$full, Some(id)) => Ok(Self::$full($id(id))),)*
                    _ => Err(serde::de::Error::custom(concat!(
                        "`", stringify!($content), "` does not go with this `", stringify!($tag), "`"
                    ))),
                }
            }
        }
    };
}

pub(crate) use tagged;

#[cfg(test)]
mod tests {
    use crate::agent::Availability;
    use crate::conversation::ReplyMode;
    use crate::fact::Actor;
    use crate::ids::{AgentId, AwayStatusId, MessageId};
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use std::fmt::Debug;
    use uuid::Uuid;

    fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
        for value in values {
            let by_place = rmp_serde::to_vec(&value).unwrap();
            let by_name = rmp_serde::to_vec_named(&value).unwrap();
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(rmp_serde::from_slice::<T>(&by_place).unwrap(), value);
            assert_eq!(rmp_serde::from_slice::<T>(&by_name).unwrap(), value);
            assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value);
        }
    }

    #[test]
    fn every_form_reads_back() {
        let id = Uuid::from_u128(7);
        round_trips([Availability::Available, Availability::Away, Availability::AwayFor(AwayStatusId(id))]);
        round_trips([ReplyMode::Plain, ReplyMode::To(MessageId(id)), ReplyMode::Quoting(MessageId(id))]);
        round_trips([Actor::System, Actor::Agent(AgentId(id))]);
    }

    #[test]
    fn a_tag_without_its_id_and_an_id_without_its_tag_are_refused() {
        for text in [r#"{"kind":"away_for"}"#, r#"{"kind":"away","status":"00000000-0000-0000-0000-000000000007"}"#] {
            assert!(serde_json::from_str::<Availability>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Availability>(r#"{"kind":"away","since":1}"#).is_err());
    }
}
