//! The demo: an embedded world, and the same verbs against it.

use super::args::Arguments;
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{console, settings, signals, verbs};
use crate::config::{HttpEndpoint, KafkaEndpoint, Limits, Profile, keys};
use crate::demo::{Options, Running, start};
use crate::export::json;
use crate::model::SafeText;
use crate::world::Scenario;
use serde::Serialize;
use std::fmt::Write;
use tokio_util::sync::CancellationToken;

/// What the embedded world is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To look at it.
    Look,
    /// Only to serve it, until a signal comes.
    Serve,
}

impl Purpose {
    /// Returns the purpose of `--serve`.
    pub fn of(serve: bool) -> Self {
        if serve { Self::Serve } else { Self::Look }
    }
}

/// `hopscope demo`.
pub fn run(
    arguments: &Arguments,
    scenario: &str,
    port_base: Option<u16>,
    purpose: Purpose,
    out: &Out,
) -> Result<Exit, Failure> {
    debug_assert_eq!(scenario, "checkout", "the parser knows the scenarios");
    let mut options = Options::default();
    if let Some(base) = port_base {
        options.jaeger_port = base;
        options.loki_port = base + 1;
        options.kafka_ports = vec![base + 2, base + 3];
        options.tempo_port = base + 4;
    }
    let runtime = verbs::runtime()?;
    let running = runtime.block_on(start(Scenario::checkout(), options)).map_err(|error| {
        Failure::mistake("demo", &format!("cannot listen on loopback: {error}"), "choose other ports with --port-base")
    })?;
    match purpose {
        Purpose::Serve => {
            let cancel = CancellationToken::new();
            let caught = signals::listen(cancel.clone());
            out.data(&announce(&running, *out), Exit::Answered);
            runtime.block_on(cancel.cancelled());
            Ok(caught.or(Exit::Answered))
        }
        Purpose::Look if console::is_wanted(arguments) => {
            let offer = |example: &crate::world::Example| {
                (SafeText::new(&example.id), SafeText::new(&format!("{}: {}", example.label, example.shows)))
            };
            let offers = running.examples.iter().map(offer).collect();
            // Mistakes in the settings are no reason to refuse a demonstration, which needs none of them.
            let console = settings::loaded(arguments).map(|loaded| loaded.console).unwrap_or_default();
            console::of(arguments, (&profile(&running), &console), (None, offers), &runtime, out)
        }
        Purpose::Look => verbs::now_of(arguments, &profile(&running), &runtime, out),
    }
}

/// Returns the profile of an embedded world.
pub fn profile(running: &Running) -> Profile {
    let http = |url: &str| HttpEndpoint::new(keys::url(url).expect("the demo gives real addresses"));
    let bootstrap = keys::brokers(&running.kafka).expect("the demo gives real addresses");
    Profile {
        name: "demo".into(),
        jaeger: Some(http(&running.jaeger)),
        tempo: None,
        loki: Some(http(&running.loki)),
        loki_selector: None,
        kafka: Some(KafkaEndpoint { bootstrap, ..KafkaEndpoint::default() }),
        kafka_rest: None,
        kafka_rest_cluster: None,
        limits: Limits::default(),
    }
}

fn announce(running: &Running, out: Out) -> String {
    #[derive(Serialize)]
    struct Example<'a> {
        label: &'a str,
        id: &'a str,
        shows: &'a str,
    }
    #[derive(Serialize)]
    struct DemoReport<'a> {
        schema: &'static str,
        jaeger: &'a str,
        tempo: &'a str,
        loki: &'a str,
        kafka: &'a str,
        examples: Vec<Example<'a>>,
    }
    let examples: Vec<Example<'_>> = running
        .examples
        .iter()
        .map(|example| Example { label: example.label, id: &example.id, shows: example.shows })
        .collect();
    let (jaeger, tempo) = (running.jaeger.as_str(), running.tempo.as_str());
    let (loki, kafka) = (running.loki.as_str(), running.kafka.as_str());
    if out.is_json() {
        return json::write(&DemoReport { schema: "hopscope/demo/1", jaeger, tempo, loki, kafka, examples });
    }
    let mut text = format!("jaeger {jaeger}\ntempo  {tempo}\nloki   {loki}\nkafka  {kafka}\n\n");
    let flags = format!("--jaeger {jaeger} --loki {loki} --kafka {kafka}");
    for example in examples {
        let (label, id, shows) = (example.label, SafeText::new(example.id), example.shows);
        writeln!(text, "{label}: {shows}\n  hopscope follow {} {flags}", id.as_str()).expect("a string takes any text");
    }
    text.push_str("\nserving until interrupted (Ctrl-C)\n");
    text
}
