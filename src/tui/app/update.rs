//! What each key does.

use super::prompt::{Act, Choice, Kind, Prompt, Typed, commands};
use super::view::Way;
use super::{App, Detail, Form, Visit};
use crate::model::SafeText;
use crate::model::id::recognise;
use crate::model::journey::Mark;
use crate::tui::command::{COMMANDS, Command};
use crate::tui::engine::Engine;
use crate::tui::filter::Filter;
use crate::tui::keys::Press;
use crate::tui::screens::{Item, SCREENS, Subject};
use crate::tui::stage::Wish;

/// Identities that the prompt offers at most.
const SEEN: usize = 2_000;

impl<E: Engine> App<E> {
    /// Takes a key.
    pub(super) fn press(&mut self, press: Press) {
        self.message = None;
        if let Some(mut prompt) = self.prompt.take() {
            let typed = prompt.take(press);
            self.typed(prompt, &typed);
            return;
        }
        if let Some(menu) = self.menu.take() {
            self.press_in_menu(menu, press);
            return;
        }
        let Some(command) = self.facts.keys.command(press) else {
            let help = self.facts.key(Command::Lens('0'));
            self.say(format!("{press} has no meaning here; {help} shows the keys"));
            return;
        };
        self.run(command);
    }

    /// Takes pasted text: into the open prompt, else into the one that goes to an identity.
    pub(super) fn paste(&mut self, text: &str) {
        self.message = None;
        if self.prompt.is_none() {
            self.drafts.go.clear();
            self.run(Command::Go);
        }
        if let Some(prompt) = &mut self.prompt {
            prompt.paste(text);
        }
        if self.prompt.as_ref().is_some_and(|prompt| prompt.kind == Kind::Filter) {
            self.apply_filter();
        }
    }

    fn typed(&mut self, prompt: Prompt, typed: &Typed) {
        let (kind, act) = (prompt.kind, prompt.act());
        let draft = prompt.input.value().to_owned();
        match kind {
            Kind::Filter => self.drafts.filter.clone_from(&draft),
            Kind::Go => self.drafts.go.clone_from(&draft),
            Kind::Note | Kind::Time => {}
        }
        match (typed, kind) {
            (Typed::On, _) => self.prompt = Some(prompt),
            (Typed::Left, Kind::Filter) => {
                self.views[self.screen].filter = Filter::default();
                self.sift();
                self.keep_before();
                return;
            }
            (Typed::Left, _) | (Typed::Done, Kind::Filter) => {}
            (Typed::Done, Kind::Note) => self.pin(&draft),
            (Typed::Done, Kind::Time) if self.shown().digit() == '5' => self.go_to_record(&draft),
            (Typed::Done, Kind::Time) => self.go_to_time(&draft),
            (Typed::Done, Kind::Go) => {
                match act {
                    Some(Act::Run(command)) => self.run(command),
                    Some(Act::Follow(id)) => self.follow_text(&id),
                    Some(Act::Adjust(limits)) => self.adjust(limits.as_str()),
                    Some(Act::Tail(query)) => self.tail_query(query.as_str()),
                    Some(Act::Suppose(hypothesis)) => self.suppose(hypothesis),
                    None => {}
                }
                self.drafts.go.clear();
            }
        }
        if kind == Kind::Filter {
            self.apply_filter();
            if *typed == Typed::Done {
                self.keep_before();
            }
        }
    }

    /// Keeps what was before the filter's prompt was opened.
    fn keep_before(&mut self) {
        if let Some(before) = self.before.take() {
            self.keep(before);
        }
    }

    fn apply_filter(&mut self) {
        if let Some(prompt) = &self.prompt {
            prompt.input.value().clone_into(&mut self.drafts.filter);
        }
        self.views[self.screen].filter = Filter::parse(&self.drafts.filter);
        self.sift();
    }

    pub(super) fn sift(&mut self) {
        if self.facts.search(!self.views[self.screen].filter.is_empty()) {
            self.renew();
            return;
        }
        let (screen, room) = (self.shown(), self.room());
        self.views[self.screen].sift(screen, &self.facts, room);
    }

