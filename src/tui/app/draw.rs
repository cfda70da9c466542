//! Draws the whole screen: bar, head, list, detail, bottom line.

use super::App;
use super::Form;
use super::looks::PARTS;
use super::prompt::{Kind, OFFERED};
use crate::model::SafeText;
use crate::model::now::Light;
use crate::tui::command::COMMANDS;
use crate::tui::engine::Engine;
use crate::tui::look::{Align, Role, Stripe};
use crate::tui::screens::SCREENS;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Smallest screen that makes sense.
const LEAST: (u16, u16) = (40, 10);
/// From here on list and detail stand side by side.
pub(super) const PANES: u16 = 100;
/// Other identifiers of a story that are hidden whatever they look like.
const KNOWN: usize = 50;
/// Lines of a description that are laid out.
const LINES: usize = 2_000;

/// Which screens are named in the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    All,
    OfTheShown,
}

impl<E: Engine> App<E> {
    /// Says whether the detail stands beside the list.
    pub(super) fn has_panes(&self) -> bool {
        self.size.0 >= PANES && PARTS[self.part] < 6
    }

    /// Returns the width of the list when panes stand side by side.
    pub(super) fn list_width(&self) -> u16 {
        self.size.0 - self.size.0 * (6 - PARTS[self.part]) / 6
    }

    /// Returns the rows of the list.
    pub(super) fn body_height(&self) -> u16 {
        let head = self.shown().head(&self.facts).len() as u16;
        self.size.1.saturating_sub(head + 3)
    }

