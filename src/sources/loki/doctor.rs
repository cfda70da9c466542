//! What a Loki tells about itself when it is examined.

use super::client::Loki;
use crate::model::ask::NoteKind;
use crate::model::{Ask, Nanos, Timestamp, Window};
use crate::sources::Source;
use crate::sources::checkup::Step;
use crate::sources::lease::Budget;

/// How far back the examination searches.
const SINCE: Nanos = Nanos::from_secs(300);

impl Loki {
    /// Reads what it tells of itself, and puts one narrow search.
    pub(super) async fn steps(&self, budget: &Budget) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.known(budget, &mut Vec::new()).await {
            Err(fault) => steps.push(Step::failed("capabilities", &fault)),
            Ok(known) => {
                let metadata = if known.dialect.bare {
                    "this version keeps no structured metadata: ids are searched in the lines"
                } else {
                    "structured metadata is asked for beside the lines"
                };
                let spellings = if known.dialect.line_or { "; all spellings of an id in one query" } else { "" };
                steps.push(Step::ok("capabilities", format!("{metadata}{spellings}")));
                let time = |limit: Option<Nanos>, words: &str| limit.map(|limit| format!("{words} {}", limit.human()));
                let told: Vec<String> = [
                    known.limits.entries.map(|lines| format!("{lines} lines a page")),
                    time(known.limits.length, "ranges up to"),
                    time(known.limits.lookback, "looks back"),
                    time(known.limits.retention, "lines are kept for"),
                ]
                .into_iter()
                .flatten()
                .collect();
                let kept = match known.limits.retention {
                    Some(_) => "",
                    None => "; how long lines are kept is not told: an old window may be empty for that reason alone",
                };
                steps.push(if told.is_empty() {
                    Step::not_tried(
                        "limits",
                        format!("this server tells none; they are learned from its refusals{kept}"),
                    )
                } else {
                    Step::ok("limits", format!("{}{kept}", told.join(", ")))
                });
            }
        }
        let now = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
        let window = Window { from: now.plus(Nanos(-SINCE.0)), until: now };
        let needles = vec!["hopscope-doctor".into()];
        let ask = Ask::FindLines { needles, metadata: Vec::new(), services: Vec::new(), window, limit: 1 };
        let tenant = if self.http.has_header("X-Scope-OrgID") {
            "the tenant that X-Scope-OrgID names"
        } else {
            "no tenant is named (X-Scope-OrgID)"
        };
        steps.push(match self.answer(&ask, budget).await.outcome {
            Err(fault) => Step::failed("permissions", &fault),
            Ok(answer) => match answer.notes.iter().find(|note| note.kind != NoteKind::Remark) {
                Some(note) => Step::warn(
                    "permissions",
                    format!("a search of the last 5 minutes is answered; {tenant}; {}", note.text),
                    "check profile.NAME.loki.tenant and the rights of this user",
                ),
                None => Step::ok("permissions", format!("a search of the last 5 minutes is answered; {tenant}")),
            },
        });
        steps.extend(self.seen_labels(budget).await);
        steps
    }

    /// Loki answers for a tenant that does not exist as for one without lines: only its labels tell.
    async fn seen_labels(&self, budget: &Budget) -> Option<Step> {
        let mut body = Vec::new();
        let fetched = self.http.get(budget, "/loki/api/v1/labels", &[], &[], &mut body).await;
        if !fetched.outcome.is_ok_and(|head| head.is_success()) {
            return None;
        }
        let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
        // Without a label, old versions leave the list out.
        let labels = json["data"].as_array().map_or(0, Vec::len);
        let is_told = json["status"] == "success";
        let to_do = "check profile.NAME.loki.tenant; a tenant that does not exist looks the same";
        (is_told && labels == 0).then(|| Step::warn("permissions", "no label of the last 6 hours is visible", to_do))
    }
}
