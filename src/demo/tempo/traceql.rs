//! The part of TraceQL that looks at one span: equality of attributes and of the status, `&&`, `||` and brackets.

use std::iter::Peekable;
use std::str::Chars;

use crate::demo::jaeger::search;
use crate::world::project::{Span, Value};

/// A condition on a span.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    /// `{}`: every span.
    All,
    /// Both hold.
    And(Box<Query>, Box<Query>),
    /// One holds.
    Or(Box<Query>, Box<Query>),
    /// `status = error`.
    Failed,
    /// `.name = value`, in span, resource or one of them.
    Equal(Scope, String, Value),
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Both.
    Any,
    /// The span's own.
    Span,
    /// The resource's.
    Resource,
}

impl Query {
    /// Says whether a span fits. Values of different types are different.
    pub(super) fn fits(&self, span: &Span) -> bool {
        match self {
            Self::All => true,
            Self::And(one, other) => one.fits(span) && other.fits(span),
            Self::Or(one, other) => one.fits(span) || other.fits(span),
            Self::Failed => span.error,
            Self::Equal(scope, name, value) => {
                let own = span.attributes.iter().any(|(known, held)| known == name && held == value);
                let service = name == "service.name" && *value == Value::Text(span.service.clone());
                let shared = || {
                    service
                        || search::resource(&span.service).iter().any(|(known, held)| known == name && held == value)
                };
                match scope {
                    Scope::Any => own || shared(),
                    Scope::Span => own,
                    Scope::Resource => shared(),
                }
            }
        }
    }
}

/// Reads `{ ... }`.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    let mut reader = Reader(text.trim().chars().peekable());
    reader.expect('{')?;
    reader.blank();
    let query = if reader.0.peek() == Some(&'}') { Query::All } else { reader.either()? };
    reader.expect('}')?;
    reader.blank();
    match reader.0.next() {
        None => Ok(query),
        Some(sign) => Err(format!("parse error at line 1: syntax error: unexpected {sign}")),
    }
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    fn blank(&mut self) {
        while self.0.next_if(|sign| sign.is_whitespace()).is_some() {}
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        self.blank();
        match self.0.next() {
            Some(sign) if sign == wanted => Ok(()),
            other => Err(format!("parse error at line 1: syntax error: unexpected {other:?} in place of {wanted}")),
        }
    }

    fn takes(&mut self, twice: char) -> Result<bool, String> {
        self.blank();
        if self.0.next_if_eq(&twice).is_none() {
            return Ok(false);
        }
        self.expect(twice).map(|()| true)
    }

    fn either(&mut self) -> Result<Query, String> {
        let mut query = self.both()?;
        while self.takes('|')? {
            query = Query::Or(Box::new(query), Box::new(self.both()?));
        }
        Ok(query)
    }

    fn both(&mut self) -> Result<Query, String> {
        let mut query = self.one()?;
        while self.takes('&')? {
            query = Query::And(Box::new(query), Box::new(self.one()?));
        }
        Ok(query)
    }

    fn one(&mut self) -> Result<Query, String> {
        self.blank();
        if self.0.next_if_eq(&'(').is_some() {
            let query = self.either()?;
            self.expect(')')?;
            return Ok(query);
        }
        let mut name = String::new();
        if self.0.next_if_eq(&'.').is_some() {
            name.push('.');
            if self.0.peek() == Some(&'"') {
                name.push_str(&self.quoted()?);
            }
        }
        while let Some(sign) = self.0.next_if(|sign| !sign.is_whitespace() && !"{}()=~!<>&|^,\"".contains(*sign)) {
            name.push(sign);
        }
        self.expect('=')?;
        self.blank();
        if name == "status" {
            let word = self.word();
            return if word == "error" { Ok(Query::Failed) } else { Err(format!("unknown status {word}")) };
        }
        let scopes = [(".", Scope::Any), ("span.", Scope::Span), ("resource.", Scope::Resource)];
        let Some((rest, scope)) = scopes.iter().find_map(|(prefix, scope)| Some((name.strip_prefix(prefix)?, *scope)))
        else {
            return Err(format!("parse error at line 1: syntax error: unexpected IDENTIFIER {name}"));
        };
        let value = if self.0.peek() == Some(&'"') { Value::Text(self.quoted()?.into()) } else { self.bare()? };
        Ok(Query::Equal(scope, rest.to_owned(), value))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(sign) = self.0.next_if(|sign| sign.is_alphanumeric() || *sign == '-') {
            word.push(sign);
        }
        word
    }

    fn bare(&mut self) -> Result<Value, String> {
        let word = self.word();
        match word.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => word.parse().map(Value::Int).map_err(|_| format!("parse error at line 1: unexpected {word}")),
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            match self.0.next() {
                None => return Err("parse error at line 1: unterminated text".to_owned()),
                Some('"') => return Ok(text),
                Some('\\') => match self.0.next() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(sign @ ('"' | '\\')) => text.push(sign),
                    Some('u') => {
                        let digits: String = self.0.by_ref().take(4).collect();
                        let sign = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                        text.push(sign.ok_or("parse error at line 1: bad escape")?);
                    }
                    _ => return Err("parse error at line 1: bad escape".to_owned()),
                },
                Some(sign) => text.push(sign),
            }
        }
    }
}
