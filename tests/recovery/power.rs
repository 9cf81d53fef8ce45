//! The power fails while commits are written: what was acknowledged is there when it is back. Needs root, loop devices
//! and ext4; without them the test is skipped.

use super::load;
use crate::support::machine::Machine;

/// Fails the power so many times; answers how many acknowledged commits were lost, or that the log was damaged.
fn lost(machine: &mut Machine, rounds: u64, lying: bool) -> u64 {
    let mut lost = 0;
    for round in 0..rounds {
        let mut appender = load::spawn(&machine.log(), lying);
        appender.wait_for(20 + round * 53 % 500);
        machine.fail().expect("ext4 can be shut down");
        let acknowledged = appender.kill();
        machine.unmount().expect("unmounted");
        machine.mount().expect("mounted again");
        lost += if lying {
            // What such a store leaves behind may be damaged beyond opening, which is a loss as well.
            std::panic::catch_unwind(|| load::missing(&machine.log(), &acknowledged)).unwrap_or(1)
        } else {
            load::missing(&machine.log(), &acknowledged)
        };
        if lying && lost > 0 {
            break;
        }
    }
    lost
}

#[test]
fn without_power_nothing_acknowledged_is_lost_and_a_store_that_does_not_sync_is_caught() {
    let Some(mut machine) = Machine::whose_power_can_fail() else { return };
    assert_eq!(lost(&mut machine, 20, false), 0);
    std::fs::remove_dir_all(machine.log()).expect("removed");
    assert!(lost(&mut machine, 20, true) > 0, "a store that answers before it syncs is caught");
}
