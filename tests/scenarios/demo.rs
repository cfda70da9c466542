//! The built-in incident: every id that the demo offers is told as it happened, and only read.

use super::story::Story;
use crate::screens::library::{Answers, library};
use hopscope::model::Identity;
use hopscope::model::id::recognise;
use hopscope::world::World;
use hopscope::world::journey::Journey;
use hopscope::world::truth::TraceId;
use std::collections::BTreeMap;

/// The Kafka requests that read and change nothing (message names of Kafka 4.3's protocol).
const READS: [&str; 12] = [
    "ApiVersions",
    "Metadata",
    "DescribeCluster",
    "DescribeTopicPartitions",
    "DescribeConfigs",
    "ListOffsets",
    "ListGroups",
    "DescribeGroups",
    "ConsumerGroupDescribe",
    "FindCoordinator",
    "OffsetFetch",
    "Fetch",
];

fn truth_of(world: &World, id: &str) -> Story {
    let journey = match recognise(id).unwrap().identity {
        Identity::Trace(trace) => world.journey_of_trace(TraceId(trace.0)),
        Identity::Business(id) => world.journey_of_order(&id),
        Identity::Record(_) => {
            let holds = |journey: &&Journey| journey.records.iter().any(|copy| copy.at.to_string() == id);
            world.journeys().find(holds)
        }
        Identity::Span(..) => None,
    };
    let truth = journey.expect("an example is about an order").truth(world.now_ns());
    if id.contains('@') {
        Story::of_record(&truth, world.scenario(), id)
    } else {
        Story::of_truth(&truth, world.scenario())
    }
}

#[test]
fn every_example_is_told_as_it_happened() {
    let library = library();
    let mut complaints = Vec::new();
    for example in &library.running.examples {
        let case = library.case(Answers::All, &recognise(&example.id).unwrap());
        let told = Story { groupings: BTreeMap::new(), ..Story::of_case(&case) };
        let truth = library.running.look(|world| truth_of(world, &example.id));
        if told != truth {
            complaints.push(format!("{} ({})\n  truth {truth:?}\n  told  {told:?}", example.label, example.id));
        }
    }
    let asked = library.running.requests();
    let writes: Vec<&String> = asked.keys().filter(|api| !READS.contains(&api.as_str())).collect();
    assert!(asked.contains_key("Fetch") && writes.is_empty(), "{asked:?}");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