    /// Returns the screen as lines of text, to be left behind.
    pub(super) fn lines(&mut self) -> Vec<SafeText> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1.saturating_sub(1)));
        self.paint(&mut buffer);
        let mut lines: Vec<SafeText> = buffer
            .content
            .chunks(usize::from(self.size.0.max(1)))
            .map(|row| SafeText::new(row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end()))
            .collect();
        while lines.last().is_some_and(SafeText::is_empty) {
            lines.pop();
        }
        lines
    }

    /// Draws everything.
    pub(super) fn paint(&mut self, buffer: &mut Buffer) {
        self.catch_up();
        let area = buffer.area;
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let text = format!("{}x{} is too small; {}x{} is needed", area.width, area.height, LEAST.0, LEAST.1);
            self.pen.put(buffer, area.x, area.y, area.width, &text.into(), Role::Warn);
            return;
        }
        self.bar(buffer, Rect { height: 1, ..area });
        let head = self.shown().head(&self.facts);
        let mut y = area.y + 1;
        for stripe in &head {
            self.draw_stripe(buffer, Rect { y, height: 1, ..area }, stripe);
            y += 1;
        }
        let body = Rect { y, height: area.bottom().saturating_sub(y + 2), ..area };
        if self.detail.is_some() {
            self.describe(buffer, body);
        } else if self.has_panes() {
            let list = Rect { width: self.list_width(), ..body };
            self.list(buffer, list);
            self.pane(buffer, Rect { x: list.right(), width: body.width - list.width, ..body });
        } else {
            self.list(buffer, body);
        }
        self.menu(buffer, body);
        self.foot(buffer, Rect { y: area.bottom() - 2, height: 2, ..area });
    }

    /// Draws a line of data, with its ids hidden when values are.
    pub(super) fn draw_stripe(&self, buffer: &mut Buffer, place: Rect, stripe: &Stripe) {
        if self.facts.is_veiled {
            self.pen.stripe(buffer, place, &self.facts.veil.stripe(stripe, &self.known()));
        } else {
            self.pen.stripe(buffer, place, stripe);
        }
    }

    /// Returns the texts that name what the story is about, whatever they look like.
    fn known(&self) -> Vec<SafeText> {
        let story = self.facts.story.iter();
        let anchors = story.clone().map(|story| story.anchor.identity.to_string());
        let aliases = story.flat_map(|story| &story.aliases).take(KNOWN).map(|alias| alias.identity.to_string());
        anchors.chain(aliases).map(|text| SafeText::new(&text)).chain(self.facts.marks.iter().cloned()).collect()
    }

    /// The screens, and a lamp per source.
    fn bar(&self, buffer: &mut Buffer, place: Rect) {
        let mut lamps = Stripe::of(self.name.clone(), Role::Dim);
        for lamp in self.facts.now.iter().flat_map(|now| &now.lamps) {
            let role = match lamp.light {
                Light::Ok => Role::Ok,
                Light::Partial => Role::Warn,
                Light::Down => Role::Error,
                Light::Waiting => Role::Info,
                Light::Off => Role::Dim,
            };
            lamps.push(format!(" {}{}", lamp.source.name(), lamp.light.letter()), role);
        }
        let width = (lamps.width() as u16).min(place.width);
        // The names of the other screens make room for the lamps; their digits stay.
        let mut stripe = self.tabs(Names::All);
        if stripe.width() + usize::from(width) >= usize::from(place.width) {
            stripe = self.tabs(Names::OfTheShown);
        }
        self.pen.stripe(buffer, place, &stripe);
        if usize::from(place.width) > stripe.width() + usize::from(width) {
            self.pen.stripe(buffer, Rect { x: place.right() - width, width, ..place }, &lamps);
        }
    }

    fn tabs(&self, names: Names) -> Stripe {
        let mut stripe = Stripe::of("hopscope ", Role::Title);
        for (at, screen) in SCREENS.iter().enumerate() {
            let (digit, name) = (screen.digit(), screen.name());
            match names {
                _ if at == self.screen => stripe.push(format!("[{digit} {name}]"), Role::Focus),
                Names::All => stripe.push(format!(" {digit} {name} "), Role::Dim),
                Names::OfTheShown => stripe.push(format!(" {digit} "), Role::Dim),
            }
        }
        stripe
    }

    fn list(&mut self, buffer: &mut Buffer, place: Rect) {
        let (screen, mut room) = (self.shown(), self.room());
        room.width = usize::from(place.width);
        let view = &mut self.views[self.screen];
        if view.is_blank() || view.is_sifted_away() {
            let text = if view.is_blank() {
                screen.blank(&self.facts)
            } else if view.faults {
                "no errors and no warnings here; {back} shows everything"
            } else {
                "nothing matches; {back} shows everything"
            };
            self.pen.put(
                buffer,
                place.x + 2,
                place.y + 1,
                place.width.saturating_sub(2),
                &SafeText::new(&self.facts.told(text)),
                Role::Dim,
            );
            return;
        }
        let mut lines = Vec::with_capacity(usize::from(place.height));
        for (down, (item, has_cursor)) in view.visible(usize::from(place.height)).enumerate() {
            let line = Rect { y: place.y + down as u16, height: 1, ..place };
            let stripe = screen.stripe(&self.facts, item, room);
            lines.push((line, stripe, has_cursor));
        }
        if let Some(tail) = self.facts.tail.as_ref().filter(|_| screen.digit() == '4')
            && self.views[self.screen].shows_its_end(usize::from(place.height))
        {
            self.facts.tail_seen = tail.came();
        }
        for (line, stripe, has_cursor) in lines {
            self.draw_stripe(buffer, line, &stripe);
            if has_cursor {
                self.pen.lay(buffer, line, Role::Selection);
            }
        }
    }

    /// The description of what is under the cursor, beside the list.
    fn pane(&self, buffer: &mut Buffer, place: Rect) {
        self.pen.fill(buffer, Rect { width: 1, ..place }, self.pen.signs.down, Role::Border);
        let Some(item) = self.views[self.screen].item() else { return };
        let inner = Rect { x: place.x + 2, width: place.width.saturating_sub(2), ..place };
        let lines = self.shown().describe(&self.facts, item);
        let mut y = inner.y;
        for stripe in lines.iter().take(usize::from(inner.height)) {
            for line in stripe.wrapped(usize::from(inner.width), 4) {
                if y >= inner.bottom() {
                    return;
                }
                self.draw_stripe(buffer, Rect { y, height: 1, ..inner }, &line);
                y += 1;
            }
        }
    }

    /// The description of what is under the cursor, over the whole body.
    fn describe(&mut self, buffer: &mut Buffer, place: Rect) {
        let (Some(detail), Some(item)) = (&mut self.detail, self.views[self.screen].item()) else {
            self.detail = None;
            return;
        };
        let screen = SCREENS[self.screen];
        let told = match detail.form {
            Form::Described => screen.describe(&self.facts, item),
            Form::Raw => {
                let raw = screen.raw(&self.facts, item).unwrap_or_default();
                // Every word of it may be a value.
                if self.facts.is_veiled {
                    raw.iter().map(|line| self.facts.veil.whole_stripe(line)).collect()
                } else {
                    raw
                }
            }
        };
        let lines: Vec<Stripe> =
            told.iter().take(LINES).flat_map(|stripe| stripe.wrapped(usize::from(place.width), 4)).collect();
        detail.top = detail.top.min(lines.len().saturating_sub(usize::from(place.height)));
        let top = detail.top;
        for (down, line) in lines.iter().skip(top).take(usize::from(place.height)).enumerate() {
            self.draw_stripe(buffer, Rect { y: place.y + down as u16, height: 1, ..place }, line);
        }
    }

    /// What is said about the row, and the prompt, the message or the most useful keys.
    fn foot(&self, buffer: &mut Buffer, place: Rect) {
        let (upper, lower) = (Rect { height: 1, ..place }, Rect { y: place.y + 1, height: 1, ..place });
        self.pen.fill(buffer, upper, self.pen.signs.across, Role::Border);
        let view = &self.views[self.screen];
        let (at, all) = view.counts();
        let mut tags = Stripe::default();
        if self.is_frozen {
            tags.push(" frozen ", Role::Warn);
        }
        if self.facts.is_veiled {
            tags.push(" values hidden ", Role::Warn);
        }
        if let Some(zoom) = self.facts.zoom.filter(|_| matches!(self.shown().digit(), '2'..='4')) {
            let zone = &self.facts.zone;
            tags.push(format!(" {} to {} ", zoom.from.clock(zone), zoom.until.clock(zone)), Role::Warn);
        }
        if let Some(order) = self.shown().orders().get(view.order).filter(|_| view.order > 0) {
            tags.push(format!(" {order} "), Role::Info);
        }
        let unseen = self.facts.tail.as_ref().map_or(0, |tail| tail.came().saturating_sub(self.facts.tail_seen));
        if unseen > 0 && self.shown().digit() == '4' {
            tags.push(format!(" {unseen} new "), Role::Info);
        }
        if view.faults {
            tags.push(" faults only ", Role::Warn);
        }
        if !view.filter.is_empty() {
            tags.push(format!(" /{} ", self.drafts.filter), Role::Matched);
        }
        if all > 0 {
            tags.push(format!(" {at} of {all} "), Role::Dim);
        }
        let width = (tags.width() as u16).min(upper.width);
        self.pen.stripe(buffer, Rect { x: upper.right() - width, width, ..upper }, &tags);
        if let Some(prompt) = &self.prompt {
            self.prompt_line(buffer, upper, lower, prompt);
            return;
        }
        if let Some(message) = &self.message {
            self.pen.put(buffer, lower.x, lower.y, lower.width, message, Role::Info);
            return;
        }
        let mut stripe = Stripe::default();
        if self.detail.is_some() {
            stripe = stripe.and("Esc", Role::Focus).and(" back to the list  ", Role::Dim);
        }
        for entry in COMMANDS {
            let Some(hint) = entry.hint else { continue };
            let Some(press) = self.facts.keys.presses(entry.command).next() else { continue };
            // A key that cannot be used now keeps its place: what moves costs bytes and looks.
            let role = if self.refusal(entry.command).is_none() { Role::Focus } else { Role::Dim };
            stripe.push(press.to_string(), role);
            stripe.push(format!(" {hint}  "), Role::Dim);
        }
        self.pen.stripe(buffer, lower, &stripe);
    }

    fn prompt_line(&self, buffer: &mut Buffer, upper: Rect, lower: Rect, prompt: &super::prompt::Prompt) {
        let value = prompt.input.value();
        let (before, behind) =
            value.split_at(value.char_indices().nth(prompt.input.cursor()).map_or(value.len(), |(place, _)| place));
        let sign = match prompt.kind {
            Kind::Filter => "/",
            Kind::Go => ":",
            Kind::Note => "note ",
            Kind::Time if self.shown().digit() == '5' => "record at ",
            Kind::Time => "time ",
        };
        let mut stripe = Stripe::of(sign, Role::Focus)
            .and(before, Role::Text)
            .and(self.pen.signs.bar, Role::Focus)
            .and(behind, Role::Text);
        let says = match prompt.kind {
            Kind::Filter => "  Enter keeps, Esc shows everything".to_owned(),
            Kind::Go => format!("  {}", prompt.says()),
            Kind::Note => "  Enter pins the row with this note".to_owned(),
            Kind::Time if self.shown().digit() == '5' => "  an offset, +1, -1, 15m ago, 03:07 or an instant".to_owned(),
            Kind::Time => "  03:07, 03:07:02.5, +30s, -5m or an instant".to_owned(),
        };
        stripe.push(says, Role::Dim);
        self.pen.stripe(buffer, lower, &stripe);
        let offered = prompt.offered();
        let first = upper.y.saturating_sub(offered.len().min(OFFERED) as u16);
        for (down, choice) in offered.iter().enumerate() {
            let line = Rect { y: first + down as u16, height: 1, ..upper };
            let blank = SafeText::new(&" ".repeat(usize::from(line.width)));
            self.pen.put(buffer, line.x, line.y, line.width, &blank, Role::Text);
            let label = (usize::from(line.width) / 2).min(44);
            let told = Stripe::of("  ", Role::Text)
                .cell(&choice.label, label, Align::Left, Role::Text)
                .and(" ", Role::Text)
                .and(choice.about.clone(), Role::Dim);
            self.pen.stripe(buffer, line, &told);
            if prompt.chosen == down + 1 {
                self.pen.lay(buffer, line, Role::Selection);
            }
        }
    }
}
