//! The demo's life: announces, serves, ends on a signal.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn serving_ends_on_a_signal_with_its_code() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hopscope"))
            .args(["demo", "--serve"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut announced = Vec::new();
        for line in stdout.lines() {
            let line = line.unwrap();
            let last = line.starts_with("serving");
            announced.push(line);
            if last {
                break;
            }
        }
        for source in ["jaeger http://127.0.0.1:", "loki   http://127.0.0.1:", "kafka  127.0.0.1:"] {
            assert!(announced.iter().any(|line| line.starts_with(source)), "{source} in {announced:?}");
        }
        kill_process(Pid::from_child(&child), signal).expect("the program is running");
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}
