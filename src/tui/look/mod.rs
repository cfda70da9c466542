//! How things look: themes, colours a terminal can show, signs, and the pen that draws safe text.
//!
//! Owns every style and every sign. A theme gives a style to each [`Role`]; what is drawn names roles, never colours,
//! and every role of weight is told by a letter too. The program itself reduces colours to what the terminal shows.
//! The [`pen`] takes only `SafeText`, so nothing else can reach the screen.
//! Must not know: screens, cases, keys. To add a theme: one file in `themes/`, one line in [`themes`].

pub mod colours;
pub mod depth;
pub mod pen;
mod read;
pub mod theme;
pub mod themes;
pub mod vision;

pub use depth::Depth;
pub use pen::{Align, Pen, Piece, Signs, Stripe};
pub use theme::{Role, Theme};