    pub(super) fn follow_text(&mut self, id: &SafeText) {
        match recognise(id.as_str()) {
            Some(anchor) => self.follow(anchor),
            None => self.say("there is nothing to follow"),
        }
    }

    /// Runs a command.
    pub(super) fn run(&mut self, command: Command) {
        if command != Command::Cancel && command != Command::Quit {
            self.asked_to_leave = false;
        }
        if let Some(why) = self.refusal(command).filter(|_| command != Command::Cancel) {
            self.tell(why);
            return;
        }
        let before = self.looks();
        self.act(command);
        match command {
            // What is taken back is no change, and a filter is one when it is typed.
            Command::Undo => {}
            Command::Filter => self.before = Some(before),
            _ => self.keep(before),
        }
    }

    fn act(&mut self, command: Command) {
        let height = isize::try_from(self.body_height()).unwrap_or(1).max(2);
        match command {
            Command::Down => self.step(1),
            Command::Up => self.step(-1),
            Command::HalfDown => self.step(height / 2),
            Command::HalfUp => self.step(-height / 2),
            Command::PageDown => self.step(height - 1),
            Command::PageUp => self.step(1 - height),
            Command::Top => self.step(isize::MIN / 2),
            Command::Bottom => self.step(isize::MAX / 2),
            Command::Open => self.open(),
            Command::Describe => self.detail = Some(Detail { top: 0, form: Form::Described }),
            Command::Raw => self.raw(),
            Command::Link => self.link(),
            Command::Questions => self.questions(),
            Command::Mark => self.mark(),
            Command::CompareMarked => self.compare_marked(),
            Command::Pin => self.pin_or_unpin(),
            Command::PinNote => self.pin_with_note(),
            Command::Suppose => self.prompt = Some(Prompt::new(Kind::Go, "hypothesis ", Vec::new())),
            Command::Supports => self.speaks(true),
            Command::Refutes => self.speaks(false),
            Command::Copy => self.copy_menu(),
            Command::Sort => self.sort(),
            Command::ZoomIn | Command::ZoomOut => self.zoom(command),
            Command::Tail => self.tail(),
            Command::Time => self.prompt = Some(Prompt::new(Kind::Time, "", Vec::new())),
            Command::Larger | Command::Smaller => self.resize(command),
            Command::Privacy => self.veil(),
            Command::Freeze => self.freeze(),
            Command::Undo => self.take_back(),
            Command::Escape => {
                self.back();
            }
            Command::Quit => {
                if !self.back() {
                    self.wish = Some(Wish::End(Vec::new()));
                }
            }
            // Of evidence, all is left: it is kept nowhere else.
            Command::QuitShowing if self.shown().digit() == '8' => {
                self.wish = Some(Wish::End(self.facts.evidence.markdown()));
            }
            Command::QuitShowing => self.wish = Some(Wish::End(self.lines())),
            Command::Cancel => self.cancel(),
            Command::Suspend => self.wish = Some(Wish::Suspend),
            Command::Repaint => self.wish = Some(Wish::Repaint),
            Command::Follow => {
                let record = self.record_shown().map(|record| SafeText::new(&record.coordinate.to_string()));
                let under = self.views[self.screen].item().and_then(|item| item.follow.clone());
                if let Some(id) = record.or(under) {
                    self.follow_text(&id);
                }
            }
            Command::Refresh => self.refresh(),
            Command::Examine => {
                self.engine.examine();
                self.lens('9');
                self.say("examining the sources");
                self.is_stale = true;
                self.catch_up();
            }
            Command::Budget => self.prompt = Some(Prompt::new(Kind::Go, "budget ", self.choices())),
            Command::Lens(digit) => self.lens(digit),
            Command::Last => self.go(self.last),
            Command::Older => {
                self.visit -= 1;
                self.arrive();
            }
            Command::Newer => {
                self.visit += 1;
                self.arrive();
            }
            Command::Go => self.prompt = Some(Prompt::new(Kind::Go, &self.drafts.go, self.choices())),
            Command::Filter => {
                self.detail = None;
                self.prompt = Some(Prompt::new(Kind::Filter, &self.drafts.filter, Vec::new()));
                self.apply_filter();
            }
            Command::Faults => {
                let view = &mut self.views[self.screen];
                view.faults = !view.faults;
                self.sift();
            }
            Command::Fold => {
                self.facts.fold();
                self.renew();
            }
            Command::NextMatch => self.match_of(Way::Next),
            Command::PreviousMatch => self.match_of(Way::Previous),
            Command::NextSame => self.same(Way::Next),
            Command::PreviousSame => self.same(Way::Previous),
            Command::NextAttempt => self.jump(Way::Next, "attempt", |item| item.is_attempt),
            Command::PreviousAttempt => self.jump(Way::Previous, "attempt", |item| item.is_attempt),
            Command::NextError => self.jump(Way::Next, "error", |item| item.mark == Mark::Error),
            Command::PreviousError => self.jump(Way::Previous, "error", |item| item.mark == Mark::Error),
            Command::NextWarning => self.jump(Way::Next, "warning", |item| item.mark == Mark::Warn),
            Command::PreviousWarning => self.jump(Way::Previous, "warning", |item| item.mark == Mark::Warn),
        }
    }

