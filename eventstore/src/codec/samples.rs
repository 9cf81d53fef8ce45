//! Makes one event of each variant that an enum of events has, by reading it from a source that answers whatever is
//! asked for. So a new variant has a sample the moment it is written. What the samples are for: `fixtures.rs`.

use serde::de::{self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Visitor};

/// A sample of each variant, with its name.
pub(crate) fn of_each_variant<T: DeserializeOwned>() -> Vec<(&'static str, T)> {
    let mut samples = Vec::new();
    loop {
        let mut source = Source { top: Some(samples.len()), variants: &[], drawn: 0, field: "" };
        let event = T::deserialize(&mut source);
        let event = event.unwrap_or_else(|why| panic!("no sample of {:?}: {why}", source.variants.get(samples.len())));
        samples.push((source.variants[samples.len()], event));
        if samples.len() == source.variants.len() {
            return samples;
        }
    }
}

/// Answers numbers in order, texts by the name of their field, and everything that is optional.
struct Source {
    /// The variant of the outermost enum, until it was asked for.
    top: Option<usize>,
    /// The variants of the outermost enum.
    variants: &'static [&'static str],
    drawn: u8,
    field: &'static str,
}

impl Source {
    fn draw(&mut self) -> u8 {
        self.drawn = self.drawn % 100 + 1;
        self.drawn
    }

    fn text(&self) -> &'static str {
        match self.field {
            "from" => "09:00",
            "to" => "17:30",
            "date" => "2026-12-24",
            "zone" => "Europe/Paris",
            _ => "sample",
        }
    }
}

/// Why a source has no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAnswer(String);

impl de::Error for NoAnswer {
    fn custom<T: std::fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

macro_rules! numbers {
    ($($method:ident => $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
            visitor.$visit(self.draw().into())
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Source {
    type Error = NoAnswer;

    numbers! {
        deserialize_u8 => visit_u8, deserialize_u16 => visit_u16, deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64, deserialize_i16 => visit_i16, deserialize_i32 => visit_i32,
        deserialize_f32 => visit_f32, deserialize_f64 => visit_f64
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        Err(de::Error::custom(format!("what takes anything can't be sampled: {}", &visitor as &dyn Expected)))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_bool(self.draw() % 2 == 1)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_i8(-7)
    }

    /// Instants are microseconds since 1970.
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_i64(1_790_000_000_000_000 + i64::from(self.draw()))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_char('é')
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_str(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_string(self.text().to_owned())
    }

    /// Ids have 16 bytes, commitments 32, and say so.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        let wanted = (&visitor as &dyn Expected).to_string();
        let length = if wanted.starts_with("32 bytes") { 32 } else { 16 };
        visitor.visit_bytes(&vec![self.draw(); length])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_seq(Elements { source: self, fields: None, left: 2 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_seq(Elements { source: self, fields: None, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoAnswer> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_map(Elements { source: self, fields: None, left: 1 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoAnswer> {
        visitor.visit_seq(Elements { source: self, fields: Some(fields), left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoAnswer> {
        let chosen = match self.top.take() {
            Some(top) => {
                self.variants = variants;
                top
            }
            // The tag of what `tagged!` reads: only the last are sure to go with an id.
            None if name == "Kind" => variants.len() - 1,
            None => usize::from(self.draw()) % variants.len(),
        };
        visitor.visit_enum(Chosen { source: self, chosen: u32::try_from(chosen).expect("few variants") })
    }

    /// The tag of an enum that serde reads itself, by place.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_u64(0)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoAnswer> {
        visitor.visit_unit()
    }
}

/// The parts of a sequence, a struct or a map.
struct Elements<'a> {
    source: &'a mut Source,
    fields: Option<&'static [&'static str]>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = NoAnswer;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NoAnswer> {
        if self.left == 0 {
            return Ok(None);
        }
        if let Some(fields) = self.fields {
            self.source.field = fields[fields.len() - self.left];
        }
        self.left -= 1;
        seed.deserialize(&mut *self.source).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_> {
    type Error = NoAnswer;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NoAnswer> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NoAnswer> {
        seed.deserialize(&mut *self.source)
    }
}

/// A variant and what is in it.
struct Chosen<'a> {
    source: &'a mut Source,
    chosen: u32,
}

impl<'de> de::EnumAccess<'de> for Chosen<'_> {
    type Error = NoAnswer;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), NoAnswer> {
        let chosen: de::value::U32Deserializer<NoAnswer> = self.chosen.into_deserializer();
        Ok((seed.deserialize(chosen)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Chosen<'_> {
    type Error = NoAnswer;

    fn unit_variant(self) -> Result<(), NoAnswer> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NoAnswer> {
        seed.deserialize(self.source)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, NoAnswer> {
        de::Deserializer::deserialize_tuple(self.source, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoAnswer> {
        de::Deserializer::deserialize_struct(self.source, "", fields, visitor)
    }
}
