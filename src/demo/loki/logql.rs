//! The part of LogQL that is served: selector, line filters, label filters, `json` and `logfmt`. The rest is refused.

use regex_lite::Regex;

use super::Release;

/// A log query.
#[derive(Debug)]
pub struct Query {
    /// Matchers of the stream selector.
    pub selector: Vec<Matcher>,
    /// Pipeline stages in order.
    pub stages: Vec<Stage>,
}

/// One pipeline stage.
#[derive(Debug)]
pub enum Stage {
    /// Keeps lines that pass; several alternatives are chained with `or`.
    Line(Vec<Test>),
    /// Keeps entries whose label or metadata passes; several alternatives are chained with `or`.
    Label(Vec<Matcher>),
    /// Reads the line as JSON.
    Json,
    /// Reads the line as logfmt.
    Logfmt,
}

/// A named value and what it must be.
#[derive(Debug)]
pub struct Matcher {
    /// Label.
    pub name: String,
    /// What its value must be; an absent label is the empty string.
    pub test: Test,
}

/// A condition on a text.
#[derive(Debug)]
pub enum Test {
    /// The whole text is this, in a matcher; contained, in a line filter.
    Is(String),
    /// The contrary.
    IsNot(String),
    /// The expression matches: all of a label value, any part of a line.
    Like(Regex),
    /// The contrary.
    Unlike(Regex),
}

impl Test {
    /// Whether a label value passes.
    pub fn value(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::IsNot(wanted) => value != wanted,
            Self::Like(expression) => expression.is_match(value),
            Self::Unlike(expression) => !expression.is_match(value),
        }
    }

    /// Whether a line passes.
    pub fn line(&self, line: &str) -> bool {
        match self {
            Self::Is(part) => line.contains(part.as_str()),
            Self::IsNot(part) => !line.contains(part.as_str()),
            Self::Like(expression) => expression.is_match(line),
            Self::Unlike(expression) => !expression.is_match(line),
        }
    }
}

/// Reads a query; the error is Loki's answer text.
pub fn parse(text: &str, release: Release) -> Result<Query, String> {
    let mut reader = Reader { text, at: 0, release };
    reader.space();
    if reader.rest().is_empty() {
        return Err("parse error : syntax error: unexpected $end".to_owned());
    }
    let query = reader.query()?;
    let empties_only = query.selector.iter().all(|matcher| matcher.test.value(""));
    if empties_only && (release == Release::V3 || query.selector.is_empty()) {
        return Err("parse error : queries require at least one regexp or equality matcher that does not have an \
                    empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"
            .to_owned());
    }
    Ok(query)
}

