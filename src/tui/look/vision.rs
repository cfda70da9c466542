//! What can be seen of a theme: contrast (WCAG 2), and how far its severities are apart for every kind of colour vision
//! (CIEDE2000 of the colours as Machado, Oliveira and Fernandes simulate them, 2009, severity 1.0).

use super::colours::Rgb;
use super::depth::Shades;
use super::theme::{Appearance, Role, Theme};
use palette::color_difference::{Ciede2000, Wcag21RelativeContrast};
use palette::{IntoColor, Lab, LinSrgb, Srgb};

/// The severities whose colours must be told apart.
pub const SEVERITIES: [Role; 4] = [Role::Error, Role::Warn, Role::Info, Role::Ok];

/// Kinds of colour vision with the matrix over linear RGB that shows what they see.
pub const VISIONS: [(&str, [[f64; 3]; 3]); 4] = [
    ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "deuteranopia",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "tritanopia",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];

/// Difference that the themes made for it keep between any two severities, in every kind of colour vision.
pub const APART: f64 = 15.0;

/// The contrast of one role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// Which one.
    pub role: Role,
    /// What it should reach: 1 to 21.
    pub wanted: f64,
    /// What it reaches against its own background, or the one that the theme is made for.
    pub reached: f64,
}

/// Returns the backgrounds that a theme is made for: a dark grey, or white; none where it fits any.
pub fn ground(theme: &Theme) -> Option<Rgb> {
    match theme.appearance {
        Appearance::Dark => Some((0x10, 0x14, 0x18)),
        Appearance::Light => Some((0xff, 0xff, 0xff)),
        Appearance::Any => None,
    }
}

/// What a role must reach: text 7, lines and what has the keys 3, the rest 4.5 (WCAG 1.4.3, 1.4.6 and 1.4.11).
fn wanted(role: Role) -> f64 {
    match role {
        Role::Text => 7.0,
        Role::Border | Role::Focus => 3.0,
        _ => 4.5,
    }
}

/// Returns the contrasts of those roles that have a colour of their own.
pub fn contrasts(theme: &Theme) -> Vec<Contrast> {
    let Some(ground) = ground(theme) else { return Vec::new() };
    let rgb = |shades: Option<Shades>| shades.and_then(|shades| shades.rgb);
    let of = |role: Role| {
        let dress = theme.dress(role);
        let (fg, bg) = (rgb(dress.fg)?, rgb(dress.bg).unwrap_or(ground));
        let reached = f64::from(srgb(fg).relative_contrast(srgb(bg)));
        Some(Contrast { role, wanted: wanted(role), reached })
    };
    Role::ALL.iter().filter_map(|(role, _)| of(*role)).collect()
}

/// Returns for each kind of colour vision how far the two severities are apart that are nearest to each other; nothing when
/// one of them has no colour of 24 bits.
pub fn differences(theme: &Theme) -> Vec<(&'static str, f64)> {
    let colours: Option<Vec<Rgb>> =
        SEVERITIES.iter().map(|role| theme.dress(*role).fg.and_then(|shades| shades.rgb)).collect();
    let Some(colours) = colours else { return Vec::new() };
    let nearest = |matrix: &[[f64; 3]; 3]| {
        let seen: Vec<Lab> = colours.iter().map(|colour| seen(*colour, matrix)).collect();
        let pairs = (0..seen.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs.map(|(a, b)| f64::from(seen[a].difference(seen[b]))).fold(f64::INFINITY, f64::min)
    };
    VISIONS.iter().map(|(name, matrix)| (*name, nearest(matrix))).collect()
}

fn srgb(rgb: Rgb) -> Srgb {
    Srgb::new(rgb.0, rgb.1, rgb.2).into_format()
}

fn seen(rgb: Rgb, matrix: &[[f64; 3]; 3]) -> Lab {
    let linear: LinSrgb<f64> = srgb(rgb).into_format::<f64>().into_linear();
    let part = |row: &[f64; 3]| (row[0] * linear.red + row[1] * linear.green + row[2] * linear.blue).clamp(0.0, 1.0);
    let shown = LinSrgb::new(part(&matrix[0]) as f32, part(&matrix[1]) as f32, part(&matrix[2]) as f32);
    shown.into_color()
}
