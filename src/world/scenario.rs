//! The scenario format: services, operations, topics, groups and faults as data, read from TOML.

use serde::Deserialize;
use smol_str::SmolStr;

use super::calls::{S, is_first_after};
use super::fault::{Fault, Hostile, Which};
use super::headers::Family;
use super::journey::Journey;
use super::manner::{Batch, Manner, Proxy, Stores};

/// The built-in incident.
const CHECKOUT: &str = include_str!("checkout.toml");

/// Why a scenario file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The text is no TOML of this format; the message names the line and column.
    #[error("scenario file: {0}")]
    Format(#[from] toml::de::Error),
    /// A name is used that the file does not define.
    #[error("scenario `{scenario}`: {user} names {what} `{name}`, which is not defined")]
    Undefined {
        /// The scenario's own name.
        scenario: String,
        /// Who uses the name.
        user: String,
        /// What kind of thing is missing.
        what: &'static str,
        /// The undefined name.
        name: String,
    },
}

/// One incident: who takes part, how they call each other, and what goes wrong when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the scenario.
    pub name: SmolStr,
    /// Seed of all chance in it.
    pub seed: u64,
    /// Seconds of history that exist when an embedded world starts.
    #[serde(default = "default_history_s")]
    pub history_s: u64,
    /// Seconds for which finished journeys are kept.
    #[serde(default = "default_keep_s")]
    pub keep_s: u64,
    /// Mean time between two requests at the entry, in milliseconds.
    pub mean_gap_ms: u64,
    /// Operation that outside requests reach, as `service METHOD /path`.
    pub entry: SmolStr,
    /// Share of requests (0 to 1) whose trace is not sampled.
    #[serde(default)]
    pub unsampled_share: f64,
    /// Prefix of the business id, such as `ord-`.
    pub id_prefix: SmolStr,
    /// Amounts of orders in cents, least and most.
    #[serde(default = "default_amounts_cents")]
    pub amounts_cents: [u64; 2],
    /// Number of customers.
    #[serde(default = "default_customers")]
    pub customers: u64,
    /// Services by name.
    #[serde(rename = "service")]
    pub services: Vec<Service>,
    /// Operations that services answer.
    #[serde(rename = "operation")]
    pub operations: Vec<Operation>,
    /// Topics, without the retry and dead-letter topics, which follow from the groups.
    #[serde(rename = "topic", default)]
    pub topics: Vec<TopicPlan>,
    /// Consumer groups, without those of retry topics.
    #[serde(rename = "group", default)]
    pub groups: Vec<GroupPlan>,
    /// What goes wrong.
    #[serde(rename = "fault", default)]
    pub faults: Vec<Fault>,
    /// When the request with hostile bytes in its texts arrives.
    #[serde(default)]
    pub hostile: Option<Hostile>,
    /// What reaches the stores.
    #[serde(default)]
    pub stores: Stores,
}

fn default_history_s() -> u64 {
    2_400
}

fn default_amounts_cents() -> [u64; 2] {
    [490, 24_990]
}

fn default_customers() -> u64 {
    900
}

fn default_keep_s() -> u64 {
    7_200
}

/// One service: how it is instrumented and how it logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Name of the service.
    pub name: SmolStr,
    /// Instrumentation that makes its spans.
    pub stack: Stack,
    /// HTTP client library; matters for the Java agent only.
    #[serde(default)]
    pub client: HttpClient,
    /// How its log lines look.
    pub log: LogShape,
    /// Difference of its clock from true time, in milliseconds (positive: it runs ahead).
    #[serde(default)]
    pub skew_ms: i64,
}

/// Instrumentation families; each has its own attribute names and habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// OpenTelemetry Java agent 2.31 with Spring Kafka 4.
    Java,
    /// Spring's own observation with Micrometer.
    JavaObservation,
    /// Quarkus with `SmallRye` Reactive Messaging.
    Quarkus,
    /// Python contrib instrumentation 0.66b1: flask, requests, confluent-kafka.
    Python,
    /// Python contrib instrumentation with aiokafka.
    Aiokafka,
    /// Python contrib instrumentation with kafka-python.
    KafkaPython,
    /// `FastStream`'s own middleware.
    Faststream,
    /// Go: otelhttp 0.72, franz-go with kotel 1.7.1.
    Go,
    /// The same with kotel's option `LinkSpans`.
    GoLinks,
    /// Go: otelhttp, Sarama with otelsarama.
    Sarama,
    /// Node.js contrib instrumentation with kafkajs.
    Kafkajs,
    /// .NET with Confluent.Kafka.
    Dotnet,
    /// Envoy.
    Envoy,
    /// No instrumentation: no spans, and no context is handed on.
    None,
}