    fn adjust(&mut self, limits: &str) {
        match self.engine.adjust(limits) {
            Ok(()) if self.is_busy() => self.say("the budget is changed: it holds for what is being asked, too"),
            // Answers are not kept for another question, so there is no asking of the rest alone.
            Ok(()) if self.facts.is_cut_by_budget() => {
                self.tell("the budget is changed: {refresh} asks everything of the story again, not the rest alone");
            }
            Ok(()) => self.tell("the budget is changed: {refresh} asks again"),
            Err((what, fix)) => self.say(format!("{what}: {fix}")),
        }
        self.is_stale = true;
        self.catch_up();
    }

    fn step(&mut self, by: isize) {
        match &mut self.detail {
            // Drawing keeps it within the text.
            Some(detail) => detail.top = detail.top.saturating_add_signed(by),
            None => self.views[self.screen].step(by),
        }
    }

    fn jump(&mut self, way: Way, what: &str, fits: impl Fn(&Item) -> bool) {
        if !self.views[self.screen].jump(way, fits) {
            let side = if way == Way::Next { "below" } else { "above" };
            self.say(format!("no {what} {side}"));
        }
    }

    fn same(&mut self, way: Way) {
        let own = self.views[self.screen].item().and_then(|item| item.follow.clone());
        self.jump(way, "row of this identity", |item| item.follow == own);
    }

    fn match_of(&mut self, way: Way) {
        let (screen, room) = (self.shown(), self.room());
        let passes = Filter::parse(&self.drafts.filter).test();
        let facts = &self.facts;
        let wide = crate::tui::screens::Room { width: 1_000, lanes: false, ..room };
        let found = self.views[self.screen].jump(way, |item| passes(&screen.stripe(facts, item, wide).text()));
        if !found {
            self.say(if way == Way::Next { "no match below" } else { "no match above" });
        }
    }

    fn open(&mut self) {
        match self.views[self.screen].item().map(|item| item.subject) {
            Some(Subject::Key(at)) => {
                let command = COMMANDS[at].command;
                self.go(self.last);
                self.run(command);
            }
            Some(subject) => {
                self.detail = Some(Detail { top: 0, form: Form::Described });
                if matches!(subject, Subject::Commit(..)) {
                    self.read_next();
                }
            }
            None => {}
        }
    }

