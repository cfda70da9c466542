//! The console: screens, keys and the terminal's life-cycle.
//!
//! Owns everything that is drawn and every key. The app is pure: it takes inputs, reads what the engine has published
//! (an `Arc` of the model) and draws; it asks no source itself, waits for nothing and knows no clock. The terminal plays
//! any stage: it enters and leaves the screen, reads keys, writes frames and ends on signals.
//! Must not know: sources, decoders, rules. Text that is drawn is `SafeText`, so nothing else can reach the screen.
//!
//! To add a screen: copy `screens/sources.rs`, one line in `screens/mod.rs`. To add a command: a variant and a line in
//! `command.rs`. To add a theme: one file in `themes/`, one line in `look/themes.rs`.

pub mod app;
pub mod command;
pub mod engine;
pub mod evidence;
pub mod facts;
pub mod filter;
pub mod headless;
pub mod keys;
pub mod look;
pub mod screens;
pub mod stage;
pub mod terminal;
pub mod veil;
