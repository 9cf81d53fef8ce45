//! Which files are taken, in and out, and under which name and type they are kept. Sealing them is the vault's.

use crate::error::{Problem, kinds};
use clew_domain::content::ContactNumber;
use clew_domain::conversation::Attachment;
use clew_domain::ids::AttachmentId;
use clew_domain::plaintext::AttachmentLabel;
use clew_eventstore::store::EventStore;
use clew_eventstore::vault::Vault;
use clew_eventstore::vault::attachment::{AttachmentError, Writer};
use std::fmt;
use std::sync::Arc;

/// Bytes of an attachment at most.
pub const BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Characters of a file's name at most.
pub const NAME_CHARS_MAX: usize = 200;
/// Bytes at the beginning of a file by which its type is checked.
pub const MAGIC_BYTES: usize = 12;

/// A file on its way in.
#[derive(Clone)]
pub struct NewAttachment {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for NewAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewAttachment({} bytes)", self.bytes.len())
    }
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It is too large.
    #[error("an attachment has at most {BYTES_MAX} bytes; this one has {0}")]
    TooLarge(u64),
    /// It holds nothing.
    #[error("the attachment is empty; choose a file that holds something")]
    Empty,
    /// Its name can't be kept.
    #[error("an attachment's name has 1 to {NAME_CHARS_MAX} characters, without '/' or control characters")]
    Name,
    /// Its type is not one of those that are taken.
    #[error("attachments of this type are not taken; take one of: {}", types())]
    Type,
    /// Its bytes are not of the type that was told.
    #[error("the file is not of the type that was told; send it under its own type")]
    OtherType,
}

impl From<NotTaken> for Problem {
    fn from(why: NotTaken) -> Self {
        let problem = match why {
            NotTaken::TooLarge(_) => Self::new(&kinds::BODY_TOO_LARGE).with("limit_bytes", BYTES_MAX),
            NotTaken::Type => Self::new(&kinds::UNSUPPORTED_MEDIA_TYPE),
            NotTaken::Empty | NotTaken::Name | NotTaken::OtherType => {
                Self::new(&kinds::INVALID_VALUE).with("field", "attachment")
            }
        };
        problem.detail(why.to_string())
    }
}

/// A type that is taken.
struct Taken {
    media_type: &'static str,
    /// What its files begin with, at which byte; empty where nothing tells.
    magic: &'static [(usize, &'static [u8])],
    /// Whether a browser may show it in place.
    shown: bool,
}

const TAKEN: &[Taken] = &[
    Taken { media_type: "image/png", magic: &[(0, b"\x89PNG\r\n\x1a\n")], shown: true },
    Taken { media_type: "image/jpeg", magic: &[(0, b"\xff\xd8\xff")], shown: true },
    Taken { media_type: "image/gif", magic: &[(0, b"GIF87a"), (0, b"GIF89a")], shown: true },
    Taken { media_type: "image/webp", magic: &[(8, b"WEBP")], shown: true },
    Taken { media_type: "application/pdf", magic: &[(0, b"%PDF-")], shown: false },
    Taken { media_type: "text/plain", magic: &[], shown: false },
    Taken { media_type: "text/csv", magic: &[], shown: false },
    Taken { media_type: "audio/mpeg", magic: &[], shown: false },
    Taken { media_type: "audio/ogg", magic: &[(0, b"OggS")], shown: false },
    Taken { media_type: "audio/mp4", magic: &[(4, b"ftyp")], shown: false },
    Taken { media_type: "video/mp4", magic: &[(4, b"ftyp")], shown: false },
    Taken { media_type: "video/webm", magic: &[(0, b"\x1a\x45\xdf\xa3")], shown: false },
    Taken { media_type: "application/zip", magic: &[(0, b"PK")], shown: false },
    Taken {
        media_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        magic: &[(0, b"PK")],
        shown: false,
    },
    Taken {
        media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        magic: &[(0, b"PK")],
        shown: false,
    },
    Taken { media_type: "application/vnd.oasis.opendocument.text", magic: &[(0, b"PK")], shown: false },
];

fn types() -> String {
    TAKEN.iter().map(|taken| taken.media_type).collect::<Vec<_>>().join(", ")
}

fn taken(media_type: &str) -> Option<&'static Taken> {
    TAKEN.iter().find(|taken| taken.media_type == media_type)
}

/// Whether a browser may show files of this type in place.
pub fn is_shown(media_type: &str) -> bool {
    taken(media_type).is_some_and(|taken| taken.shown)
}

/// How a file is kept that has this name, type, size and beginning (its first [`MAGIC_BYTES`], if it has so many).
pub fn label(name: &str, media_type: &str, size_bytes: u64, beginning: &[u8]) -> Result<AttachmentLabel, NotTaken> {
    let name = name.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX || name.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Err(NotTaken::Name);
    }
    if size_bytes == 0 {
        return Err(NotTaken::Empty);
    }
    if size_bytes > BYTES_MAX {
        return Err(NotTaken::TooLarge(size_bytes));
    }
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let taken = taken(&essence).ok_or(NotTaken::Type)?;
    let begins = |&(at, magic): &(usize, &[u8])| beginning.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if !taken.magic.is_empty() && !taken.magic.iter().any(begins) {
        return Err(NotTaken::OtherType);
    }
    Ok(AttachmentLabel { name: name.to_owned(), media_type: essence, size_bytes })
}

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreFileError {
    /// It is not one that is taken.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// It could not be sealed or stored.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
}

/// Seals and stores a whole file; the answer is what a fact holds.
pub async fn store(
    store: &Arc<dyn EventStore>,
    vault: &Arc<Vault>,
    owner: ContactNumber,
    id: AttachmentId,
    file: &NewAttachment,
) -> Result<Attachment, StoreFileError> {
    let label = label(&file.name, &file.media_type, file.bytes.len() as u64, &file.bytes)?;
    let mut writer = Writer::new(Arc::clone(store), Arc::clone(vault), owner, id, label)?;
    writer.write(&file.bytes).await?;
    Ok(writer.finish().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_sizes_are_checked() {
        let png = b"\x89PNG\r\n\x1a\n....";
        assert!(label("a.png", "image/png", 12, png).is_ok());
        assert_eq!(label("a.txt", "Text/Plain; charset=utf-8", 1, b"x").unwrap().media_type, "text/plain");
        assert_eq!(label("../a", "image/png", 12, png), Err(NotTaken::Name));
        assert_eq!(label(" ", "image/png", 12, png), Err(NotTaken::Name));
        assert_eq!(label("a.png", "image/png", 0, b""), Err(NotTaken::Empty));
        assert_eq!(label("a.png", "image/png", BYTES_MAX + 1, png), Err(NotTaken::TooLarge(BYTES_MAX + 1)));
        assert_eq!(label("a.html", "text/html", 1, b"<"), Err(NotTaken::Type));
        assert_eq!(label("a.svg", "image/svg+xml", 1, b"<"), Err(NotTaken::Type));
        assert_eq!(label("a.png", "image/png", 4, b"<htm"), Err(NotTaken::OtherType));
    }
}
