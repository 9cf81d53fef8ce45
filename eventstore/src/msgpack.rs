//! Reads `MessagePack` as `rmp-serde` writes it, for the types of facts, contents and rows. `rmp-serde`'s own reader can
//! read anything as anything, and compiles all of that anew for each type: for the events alone that was 40 % of what
//! this crate has the compiler make. This one reads what a type asks for. Writing is `rmp-serde`'s.

mod access;
#[cfg(test)]
mod tests;

use access::{Fields, Items, Variant};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use std::fmt::Display;

/// Values in one another at most: so that forged bytes don't exhaust the stack.
const DEPTH_MAX: u8 = 96;

/// Why bytes are not a value of the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The value goes on where the bytes end.
    #[error("it ends early")]
    Short,
    /// Bytes are left when the value is whole.
    #[error("it goes on behind its end")]
    Long,
    /// A value of another kind stands where one was asked for.
    #[error("a value is of another kind")]
    Kind,
    /// Values stand deeper in one another than any that are written.
    #[error("it is too deep")]
    Deep,
    /// What the type says against it.
    #[error("{0}")]
    Type(Box<str>),
}

impl serde::de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Type(message.to_string().into())
    }
}

/// The value that takes up all of `bytes`.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, ReadError> {
    let mut reader = Reader { rest: bytes, depth_left: DEPTH_MAX };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(ReadError::Long) }
}

struct Reader<'de> {
    rest: &'de [u8],
    depth_left: u8,
}

/// A value that holds no others, or how many others one holds.
#[derive(Clone, Copy)]
enum Head<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    Array(u32),
    Map(u32),
}

// Types are read in the crates that own them: what is short and everywhere is to become part of their code.
impl<'de> Reader<'de> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    fn bytes(&mut self, len: u32) -> Result<&'de [u8], ReadError> {
        let len = usize::try_from(len).map_err(|_| ReadError::Short)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, len: u32) -> Result<Head<'de>, ReadError> {
        std::str::from_utf8(self.bytes(len)?).map(Head::Text).map_err(|_| ReadError::Kind)
    }

    fn head(&mut self) -> Result<Head<'de>, ReadError> {
        let [marker] = self.take()?;
        Ok(match marker {
            0x00..=0x7f => Head::Unsigned(marker.into()),
            0x80..=0x8f => Head::Map(u32::from(marker & 0x0f)),
            0x90..=0x9f => Head::Array(u32::from(marker & 0x0f)),
            0xa0..=0xbf => self.text(u32::from(marker & 0x1f))?,
            0xc0 => Head::Nil,
            0xc2 | 0xc3 => Head::Bool(marker == 0xc3),
            0xc4 => self.len_8().and_then(|len| self.bytes(len)).map(Head::Bytes)?,
            0xc5 => self.len_16().and_then(|len| self.bytes(len)).map(Head::Bytes)?,
            0xc6 => self.len_32().and_then(|len| self.bytes(len)).map(Head::Bytes)?,
            0xca => Head::Float(f32::from_be_bytes(self.take()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.take()?)),
            0xcc => Head::Unsigned(u8::from_be_bytes(self.take()?).into()),
            0xcd => Head::Unsigned(u16::from_be_bytes(self.take()?).into()),
            0xce => Head::Unsigned(u32::from_be_bytes(self.take()?).into()),
            0xcf => Head::Unsigned(u64::from_be_bytes(self.take()?)),
            0xd0 => Head::Signed(i8::from_be_bytes(self.take()?).into()),
            0xd1 => Head::Signed(i16::from_be_bytes(self.take()?).into()),
            0xd2 => Head::Signed(i32::from_be_bytes(self.take()?).into()),
            0xd3 => Head::Signed(i64::from_be_bytes(self.take()?)),
            0xd9 => self.len_8().and_then(|len| self.text(len))?,
            0xda => self.len_16().and_then(|len| self.text(len))?,
            0xdb => self.len_32().and_then(|len| self.text(len))?,
            0xdc => Head::Array(self.len_16()?),
            0xdd => Head::Array(self.len_32()?),
            0xde => Head::Map(self.len_16()?),
            0xdf => Head::Map(self.len_32()?),
            0xe0..=0xff => Head::Signed(i8::from_be_bytes([marker]).into()),
            // Reserved, and extensions, which nothing here is written as.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return Err(ReadError::Kind),
        })
    }

    fn len_8(&mut self) -> Result<u32, ReadError> {
        Ok(u8::from_be_bytes(self.take()?).into())
    }

    fn len_16(&mut self) -> Result<u32, ReadError> {
        Ok(u16::from_be_bytes(self.take()?).into())
    }

    fn len_32(&mut self) -> Result<u32, ReadError> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    /// How many items the array has that comes next; none if something else does.
    #[inline]
    fn short_array(&mut self) -> Option<u32> {
        let (marker @ 0x90..=0x9f, rest) = self.rest.split_first()? else { return None };
        self.rest = rest;
        Some(u32::from(marker & 0x0f))
    }

    /// The number that comes next; none if something else does, or one that is written otherwise.
    #[inline]
    fn usual_number(&mut self) -> Option<u64> {
        let (marker, rest) = self.rest.split_first()?;
        match marker {
            0x00..=0x7f => {
                self.rest = rest;
                Some(u64::from(*marker))
            }
            0xcf => {
                let (value, rest) = rest.split_first_chunk()?;
                self.rest = rest;
                Some(u64::from_be_bytes(*value))
            }
            _ => None,
        }
    }

    /// The bytes that come next, of an id or a hash.
    #[inline]
    fn short_bytes(&mut self) -> Option<&'de [u8]> {
        let [0xc4, len, rest @ ..] = self.rest else { return None };
        let (taken, rest) = rest.split_at_checked(usize::from(*len))?;
        self.rest = rest;
        Some(taken)
    }

    /// Goes one deeper, until [`rise`](Self::rise).
    #[inline]
    fn sink(&mut self) -> Result<(), ReadError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(ReadError::Deep)?;
        Ok(())
    }

    #[inline]
    fn rise(&mut self) {
        self.depth_left += 1;
    }

    fn skip(&mut self) -> Result<(), ReadError> {
        let mut values = 1_u64;
        while values > 0 {
            values -= 1;
            match self.head()? {
                Head::Array(len) => values += u64::from(len),
                Head::Map(len) => values += 2 * u64::from(len),
                _ => {}
            }
        }
        Ok(())
    }

    fn items<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value, ReadError> {
        self.sink()?;
        let mut items = Items { reader: self, left: len };
        let value = visitor.visit_seq(&mut items)?;
        if items.left > 0 {
            return Err(ReadError::Long);
        }
        self.rise();
        Ok(value)
    }

    fn fields<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value, ReadError> {
        self.sink()?;
        let mut fields = Fields { reader: self, left: len };
        let value = visitor.visit_map(&mut fields)?;
        if fields.left > 0 {
            return Err(ReadError::Long);
        }
        self.rise();
        Ok(value)
    }
}

