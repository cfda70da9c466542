//! TraceQL: conditions on one span, and how names and values are written.

use smol_str::SmolStr;
use std::fmt::Write;

/// Longest query: Tempo before 2.5 loses its place in longer ones (grafana/tempo PR 3571, a buffer of 1024 bytes).
const LONGEST: usize = 1_000;

/// Returns queries that together find every alternative; each has as many as fit.
pub(super) fn any_of(any: &[Vec<(SmolStr, SmolStr)>]) -> Vec<String> {
    let mut queries: Vec<String> = Vec::new();
    for all in any {
        let conditions: Vec<String> = all.iter().map(|(name, value)| condition(name, value)).collect();
        let alternative = conditions.join(" && ");
        let alternative = if all.len() > 1 { format!("({alternative})") } else { alternative };
        match queries.last_mut() {
            Some(query) if query.len() + alternative.len() + 8 <= LONGEST => {
                write!(query, " || {alternative}").expect("a string takes any text");
            }
            _ => queries.push(alternative),
        }
    }
    queries.into_iter().map(|query| format!("{{ {query} }}")).collect()
}

/// Returns the query for spans of a service (empty: of any) that failed.
pub(super) fn failed(service: &str) -> String {
    if service.is_empty() {
        return "{ status = error }".to_owned();
    }
    format!("{{ resource.service.name = {} && status = error }}", text(service))
}

/// Attributes have types, and an id or an offset may be kept as a number.
fn condition(name: &str, value: &str) -> String {
    let name = attribute(name);
    let as_text = format!("{name} = {}", text(value));
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    if is_number || matches!(value, "true" | "false") { format!("({as_text} || {name} = {value})") } else { as_text }
}

/// Writes a name without a scope, so that span and resource are both searched.
fn attribute(name: &str) -> String {
    // Quoted names came with Tempo 2.3, so they are kept for names that need them.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    if !name.is_empty() && name.bytes().all(is_plain) { format!(".{name}") } else { format!(".{}", text(name)) }
}

/// Writes a text as Go's quoted strings are, which TraceQL reads.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for sign in value.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other.is_control() => write!(out, "\\u{:04x}", u32::from(other)).expect("a string takes any text"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(SmolStr, SmolStr)> {
        list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn a_value_never_ends_its_text() {
        let written = [
            ("ord-7", r#"{ .order.id = "ord-7" }"#),
            ("a\" || true || .b = \"", r#"{ .order.id = "a\" || true || .b = \"" }"#),
            ("c:\\x", r#"{ .order.id = "c:\\x" }"#),
            ("a\nb\u{1b}", r#"{ .order.id = "a\nb\u001b" }"#),
            ("17", r#"{ (.order.id = "17" || .order.id = 17) }"#),
            ("017", r#"{ .order.id = "017" }"#),
            ("true", r#"{ (.order.id = "true" || .order.id = true) }"#),
        ];
        for (value, query) in written {
            assert_eq!(any_of(&[pairs(&[("order.id", value)])]), [query]);
        }
        assert_eq!(any_of(&[pairs(&[("order id}", "x")])]), [r#"{ ."order id}" = "x" }"#]);
        assert_eq!(failed("a\"b"), r#"{ resource.service.name = "a\"b" && status = error }"#);
    }

    #[test]
    fn alternatives_share_queries_that_are_short_enough() {
        let all = [pairs(&[("a", "x")]), pairs(&[("b", "x"), ("c", "y")])];
        assert_eq!(any_of(&all), [r#"{ .a = "x" || (.b = "x" && .c = "y") }"#]);
        let many: Vec<_> = (0..99).map(|number| pairs(&[(&format!("name.{number}"), "some-value")])).collect();
        let queries = any_of(&many);
        assert!(queries.len() > 1 && queries.iter().all(|query| query.len() <= LONGEST + 4), "{queries:?}");
        assert_eq!(queries.iter().map(|query| query.matches("name.").count()).sum::<usize>(), 99);
    }
}
