//! The terminal's life-cycle: enter once, leave once, read keys, write frames, end on signals.
//!
//! Owns the tty. [`play`] is the way in: it refuses an unfit terminal before anything is written ([`Unfit`]), then
//! plays a [`Stage`](super::stage::Stage) until it wishes to end or a signal ends it. Four threads: the `run` loop (the
//! caller's) drives the stage; `keys` reads; `writer` writes; `signals` listens, watches for a terminal that went away,
//! and can end the process when the others cannot. The `guard` is the only one who changes or writes to the tty, so
//! that the terminal is given back exactly once whatever happens.
//! Must not know: screens, keys' meanings, the model beyond `SafeText`.
//!
//! To add a mode of the terminal (mouse, focus): one sequence each in `guard::ENTER` and `guard::RESTORE`.

mod canvas;
mod clipboard;
pub mod encode;
mod fitness;
mod guard;
mod keys;
mod run;
mod signals;
mod writer;

pub use clipboard::Clipboard;
pub use fitness::{Link, Settings, Unfit, check};
pub use run::{Ended, play};
