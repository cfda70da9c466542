//! Queues: the record of a partition at an offset or a time, and what two readings say together.

use super::keys::{copied, in_three_sizes, press, pressed};
use super::library::{Answers, Shelf};
use super::{Look, PLAIN, Shown, app, check};
use hopscope::tui::app::App;

/// The partition that stands behind the poison record: the first one that lags.
const STUCK: &str = "5/audit-2<Enter>j";

#[test]
fn the_record_of_a_partition_is_shown() {
    let keys = "5/audit-2<Enter>j<Enter>G";
    in_three_sizes("queues-record", &Shown { keys, ..PLAIN });
    check("queues-record-waiting", &Shown { keys, answers: Answers::NotYet, ..PLAIN });
    check("queues-record-time-80", &Shown { keys: "5/audit-2<Enter>jt20m<Enter>G", ..PLAIN });
    check("queues-record-prompt-80", &Shown { keys: "5/audit-2<Enter>jt+", ..PLAIN });
    check("queues-record-gone-80", &Shown { keys: "5/audit-2<Enter>jt999999<Enter>G", ..PLAIN });
}

#[test]
fn t_goes_to_an_offset_a_step_or_a_time() {
    let mut app = app(Answers::All, None, Look::Dark);
    let tall = |app: &mut App<Shelf>, keys: &str| pressed(app, keys, (80, 60));
    let opened = tall(&mut app, &format!("{STUCK}<Enter>"));
    let shown = |screen: &str| {
        let line = screen.lines().find(|line| line.starts_with("record audit-2@"));
        line.map(|line| line.trim_start_matches("record audit-2@").trim().parse::<i64>().expect("an offset"))
    };
    let next = shown(&opened).unwrap_or_else(|| panic!("the record that is read next: {opened}"));
    assert!(opened.contains("bytes, JSON") && opened.contains("  \"order_id\": "), "{opened}");
    assert_eq!(shown(&tall(&mut app, "t+1<Enter>G")), Some(next + 1));
    assert_eq!(shown(&tall(&mut app, "t-3<Enter>G")), Some(next - 2));
    assert_eq!(copied(&mut app, "id"), format!("audit-2@{}", next - 2), "what is shown is what is copied");
    assert_eq!(copied(&mut app, "command"), format!("hopscope queue record audit-2@{}", next - 2));
    assert!(press(&mut app, "r").contains(&format!("bytes of record audit-2@{}", next - 2)));
    press(&mut app, "<Esc>");
    assert_eq!(shown(&tall(&mut app, "t3<Enter>G")), Some(3));
    let by_time = shown(&tall(&mut app, "t20m<Enter>G")).expect("a record since then");
    assert!(by_time > next, "the poison record is older: {by_time}");
    assert!(press(&mut app, "tnoon<Enter>").contains("is no place"));
    let beyond = tall(&mut app, "t999999<Enter>");
    assert!(beyond.contains("is not written: the log ends at"), "{beyond}");
    let story = press(&mut app, &format!("t{next}<Enter>f"));
    assert!(story.contains("[2 Story]") && story.contains(&format!("audit-2@{next}")), "{story}");
}

#[test]
fn a_time_needs_a_partition() {
    let mut app = app(Answers::All, None, Look::Dark);
    assert!(press(&mut app, "5gt").contains("this row is none"), "a group has many partitions");
}

#[test]
fn two_readings_make_a_trend_and_one_does_not() {
    let mut app = app(Answers::All, None, Look::Dark);
    let one = press(&mut app, &format!("{STUCK}d"));
    assert!(one.contains("cannot tell from one reading"), "{one}");
    let two = press(&mut app, "<Esc>Rd");
    for word in ["rising, ", "in 30s", "no commit: no commit within 30s while 7 came in", "looks the same"] {
        assert!(
            two.replace('\n', " ").split_whitespace().collect::<Vec<_>>().join(" ").contains(word),
            "{word}: {two}"
        );
    }
    assert!(press(&mut app, "<Esc>").contains("rising: no commit"), "the list tells it, too");
    in_three_sizes("queues-trend", &Shown { keys: "5R", ..PLAIN });
}
