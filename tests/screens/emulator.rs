//! The bytes of the encoder, read by a terminal emulator, give the screen that was drawn: the same one that the backend
//! of crossterm gives, cell by cell.

use hopscope::tui::terminal::encode::Encoder;
use proptest::prelude::*;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::io::Write;

const SIZE: (u16, u16) = (24, 6);

/// A piece of text somewhere: column, row, words, style.
type Piece = (u16, u16, String, Style);

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let words = proptest::sample::select(vec![
        "a",
        "lag 12",
        "│",
        "…",
        "      ",
        "            ",
        "漢字",
        "é",
        "x   y",
        "─────",
    ]);
    let colour = proptest::sample::select(vec![
        Color::Reset,
        Color::Red,
        Color::Indexed(245),
        Color::Rgb(1, 2, 3),
        Color::White,
    ]);
    let modifier = proptest::sample::select(vec![
        Modifier::empty(),
        Modifier::BOLD,
        Modifier::REVERSED,
        Modifier::UNDERLINED,
        Modifier::BOLD.union(Modifier::ITALIC),
    ]);
    let style = (colour.clone(), colour, modifier)
        .prop_map(|(fg, bg, modifier)| Style::new().fg(fg).bg(bg).add_modifier(modifier));
    prop::collection::vec((0..SIZE.0, 0..SIZE.1, words.prop_map(str::to_owned), style), 0..14)
}

fn buffer(pieces: &[Piece]) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    for (x, y, words, style) in pieces {
        buffer.set_string(*x, *y, words, *style);
    }
    buffer
}

/// What is seen in each cell. Of a blank only what is behind it, and what is drawn over it.
fn seen(screen: &vt100::Screen) -> Vec<String> {
    let cell = |row, column| {
        let cell = screen.cell(row, column).unwrap();
        let text = if cell.contents().trim().is_empty() { String::new() } else { cell.contents().to_owned() };
        let over = (cell.inverse(), cell.underline());
        if text.is_empty() && over == (false, false) {
            return format!("{row},{column} blank on {:?}", cell.bgcolor());
        }
        format!(
            "{row},{column} {text} {:?} on {:?} {over:?} {} {}",
            cell.fgcolor(),
            cell.bgcolor(),
            cell.bold(),
            cell.italic()
        )
    };
    (0..SIZE.1)
        .flat_map(|row| (0..SIZE.0).map(move |column| (row, column)))
        .map(|(row, column)| cell(row, column))
        .collect()
}

/// Bytes that a frame may take more than the library's: behind the half of a wide sign nobody knows the place, so that it is
/// told, and whether a style is changed for one cell is not looked at from the next one.
const MORE: usize = 40;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_was_drawn(frames in prop::collection::vec(pieces(), 1..5)) {
        let terminal = || vt100::Parser::new(SIZE.1.try_into().unwrap(), SIZE.0.try_into().unwrap(), 0);
        let (mut ours, mut theirs) = (terminal(), terminal());
        let mut before = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
        let (mut few, mut many) = (0, 0);
        let mut encoder = Encoder::new(SIZE.0, SIZE.1);
        for frame in &frames {
            let now = buffer(frame);
            let changes = before.diff(&now);
            encoder.draw(changes.iter().copied()).unwrap();
            let bytes = encoder.take();
            let mut sink = Vec::new();
            let mut backend = CrosstermBackend::new(&mut sink);
            backend.draw(changes.iter().copied()).unwrap();
            Write::flush(&mut backend).unwrap();
            (few, many) = (few + bytes.len(), many + sink.len());
            ours.write_all(&bytes).unwrap();
            theirs.write_all(&sink).unwrap();
            prop_assert_eq!(seen(ours.screen()), seen(theirs.screen()));
            before = now;
        }
        prop_assert!(few <= 2 * many + MORE, "{} bytes for {}", few, many);
    }
}