impl Stack {
    /// Whether it makes spans and hands the context on.
    pub fn is_instrumented(self) -> bool {
        self != Self::None
    }

    /// Whether work of a handler happens inside a span. Where the span of a delivery is closed at once it does not.
    pub fn holds_handlers(self) -> bool {
        !matches!(self, Self::Aiokafka | Self::KafkaPython | Self::Dotnet | Self::None)
    }

    /// Whether a delivery is in a trace of its own, with a link to the producer.
    pub fn begins_traces(self) -> bool {
        matches!(self, Self::Python | Self::GoLinks | Self::Dotnet)
    }
}

/// HTTP client libraries of the Java stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpClient {
    /// Apache `HttpClient` 5: a timed-out call leaves a client span.
    #[default]
    Apache,
    /// The JDK's client: a timed-out call leaves no client span, so the callee's parent exists nowhere.
    Jdk,
}

/// How a service writes its log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogShape {
    /// JSON of loki4j's layout; ids as `mdc_trace_id` and so on in the line.
    JavaJson,
    /// JSON with `otelTraceID` and so on in the line.
    PythonJson,
    /// logfmt with `trace_id=` in the line.
    Logfmt,
    /// logfmt without ids; they travel as structured metadata.
    LogfmtMetadata,
    /// Plain sentences without any trace id.
    Plain,
}

/// Something a service does when it is called over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Service that answers.
    pub service: SmolStr,
    /// Method and route, such as `POST /charge`.
    pub name: SmolStr,
    /// Own work in milliseconds, least and most.
    pub work_ms: [u64; 2],
    /// What it does, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Lasting effect of a success.
    #[serde(default)]
    pub effect: Option<EffectKind>,
    /// Status that it answers when one of its calls fails for good.
    #[serde(default = "default_failure_status")]
    pub failure_status: u16,
}

fn default_failure_status() -> u16 {
    503
}

/// One step of an operation or of a message handler.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Call another operation over HTTP.
    Call(CallStep),
    /// Publish a record.
    Publish(PublishStep),
}

/// How one operation calls another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallStep {
    /// Callee as `service METHOD /path`.
    pub to: SmolStr,
    /// Most attempts, at least 1.
    #[serde(default = "one")]
    pub attempts: u32,
    /// Wait before the second attempt in milliseconds; doubles each time.
    #[serde(default)]
    pub backoff_ms: u64,
    /// How long the caller waits for one answer, in milliseconds.
    pub timeout_ms: u64,
    /// Statuses after which it tries again; all from 400 on when empty.
    #[serde(default)]
    pub retry_on: Vec<u16>,
    /// Whether it tries again after it gave up waiting.
    #[serde(default = "yes")]
    pub retry_timeouts: bool,
    /// Why it calls more than once, if not because of failures.
    #[serde(default)]
    pub manner: Manner,
    /// What stands between it and the callee.
    #[serde(default)]
    pub proxy: Option<Proxy>,
    /// Whether it carries an idempotency key, and both sides' spans hold that header.
    #[serde(default)]
    pub keyed: bool,
    /// Whether it is a call of gRPC, with spans of gRPC's own for the call and each attempt.
    #[serde(default)]
    pub rpc: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

/// What a step publishes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishStep {
    /// Topic that gets the record.
    pub topic: SmolStr,
    /// Kind of event that the record states.
    pub event: SmolStr,
    /// What the record's key is.
    #[serde(default)]
    pub key: KeyKind,
    /// Header that holds the message's id, the same one however often it is published.
    #[serde(default)]
    pub id_header: Option<SmolStr>,
}

/// What a record's key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// The order's id.
    #[default]
    Order,
    /// The customer's id, shared by many orders.
    Customer,
}

/// Effects that outlive a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Money is taken under a fresh payment id; callers pass no idempotency key.
    Charge,
}

/// One topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPlan {
    /// Name of the topic.
    pub name: SmolStr,
    /// Number of partitions.
    pub partitions: i32,
    /// Codec of its record batches.
    #[serde(default)]
    pub codec: Codec,
    /// How long a producer collects records into one batch, in milliseconds.
    #[serde(default)]
    pub linger_ms: u64,
    /// Seconds after which records are deleted; the scenario's `keep_s` when absent.
    #[serde(default)]
    pub retention_s: Option<u64>,
}

