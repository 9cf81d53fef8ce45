//! Projections of the real program: rebuilt while it serves, killed in the middle, gone on with, exchanged; and the
//! command line beside it.

mod program;
mod rebuilt_under_load;
