//! Lines in which a caller says that it tries a call again, or which attempt has failed.
//!
//! The words are those of urllib3, tenacity, retryablehttp and resilience4j; "attempt 1 of 3" is what programs write on
//! their own.

/// What a line says about the attempts of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// Number of the attempt that failed, from 1.
    pub number: Option<u32>,
    /// Attempts that the caller makes at most.
    pub of: Option<u32>,
}

/// Words that only stand together in lines of clients that try again.
const AGAIN: &[(&str, &str)] = &[
    ("Retrying (Retry(total=", "after connection broken by"),
    ("Retrying ", " seconds as it raised "),
    (": retrying in ", " left)"),
    ("until attempt '", "Last attempt failed with exception"),
];

/// Longest number that is read: a try number with more digits is none.
const DIGITS: usize = 4;

/// Returns what a line says about the attempts of a call; `None` for nearly all lines.
pub fn tries(text: &str) -> Option<Tries> {
    if AGAIN.iter().any(|(first, then)| text.split_once(first).is_some_and(|(_, rest)| rest.contains(then))) {
        return Some(Tries::default());
    }
    ["attempt ", "Attempt "].iter().find_map(|word| {
        let (before, rest) = text.split_once(word)?;
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric());
        let (number, rest) = digits(rest.strip_prefix('#').unwrap_or(rest))?;
        let (of, _) = digits([" of ", "/"].iter().find_map(|between| rest.strip_prefix(between))?)?;
        (is_word && 0 < number && number <= of).then_some(Tries { number: Some(number), of: Some(of) })
    })
}

fn digits(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end <= DIGITS).then(|| text[..end].parse().ok()).flatten().map(|number| (number, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clients_say_that_they_try_again() {
        let numbered = |number, of| Some(Tries { number: Some(number), of: Some(of) });
        for (text, want) in [
            ("level=warn msg=\"attempt 1 of 3 failed: bank answered 503\"", numbered(1, 3)),
            ("Attempt #2/5 failed", numbered(2, 5)),
            (
                "Retrying (Retry(total=2, connect=None)) after connection broken by 'ReadTimeoutError': /charge",
                Some(Tries::default()),
            ),
            ("Retrying app.charge in 2.0 seconds as it raised HTTPError: 503.", Some(Tries::default())),
            ("[DEBUG] POST http://bank/charge (status: 503): retrying in 1s (4 left)", Some(Tries::default())),
            (
                "Retry 'bank', waiting PT0.5S until attempt '2'. Last attempt failed with exception 'x'.",
                Some(Tries::default()),
            ),
        ] {
            assert_eq!(tries(text), want, "{text}");
        }
    }

    #[test]
    fn other_lines_say_nothing_about_attempts() {
        for text in [
            "",
            "an attempt was made",
            "attempt 0 of 3",
            "attempt 4 of 3",
            "attempt 12345 of 99999",
            "reattempt 1 of 3",
            "page 1 of 3",
            "Retrying later",
            "attempt ",
        ] {
            assert_eq!(tries(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), number in any::<u32>(), of in any::<u32>()) {
            tries(&text);
            let told = tries(&format!("attempt {number} of {of}"));
            prop_assert!(told.is_none_or(|told| told.number <= told.of));
        }
    }
}
