//! What is left after a crash: of the process, and of the machine's power.

mod kill;
mod load;
mod power;
