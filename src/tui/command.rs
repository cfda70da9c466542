//! Everything that a person can do in the console: one variant and one line each.

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Opens the prompt that goes to an identity or runs a command by name.
    Go,
    /// Opens the filter.
    Filter,
    /// Goes to the next match of the filter.
    NextMatch,
    /// Goes to the match before.
    PreviousMatch,
    /// One step back: prompt, detail, filter, screen.
    Escape,
    /// Opens what is under the cursor.
    Open,
    /// Goes to the screen shown before.
    Last,
    /// Goes back in history.
    Older,
    /// Goes forward in history.
    Newer,
    /// Next row.
    Down,
    /// Row before.
    Up,
    /// First row.
    Top,
    /// Last row.
    Bottom,
    /// Half a page down.
    HalfDown,
    /// Half a page up.
    HalfUp,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// Follows the identity under the cursor.
    Follow,
    /// Next row of the identity under the cursor.
    NextSame,
    /// Row before of the same identity.
    PreviousSame,
    /// Next attempt or delivery.
    NextAttempt,
    /// Attempt or delivery before.
    PreviousAttempt,
    /// Next error.
    NextError,
    /// Error before.
    PreviousError,
    /// Next warning.
    NextWarning,
    /// Warning before.
    PreviousWarning,
    /// Shows everything known about what is under the cursor.
    Describe,
    /// Shows only faults.
    Faults,
    /// Folds what repeats, or unfolds it.
    Fold,
    /// Examines every source.
    Examine,
    /// Opens the prompt to change the budget.
    Budget,
    /// Jumps along a span link.
    Link,
    /// Shows what the source sent for the row.
    Raw,
    /// Lists the questions about this identity, with their answers.
    Questions,
    /// Marks an identity, or takes its mark away.
    Mark,
    /// Compares the two marked identities.
    CompareMarked,
    /// Pins the row as evidence, or takes the pin away.
    Pin,
    /// Pins it with a note.
    PinNote,
    /// Adds a hypothesis.
    Suppose,
    /// Says that a pin speaks for a hypothesis.
    Supports,
    /// Says that a pin speaks against a hypothesis.
    Refutes,
    /// Offers what can be copied.
    Copy,
    /// Shows the rows in the next order.
    Sort,
    /// Halves the time that is shown.
    ZoomIn,
    /// Doubles it.
    ZoomOut,
    /// Shows lines as they come, or ends that.
    Tail,
    /// Opens the prompt that goes to a time, or to the record of a partition at an offset or a time.
    Time,
    /// Makes the pane larger.
    Larger,
    /// Makes it smaller.
    Smaller,
    /// Hides values, or shows them.
    Privacy,
    /// Keeps the screen as it is, or goes on.
    Freeze,
    /// Takes the last change of the view back.
    Undo,
    /// Asks the sources again.
    Refresh,
    /// Goes to a screen.
    Lens(char),
    /// One step back, and out of the console from the first screen.
    Quit,
    /// Quits and leaves the screen as text.
    QuitShowing,
    /// Cancels what is asked; twice quits.
    Cancel,
    /// Stops like a job of the shell.
    Suspend,
    /// Sends every cell again.
    Repaint,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// Its name for the prompt.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
    /// What it does.
    pub does: &'static str,
    /// Its word in the bottom line, when it has a place there.
    pub hint: Option<&'static str>,
}

const fn entry(
    command: Command,
    name: &'static str,
    keys: &'static [&'static str],
    does: &'static str,
    hint: Option<&'static str>,
) -> Entry {
    Entry { command, name, keys, does, hint }
}

