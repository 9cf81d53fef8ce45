//! Service levels: what is promised to whom, the clocks that measure it, and why a clock says what it says.
//! The rules of the clocks stand in one table in `docs/sla.md`. Appending breaches is not done here.

mod calendar;
mod clock;
mod clocks;
mod explain;
mod policy;
mod replay;
mod rules;
mod schedule;
#[cfg(test)]
mod tests;
mod timeline;

pub use calendar::{
    Calendar, CalendarFault, DATES_MAX, Exception, Holiday, LocalTime, NotALocalTime, PERIODS_PER_DAY_MAX, Period, Week,
};
pub use clock::{Clock, Promise, Standstill, Wait};
pub use clocks::{Clocks, End, Ended, Surroundings};
pub use explain::{Breach, Ending, Explanation, Interval, Taken, explain};
pub use policy::{
    Conditions, Counting, Metric, Policy, PolicyFault, Subject, TARGET_SECONDS_MAX, Target, Targets, Warning,
};
pub use replay::{Fate, Groups, Outcome, Replay};
pub use rules::Rules;
pub use schedule::{Rule, Schedule};
pub use timeline::Timeline;
