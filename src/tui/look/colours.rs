//! Colours as theme files spell them, and the nearest ones of smaller palettes.

use super::depth::Shades;

/// 24 bits: red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The names of the terminal's own sixteen, in the order of their numbers.
pub const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// Levels of the colour cube of the 256.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The sixteen as the text mode of VGA showed them; a terminal may show others.
const ANSI: [Rgb; 16] = [
    (0, 0, 0),
    (170, 0, 0),
    (0, 170, 0),
    (170, 85, 0),
    (0, 0, 170),
    (170, 0, 170),
    (0, 170, 170),
    (170, 170, 170),
    (85, 85, 85),
    (255, 85, 85),
    (85, 255, 85),
    (255, 255, 85),
    (85, 85, 255),
    (255, 85, 255),
    (85, 255, 255),
    (255, 255, 255),
];

/// Reads the name of one of the sixteen.
pub fn sixteen(name: &str) -> Option<u8> {
    NAMES.iter().position(|known| *known == name).map(|index| index as u8)
}

/// Reads `#rrggbb`.
pub fn hex(text: &str) -> Option<Rgb> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some((part(0)?, part(2)?, part(4)?))
}

/// Returns a colour of 24 bits with the nearest ones of the palettes.
pub fn of_rgb(rgb: Rgb) -> Shades {
    Shades { rgb: Some(rgb), palette: Some(nearest(rgb)), sixteen: Some(nearest_sixteen(rgb)) }
}

/// Returns a colour of the 256; the first sixteen look as the terminal likes.
pub fn of_palette(index: u8) -> Shades {
    match fixed(index) {
        Some(rgb) => Shades { rgb: Some(rgb), palette: Some(index), sixteen: Some(nearest_sixteen(rgb)) },
        None => Shades { rgb: None, palette: None, sixteen: Some(index) },
    }
}

/// Returns what a colour of the 256 looks like; `None` for the terminal's own sixteen.
pub fn fixed(index: u8) -> Option<Rgb> {
    let level = |number: u8| LEVELS[usize::from(number % 6)];
    match index {
        0..16 => None,
        16..232 => Some((level((index - 16) / 36), level((index - 16) / 6), level(index - 16))),
        232..=255 => Some([8 + (index - 232) * 10; 3].into()),
    }
}

fn distance(a: Rgb, b: Rgb) -> u32 {
    let part = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    part(a.0, b.0) + part(a.1, b.1) + part(a.2, b.2)
}

fn nearest(rgb: Rgb) -> u8 {
    let known = |index: &u8| fixed(*index).map_or(u32::MAX, |known| distance(rgb, known));
    (16..=255).min_by_key(known).unwrap_or(7)
}

fn nearest_sixteen(rgb: Rgb) -> u8 {
    (0..16u8).min_by_key(|index| distance(rgb, ANSI[usize::from(*index)])).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_the_256_is_nearest_to_itself() {
        for index in 16..=255 {
            let rgb = fixed(index).expect("only the sixteen have no look of their own");
            // Four greys stand twice.
            assert_eq!(fixed(nearest(rgb)), Some(rgb), "{index}");
            assert_eq!(of_palette(index).palette, Some(index));
        }
        assert_eq!(
            (fixed(196), fixed(231), fixed(244)),
            (Some((255, 0, 0)), Some((255, 255, 255)), Some((128, 128, 128)))
        );
        assert_eq!(of_palette(9), Shades { rgb: None, palette: None, sixteen: Some(9) });
    }

    #[test]
    fn names_and_digits_are_read_exactly() {
        assert_eq!((sixteen("bright-blue"), sixteen("grey")), (Some(12), None));
        assert_eq!(hex("#dd6705"), Some((0xdd, 0x67, 0x05)));
        for wrong in ["dd6705", "#dd670", "#dd67055", "#gg0000", "#é0000"] {
            assert_eq!(hex(wrong), None, "{wrong}");
        }
    }
}
