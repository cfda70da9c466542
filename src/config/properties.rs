//! Java's properties and the login modules that Kafka writes into one of them: form only, no meaning.

/// One property and its line, from 1.
pub(super) type Entry = (usize, String, String);

/// What `java.util.Properties` takes for a blank.
const BLANK: [char; 3] = [' ', '\t', '\x0c'];

/// Splits a text into properties: `#` and `!` begin comments, a `\` at the end of a line continues it, `=`, `:` or blanks
/// end the key (java.util.Properties, Java 17).
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let mut whole = line.trim_start_matches(BLANK).to_owned();
        if whole.is_empty() || whole.starts_with(['#', '!']) {
            continue;
        }
        while (whole.len() - whole.trim_end_matches('\\').len()) % 2 == 1 {
            whole.pop();
            let Some((_, more)) = lines.next() else { break };
            whole.push_str(more.trim_start_matches(BLANK));
        }
        let mut escaped = false;
        let end = whole.char_indices().find(|(_, c)| {
            let ends = !escaped && (BLANK.contains(c) || matches!(c, '=' | ':'));
            escaped = !escaped && *c == '\\';
            ends
        });
        let end = end.map_or(whole.len(), |(end, _)| end);
        let (key, rest) = whole.split_at(end);
        let rest = rest.trim_start_matches(BLANK);
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANK);
        found.push((at + 1, unescaped(key), unescaped(value)));
    }
    found
}

fn unescaped(text: &str) -> String {
    // In units of UTF-16, as `\u` counts: two of them can make one character.
    let mut out: Vec<u16> = Vec::new();
    let mut rest = text.chars();
    let push = |c: char, out: &mut Vec<u16>| out.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    while let Some(c) = rest.next() {
        if c != '\\' {
            push(c, &mut out);
            continue;
        }
        match rest.next() {
            Some('n') => push('\n', &mut out),
            Some('t') => push('\t', &mut out),
            Some('r') => push('\r', &mut out),
            Some('f') => push('\x0c', &mut out),
            Some('u') => {
                let code: String = rest.by_ref().take(4).collect();
                out.push(u16::from_str_radix(&code, 16).unwrap_or(0xfffd));
            }
            Some(other) => push(other, &mut out),
            None => {}
        }
    }
    String::from_utf16_lossy(&out)
}

/// Reads the first login module: its class without the package, and its options
/// (`package.Class required name="value" other='value';`).
pub(super) fn jaas(text: &str) -> (String, Vec<(String, String)>) {
    let class = text.split_ascii_whitespace().next().unwrap_or_default();
    let class = class.rsplit('.').next().unwrap_or_default().trim_end_matches(';').to_owned();
    let mut options = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let name = rest[..at].split_ascii_whitespace().next_back().unwrap_or_default().to_owned();
        let value = rest[at + 1..].trim_start();
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            let end = value.find([' ', ';']).unwrap_or(value.len());
            options.push((name, value[..end].to_owned()));
            rest = &value[end..];
            continue;
        };
        let (mut held, mut escaped, mut end) = (String::new(), false, value.len());
        for (at, c) in value.char_indices().skip(1) {
            if escaped {
                held.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                end = at + 1;
                break;
            } else {
                held.push(c);
            }
        }
        options.push((name, held));
        rest = &value[end..];
    }
    (class, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_java() {
        let text = "  a\\ b = c\\u0041\\uD83D\\uDE00\n!no\n#no\nd\ne\\\n   f : g\\\\\nh   i\n";
        let found: Vec<(String, String)> = entries(text).into_iter().map(|(_, key, value)| (key, value)).collect();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found, [pair("a b", "cA😀"), pair("d", ""), pair("ef", "g\\"), pair("h", "i")]);
    }

    #[test]
    fn a_login_module_has_a_class_and_options() {
        let (class, options) = jaas("a.b.PlainLoginModule required\n username=\"u=1\" password='p\\'w;' plain=x;");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(class, "PlainLoginModule");
        assert_eq!(options, [pair("username", "u=1"), pair("password", "p'w;"), pair("plain", "x")]);
        assert_eq!(jaas("x.IAMLoginModule required;"), ("IAMLoginModule".to_owned(), Vec::new()));
    }
}
