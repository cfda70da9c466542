//! A stage for tests: it misbehaves when it is told to.

use crossterm::event::KeyCode;
use hopscope::config::{Credential, HttpEndpoint, HttpLogin, Profile};
use hopscope::tui::stage::{Bell, Input, Stage, Wish};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use std::collections::VecDeque;

/// A secret of the settings.
pub const CANARY: &str = "canary-7d1f4c-of-the-panic";

/// Settings with secrets, as a console holds them.
fn settings() -> Profile {
    let given = || Credential::Text(CANARY.to_owned().into());
    let mut endpoint = HttpEndpoint::new("http://127.0.0.1:9".parse().expect("an address"));
    endpoint.login = Some(HttpLogin::Basic("reader".to_owned(), given()));
    endpoint.headers = vec![("X-Api-Key".to_owned(), CANARY.to_owned().into())];
    endpoint.secret_headers = vec![("X-Other".to_owned(), given())];
    Profile { jaeger: Some(endpoint.clone()), loki: Some(endpoint), ..Profile::default() }
}

/// What the stage shows.
enum Shown {
    /// One line, with the keys and frames so far.
    Counts,
    /// A pattern of widths, colours and attributes.
    Pattern,
    /// Cells of which no two neighbours are alike: a frame that no line takes at once.
    Noise,
    /// The last words before the loop is held up for ever.
    LastWords,
}

pub struct Trial {
    shown: Shown,
    keys: usize,
    frames: usize,
    dirty: bool,
    bell: Bell,
    wishes: VecDeque<Wish>,
}

impl Trial {
    pub fn new(bell: Bell) -> Self {
        Self { shown: Shown::Counts, keys: 0, frames: 0, dirty: true, bell, wishes: VecDeque::new() }
    }

    fn show(&mut self, shown: Shown) {
        (self.shown, self.dirty) = (shown, true);
    }
}

/// Draws every kind of cell that could come out differently on the wire.
pub fn pattern(area: Rect, buffer: &mut Buffer) {
    let texts = ["a", "é", "│", "世", "e\u{301}", " ", "█", "Z"];
    let colours = [Color::Reset, Color::Indexed(9), Color::Indexed(200), Color::Rgb(1, 22, 233)];
    let attributes = [Modifier::empty(), Modifier::BOLD, Modifier::REVERSED, Modifier::ITALIC | Modifier::UNDERLINED];
    let mut seed = 7_usize;
    let mut pick = |count: usize| {
        seed = (seed * 75 + 74) % 65_537;
        seed % count
    };
    for y in area.top()..area.bottom() {
        for x in (area.left()..area.right().saturating_sub(1)).step_by(2) {
            let style = Style::new().fg(colours[pick(4)]).bg(colours[pick(4)]).add_modifier(attributes[pick(4)]);
            buffer.set_string(x, y, texts[pick(8)], style);
        }
    }
}

/// Says whether the line takes something soon. While another thread is just writing it does not, so one look is not
/// enough.
fn is_writable() -> bool {
    let (stdout, soon) = (std::io::stdout(), Timespec { tv_sec: 0, tv_nsec: 250_000_000 });
    poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], Some(&soon)).unwrap() > 0
}

impl Stage for Trial {
    fn take(&mut self, input: Input) {
        match input {
            Input::Key(key) => {
                self.keys += 1;
                match key.code {
                    KeyCode::Char('m') => panic!("broken on the main thread"),
                    KeyCode::Char('s') => panic!("broken over the settings {:?}", settings()),
                    KeyCode::Char('c') => panic!("broken over the secret {CANARY}"),
                    KeyCode::Char('t') => drop(std::thread::spawn(|| panic!("broken on another thread"))),
                    KeyCode::Char('p') => self.show(Shown::Pattern),
                    KeyCode::Char('n') => self.show(Shown::Noise),
                    KeyCode::Char('h') => self.show(Shown::LastWords),
                    KeyCode::Char('z') => self.wishes.push_back(Wish::Suspend),
                    KeyCode::Char('q') => self.wishes.push_back(Wish::End(Vec::new())),
                    _ => self.show(Shown::Counts),
                }
            }
            // Rung while the noise was drawn: now it is with the writer, which cannot get rid of it.
            Input::Rang if matches!(self.shown, Shown::Noise) => {
                while is_writable() {
                    std::thread::yield_now();
                }
                kill_process(getpid(), Signal::TERM).unwrap();
            }
            Input::Rang if matches!(self.shown, Shown::LastWords) => loop {
                std::thread::park();
            },
            Input::Paste(_) | Input::Resized { .. } | Input::Rang | Input::Said(_) => {}
        }
    }

    fn needs_drawing(&self) -> bool {
        self.dirty
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        self.dirty = false;
        self.frames += 1;
        match self.shown {
            Shown::Counts => {
                let Rect { width, height, .. } = frame.area();
                let counts = format!("the stage: {} keys, {} frames, {width}x{height}", self.keys, self.frames);
                frame.render_widget(counts, frame.area());
            }
            Shown::Pattern => pattern(frame.area(), frame.buffer_mut()),
            Shown::Noise => {
                for (at, cell) in (0_u8..=255).cycle().zip(&mut frame.buffer_mut().content) {
                    cell.set_style(Style::new().bg(Color::Rgb(at, 255 - at, at / 2)));
                }
                (self.bell)();
            }
            Shown::LastWords => {
                frame.render_widget("the stage: last words", frame.area());
                (self.bell)();
            }
        }
    }

    fn wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }
}
