//! Tests that need a real pseudo terminal: whatever ends the console, the terminal is as it was before.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

#[path = "rude/peer.rs"]
#[allow(dead_code, reason = "only some of its acts are needed here")]
mod peer;
#[path = "terminal/pty.rs"]
mod pty;
#[path = "terminal/stage.rs"]
mod stage;

use hopscope::tui::terminal::{Settings, play};
use peer::{Act, Framing, Peer};
use pty::Pty;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use rustix::process::Signal;
use stage::{Trial, pattern};
use std::sync::Arc;

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
fn a_closed_terminal_ends_the_console() {
    assert_eq!(console().hang_up("j"), 129);
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

/// A server that is polite until spans are asked for.
fn stuck(acts: &[Act], request: &[u8]) -> Vec<Act> {
    let request = String::from_utf8_lossy(request);
    let body = match () {
        () if request.contains("trace-summaries") => r#"{"summaries":[]}"#,
        () if request.contains("/services") => r#"{"services":["shop"]}"#,
        () => return acts.to_vec(),
    };
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    vec![Act::Send(head.into_bytes())]
}

/// An answer that never ends holds up no key: there is no time-out and no budget here that could end it first.
#[test]
fn a_stuck_answer_holds_up_no_key() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let flood = |begin: &str, byte: u8| {
        let begin = format!("{HEAD}{:x}\r\n{begin}\r\n", begin.len()).into_bytes();
        vec![Act::Send(begin), Act::Flood([b"1000\r\n", &[byte; 4096][..], b"\r\n"].concat())]
    };
    let cases = [
        ("silence", vec![Act::Hold]),
        ("a dripping head", vec![Act::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), Act::Drip]),
        ("a flood of white space", flood("{", b' ')),
        ("a flood of brackets", flood("{\"x\":", b'[')),
        ("a row without end", flood("{\"result\":{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"", b'a')),
    ];
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    std::fs::write(&file, "[limits]\nrequest_timeout = \"10m\"\ntimeout = \"10m\"\nbytes = \"1024GiB\"\n").unwrap();
    for (name, acts) in cases {
        let server = Peer::start(Framing::Http, Arc::new(move |_, request| stuck(&acts, request)));
        let url = format!("http://{}", server.address);
        let pty = Pty::spawn(HOPSCOPE, &["--jaeger", &url], &[("HOPSCOPE_CONFIG", file.to_str().unwrap())]);
        let is_asked = || server.texts().iter().any(|request| request.contains("/api/v3/traces"));
        pty.send("?");
        pty.wait_for(&format!("help during {name}"), |screen| screen.contains("[0 Help]") && is_asked());
        pty.send("\x1b");
        pty.wait_for(&format!("the first screen during {name}"), |screen| screen.contains("[1 Now]"));
        pty.send("\x03\x03");
        let ended = pty.end();
        assert_eq!((ended.code, ended.is_taken), (0, false), "{name}: {}", ended.screen);
    }
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
    for term in ["dumb", ""] {
        let pty = Pty::spawn(HOPSCOPE, &["demo"], &[("TERM", term)]);
        let ended = pty.end();
        // The demo's incident is found, and told in lines: nothing was placed on the screen.
        assert_eq!((ended.code, ended.is_taken), (0, false), "{}", ended.screen);
        assert!(ended.screen.contains("spans failed"), "{}", ended.screen);
    }
}

/// Not a test by itself: this binary starts itself in a pseudo terminal with the variable set.
#[test]
fn stage_under_test() {
    if std::env::var_os("HOPSCOPE_TEST_STAGE").is_some() {
        let ended = play(&Settings::from_environment(), Trial::new).unwrap();
        std::process::exit(ended.signal.map_or(0, |signal| 128 + signal));
    }
}

const STAGE: [&str; 3] = ["stage_under_test", "--exact", "--nocapture"];

fn own() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

fn stage() -> Pty {
    let pty = Pty::spawn(&own(), &STAGE, &[("HOPSCOPE_TEST_STAGE", "1")]);
    pty.wait_for("the stage", |screen| screen.contains("the stage: 0 keys"));
    pty
}

fn check_stage(name: &str, code: u32, end: impl FnOnce(&Pty)) -> String {
    let pty = stage();
    end(&pty);
    let ended = pty.end();
    assert_eq!((ended.code, ended.is_taken), (code, false), "{name}: {}", ended.screen);
    assert_eq!(ended.modes, ended.modes_before, "{name}");
    ended.screen
}

#[test]
fn a_panic_anywhere_restores_the_terminal_and_is_readable() {
    for (key, said) in [("m", "broken on the main thread"), ("t", "broken on another thread")] {
        let screen = check_stage(said, 101, |pty| pty.send(key));
        assert!(screen.contains(said), "{screen}");
    }
}

/// The console prints a panic itself, once it has given the terminal back.
#[test]
fn a_panic_over_settings_prints_no_secret() {
    let said = |key: &str| {
        let screen = check_stage("a panic", 101, |pty| pty.send(key));
        // Long lines are cut at the screen's edge.
        screen.split_whitespace().collect::<String>()
    };
    let (settings, secret) = (said("s"), said("c"));
    assert!(settings.contains("X-Api-Key") && !settings.contains(stage::CANARY), "{settings}");
    assert!(secret.contains(stage::CANARY), "a search that can find: {secret}");
}

#[test]
fn a_line_that_takes_nothing_does_not_hold_up_the_end() {
    check_stage("stalled", 143, |pty| {
        pty.resize(400, 150);
        pty.wait_for("the large screen", |screen| screen.contains("400x150"));
        pty.stop_reading();
        // The stage asks for its own end once the frame of a megabyte is under way.
        pty.send("n");
    });
}

#[test]
fn a_loop_that_is_stuck_is_ended_by_force() {
    check_stage("stuck", 143, |pty| {
        pty.send("h");
        pty.wait_for("the last words", |screen| screen.contains("last words"));
        pty.signal(Signal::TERM);
    });
}

#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_the_stage() {
    // Only the session's leader gets SIGHUP, and this one keeps it for itself.
    let own = own();
    let script = ["-c", "trap '' HUP; \"$@\"; exit $?", "sh", &own].into_iter().chain(STAGE).collect::<Vec<_>>();
    let pty = Pty::spawn("/bin/sh", &script, &[("HOPSCOPE_TEST_STAGE", "1")]);
    pty.wait_for("the stage", |screen| screen.contains("the stage: 0 keys"));
    assert_eq!(pty.hang_up("x"), 129);
}