/// The selector of a query, which is all that some routes take.
pub fn parse_selector(text: &str, release: Release) -> Result<Vec<Matcher>, String> {
    let query = parse(text, release)?;
    if query.stages.is_empty() { Ok(query.selector) } else { Err("only label matchers are supported".to_owned()) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    release: Release,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn fail<T>(&self, what: &str) -> Result<T, String> {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Err(format!("parse error at line {line}, col {column}: syntax error: {what}"))
    }

    fn query(&mut self) -> Result<Query, String> {
        if !self.take("{") {
            return self.fail("unexpected IDENTIFIER, expecting {");
        }
        let mut selector = Vec::new();
        while !self.take("}") {
            if !selector.is_empty() && !self.take(",") {
                return self.fail("unexpected token, expecting } or ,");
            }
            if !selector.is_empty() && self.take("}") {
                break;
            }
            selector.push(self.matcher()?);
        }
        let mut stages = Vec::new();
        loop {
            self.space();
            if self.rest().is_empty() {
                return Ok(Query { selector, stages });
            }
            stages.push(self.stage()?);
        }
    }

    fn stage(&mut self) -> Result<Stage, String> {
        for (sign, test) in [("|=", Sign::Is), ("!=", Sign::IsNot), ("|~", Sign::Like), ("!~", Sign::Unlike)] {
            if self.take(sign) {
                return self.line_filter(test);
            }
        }
        if !self.take("|") {
            return self.fail("unexpected token, expecting | or a line filter");
        }
        self.space();
        let start = self.at;
        let name = self.name()?;
        self.space();
        let compares = self.rest().starts_with(['=', '!', '<', '>']);
        match name.as_str() {
            "json" if !compares => Ok(Stage::Json),
            "logfmt" if !compares => Ok(Stage::Logfmt),
            _ if compares => {
                self.at = start;
                let mut matchers = vec![self.matcher()?];
                while self.take("or ") {
                    matchers.push(self.matcher()?);
                }
                Ok(Stage::Label(matchers))
            }
            _ => {
                self.at = start;
                self.fail(&format!("unexpected IDENTIFIER {name}"))
            }
        }
    }

    fn line_filter(&mut self, sign: Sign) -> Result<Stage, String> {
        let mut tests = Vec::new();
        loop {
            let text = self.string()?;
            tests.push(self.test(sign, &text, false)?);
            let before = self.at;
            if !self.take("or") {
                return Ok(Stage::Line(tests));
            }
            if self.release == Release::V2 {
                self.at = before;
                self.space();
                return self.fail("unexpected or");
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let name = self.name()?;
        for (sign, test) in [("=~", Sign::Like), ("!~", Sign::Unlike), ("!=", Sign::IsNot), ("=", Sign::Is)] {
            if self.take(sign) {
                let text = self.string()?;
                return Ok(Matcher { name, test: self.test(test, &text, true)? });
            }
        }
        self.fail("unexpected token, expecting = or != or =~ or !~")
    }

    fn test(&self, sign: Sign, text: &str, whole: bool) -> Result<Test, String> {
        let expression = || {
            // Label expressions are anchored on both sides, line expressions on none.
            let pattern = if whole { format!("^(?:{text})$") } else { text.to_owned() };
            Regex::new(&pattern)
                .map_err(|error| format!("parse error at line 1, col {}: error parsing regexp: {error}", self.at))
        };
        Ok(match sign {
            Sign::Is => Test::Is(text.to_owned()),
            Sign::IsNot => Test::IsNot(text.to_owned()),
            Sign::Like => Test::Like(expression()?),
            Sign::Unlike => Test::Unlike(expression()?),
        })
    }

    fn name(&mut self) -> Result<String, String> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').unwrap_or(rest.len());
        if end == 0 {
            return self.fail("unexpected token, expecting IDENTIFIER");
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// A string in double quotes with Go's escapes, or in backticks without any.
    fn string(&mut self) -> Result<String, String> {
        self.space();
        if let Some(rest) = self.rest().strip_prefix('`') {
            let Some(end) = rest.find('`') else { return self.fail("literal not terminated") };
            self.at += end + 2;
            return Ok(rest[..end].to_owned());
        }
        let Some(rest) = self.rest().strip_prefix('"') else {
            return self.fail("unexpected token, expecting STRING");
        };
        let mut text = String::new();
        let mut signs = rest.char_indices();
        while let Some((place, sign)) = signs.next() {
            match sign {
                '"' => {
                    self.at += place + 2;
                    return Ok(text);
                }
                '\\' => {
                    let Some((_, escaped)) = signs.next() else { break };
                    let code = match escaped {
                        'x' => Some(2),
                        'u' => Some(4),
                        'U' => Some(8),
                        _ => None,
                    };
                    let plain = match escaped {
                        'n' => Some('\n'),
                        't' => Some('\t'),
                        'r' => Some('\r'),
                        '\\' | '"' => Some(escaped),
                        _ => None,
                    };
                    let coded = code.and_then(|digits| {
                        let hex: String = signs.by_ref().take(digits).map(|(_, digit)| digit).collect();
                        u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
                    });
                    match plain.or(coded) {
                        Some(sign) => text.push(sign),
                        None => return self.fail("invalid char escape"),
                    }
                }
                _ => text.push(sign),
            }
        }
        self.fail("literal not terminated")
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Is,
    IsNot,
    Like,
    Unlike,
}
