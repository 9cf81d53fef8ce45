//! What is left after a crash, of the process or of the machine's power; and what is refused by a log that can't be
//! opened or takes no more.

mod kill;
mod load;
mod overload;
mod power;
mod refused;
