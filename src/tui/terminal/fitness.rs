//! What a terminal must be able to do before anything is written to it.

use super::clipboard::Clipboard;
use rustix::fs::{Mode, OFlags};
use std::io::IsTerminal;

/// How far away the terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// On this machine.
    Local,
    /// Behind a connection that may be slow: frames become rarer when it is.
    Remote,
}

/// What is known about the terminal before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The terminal's type, as the variable `TERM` says.
    pub term: Option<String>,
    /// How far away it is.
    pub link: Link,
    /// How a text reaches its clipboard.
    pub clipboard: Clipboard,
}

impl Settings {
    /// Reads `TERM`, `SSH_CONNECTION`, `TMUX` and `STY`.
    pub fn from_environment() -> Self {
        let link = if std::env::var_os("SSH_CONNECTION").is_some() { Link::Remote } else { Link::Local };
        let clipboard = Clipboard::of(None, |name| std::env::var(name).ok());
        Self { term: std::env::var_os("TERM").map(|term| term.to_string_lossy().into_owned()), link, clipboard }
    }
}

/// Why the console cannot be shown. Nothing was written yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// stdout goes to a file or a pipe.
    #[error("stdout is not a terminal")]
    Output,
    /// stdin is no terminal, and the process has no controlling one.
    #[error("there is no terminal to read keys from")]
    Keys,
    /// `TERM` is missing.
    #[error("TERM is not set, so nothing is known about the terminal")]
    Unnamed,
    /// `TERM` names a terminal that cannot place text.
    #[error("TERM is `dumb`: this terminal cannot place text")]
    Dumb,
    /// The system refused what the console needs of it.
    #[error("the terminal cannot be taken over: {0}")]
    Refused(String),
}

impl Unfit {
    /// Says what to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Output | Self::Dumb => "use a verb that prints, such as `hopscope now`",
            Self::Keys => "start it from a terminal (`ssh -t`, `docker run -it`), or use a verb that prints",
            Self::Unnamed => "set it, for instance TERM=xterm-256color",
            Self::Refused(_) => "start it in the foreground of a terminal, or use a verb that prints",
        }
    }
}

/// Says whether a console can be shown here. Writes nothing.
pub fn check(settings: &Settings) -> Result<(), Unfit> {
    if !std::io::stdout().is_terminal() {
        return Err(Unfit::Output);
    }
    name(settings.term.as_deref())?;
    let keys = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    if !std::io::stdin().is_terminal() && rustix::fs::open("/dev/tty", keys, Mode::empty()).is_err() {
        return Err(Unfit::Keys);
    }
    Ok(())
}

fn name(term: Option<&str>) -> Result<(), Unfit> {
    match term {
        None | Some("") => Err(Unfit::Unnamed),
        Some("dumb") => Err(Unfit::Dumb),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_needs_a_name_that_can_place_text() {
        for (term, expected) in [
            (None, Err(Unfit::Unnamed)),
            (Some(""), Err(Unfit::Unnamed)),
            (Some("dumb"), Err(Unfit::Dumb)),
            (Some("vt100"), Ok(())),
            (Some("xterm-256color"), Ok(())),
        ] {
            assert_eq!(name(term), expected, "{term:?}");
        }
    }
}
