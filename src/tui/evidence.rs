//! What a person has put together: pinned rows with notes, and what each speaks for or against.

use crate::model::{SafeText, Timestamp};

/// A pinned row. Its text is kept: the story it comes from may be gone when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// When it happened; zero when it has no time.
    pub at: Timestamp,
    /// What can be followed from it, or whose story it was.
    pub identity: Option<SafeText>,
    /// Digit of the screen that it was seen on.
    pub lens: char,
    /// Key of its row there.
    pub key: u64,
    /// What the row said.
    pub text: SafeText,
    /// What the person says about it.
    pub note: SafeText,
    /// The command that shows it again.
    pub command: SafeText,
    /// The hypothesis that it speaks for (`true`) or against.
    pub speaks: Option<(usize, bool)>,
}

/// Pins and hypotheses, in the order of their making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Pins.
    pub pins: Vec<Pin>,
    /// What might be the case.
    pub hypotheses: Vec<SafeText>,
}

impl Evidence {
    /// Returns the pins that speak for or against a hypothesis, with their places.
    pub fn of(&self, hypothesis: usize, is_for: bool) -> impl Iterator<Item = (usize, &Pin)> {
        self.pins.iter().enumerate().filter(move |(_, pin)| pin.speaks == Some((hypothesis, is_for)))
    }

    /// Returns the pins that speak for or against nothing yet.
    pub fn loose(&self) -> impl Iterator<Item = (usize, &Pin)> {
        self.pins.iter().enumerate().filter(|(_, pin)| pin.speaks.is_none())
    }

    /// Says how a hypothesis stands, with the counts: no more than the pins carry.
    pub fn stands(&self, hypothesis: usize) -> String {
        let (speaks_for, against) = (self.of(hypothesis, true).count(), self.of(hypothesis, false).count());
        let word = match (speaks_for, against) {
            (0, 0) => "open",
            (_, 0) => "consistent with what is pinned",
            (0, _) => "contradicted by what is pinned",
            (_, _) => "disputed",
        };
        format!("{word}: {speaks_for} for, {against} against")
    }

    /// Returns everything as Markdown. What came from outside stands in code, so that opening it loads and mentions nothing.
    pub fn markdown(&self) -> Vec<SafeText> {
        let mut lines: Vec<SafeText> = vec![SafeText::own("# Evidence")];
        let blank = || SafeText::default();
        for (at, hypothesis) in self.hypotheses.iter().enumerate() {
            lines.extend([
                blank(),
                format!("## {}", code(hypothesis)).into(),
                blank(),
                self.stands(at).into(),
                blank(),
            ]);
            for (is_for, word) in [(true, "for"), (false, "against")] {
                for (_, pin) in self.of(at, is_for) {
                    entry(&mut lines, pin, Some(word));
                }
            }
        }
        if self.loose().next().is_some() {
            lines.extend([blank(), SafeText::own("## Pinned"), blank()]);
        }
        for (_, pin) in self.loose() {
            entry(&mut lines, pin, None);
        }
        lines
    }
}

fn entry(lines: &mut Vec<SafeText>, pin: &Pin, word: Option<&str>) {
    let time = if pin.at == Timestamp(0) { String::new() } else { format!("{} ", pin.at.rfc3339()) };
    let word = word.map(|word| format!("{word}: ")).unwrap_or_default();
    lines.push(format!("- {word}{time}{}", code(&pin.text)).into());
    if !pin.note.is_empty() {
        lines.push(format!("  - note: {}", code(&pin.note)).into());
    }
    lines.push(format!("  - again: {}", code(&pin.command)).into());
}

/// Writes a text as code, within more backticks than it holds in a row.
fn code(text: &SafeText) -> String {
    let text = text.as_str();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str, speaks: Option<(usize, bool)>) -> Pin {
        Pin {
            at: Timestamp(0),
            identity: None,
            lens: '2',
            key: 1,
            text: text.into(),
            note: SafeText::default(),
            command: SafeText::own("hopscope now"),
            speaks,
        }
    }

    #[test]
    fn a_hypothesis_is_no_more_than_its_pins() {
        let mut evidence = Evidence { hypotheses: vec![SafeText::own("the bank is slow")], ..Evidence::default() };
        assert!(evidence.stands(0).starts_with("open"));
        evidence.pins.push(pin("a", Some((0, true))));
        assert!(evidence.stands(0).starts_with("consistent with"), "one pin for it proves nothing");
        evidence.pins.push(pin("b", Some((0, false))));
        assert_eq!(evidence.stands(0), "disputed: 1 for, 1 against");
        evidence.pins.remove(0);
        assert!(evidence.stands(0).starts_with("contradicted"));
    }

    #[test]
    fn what_came_from_outside_stays_code() {
        let evidence = Evidence { pins: vec![pin("a ``` ![x](http://evil) `", None)], ..Evidence::default() };
        let text: Vec<String> = evidence.markdown().iter().map(|line| line.as_str().to_owned()).collect();
        assert!(text.contains(&"- ```` a ``` ![x](http://evil) ` ````".to_owned()), "{text:?}");
    }
}
