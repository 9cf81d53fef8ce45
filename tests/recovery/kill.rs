//! The process is ended at any moment, over and over: nothing acknowledged is lost.

use super::load;

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut most = 0;
    for round in 0..24_u64 {
        let mut appender = load::spawn(dir.path(), false);
        appender.wait_for(1 + round * 37 % 400);
        let acknowledged = appender.kill();
        most = most.max(acknowledged.iter().sum());
        assert_eq!(load::missing(dir.path(), &acknowledged), 0, "round {round}");
    }
    assert!(most > 500, "the rounds did something: {most}");
}
