//! The console: screens, keys and the terminal's life-cycle.
//!
//! Owns everything that is drawn and every key. An `app` is pure: it takes inputs, reads what the `engine` has
//! published (an `Arc` of the model) and draws; it never asks a source itself, never waits and knows no clock. The
//! [`terminal`] plays any [`stage`]: it enters and leaves the screen, reads keys, writes frames, and ends on signals.
//! Must not know: sources, decoders, rules. Text that is drawn comes as `SafeText` or was compiled in.
//!
//! To add a screen: copy `screens/sources.rs`, one line in `screens/mod.rs`. To add a command: one variant and one line
//! in `command.rs`. To add a theme: one file in `themes/`, one line in `look/themes.rs`.

pub mod stage;
pub mod terminal;
