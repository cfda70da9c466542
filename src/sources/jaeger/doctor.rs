//! What a Jaeger tells about itself when it is examined.

use super::client::Jaeger;
use crate::model::{Ask, Nanos, Rows, Timestamp, Window};
use crate::sources::Source;
use crate::sources::checkup::Step;
use crate::sources::lease::Budget;

/// How far back the examination searches.
const SINCE: Nanos = Nanos::from_secs(3_600);

impl Jaeger {
    /// Asks for the services, and searches one of them.
    pub(super) async fn steps(&self, budget: &Budget) -> Vec<Step> {
        let mut made = Vec::new();
        let is = match self.dialect(budget, &mut made).await {
            // A page that cannot be had tells nothing, which is no weakness.
            Ok(dialect) if !self.is_victoria() => self.page(budget, &mut made).await.name(dialect),
            _ => "the internal API".to_owned(),
        };
        let raw = format!("{is}: traces are read raw, as they were sent; a search names one service");
        let mut steps = vec![
            Step::ok("capabilities", raw),
            Step::not_tried(
                "limits",
                "Jaeger tells none; a search that its storage refuses comes back as HTTP 500 or 400",
            ),
        ];
        let services = match self.answer(&Ask::Services, budget).await.outcome {
            Ok(answer) => answer.rows,
            Err(fault) => {
                steps.push(Step::failed("permissions", &fault));
                return steps;
            }
        };
        let Rows::Services(services) = services else { return steps };
        let Some(service) = services.first().cloned() else {
            let to_do = "nothing was sent yet, or the tenant is another one: check profile.NAME.jaeger.tenant";
            steps.push(Step::warn("permissions", "no service is visible", to_do));
            return steps;
        };
        let seen = format!("{} services are visible", services.len());
        let now = Timestamp(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX));
        let window = Window { from: now.plus(Nanos(-SINCE.0)), until: now };
        let ask = Ask::FindSpans { service: service.clone(), tag: None, window, limit: 1 };
        steps.push(match self.answer(&ask, budget).await.outcome {
            Ok(answer) if answer.rows.is_empty() => Step::ok(
                "permissions",
                format!("{seen}; a search of {service} is answered, with nothing in the last hour"),
            ),
            Ok(_) => Step::ok("permissions", format!("{seen}; a search of {service} is answered with spans")),
            Err(fault) => {
                let to_do = "look at the storage behind Jaeger: names are served and spans are not";
                Step::warn("permissions", format!("{seen}; a search of {service} failed: {}", fault.came), to_do)
            }
        });
        steps
    }
}
