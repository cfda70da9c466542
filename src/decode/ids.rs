//! Recognises ids in texts.

/// Says whether `id` stands in `text` on token boundaries: a longer id that contains it is another id.
pub fn contains_token(text: &str, id: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !id.is_empty()
        && text.match_indices(id).any(|(at, _)| {
            !text[..at].chars().next_back().is_some_and(joins)
                && !text[at + id.len()..].chars().next().is_some_and(joins)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_id_that_contains_it_is_no_hit() {
        let cases = [
            ("order ord-1 paid", true),
            ("id=ord-1,", true),
            ("{\"id\":\"ord-1\"}", true),
            ("ord-12", false),
            ("word-1", false),
            ("ord-1-retry", false),
            ("ord-12 ord-1", true),
        ];
        for (text, hit) in cases {
            assert_eq!(contains_token(text, "ord-1"), hit, "{text}");
        }
    }
}