macro_rules! numbers {
    ($($name:ident)*) => {$(
        #[inline]
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            if let Some(value) = self.usual_number() {
                return visitor.visit_u64(value);
            }
            match self.head()? {
                Head::Unsigned(value) => visitor.visit_u64(value),
                Head::Signed(value) => visitor.visit_i64(value),
                Head::Float(value) => visitor.visit_f64(value),
                _ => Err(ReadError::Kind),
            }
        }
    )*};
}

macro_rules! texts {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            match self.head()? {
                Head::Text(value) => visitor.visit_borrowed_str(value),
                _ => Err(ReadError::Kind),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = ReadError;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    texts! { deserialize_char deserialize_str deserialize_string }

    // A name is compared, not kept: whether it is text need not be looked at.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if let Some((marker @ 0xa0..=0xbf, rest)) = self.rest.split_first()
            && let Some((name, rest)) = rest.split_at_checked(usize::from(marker & 0x1f))
        {
            self.rest = rest;
            return visitor.visit_borrowed_bytes(name);
        }
        self.deserialize_str(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.head()? {
            Head::Nil => visitor.visit_unit(),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Unsigned(value) => visitor.visit_u64(value),
            Head::Signed(value) => visitor.visit_i64(value),
            Head::Float(value) => visitor.visit_f64(value),
            Head::Text(value) => visitor.visit_borrowed_str(value),
            Head::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Head::Array(len) => self.items(len, visitor),
            Head::Map(len) => self.fields(len, visitor),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.take()? {
            [0xc2] => visitor.visit_bool(false),
            [0xc3] => visitor.visit_bool(true),
            _ => Err(ReadError::Kind),
        }
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if let Some(bytes) = self.short_bytes() {
            return visitor.visit_borrowed_bytes(bytes);
        }
        match self.head()? {
            Head::Bytes(value) => visitor.visit_borrowed_bytes(value),
            _ => Err(ReadError::Kind),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.rest.split_first() {
            Some((0xc0, rest)) => {
                self.rest = rest;
                visitor.visit_none()
            }
            Some(_) | None => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.head()? {
            Head::Nil | Head::Array(0) => visitor.visit_unit(),
            _ => Err(ReadError::Kind),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if let Some(len) = self.short_array() {
            return self.items(len, visitor);
        }
        match self.head()? {
            Head::Array(len) => self.items(len, visitor),
            _ => Err(ReadError::Kind),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.head()? {
            Head::Map(len) => self.fields(len, visitor),
            _ => Err(ReadError::Kind),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if let Some(len) = self.short_array() {
            return self.items(len, visitor);
        }
        match self.head()? {
            Head::Array(len) => self.items(len, visitor),
            Head::Map(len) => self.fields(len, visitor),
            _ => Err(ReadError::Kind),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let has_content = match self.rest {
            // A map of one: the variant's name, and its content.
            [0x81, rest @ ..] => {
                self.rest = rest;
                true
            }
            [0xa0..=0xbf | 0xd9..=0xdb, ..] => false,
            [] => return Err(ReadError::Short),
            [..] => return Err(ReadError::Kind),
        };
        self.sink()?;
        let value = visitor.visit_enum(Variant { reader: self, has_content })?;
        self.rise();
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.skip()?;
        visitor.visit_unit()
    }
}