/// All commands, in the order of the help screen.
pub const COMMANDS: &[Entry] = &[
    entry(Command::Follow, "follow", &["f"], "follow the identity under the cursor", Some("follow")),
    entry(Command::Open, "open", &["Enter", "Right", "l"], "open what is under the cursor", Some("open")),
    entry(Command::Describe, "describe", &["d"], "everything known about what is under the cursor", None),
    entry(Command::Raw, "raw", &["r"], "what the source sent for the row", None),
    entry(Command::Link, "link", &["L"], "jump along a span link, forward or back", None),
    entry(Command::Questions, "questions", &["i"], "the questions about this identity, with their answers", None),
    entry(Command::Copy, "copy", &["y"], "copy an id, a value, a query, a URL or the command of this view", None),
    entry(Command::Go, "go", &[":"], "go to an identity, or run a command by name", Some("go")),
    entry(Command::Filter, "filter", &["/"], "show rows that hold a text; /!x without it, /~x roughly", Some("filter")),
    entry(Command::Faults, "faults", &["!"], "show only errors and warnings", Some("faults")),
    entry(Command::Fold, "fold", &["x"], "fold what repeats, or unfold it", None),
    entry(Command::NextMatch, "next-match", &["n"], "next match of the filter", None),
    entry(Command::PreviousMatch, "previous-match", &["N"], "match before", None),
    entry(Command::NextError, "next-error", &["e"], "next error", Some("error")),
    entry(Command::PreviousError, "previous-error", &["E"], "error before", None),
    entry(Command::NextAttempt, "next-attempt", &["a"], "next attempt or delivery", None),
    entry(Command::PreviousAttempt, "previous-attempt", &["A"], "attempt or delivery before", None),
    entry(Command::NextWarning, "next-warning", &["w"], "next warning", None),
    entry(Command::PreviousWarning, "previous-warning", &["W"], "warning before", None),
    entry(Command::NextSame, "next-same", &["o"], "next row of the same identity", None),
    entry(Command::PreviousSame, "previous-same", &["O"], "row before of the same identity", None),
    entry(Command::Down, "down", &["j", "Down"], "next row", None),
    entry(Command::Up, "up", &["k", "Up"], "row before", None),
    entry(Command::HalfDown, "half-down", &["Ctrl-d"], "half a page down", None),
    entry(Command::HalfUp, "half-up", &["Ctrl-u"], "half a page up", None),
    entry(Command::PageDown, "page-down", &["PgDn"], "a page down", None),
    entry(Command::PageUp, "page-up", &["PgUp"], "a page up", None),
    entry(Command::Top, "top", &["g", "Home"], "first row", None),
    entry(Command::Bottom, "bottom", &["G", "End"], "last row", None),
    entry(Command::Escape, "back", &["Esc", "Left", "h"], "one step back: prompt, detail, filter, screen", None),
    entry(Command::Last, "last", &["-"], "the screen shown before", None),
    entry(Command::Older, "older", &["["], "back in history", None),
    entry(Command::Newer, "newer", &["]"], "forward in history", None),
    entry(Command::Mark, "mark", &["Space"], "mark an identity, to compare it with another one", None),
    entry(Command::CompareMarked, "compare-marked", &["v"], "compare the two marked identities", None),
    entry(Command::Pin, "pin", &["m"], "pin the row as evidence; on Evidence, take the pin away", None),
    entry(Command::PinNote, "pin-note", &["M"], "pin it with a note", None),
    entry(Command::Suppose, "hypothesis", &["H"], "add a hypothesis that pins speak for or against", None),
    entry(Command::Supports, "speaks-for", &[">"], "the pin speaks for a hypothesis", None),
    entry(Command::Refutes, "speaks-against", &["<"], "the pin speaks against a hypothesis", None),
    entry(Command::Sort, "sort", &["s"], "show the rows in another order", None),
    entry(Command::ZoomIn, "zoom", &["z"], "half the time around the row under the cursor", None),
    entry(Command::ZoomOut, "zoom-out", &["Z"], "twice the time", None),
    entry(
        Command::Time,
        "time",
        &["t"],
        "go to a time (03:07, +30s, an instant); on Queues, to the record at an offset or a time",
        None,
    ),
    entry(
        Command::Tail,
        "tail",
        &["T"],
        "log lines of the identity as they come, or of a query: tail {app=\"x\"}; again to end",
        None,
    ),
    entry(Command::Larger, "larger", &["+"], "a larger pane beside the list", None),
    entry(Command::Smaller, "smaller", &["_"], "a smaller pane, or none", None),
    entry(Command::Privacy, "privacy", &["p"], "hide values on the screen; equal ones look equal", None),
    entry(Command::Freeze, "freeze", &["Ctrl-f"], "keep the screen as it is; again to go on", None),
    entry(Command::Undo, "undo", &["u"], "take the last change of the view back", None),
    entry(Command::Lens('1'), "now", &["1"], "what is wrong now", None),
    entry(Command::Lens('2'), "story", &["2"], "the story of one identity", None),
    entry(Command::Lens('3'), "trace", &["3"], "its spans as a waterfall, with the critical path", None),
    entry(Command::Lens('4'), "logs", &["4"], "its log lines, patterns folded", None),
    entry(Command::Lens('5'), "queues", &["5"], "consumer groups and their partitions", None),
    entry(Command::Lens('6'), "dead", &["6"], "letters of retry and dead-letter topics, by cause", None),
    entry(Command::Lens('7'), "compare", &["7"], "two marked identities side by side", None),
    entry(Command::Lens('8'), "evidence", &["8"], "pinned rows, and hypotheses that they speak for or against", None),
    entry(Command::Lens('9'), "sources", &["9"], "health of the sources, and every request made", None),
    entry(Command::Lens('0'), "help", &["?", "0"], "the keys of this screen", Some("help")),
    entry(Command::Refresh, "refresh", &["R"], "ask the sources again", None),
    entry(Command::Examine, "doctor", &["D"], "examine each source step by step; Sources shows what was found", None),
    entry(Command::Budget, "budget", &["b"], "change the budget: requests=500 loki.bytes=64MiB", None),
    entry(Command::Cancel, "cancel", &["Ctrl-c"], "cancel what is being asked; again to quit", None),
    entry(Command::Repaint, "repaint", &["Ctrl-l"], "draw the whole screen again", None),
    entry(Command::Suspend, "suspend", &["Ctrl-z"], "back to the shell; fg comes back", None),
    entry(Command::Quit, "quit", &["q"], "back; quit from the first screen", Some("quit")),
    entry(Command::QuitShowing, "quit-showing", &["Q"], "quit and leave the screen as text", None),
];

impl Command {
    /// Returns its line of the table.
    pub fn entry(self) -> &'static Entry {
        COMMANDS.iter().find(|entry| entry.command == self).expect("every command has a line")
    }
}
