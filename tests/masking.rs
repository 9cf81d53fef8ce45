//! Nothing that a person wrote is ever in the clear on the disk, and what is masked is nowhere: by the program itself,
//! which is ended at any moment and whose every file is searched.

pub(crate) mod doors;
mod feed;
mod keys;
mod search;
pub(crate) mod server;
