//! What is left after a crash, of the process or of the machine's power; and what is refused by a log that can't be
//! opened or takes no more.

mod everywhere;
mod kill;
mod load;
mod outage;
mod overload;
mod power;
mod refused;
