//! Why the vault did not do what was asked, in words for whoever runs the installation. No error holds plaintext
//! or a key.

use super::disk::Step;
use clew_domain::content::{ContactNumber, ContentId};
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

/// Why keys can't be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The cluster gives no numbers for contents or contacts.
    #[error("no numbers could be leased from the cluster: {0}")]
    NotLeased(String),
    /// The keys were not handed over.
    #[error("the keys were not handed over: {0}")]
    NotHandedOver(&'static str),
    /// Nothing was ever made here.
    #[error("there are no keys in {}; `clew init` makes them", dir.display())]
    NoKeys {
        /// The directory of the keys.
        dir: PathBuf,
    },
    /// Something is there already.
    #[error("{} is not empty; keys are never made over others", dir.display())]
    AlreadyThere {
        /// The directory of the keys.
        dir: PathBuf,
    },
    /// The key of everything is gone.
    #[error(
        "the key file {}/{} {how}. Without it no content can be read: messages, notes, contacts' names and \
         attributes, attachments, saved replies, passwords and channel secrets are lost, and nothing new can be \
         taken in. The facts stay whole: the log, the audit trail and its proofs can still be read and verified: \
         give `--without-keys` to `clew serve`, `clew audit` and the like. If somebody holds a custody copy of the keys, `clew keys import` brings the contents back",
        dir.display(), super::KEK_FILE
    )]
    KekLost {
        /// The directory of the keys.
        dir: PathBuf,
        /// What is the matter with the file.
        how: &'static str,
    },
    /// Another process has them.
    #[error("the keys in {} are in use by another process; stop it first", dir.display())]
    InUse {
        /// The directory of the keys.
        dir: PathBuf,
    },
    /// A later version wrote them.
    #[error(
        "{} is in format {found}, this version of clew knows up to {known}; use the version that wrote it",
        file.display()
    )]
    NewerFormat {
        /// Which file.
        file: PathBuf,
        /// Its format.
        found: u8,
        /// The latest format known here.
        known: u8,
    },
    /// Keys must be writable: erasing is writing.
    #[error("{} can't be written ({cause}); erasing needs to write there, so keys are not used read-only", path.display())]
    NotWritable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: IoError,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {what}; put it back from a backup together with all other files of its directory \
             but the key file, or import a custody copy", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What does not match.
        what: String,
    },
    /// The system refused something.
    #[error("could not {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        cause: IoError,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// 2^40 numbers were given out.
    #[error("all numbers are given out")]
    NumbersExhausted,
    /// A content is over what any store takes.
    #[error("a content of {bytes} bytes is too large")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A value that can't be put into bytes.
    #[error("the content can't be encoded")]
    NotEncodable,
    /// Nothing can be sealed under what was punctured.
    #[error("content {id} can't be sealed: its number or that of contact {owner:?} was erased for good")]
    Erased {
        /// The content's number.
        id: ContentId,
        /// The contact's number.
        owner: ContactNumber,
    },
    /// What belongs to no contact is not forgotten with one.
    #[error("the workspace's own contents can't be forgotten as a whole")]
    WorkspaceStays,
    /// A passphrase that is guessed too soon.
    #[error(
        "the passphrase must have at least {} characters; several random words are best",
        super::custody::PASSPHRASE_CHARACTERS_MIN
    )]
    WeakPassphrase,
    /// The passphrase does not open the copy, or the copy is damaged.
    #[error("the passphrase does not open this custody copy, or the copy is damaged")]
    WrongPassphrase,
    /// The bytes are something else.
    #[error("this is not a custody copy that this version of clew knows")]
    NotACustodyCopy,
    /// A test stopped the vault here.
    #[error("stopped at {0:?}")]
    Stopped(Step),
}

/// Why a content was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was erased for good.
    #[error("content {0} was erased")]
    Erased(ContentId),
    /// It is not what was sealed.
    #[error("content {0} is damaged: {1}")]
    Damaged(ContentId, &'static str),
    /// The keys themselves can't be read.
    #[error(transparent)]
    Keys(#[from] VaultError),
}

impl VaultError {
    pub(super) fn io<'a>(doing: &'static str, path: &'a Path) -> impl Fn(IoError) -> Self + 'a {
        move |cause| match cause.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path: path.to_owned(), cause }
            }
            _ => Self::Io { doing, path: path.to_owned(), cause },
        }
    }

    // `map_err` hands the error over by value.
    #[allow(clippy::needless_pass_by_value)]
    pub(super) fn random(cause: getrandom::Error) -> Self {
        Self::Random(cause.to_string())
    }
}
