//! The console: screens drawn from cases, keys turned into commands.
//!
//! Owns the terminal's life-cycle, the event loop, screens, widgets and looks. It reads cases and never talks to a
//! source: no requests, no wire shapes, no product names except as labels. `update` is a pure function from state and
//! message to effects; only the runtime carries effects out. What it draws is `SafeText`.
