//! Starting and stopping the embedded endpoints.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stage::{Clock, Stage};
use super::{http, jaeger, kafka, loki, tempo};
use crate::world::truth::{Position, Truth};
use crate::world::{Example, Scenario, World};

/// How the endpoints are to be served.
#[derive(Debug, Clone)]
pub struct Options {
    /// What counts as "now".
    pub clock: Clock,
    /// Port of Jaeger; 0 takes a free one.
    pub jaeger_port: u16,
    /// Release whose habits Jaeger shows.
    pub jaeger: jaeger::Release,
    /// Port of Tempo; 0 takes a free one.
    pub tempo_port: u16,
    /// Release whose habits Tempo shows.
    pub tempo: tempo::Release,
    /// What Tempo allows and wants.
    pub tempo_habits: tempo::Habits,
    /// Port of Loki; 0 takes a free one.
    pub loki_port: u16,
    /// Release whose habits Loki shows.
    pub loki: loki::Release,
    /// What Loki allows and wants.
    pub loki_habits: loki::Habits,
    /// One port per Kafka broker; 0 takes a free one.
    pub kafka_ports: Vec<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::Live,
            jaeger_port: 0,
            jaeger: jaeger::Release::V2_19,
            tempo_port: 0,
            tempo: tempo::Release::V2_8,
            tempo_habits: tempo::Habits::default(),
            loki_port: 0,
            loki: loki::Release::V3,
            loki_habits: loki::Habits::default(),
            kafka_ports: vec![0, 0],
        }
    }
}

/// Embedded endpoints that run until this value is dropped.
#[derive(Debug)]
pub struct Running {
    /// Base URL of Jaeger.
    pub jaeger: String,
    /// Base URL of Tempo, which holds the same traces as Jaeger.
    pub tempo: String,
    /// Base URL of Loki.
    pub loki: String,
    /// Bootstrap address of Kafka, `127.0.0.1:port`.
    pub kafka: String,
    /// Ids worth trying as of the start.
    pub examples: Vec<Example>,
    stage: Arc<Stage>,
    cluster: Arc<kafka::Cluster>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Kafka requests so far by API name, refused writes among them.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.cluster.requests()
    }

    /// The truth about one order as of now.
    pub fn truth(&self, order_id: &str) -> Option<Truth> {
        self.stage.look(|world| world.truth(order_id))
    }

    /// Positions of all consumer groups as of now.
    pub fn positions(&self) -> Vec<Position> {
        self.stage.look(World::positions)
    }

    /// Ids worth trying as of now.
    pub fn examples_now(&self) -> Vec<Example> {
        self.stage.look(World::examples)
    }

    /// Looks at the world as of now.
    pub fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        self.stage.look(at)
    }

    /// Waits until an endpoint ends, which happens only if its task fails.
    pub async fn ended(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Starts the endpoints on loopback. The incident began `history_s` seconds before the clock's present.
pub async fn start(scenario: Scenario, options: Options) -> io::Result<Running> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let jaeger_listener = listen(options.jaeger_port).await?;
    let tempo_listener = listen(options.tempo_port).await?;
    let loki_listener = listen(options.loki_port).await?;
    let mut brokers = Vec::new();
    for port in options.kafka_ports {
        brokers.push(listen(port).await?);
    }
    let mut ports = Vec::new();
    for broker in &brokers {
        ports.push(broker.local_addr()?.port());
    }
    let Some(bootstrap) = ports.first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "at least one Kafka broker is needed"));
    };

    let began_ns = options.clock.now_ns().saturating_sub(scenario.history_s * 1_000_000_000);
    let stage = Arc::new(Stage::new(World::new(scenario, began_ns), options.clock));
    let examples = stage.look(World::examples);
    let jaeger = format!("http://{}", jaeger_listener.local_addr()?);
    let tempo = format!("http://{}", tempo_listener.local_addr()?);
    let loki = format!("http://{}", loki_listener.local_addr()?);
    let kafka = format!("127.0.0.1:{bootstrap}");
    let cluster = Arc::new(kafka::Cluster::new(Arc::clone(&stage), ports));

    let mut tasks = JoinSet::new();
    tasks.spawn(http::serve(jaeger_listener, jaeger::respond(Arc::clone(&stage), options.jaeger)));
    let traces = tempo::respond(Arc::clone(&stage), options.tempo, options.tempo_habits);
    tasks.spawn(http::serve(tempo_listener, traces));
    tasks.spawn(http::serve(loki_listener, loki::respond(Arc::clone(&stage), options.loki, options.loki_habits)));
    for (node, listener) in brokers.into_iter().enumerate() {
        tasks.spawn(kafka::serve(listener, Arc::clone(&cluster), node));
    }
    Ok(Running { jaeger, tempo, loki, kafka, examples, stage, cluster, tasks })
}

/// Starts the endpoints, hands them to `announce` once, and serves for ever.
pub async fn serve_forever(scenario: Scenario, options: Options, announce: impl FnOnce(&Running)) -> io::Result<()> {
    let mut running = start(scenario, options).await?;
    announce(&running);
    running.ended().await;
    Ok(())
}