/// Compression codecs of Kafka record batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Not compressed.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy in the Java client's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// One consumer group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPlan {
    /// Group id.
    pub id: SmolStr,
    /// Service whose process consumes.
    pub service: SmolStr,
    /// Topic it reads.
    pub topic: SmolStr,
    /// Group protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// Number of members.
    #[serde(default = "one")]
    pub members: u32,
    /// Own work per record in milliseconds, least and most.
    pub work_ms: [u64; 2],
    /// What the handler does, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What happens to a record whose handler failed.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Commits happen on multiples of this time in milliseconds; 0 means after each record.
    #[serde(default)]
    pub commit_every_ms: u64,
    /// Framework whose headers are on the copies that it makes.
    #[serde(default)]
    pub family: Family,
    /// How it takes several records at once.
    #[serde(default)]
    pub batch: Option<Batch>,
}

/// Group protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Client-side assignment, as before KIP-848.
    #[default]
    Classic,
    /// Broker-side assignment of KIP-848.
    Consumer,
}

/// What a consumer does with a record that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OnFailure {
    /// Log and go on.
    #[default]
    Skip,
    /// Try the same record again, for ever if nothing else is said.
    Block {
        /// Wait between two deliveries, in milliseconds.
        every_ms: u64,
        /// Deliveries after which the record is given up.
        #[serde(default)]
        deliveries: Option<u32>,
        /// Topic to which it goes then; it is skipped without one.
        #[serde(default)]
        dead_letter: Option<SmolStr>,
    },
    /// Hand the record to retry topics and at last to a dead-letter topic.
    RetryTopics {
        /// Delay of each retry topic, in milliseconds.
        delays_ms: Vec<u64>,
        /// Topic for records that failed on the last retry topic.
        dead_letter: SmolStr,
    },
}

impl Scenario {
    /// The built-in incident `checkout`.
    pub fn checkout() -> Self {
        Self::from_toml(CHECKOUT).expect("the embedded scenario fits its own format")
    }

    /// Reads a scenario and checks that every name in it is defined.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The operation of this full name (`service METHOD /path`).
    pub fn operation(&self, full_name: &str) -> Option<&Operation> {
        let (service, name) = full_name.split_once(' ')?;
        self.operations.iter().find(|operation| operation.service == service && operation.name == name)
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Whether one of the faults waits for exactly this journey.
    pub(super) fn strikes_first(&self, journey: &Journey, began_ns: u64) -> bool {
        self.faults.iter().any(|fault| match fault.orders {
            Which::FirstAfterS(after_s) => is_first_after(journey, began_ns + after_s * S),
            Which::All | Which::Share(_) | Which::FirstRecord { .. } => false,
        })
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let undefined = |user: &str, what, name: &str| {
            Err(ScenarioError::Undefined {
                scenario: self.name.to_string(),
                user: user.to_owned(),
                what,
                name: name.to_owned(),
            })
        };
        if self.operation(&self.entry).is_none() {
            return undefined("entry", "operation", &self.entry);
        }
        let owners = self.operations.iter().map(|operation| (&operation.service, &operation.name, &operation.steps));
        let handlers = self.groups.iter().map(|group| (&group.service, &group.id, &group.steps));
        for (service, name, steps) in owners.chain(handlers) {
            if self.service(service).is_none() {
                return undefined(name, "service", service);
            }
            for step in steps {
                match step {
                    Step::Call(call) if self.operation(&call.to).is_none() => {
                        return undefined(name, "operation", &call.to);
                    }
                    Step::Call(call) => {
                        let proxy = call.proxy.iter().flat_map(|proxy| [&proxy.spans_of, &proxy.shadow]);
                        if let Some(unknown) = proxy.flatten().find(|named| self.service(named).is_none()) {
                            return undefined(name, "service", unknown);
                        }
                    }
                    Step::Publish(publish) if !self.topics.iter().any(|topic| topic.name == publish.topic) => {
                        return undefined(name, "topic", &publish.topic);
                    }
                    Step::Publish(_) => {}
                }
            }
        }
        for group in &self.groups {
            if !self.topics.iter().any(|topic| topic.name == group.topic) {
                return undefined(&group.id, "topic", &group.topic);
            }
        }
        for fault in &self.faults {
            let group = self.groups.iter().any(|group| group.id == fault.at);
            if !group && self.operation(&fault.at).is_none() {
                return undefined(&fault.name, "operation or group", &fault.at);
            }
        }
        Ok(())
    }
}
