//! The console without a terminal: keys from a script, the screen as text, as styles or as a picture.

use super::app::App;
use super::engine::Engine;
use super::keys::Press;
use super::stage::{Input, Stage, Wish};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ratatui::{Terminal, backend::TestBackend};
use std::fmt::Write;

/// How a screen is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its text.
    Text,
    /// Its text, and below each line where which style begins.
    Styles,
    /// A picture (SVG).
    Picture,
}

/// Plays a script and returns the last screen. `wait` is called while answers are awaited; it returns when the bell
/// has rung (`true`) or must not be waited for any longer (`false`).
pub fn play<E: Engine>(
    app: &mut App<E>,
    script: &[Press],
    (columns, rows): (u16, u16),
    mut wait: impl FnMut() -> bool,
) -> Buffer {
    app.take(Input::Resized { columns, rows });
    let mut settle = |app: &mut App<E>| {
        while app.is_busy() && wait() {
            app.take(Input::Rang);
        }
        app.take(Input::Rang);
    };
    settle(app);
    let mut screen = shown(app, columns, rows);
    for press in script {
        app.take(Input::Key(press.event()));
        settle(app);
        match app.wish() {
            Some(Wish::End(_)) => {
                screen = shown(app, columns, rows);
                break;
            }
            Some(Wish::Copy(lines)) => {
                let bytes = lines.iter().map(|line| line.as_str().len() + 1).sum::<usize>() - 1;
                app.take(Input::Said(format!("{bytes} bytes; there is no terminal that could take them").into()));
            }
            Some(Wish::Suspend | Wish::Repaint) | None => {}
        }
        screen = shown(app, columns, rows);
    }
    screen
}

/// Draws one frame.
pub fn shown<S: Stage>(stage: &mut S, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("drawing into memory cannot fail");
    terminal.draw(|frame| stage.draw(frame)).expect("drawing into memory cannot fail");
    terminal.backend().buffer().clone()
}

/// Writes a screen.
pub fn write(screen: &Buffer, form: Form) -> String {
    match form {
        Form::Text => rows(screen).map(|row| text(row) + "\n").collect(),
        Form::Styles => styles(screen),
        Form::Picture => picture(screen),
    }
}

fn rows(screen: &Buffer) -> impl Iterator<Item = &[Cell]> {
    screen.content.chunks(usize::from(screen.area.width.max(1)))
}

/// Cells behind a wide character are empty and belong to it.
fn text(row: &[Cell]) -> String {
    let mut out = String::new();
    let mut skip = 0;
    for cell in row {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        out.push_str(cell.symbol());
        skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
    }
    out.trim_end().to_owned()
}

fn styles(screen: &Buffer) -> String {
    let (mut legend, mut out): (Vec<String>, String) = (Vec::new(), String::new());
    for row in rows(screen) {
        out.push_str(&text(row));
        out.push('\n');
        let mut line = String::new();
        for cell in row {
            let mut style = Vec::new();
            for (name, colour) in [("fg", cell.fg), ("bg", cell.bg)] {
                if colour != Color::Reset {
                    style.push(format!("{name} {colour}"));
                }
            }
            for (name, _) in cell.modifier.iter_names() {
                style.push(name.to_lowercase());
            }
            let style = style.join(" ");
            let sign = if style.is_empty() {
                ' '
            } else {
                let at = legend.iter().position(|known| *known == style).unwrap_or_else(|| {
                    legend.push(style);
                    legend.len() - 1
                });
                char::from(b'a' + (at % 26) as u8)
            };
            line.push(sign);
        }
        if !line.trim_end().is_empty() {
            writeln!(out, "{}", line.trim_end()).expect("a string takes any text");
        }
    }
    for (at, style) in legend.iter().enumerate() {
        writeln!(out, "{}: {style}", char::from(b'a' + (at % 26) as u8)).expect("a string takes any text");
    }
    out
}

/// Cell size in the picture, and the size of its letters, in pixels.
const CELL: (f64, f64, f64) = (8.4, 18.0, 14.0);
const GROUND: &str = "#101418";
const INK: &str = "#d7dce2";

fn picture(screen: &Buffer) -> String {
    let (width, height) = (f64::from(screen.area.width) * CELL.0, f64::from(screen.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"{}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{GROUND}\"/>\n",
        CELL.2
    );
    for (y, row) in rows(screen).enumerate() {
        let mut x = 0;
        while x < row.len() {
            let first = &row[x];
            let run = row[x..].iter().take_while(|cell| look(cell) == look(first)).count();
            draw_run(&mut out, &row[x..x + run], x, y);
            x += run;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

fn draw_run(out: &mut String, run: &[Cell], x: usize, y: usize) {
    let (mut fg, mut bg, modifier) = {
        let (fg, bg, modifier) = look(&run[0]);
        (hex(fg).unwrap_or_else(|| INK.into()), hex(bg), modifier)
    };
    if modifier.contains(Modifier::REVERSED) {
        (fg, bg) = (bg.unwrap_or_else(|| GROUND.into()), Some(fg));
    }
    let (left, top) = (x as f64 * CELL.0, y as f64 * CELL.1);
    if let Some(bg) = bg {
        let width = run.len() as f64 * CELL.0;
        writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{bg}\"/>",
            CELL.1
        )
        .expect("a string takes any text");
    }
    let told = text(run);
    if told.trim().is_empty() {
        return;
    }
    let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let length = unicode_width::UnicodeWidthStr::width(told.as_str()) as f64 * CELL.0;
    writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{:.1}\" fill=\"{fg}\"{weight}{line} textLength=\"{length:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>",
        top + CELL.1 * 0.76,
        escaped(&told)
    )
    .expect("a string takes any text");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex(colour: Color) -> Option<String> {
    const SIXTEEN: [&str; 16] = [
        "#1d1f21", "#dd6705", "#0e9d72", "#ede038", "#6fb3ff", "#b294bb", "#5cc4ff", "#d7dce2", "#66717d", "#ff7b72",
        "#56d364", "#ede038", "#6fb3ff", "#b77ee0", "#54ced6", "#ffffff",
    ];
    match colour {
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Indexed(index @ 0..=15) => Some(SIXTEEN[usize::from(index)].to_owned()),
        Color::Indexed(index @ 16..=231) => {
            let level = |part: u8| [0u8, 95, 135, 175, 215, 255][usize::from(part % 6)];
            let cube = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", level(cube / 36), level(cube / 6), level(cube)))
        }
        Color::Indexed(index) => {
            let grey = 8 + (index - 232) * 10;
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        _ => None,
    }
}
