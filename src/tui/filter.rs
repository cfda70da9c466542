//! The filter: which rows are shown.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// A filter as typed behind `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    needle: String,
    way: Way,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Holds,
    HoldsNot,
    Roughly,
}

impl Filter {
    /// Reads `text`, `!text` (rows without it) or `~text` (its letters in order). Upper and lower case are equal unless
    /// the text has an upper-case letter.
    pub fn parse(typed: &str) -> Self {
        let (way, needle) = match (typed.strip_prefix('!'), typed.strip_prefix('~')) {
            (Some(rest), _) => (Way::HoldsNot, rest),
            (None, Some(rest)) => (Way::Roughly, rest),
            (None, None) => (Way::Holds, typed),
        };
        Self { needle: needle.to_owned(), way }
    }

    /// Says whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.needle.is_empty()
    }

    /// Returns what is asked for each row; made once per pass over the rows.
    pub fn test(&self) -> impl Fn(&str) -> bool + use<> {
        let exact = self.needle.chars().any(char::is_uppercase);
        let needle = if exact { self.needle.clone() } else { self.needle.to_lowercase() };
        let rough = SkimMatcherV2::default().smart_case();
        let way = self.way;
        move |text: &str| {
            let holds = || if exact { text.contains(&needle) } else { text.to_lowercase().contains(&needle) };
            match way {
                Way::Holds => holds(),
                Way::HoldsNot => needle.is_empty() || !holds(),
                Way::Roughly => needle.is_empty() || rough.fuzzy_match(text, &needle).is_some(),
            }
        }
    }
}

/// Returns those of `choices` whose letters match `typed` roughly, best first.
pub fn closest<'a, T>(typed: &str, choices: &'a [T], text: impl Fn(&T) -> &str) -> Vec<&'a T> {
    let matcher = SkimMatcherV2::default().ignore_case();
    let mut found: Vec<(i64, usize, &T)> = choices
        .iter()
        .enumerate()
        .filter_map(|(place, choice)| Some((matcher.fuzzy_match(text(choice), typed)?, place, choice)))
        .collect();
    found.sort_by_key(|(score, place, _)| (std::cmp::Reverse(*score), *place));
    found.into_iter().map(|(_, _, choice)| choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_of_a_filter() {
        let check = |typed: &str, text: &str, passes: bool| {
            assert_eq!(Filter::parse(typed).test()(text), passes, "/{typed} on {text}");
        };
        check("pay", "POST Payments", true);
        check("Pay", "POST payments", false);
        check("!pay", "POST payments", false);
        check("!pay", "orders", true);
        check("~pmt", "payments", true);
        check("~pmt", "orders", false);
        check("", "anything", true);
        check("!", "anything", true);
    }

    #[test]
    fn the_closest_comes_first() {
        let names = ["next-error", "refresh", "sources"];
        assert_eq!(closest("ref", &names, |name| name), [&"refresh"]);
        assert_eq!(*closest("nerr", &names, |name| name)[0], "next-error");
    }
}