    /// One step back; says whether there was one to take.
    fn back(&mut self) -> bool {
        let view = &mut self.views[self.screen];
        if self.detail.take().is_some() {
            return true;
        }
        if !view.filter.is_empty() || view.faults {
            (view.filter, view.faults) = (Filter::default(), false);
            self.sift();
            return true;
        }
        if self.leave_tail() {
            return true;
        }
        if self.facts.zoom.is_some() && matches!(self.shown().digit(), '2'..='4') {
            self.facts.zoom = None;
            self.sift();
            return true;
        }
        if self.screen != 0 {
            let target = if SCREENS[self.screen].digit() == '0' { self.last } else { 0 };
            self.go(target);
            return true;
        }
        false
    }

    fn cancel(&mut self) {
        if std::mem::replace(&mut self.asked_to_leave, true) {
            self.wish = Some(Wish::End(Vec::new()));
        } else if self.is_busy() {
            self.engine.cancel();
            self.tell("cancelled; what is known so far is shown; {cancel} again quits");
        } else {
            self.tell("nothing is being asked; {cancel} again quits");
        }
    }

    fn refresh(&mut self) {
        // On Sources, it is the story that waits for more budget, if one does.
        let is_story = match SCREENS[self.screen].digit() {
            '2'..='4' => true,
            '9' => self.facts.is_cut_by_budget(),
            _ => false,
        };
        if let Some(anchor) = self.anchor().filter(|_| is_story) {
            // Whoever asks again wants to know how it is now.
            self.engine.try_again();
            self.engine.follow(anchor);
            self.say("asking everything of this story again");
        } else if SCREENS[self.screen].digit() == '6' {
            self.engine.read_dead();
            self.say("reading letters again");
        } else {
            self.engine.read_now();
            self.say("reading again");
        }
        self.is_stale = true;
        self.catch_up();
    }

    pub(super) fn lens(&mut self, digit: char) {
        if let Some(place) = SCREENS.iter().position(|screen| screen.digit() == digit) {
            self.go(place);
        }
    }

    pub(super) fn go(&mut self, place: usize) {
        if place == self.screen {
            self.detail = None;
            return;
        }
        let refused = COMMANDS.iter().filter_map(|entry| Some((entry.command, self.refusal(entry.command)?)));
        self.facts.refusals = refused.collect();
        let anchor = self.anchor();
        let under = self.views[self.screen].item().cloned();
        let fact = under.and_then(|item| self.shown().fact_of(&self.facts, &item));
        self.visit_place(Visit { screen: place, anchor });
        // The selection is what it was: the other screen shows the same thing.
        if let Some(key) = fact.and_then(|fact| self.shown().place_of(&self.facts, fact)) {
            self.views[self.screen].seek(key);
        }
    }

    /// Returns what the prompt offers: commands, and identities that were seen.
    fn choices(&self) -> Vec<Choice> {
        let mut seen = indexmap::IndexMap::new();
        let follow = |id: &SafeText, about: String| (id.clone(), SafeText::new(&about));
        let present = self.facts.now.iter();
        let errors = present.clone().flat_map(|now| &now.errors);
        seen.extend(errors.map(|row| follow(&row.trace.to_string().into(), format!("trace: {}", row.error.as_str()))));
        let groups = present.flat_map(|now| &now.groups);
        seen.extend(groups.filter_map(|row| {
            let next = row.next.as_ref()?;
            Some(follow(next, format!("next record of {}", row.group.as_str())))
        }));
        let aliases = self.facts.story.iter().flat_map(|story| &story.aliases);
        seen.extend(aliases.map(|alias| follow(&alias.identity.to_string().into(), alias.seen.as_str().to_owned())));
        let rows = self.facts.story.iter().flat_map(|story| story.rows().iter()).take(SEEN);
        for row in rows {
            if let Some(id) = row.follow() {
                seen.entry(id).or_insert_with(|| row.text());
            }
        }
        let ids = seen.into_iter().map(|(id, about)| Choice::new(id.clone(), about, Act::Follow(id)));
        let offered =
            self.offers.iter().map(|(id, about)| Choice::new(id.clone(), about.clone(), Act::Follow(id.clone())));
        offered.chain(commands()).chain(ids).collect()
    }
}
