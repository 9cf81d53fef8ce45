//! `clew mask status`: what the log orders to be erased, and what each order has still to reach. The server must not
//! run; nothing of what was erased is shown, for nothing of it is there.

use super::{Exit, Failure};
use crate::config::{Config, Options, Place};
use clap::{Args, Subcommand};
use clew_eventstore::backends::embedded;
use clew_eventstore::erasure::{Act, Order, orders};
use clew_eventstore::store::StoreError;
use clew_eventstore::vault::{Custody, Vault};

/// The arguments of `clew mask`.
#[derive(Args)]
pub(super) struct Mask {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List what is not erased everywhere yet
    Status {
        /// List every mask, also those that have nothing left to reach
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
}

impl Mask {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Action::Status { all, place } = self.action;
        let data = Config::resolve(&place, Options::default())?.data;
        let custody = Vault::open(&data.join("keys"))?.status()?.custody;
        let (store, _) = embedded::Store::open(&data.join("log"), embedded::Options::default()).map_err(unreadable)?;
        let orders = orders(&store).await.map_err(unreadable)?;
        for order in &orders {
            let left = left_to_reach(order, &custody);
            if all || !left.is_empty() {
                println!("{}", line(order, &left));
            }
        }
        let pending = orders.iter().filter(|order| order.completed_at.is_none()).count();
        println!("{} erasures were ordered, {pending} are not completed.", orders.len());
        Ok(())
    }
}

// `map_err` hands the error over by value.
#[allow(clippy::needless_pass_by_value)]
fn unreadable(error: StoreError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

/// Where what is erased could still be had.
fn left_to_reach(order: &Order, custody: &[Custody]) -> Vec<String> {
    let mut left = Vec::new();
    if order.completed_at.is_none() {
        left.push("the keys and ciphertexts here: the next start completes it".to_owned());
    }
    let copies = custody.iter().filter(|copy| copy.exported_at_micros <= order.at.micros());
    left.extend(copies.map(|copy| format!("custody copy {} of {}", copy.generation, copy.holder)));
    left
}

fn line(order: &Order, left: &[String]) -> String {
    let act = match order.act {
        Act::Masked => "masked",
        Act::Forgotten => "forgotten",
        Act::Replaced => "replaced or deleted",
    };
    let left = if left.is_empty() { "nothing".to_owned() } else { left.join("; ") };
    format!("{}  {act}  {}  fact {}  still to reach: {left}", order.at, order.stream, order.of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clew_domain::fact::Actor;
    use clew_domain::ids::{EventId, StreamId};
    use clew_domain::time::Timestamp;
    use uuid::Uuid;

    #[test]
    fn a_mask_has_to_reach_every_custody_copy_that_is_older() {
        let mut order = Order {
            of: EventId(Uuid::nil()),
            stream: StreamId::WORKSPACE,
            by: Actor::System,
            at: Timestamp::from_micros(100),
            act: Act::Masked,
            contents: 1,
            completed_at: None,
        };
        let copy = |generation, at| Custody { holder: "safe".into(), generation, exported_at_micros: at };
        let custody = [copy(4, 99), copy(5, 101)];
        assert_eq!(left_to_reach(&order, &custody).len(), 2);
        order.completed_at = Some(Timestamp::from_micros(102));
        let left = left_to_reach(&order, &custody);
        assert_eq!(left, ["custody copy 4 of safe"]);
        assert!(line(&order, &left).ends_with("still to reach: custody copy 4 of safe"));
        assert!(line(&order, &[]).ends_with("still to reach: nothing"));
    }
}
