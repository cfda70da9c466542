//! Incidents made of a number: services, manners, stacks and faults by chance, the same ones for the same number.

use std::fmt::Write;

use super::rng::Rng;

/// Instrumentations of services that answer calls.
const CALLED: [&str; 6] = ["java", "python", "go", "kafkajs", "dotnet", "java-observation"];
/// Instrumentations of consumers.
const CONSUMING: [&str; 8] = ["java", "python", "go", "go-links", "kafkajs", "faststream", "sarama", "aiokafka"];
/// Shapes of log lines.
const LOGS: [&str; 5] = ["java-json", "python-json", "logfmt", "logfmt-metadata", "plain"];
/// Why a call is made more than once.
const MANNERS: [&str; 6] = [
    "",
    ", manner = { pages = 3 }",
    ", manner = { items = { count = 3, in_address = true } }",
    ", manner = { poll = { every_ms = 400, absent = 2 } }",
    ", manner = { hedge = { after_ms = 60 } }",
    ", proxy = { attempts = 2 }",
];

fn one_of<'a>(rng: &mut Rng, all: &[&'a str]) -> &'a str {
    all[rng.between(0, all.len() as u64 - 1) as usize]
}

/// The scenario file of the incident of this number: a minute of orders, some of which go wrong.
pub fn scenario(seed: u64) -> String {
    let mut rng = Rng::for_purpose(seed, "random scenario", 0);
    let mut text = format!(
        "name = \"random-{seed}\"\nseed = {seed}\nhistory_s = 60\nmean_gap_ms = 3000\nentry = \"shop POST /buy\"\nid_prefix \
         = \"ord-\"\ncustomers = 5\n"
    );
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("writing to a string cannot fail");
    for name in ["shop", "payments", "bank", "stock", "mail"] {
        let (stack, log) = (one_of(&mut rng, &CALLED), one_of(&mut rng, &LOGS));
        line(format_args!("[[service]]\nname = \"{name}\"\nstack = \"{stack}\"\nlog = \"{log}\""));
    }
    let attempts = rng.between(1, 3);
    let manner = one_of(&mut rng, &MANNERS);
    line(format_args!(
        "[[operation]]\nservice = \"shop\"\nname = \"POST /buy\"\nwork_ms = [2, 6]\nsteps = [\n{{ call = {{ to = \
         \"payments POST /charge\", timeout_ms = 3000, attempts = {attempts}, backoff_ms = 100 }} }},\n{{ call = {{ to = \
         \"stock GET /stock\", timeout_ms = 2000{manner} }} }},\n{{ publish = {{ topic = \"orders\", event = \
         \"OrderPlaced\" }} }},\n{{ publish = {{ topic = \"audit\", event = \"OrderAudited\", key = \"customer\" }} }},\n]"
    ));
    let (inner, rpc) = (rng.between(1, 3), rng.happens(0.3));
    line(format_args!(
        "[[operation]]\nservice = \"payments\"\nname = \"POST /charge\"\nwork_ms = [2, 9]\neffect = \"charge\"\nsteps = \
         [{{ call = {{ to = \"bank POST /authorise\", timeout_ms = 500, attempts = {inner}, backoff_ms = 50, rpc = {rpc} }} }}]"
    ));
    for (service, name) in [("bank", "POST /authorise"), ("stock", "GET /stock"), ("mail", "POST /send")] {
        line(format_args!("[[operation]]\nservice = \"{service}\"\nname = \"{name}\"\nwork_ms = [4, 90]"));
    }
    for topic in ["orders", "audit"] {
        line(format_args!("[[topic]]\nname = \"{topic}\"\npartitions = {}", rng.between(1, 3)));
    }
    for (number, topic) in ["orders", "orders", "audit"].iter().enumerate() {
        let (stack, log) = (one_of(&mut rng, &CONSUMING), one_of(&mut rng, &LOGS));
        line(format_args!("[[service]]\nname = \"reader-{number}\"\nstack = \"{stack}\"\nlog = \"{log}\""));
        // Retry topics are Spring's.
        let retries = format!("{{ retry-topics = {{ delays_ms = [2000, 5000], dead_letter = \"dead-{number}\" }} }}");
        let blocks = format!("{{ block = {{ every_ms = 700, deliveries = 3, dead_letter = \"dead-{number}\" }} }}");
        let choices: [&str; 3] = ["\"skip\"", &blocks, if stack == "java" { &retries } else { &blocks }];
        let on_failure = one_of(&mut rng, &choices);
        // A consumer whose handler has no span around it begins a trace with each attempt: the key alone joins them.
        let steps = if number == 0 {
            "\nsteps = [{ call = { to = \"mail POST /send\", timeout_ms = 800, attempts = 3, backoff_ms = 60, keyed = true } }]"
        } else {
            ""
        };
        line(format_args!(
            "[[group]]\nid = \"group-{number}\"\nservice = \"reader-{number}\"\ntopic = \"{topic}\"\nwork_ms = [2, \
             20]\non_failure = {on_failure}{steps}"
        ));
        let share = rng.between(10, 40) as f64 / 100.0;
        let times = rng.between(1, 3);
        line(format_args!(
            "[[fault]]\nname = \"reader {number} fails\"\nat = \"group-{number}\"\norders = {{ share = {share} \
             }}\nfirst_executions = {times}\nstatus = 1\nexception = \"BadOrder\"\nmessage = \"no such article\""
        ));
    }
    for (at, add) in [
        ("bank POST /authorise", "[0, 0]"),
        ("bank POST /authorise", "[600, 800]"),
        ("stock GET /stock", "[0, 0]"),
        ("mail POST /send", "[0, 0]"),
    ] {
        let share = rng.between(20, 70) as f64 / 100.0;
        let times = rng.between(1, 4);
        line(format_args!(
            "[[fault]]\nname = \"{at} fails, number {times}\"\nat = \"{at}\"\norders = {{ share = {share} \
             }}\nfirst_executions = {times}\nadd_ms = {add}\nstatus = 503\nmessage = \"no capacity\""
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Scenario;

    #[test]
    fn every_number_makes_a_scenario_of_its_own() {
        let mut all: Vec<String> = (0..200).map(scenario).collect();
        for text in &all {
            Scenario::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
        assert_eq!(scenario(7), all[7]);
        all.dedup_by_key(|text| text.split_once("history").map(|(_, rest)| rest.to_owned()));
        assert_eq!(all.len(), 200);
    }
}
