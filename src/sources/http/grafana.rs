//! Grafana as the only door: requests go through its proxy of data sources, which are named by uid.
//!
//! Grafana 9 and later serve `/api/datasources/proxy/uid/UID/...`; the forms with numbers are off since 13. A data source's
//! own 401 comes out as 400, and what Grafana itself refuses is JSON with a `message`.

use super::{Fetched, Head, Http, looks_like_html};
use crate::model::{Exchange, Fault, FaultKind, SafeText};
use crate::sources::lease::Budget;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value as Json;
use std::fmt::Write as _;
use tokio::sync::OnceCell;

/// Where a person finds a uid.
const WHERE: &str = "set grafana.jaeger_uid, tempo_uid or loki_uid; Grafana shows the uid in the address of the data source's page \
                     (/connections/datasources/edit/UID)";

/// The data source behind a door, once it is known.
#[derive(Debug, Default)]
pub(super) struct Behind(OnceCell<Result<String, Fault>>);

impl Http {
    /// Returns what stands between the base URL and the paths of the source: nothing, unless Grafana is in between.
    pub(super) async fn below(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Result<String, Fault> {
        let Some(door) = &self.endpoint.grafana else { return Ok(String::new()) };
        let uid = match &door.uid {
            Some(uid) => uid.clone(),
            None => self.behind.0.get_or_try_init(|| self.look_up(budget, made)).await?.clone()?,
        };
        Ok(format!("/api/datasources/proxy/uid/{}", utf8_percent_encode(&uid, NON_ALPHANUMERIC)))
    }

    /// Looks for the only data source of the kind. What the list says is kept; that it cannot be had is not.
    async fn look_up(&self, budget: &Budget, made: &mut Vec<Exchange>) -> Result<Result<String, Fault>, Fault> {
        let mut body = Vec::new();
        let fetched = self.fetch(budget, self.plan(Method::GET, "/api/datasources", &[], &[], &[]), &mut body).await;
        made.extend(fetched.exchanges);
        let asked = &fetched.asked;
        let head = fetched.outcome.map_err(|fault| match fault.kind {
            FaultKind::Refused => {
                let came = format!("Grafana does not let this token list data sources ({})", fault.came.as_str());
                self.fault(FaultKind::Refused, asked, came.into(), WHERE)
            }
            _ => fault,
        })?;
        if !head.is_success() {
            return Err(self.failed(asked, &head));
        }
        if looks_like_html(&body) {
            return Err(self.web_page(asked));
        }
        let Ok(Json::Array(all)) = serde_json::from_slice::<Json>(&body) else {
            let came = SafeText::own("no list of data sources");
            return Err(self.fault(FaultKind::Damaged, asked, came, "check that grafana.url is Grafana's"));
        };
        let text = |one: &Json, name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let kind = self.source.name();
        let fitting: Vec<&Json> = all.iter().filter(|one| text(one, "type") == kind).collect();
        let came = match fitting.as_slice() {
            [] => format!("Grafana lists no data source of type {kind}"),
            [only] => return Ok(Ok(text(only, "uid"))),
            several => {
                let mut words = format!("Grafana has {} data sources of type {kind}", several.len());
                for (at, one) in several.iter().enumerate() {
                    let sign = if at == 0 { ":" } else { "," };
                    write!(words, "{sign} {} ({})", text(one, "uid"), text(one, "name"))
                        .expect("a string takes any text");
                }
                words
            }
        };
        Ok(Err(self.fault(FaultKind::NotConfigured, asked, came.into(), WHERE)))
    }

    /// Tells what Grafana itself says from what the data source says.
    pub(super) fn judged(&self, mut fetched: Fetched) -> Fetched {
        if self.endpoint.grafana.is_none() {
            return fetched;
        }
        let asked = fetched.asked.clone();
        fetched.outcome = match fetched.outcome {
            Ok(head) => self.of_grafana(&asked, &head).map_or(Ok(head), Err),
            Err(fault) if fault.kind == FaultKind::Refused => {
                let hint = "check Grafana's token: it needs the permission datasources:query for this data source, in the \
                            organisation of org_id";
                Err(Fault { hint: SafeText::own(hint), ..fault })
            }
            Err(fault) => Err(fault),
        };
        fetched
    }

    fn of_grafana(&self, asked: &SafeText, head: &Head) -> Option<Fault> {
        let said = serde_json::from_str::<Json>(&head.text).unwrap_or_default();
        let said = said.get("message").and_then(Json::as_str).unwrap_or(&head.text);
        let words = said.to_ascii_lowercase();
        let names_source = words.contains("data source") || words.contains("datasource");
        let (kind, hint) = match head.status {
            400 if words.contains("authentication to data source failed") => (
                FaultKind::Refused,
                "the data source refuses the login that Grafana holds for it: correct it in Grafana",
            ),
            404 if names_source => (FaultKind::Failed, WHERE),
            502 | 504 => (FaultKind::Failed, "Grafana does not reach the data source: test it on its page in Grafana"),
            _ => return None,
        };
        Some(self.fault(
            kind,
            asked,
            SafeText::from(format!("Grafana, HTTP {}: {}", head.status, said.trim())).cut(400),
            hint,
        ))
    }
}
