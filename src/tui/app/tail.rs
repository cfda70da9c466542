//! Log lines as they come. The view stays where it is: new lines are counted, and the last row shows them.

use super::App;
use crate::investigate::tail;
use crate::model::Identity;
use crate::model::tail::TailWanted;
use crate::tui::engine::Engine;

impl<E: Engine> App<E> {
    /// Begins to tail lines of the open story, or ends the tail.
    pub(super) fn tail(&mut self) {
        if self.leave_tail() {
            return;
        }
        let Some(story) = &self.facts.story else { return };
        let what = story.anchor.identity.to_string();
        let needles = match &story.anchor.identity {
            Identity::Trace(trace) | Identity::Span(trace, _) => trace.spellings(),
            Identity::Record(at) => vec![at.to_string().into()],
            Identity::Business(id) => vec![id.clone()],
        };
        self.begin_tail(&what, TailWanted::Id(needles));
    }

    /// Begins to tail lines of a query.
    pub(super) fn tail_query(&mut self, typed: &str) {
        match tail::query(typed) {
            Ok(wanted) => self.begin_tail(typed, wanted),
            Err(why) => self.say(format!("{why}: write it as tail {{app=\"orders\"}} |= \"text\"")),
        }
    }

    fn begin_tail(&mut self, what: &str, wanted: TailWanted) {
        self.engine.tail(what, wanted);
        self.facts.tail_seen = 0;
        self.lens('4');
        // What was looked at before were other lines.
        let logs = self.screen;
        self.views[logs] = super::view::View::default();
        self.tell("lines as they come; {bottom} goes to the newest, {tail} or {back} ends it");
        self.is_stale = true;
        self.catch_up();
    }

    /// Ends the tail where it is shown; says whether there was one.
    pub(super) fn leave_tail(&mut self) -> bool {
        if self.facts.tail.is_none() || self.shown().digit() != '4' {
            return false;
        }
        self.engine.end_tail();
        self.facts.tail = None;
        let logs = self.screen;
        self.views[logs] = super::view::View::default();
        self.is_stale = true;
        self.catch_up();
        self.say("the tail is ended");
        true
    }
}