#[test]
fn without_a_shell_above_nothing_is_suspended() {
    check_stage("Ctrl-z", 0, |pty| {
        pty.send("z");
        pty.signal(Signal::TSTP);
        pty.send("x");
        pty.wait_for("the answer", |screen| screen.contains("the stage: 2 keys"));
        pty.send("q");
    });
}

#[test]
fn thousands_of_waiting_keys_are_all_taken_in_few_frames() {
    check_stage("burst", 0, |pty| {
        pty.send(&"x".repeat(3000));
        pty.wait_for("every key", |screen| screen.contains("the stage: 3000 keys"));
        let screen = pty.screen();
        let frames = screen.split_once("keys, ").and_then(|(_, rest)| rest.split(' ').next());
        let frames: usize = frames.unwrap().parse().unwrap();
        assert!(frames <= 100, "{frames} frames");
        pty.send("q");
    });
}

#[test]
fn the_screen_shows_what_was_drawn() {
    check_stage("pattern", 0, |pty| {
        let mut drawn = Buffer::empty(Rect::new(0, 0, 80, 24));
        pattern(drawn.area, &mut drawn);
        let corner = drawn[(78, 23)].symbol().to_owned();
        pty.send("p");
        pty.wait_for_cells("the pattern", |screen| screen.cell(23, 78).is_some_and(|cell| cell.contents() == corner));
        pty.look(|screen| assert_eq!(differences(&drawn, screen), [""; 0]));
        pty.send("q");
    });
}

fn differences(drawn: &Buffer, screen: &vt100::Screen) -> Vec<String> {
    let colour = |colour: Color| match colour {
        Color::Indexed(index) => vt100::Color::Idx(index),
        Color::Rgb(red, green, blue) => vt100::Color::Rgb(red, green, blue),
        _ => vt100::Color::Default,
    };
    let mut found = Vec::new();
    for position in drawn.area.positions() {
        let expected = &drawn[position];
        let cell = screen.cell(position.y, position.x).unwrap();
        if cell.is_wide_continuation() {
            continue;
        }
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let has = |modifier| expected.modifier.contains(modifier);
        let attributes =
            (has(Modifier::BOLD), has(Modifier::REVERSED), has(Modifier::ITALIC), has(Modifier::UNDERLINED));
        // The colour of a blank is not seen, and not sent.
        let is_seen = text != " " || has(Modifier::REVERSED) || has(Modifier::UNDERLINED);
        let is_written = cell.fgcolor() == colour(expected.fg)
            && (cell.bold(), cell.inverse(), cell.italic(), cell.underline()) == attributes;
        let is_plain = !cell.inverse() && !cell.underline();
        if text != expected.symbol()
            || cell.bgcolor() != colour(expected.bg)
            || !(if is_seen { is_written } else { is_plain })
        {
            found.push(format!("{position}: {expected:?} became {cell:?}"));
        }
    }
    found
}
