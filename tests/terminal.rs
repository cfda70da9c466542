//! Tests that need a real pseudo terminal: whatever ends the console, the terminal is as it was before.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

#[path = "terminal/pty.rs"]
mod pty;

use hopscope::tui::stage::{Bell, Input, Stage, Wish};
use hopscope::tui::terminal::{Settings, play};
use pty::Pty;
use ratatui::Frame;
use rustix::process::Signal;

const HOPSCOPE: &str = env!("CARGO_BIN_EXE_hopscope");

fn console() -> Pty {
    let pty = Pty::spawn(HOPSCOPE, &["demo"], &[]);
    pty.wait_for("traces with errors", |screen| screen.contains("traces with errors") && screen.contains("kafka+"));
    pty
}

fn check(name: &str, code: u32, end: impl FnOnce(&Pty)) {
    let pty = console();
    assert!(pty.is_taken(), "{name}: the console has the terminal");
    end(&pty);
    let ended = pty.end();
    assert_eq!(ended.code, code, "{name}");
    assert!(!ended.is_taken, "{name}: the terminal is not given back: {:?}", ended.screen);
    assert_eq!(ended.modes, ended.modes_before, "{name}: the terminal's modes are not what they were");
}

#[test]
fn whatever_ends_the_console_gives_the_terminal_back() {
    check("q", 0, |pty| pty.send("q"));
    check("Ctrl-c twice", 0, |pty| pty.send("\x03\x03"));
    check("SIGTERM", 143, |pty| pty.signal(Signal::TERM));
    check("SIGINT", 130, |pty| pty.signal(Signal::INT));
    check("SIGQUIT", 131, |pty| pty.signal(Signal::QUIT));
    check("SIGHUP", 129, |pty| pty.signal(Signal::HUP));
}

#[test]
fn the_screen_left_behind_is_text() {
    let pty = console();
    pty.send("Q");
    let ended = pty.end();
    assert_eq!((ended.code, ended.is_taken), (0, false));
    assert!(ended.screen.contains("consumer groups, worst first"), "{}", ended.screen);
}

#[test]
fn a_terminal_that_nobody_reads_does_not_hold_up_the_end() {
    let pty = console();
    pty.stop_reading();
    // More than the line takes: every key is another screen.
    pty.send(&"9120".repeat(400));
    pty.signal(Signal::TERM);
    assert_eq!(pty.end().code, 143);
}

#[test]
fn a_closed_terminal_ends_the_console() {
    console().close_and_wait();
}

#[test]
fn idle_means_no_bytes_and_a_burst_of_keys_few_frames() {
    let pty = console();
    pty.send("0j");
    pty.wait_for("the second row", |screen| screen.contains("[0 Help]") && screen.contains(" 2 of "));
    pty.send("j");
    pty.wait_for("the third row", |screen| screen.contains(" 3 of "));
    let before = pty.received();
    // The answer to this key is the first thing that comes, so nothing came in between.
    pty.send("j");
    pty.wait_for("the fourth row", |screen| screen.contains(" 4 of "));
    let one = pty.received() - before;
    assert!(one <= 600, "one step took {one} bytes");
    let before = pty.received();
    pty.send(&"jk".repeat(500));
    pty.send("jj");
    pty.wait_for("the sixth row", |screen| screen.contains(" 6 of "));
    let burst = pty.received() - before;
    assert!(burst <= 40 * one, "1002 keys took {burst} bytes, one takes {one}");
    pty.send("qq");
    assert_eq!(pty.end().code, 0);
}

#[test]
fn another_size_is_another_screen() {
    let pty = console();
    pty.resize(140, 40);
    pty.wait_for("the wide screen", |screen| screen.lines().any(|line| line.chars().count() > 120));
    pty.resize(30, 8);
    pty.wait_for("the remark", |screen| screen.contains("too small"));
    pty.resize(80, 24);
    pty.wait_for("the list", |screen| screen.contains("consumer groups"));
    pty.send("q");
    assert_eq!(pty.end().code, 0);
}

#[test]
fn a_job_is_stopped_and_comes_back() {
    let shell = Pty::spawn("/bin/sh", &["-i"], &[("PS1", "ready> "), ("ENV", "")]);
    shell.wait_for("the prompt", |screen| screen.contains("ready>"));
    shell.send(&format!("{HOPSCOPE} demo\r"));
    shell.wait_for("the console", |screen| screen.contains("consumer groups"));
    shell.send("\x1a");
    // The normal screen comes back with its old prompts, before the shell writes a new one.
    shell.wait_for("the shell", |screen| screen.matches("ready>").count() == 2);
    assert!(!shell.is_taken(), "a stopped console has given the terminal back");
    shell.send("fg\r");
    shell.wait_for("the console again", |screen| screen.contains("consumer groups"));
    assert!(shell.is_taken());
    shell.send("q");
    shell.wait_for("the shell again", |screen| screen.matches("ready>").count() == 3);
    shell.send("exit\r");
    let ended = shell.end();
    assert_eq!((ended.code, ended.is_taken), (0, false));
}

#[test]
fn where_there_is_no_terminal_the_answer_is_text() {
    let pty = Pty::spawn(HOPSCOPE, &["demo"], &[("TERM", "dumb")]);
    let ended = pty.end();
    assert_eq!(ended.code, 2);
    assert!(ended.screen.contains("TERM is `dumb`"), "{}", ended.screen);
}

/// A stage that panics when it is told to.
struct Fragile;

impl Stage for Fragile {
    fn take(&mut self, input: Input) {
        match input {
            Input::Key(key) if key.code == crossterm::event::KeyCode::Char('m') => panic!("broken on the main thread"),
            Input::Key(key) if key.code == crossterm::event::KeyCode::Char('t') => {
                std::thread::spawn(|| panic!("broken on another thread"));
            }
            Input::Key(_) | Input::Paste(_) | Input::Resized { .. } | Input::Rang => {}
        }
    }

    fn needs_drawing(&self) -> bool {
        false
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        frame.render_widget("the stage stands", frame.area());
    }

    fn wish(&mut self) -> Option<Wish> {
        None
    }
}

/// Not a test by itself: this binary starts itself in a pseudo terminal with the variable set.
#[test]
fn fragile_stage() {
    if std::env::var_os("HOPSCOPE_TEST_STAGE").is_some() {
        play(&Settings::from_environment(), |_: Bell| Fragile).unwrap();
    }
}

#[test]
fn a_panic_anywhere_restores_the_terminal_and_is_readable() {
    let own = std::env::current_exe().unwrap();
    for (key, said) in [("m", "broken on the main thread"), ("t", "broken on another thread")] {
        let arguments = ["fragile_stage", "--exact", "--nocapture"];
        let pty = Pty::spawn(own.to_str().unwrap(), &arguments, &[("HOPSCOPE_TEST_STAGE", "1")]);
        pty.wait_for("the stage", |screen| screen.contains("the stage stands"));
        pty.send(key);
        let ended = pty.end();
        assert_eq!((ended.code, ended.is_taken), (101, false), "{said}");
        assert_eq!(ended.modes, ended.modes_before, "{said}");
        assert!(ended.screen.contains(said), "{}", ended.screen);
    }
}
