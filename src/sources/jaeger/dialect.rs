//! What the server is: which of the two ways of asking it takes, and what its start page tells.

use super::client::{Found, Jaeger};
use crate::model::{Exchange, FaultKind, SafeText};
use crate::sources::http::looks_like_html;
use crate::sources::lease::Budget;
use crate::sources::traces::Form;
use serde_json::{Value as Json, json};
use smol_str::SmolStr;

/// Which of the two ways of asking and answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/api/...`: all of 1.x, and 2.x before 2.21.
    Internal,
    /// `/api/v3/...` with a search that honours attributes: from 2.19.
    V3,
}

/// What the start page tells (Jaeger 1.76 and 2.20, `static_handler.go`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// `gitVersion`; empty in a server that somebody built, or without a page.
    pub version: SmolStr,
    /// `JAEGER_BACKEND_CAPABILITIES` is there: 2.20 or later.
    pub is_v2_20: bool,
    /// Whether the backend searches without a service, where that is told: 2.21 or later.
    pub anywhere: Option<bool>,
}

impl Dialect {
    pub(super) fn form(self) -> Form {
        match self {
            Self::Internal => Form::Jaeger,
            Self::V3 => Form::Otlp,
        }
    }
}

impl Page {
    /// Reads the lines that the server writes into its page.
    pub(super) fn read(page: &str) -> Self {
        let object = |name: &str| {
            let rest = page.split_once(name)?.1.trim_start().strip_prefix('=')?;
            serde_json::Deserializer::from_str(rest).into_iter::<Json>().next()?.ok()
        };
        let told = object("JAEGER_VERSION");
        let version = told.as_ref().and_then(|told| told.get("gitVersion")).and_then(Json::as_str).unwrap_or_default();
        let able = object("JAEGER_BACKEND_CAPABILITIES");
        let anywhere = able.as_ref().and_then(|able| able.get("searchWithoutServiceName")).and_then(Json::as_bool);
        Self { version: version.trim_start_matches('v').into(), is_v2_20: able.is_some(), anywhere }
    }

    /// Says what the server is, as exactly as is known.
    pub(super) fn name(&self, dialect: Dialect) -> String {
        let api = if dialect == Dialect::V3 { "API v3" } else { "internal API" };
        let is_release = self.version.starts_with(|first: char| first.is_ascii_digit());
        match (is_release, self.anywhere, self.is_v2_20, dialect) {
            (true, ..) => format!("Jaeger {} ({api})", self.version),
            (false, Some(_), ..) => format!("Jaeger 2.21 or later ({api})"),
            (false, None, true, _) => format!("Jaeger 2.20 or later ({api})"),
            (false, None, false, Dialect::V3) => format!("Jaeger 2.19 or later ({api})"),
            (false, None, false, Dialect::Internal) => format!("Jaeger before 2.19 ({api})"),
        }
    }
}

impl Jaeger {
    /// Finds out the dialect: only servers that honour attributes in a version 3 search have trace summaries, and old
    /// ones answer that route with a web page and status 200, so the body decides.
    pub(super) async fn dialect(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Found<Dialect> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let mut query = super::search::times("1970-01-01T00:00:00Z".into(), "1970-01-01T00:00:01Z".into());
        query.extend([("query.serviceName", "hopscope".to_owned()), ("query.searchDepth", "1".to_owned())]);
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/api/v3/trace-summaries", &query, &[], &mut body).await;
        made.extend(fetched.exchanges);
        let head = fetched.outcome?;
        // A server in trouble says nothing about its dialect, and what is found out here is kept.
        if head.status == 429 || head.status >= 500 && head.status != 501 {
            return Err(self.refused(&fetched.asked, &head));
        }
        let is_v3 = |object: &Json| object.get("summaries").is_some_and(Json::is_array) || *object == json!({});
        let object = serde_json::from_slice::<Json>(&body).ok();
        let known = if head.is_success() && object.as_ref().is_some_and(is_v3) {
            Dialect::V3
        } else {
            let services = self.json(budget, "/api/services", made).await?;
            if services.get("data").is_none() {
                let asked = SafeText::from(format!("GET {}/api/services", self.http.address().as_str()));
                let came = SafeText::own("JSON without the list `data`");
                let hint = "check that the URL is Jaeger's query service";
                return Err(self.http.fault(FaultKind::Damaged, &asked, came, hint));
            }
            Dialect::Internal
        };
        self.keep(Some(known));
        Ok(known)
    }

    /// Reads the start page once. A page that cannot be had tells nothing, which is no fault: a proxy may hide it.
    pub(super) async fn page(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Page {
        if let Some(known) = self.page.get() {
            return known.clone();
        }
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/", &[], &[], &mut body).await;
        made.extend(fetched.exchanges);
        match fetched.outcome {
            Ok(head) => {
                let is_page = head.is_success() && looks_like_html(&body);
                let page = if is_page { Page::read(&String::from_utf8_lossy(&body)) } else { Page::default() };
                self.page.get_or_init(|| page).clone()
            }
            Err(_) => Page::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_as_much_as_it_holds() {
        let version = r#"<script>JAEGER_VERSION = {"gitCommit":"a","gitVersion":"v1.76.0","buildDate":""};"#;
        let storage = r#"JAEGER_STORAGE_CAPABILITIES = {"archiveStorage":false};"#;
        let backend = r#"JAEGER_BACKEND_CAPABILITIES = {"archiveStorage":false};"#;
        let newest = r#"JAEGER_BACKEND_CAPABILITIES = {"searchWithoutServiceName":true};"#;
        let built = r#"JAEGER_VERSION = {"gitVersion":"dev"};"#;
        let rows = [
            (format!("{version}{storage}"), Dialect::Internal, "Jaeger 1.76.0 (internal API)"),
            (format!("{built}{storage}"), Dialect::Internal, "Jaeger before 2.19 (internal API)"),
            (format!("{built}{storage}"), Dialect::V3, "Jaeger 2.19 or later (API v3)"),
            (format!("{built}{backend}"), Dialect::V3, "Jaeger 2.20 or later (API v3)"),
            (format!("{built}{newest}"), Dialect::V3, "Jaeger 2.21 or later (API v3)"),
            ("JAEGER_VERSION = {broken".to_owned(), Dialect::V3, "Jaeger 2.19 or later (API v3)"),
            ("<html>login</html>".to_owned(), Dialect::V3, "Jaeger 2.19 or later (API v3)"),
        ];
        for (page, dialect, name) in rows {
            assert_eq!(Page::read(&page).name(dialect), name, "{page}");
        }
        assert_eq!(Page::read(newest).anywhere, Some(true));
    }
}
