//! What a Tempo tells about itself when it is examined.

use super::client::Tempo;
use super::search;
use crate::model::{Ask, FaultKind, Nanos, Rows, TraceId, Window};
use crate::sources::Source;
use crate::sources::checkup::Step;
use crate::sources::lease::Budget;

/// How far back the examination searches.
const SINCE: Nanos = Nanos::from_secs(3_600);
/// Every span.
const ANY: &str = "{ }";
/// A trace that nobody has: its route is looked for, not its spans.
const NOBODY: TraceId = TraceId(1);

impl Tempo {
    /// Lists the services, searches the last hour for one trace, and reads it by its id.
    pub(super) async fn steps(&self, budget: &Budget) -> Vec<Step> {
        let tenant = if self.http.has_header("X-Scope-OrgID") {
            "the tenant that X-Scope-OrgID names"
        } else {
            "no tenant is named (X-Scope-OrgID)"
        };
        let services = match self.answer(&Ask::Services, budget).await.outcome {
            Ok(answer) => answer.rows,
            Err(fault) => return vec![Step::failed("permissions", &fault)],
        };
        let Rows::Services(services) = services else { return Vec::new() };
        let until = self.http_now();
        let window = Window { from: until.plus(Nanos(-SINCE.0)), until };
        let (mut notes, mut made) = (Vec::new(), Vec::new());
        let found = self.search(budget, ANY, (&window, 1), &mut notes, &mut made).await;
        let mut steps = Vec::new();
        let seen = format!("{} services are visible; {tenant}", services.len());
        let id = match &found {
            Ok(ids) => {
                let with = if ids.is_empty() { "with nothing in the last hour" } else { "with traces" };
                steps.push(if services.is_empty() && ids.is_empty() {
                    let to_do = "nothing was sent yet, or the tenant is another one: check profile.NAME.tempo.tenant";
                    Step::warn("permissions", format!("no service is visible; {tenant}"), to_do)
                } else {
                    Step::ok("permissions", format!("{seen}; a search is answered {with}"))
                });
                ids.first().copied().unwrap_or(NOBODY)
            }
            Err(fault) => {
                let to_do = "names are served and a search is not: look at the querier and the storage behind it";
                let to_do = if fault.kind == FaultKind::Unsupported { fault.hint.as_str() } else { to_do };
                steps.push(Step::warn("permissions", format!("{seen}; a search failed: {}", fault.came), to_do));
                NOBODY
            }
        };
        let search =
            if found.is_ok() { "TraceQL: all names of an id in one search over all services" } else { "no search" };
        steps.push(match self.read(budget, id, None, &mut made).await {
            Err(fault) => Step::failed("capabilities", &fault),
            Ok((spans, _)) => {
                let route = if self.is_old() { "the first version of the API" } else { "version 2 of the API" };
                let tells = match (id == NOBODY, spans.len()) {
                    (true, _) => "no trace was at hand to be read".to_owned(),
                    (false, 0) => "the trace that the search found was not there when it was read".to_owned(),
                    (false, spans) => format!("one was read whole, with {spans} spans"),
                };
                let seen = format!("{search}; traces are read by id in {route}: {tells}");
                if id != NOBODY && spans.is_empty() {
                    Step::warn("capabilities", seen, "look at the ingesters and the storage behind Tempo")
                } else {
                    Step::ok("capabilities", seen)
                }
            }
        });
        steps.push(self.limits());
        steps
    }

    /// No route tells the limits of a tenant; what a refusal told is known.
    fn limits(&self) -> Step {
        let longest = Nanos(self.longest.load(std::sync::atomic::Ordering::Relaxed));
        let newest = if self.cuts_off() { "; the newest 30 s are left out of a search" } else { "" };
        if longest == search::LONGEST {
            let seen = format!(
                "Tempo tells none; ranges over {} are searched in parts, shorter ones when it refuses{newest}",
                longest.human()
            );
            return Step::not_tried("limits", seen);
        }
        Step::ok("limits", format!("one search may span {}, as a refusal said{newest}", longest.human()))
    }
}
