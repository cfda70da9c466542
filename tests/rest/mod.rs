//! Kafka through the Confluent REST Proxy: a model server with the shapes of the proxy's `openapi.yaml` (none of that product
//! was run), asked directly and through the program.

#![allow(clippy::unwrap_used, reason = "in a test a broken belief should stop at its place")]

use super::rude::peer::{Act, Framing, Peer};
use hopscope::config::{HttpEndpoint, Limits};
use hopscope::model::ask::NoteKind;
use hopscope::model::{Ask, FaultKind, QueueState, Reply, Rows, SourceKind};
use hopscope::sources::Source;
use hopscope::sources::lease::Budget;
use hopscope::sources::rest::Rest;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What a server says to a path with its query: status and body. Without one it says nothing.
type Says = dyn Fn(&str) -> Option<(u16, String)> + Send + Sync;

/// What a rude proxy does about a path.
enum Word {
    /// As the polite one.
    Own,
    Silence,
    Other((u16, String)),
}

fn peer(says: Arc<Says>) -> Peer {
    let script = move |_: usize, request: &[u8]| {
        let text = String::from_utf8_lossy(request).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default();
        let Some((status, body)) = says(path) else { return vec![Act::Hold] };
        let head =
            format!("HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        vec![Act::Send((head + &body).into_bytes()), Act::Next]
    };
    Peer::start(Framing::Http, Arc::new(script))
}

fn list(rows: &Value, next: Option<&str>) -> String {
    json!({"kind": "KafkaList", "metadata": {"self": "http://inner:8082/v3", "next": next}, "data": rows}).to_string()
}

fn gone() -> (u16, String) {
    (404, json!({"error_code": 404, "message": "HTTP 404 Not Found"}).to_string())
}

fn lag(topic: &str, partition: i32, offsets: (i64, i64), member: &str) -> Value {
    let client = member.split('-').next();
    json!({"kind": "KafkaConsumerLag", "metadata": {"self": "http://inner"}, "cluster_id": "c-1", "topic_name": topic,
        "partition_id": partition, "consumer_id": member, "instance_id": null, "client_id": client,
        "current_offset": offsets.0, "log_end_offset": offsets.1, "lag": offsets.1 - offsets.0})
}

/// Two groups of a cluster, below a base: one reads, one has no members. The name of one needs to be encoded.
fn shop(base: &'static str) -> Arc<Says> {
    Arc::new(move |path| {
        let Some(path) = path.strip_prefix(base) else { return Some(gone()) };
        let body = match path {
            "/clusters" => list(&json!([{"kind": "KafkaCluster", "cluster_id": "c-1"}]), None),
            "/clusters/c-1/topics" => list(
                &json!([{"topic_name": "orders", "partitions_count": 2}, {"topic_name": "audit", "partitions_count": 1}]),
                None,
            ),
            "/clusters/c-1/topics/orders/partitions" => list(
                &json!([
                    {"partition_id": 1, "leader": {"related": "http://inner/replicas/2"}},
                    {"partition_id": 0, "leader": {"related": "http://inner/replicas/1"}}
                ]),
                None,
            ),
            "/clusters/c-1/topics/audit/partitions" => list(&json!([{"partition_id": 0}]), None),
            "/clusters/c-1/consumer-groups" => list(
                &json!([
                    {"consumer_group_id": "payment/eu ü", "is_simple": false, "partition_assignor": "range",
                     "state": "STABLE", "type": "CONSUMER", "coordinator": {"related": "http://inner/brokers/1"}},
                    {"consumer_group_id": "audit", "is_simple": true, "partition_assignor": "", "state": "EMPTY"}
                ]),
                None,
            ),
            "/clusters/c-1/consumer-groups/payment%2Feu%20%C3%BC/lags" => {
                list(&json!([lag("orders", 1, (5, 9), "pay-1"), lag("orders", 0, (7, 7), "pay-2")]), None)
            }
            "/clusters/c-1/consumer-groups/audit/lags" => list(&json!([lag("orders", 0, (2, 8), "")]), None),
            _ => return Some(gone()),
        };
        Some((200, body))
    })
}

async fn ask(url: &str, question: &Ask, limits: &Limits) -> Reply {
    let budget = Budget::new(SourceKind::Kafka, limits, CancellationToken::new());
    Rest::new(&HttpEndpoint::new(url.parse().unwrap())).answer(question, &budget).await
}

fn state(reply: Reply) -> (QueueState, Vec<(NoteKind, String)>) {
    let answer = reply.outcome.unwrap();
    let Rows::Queues(state) = answer.rows else { panic!("a question about queues is answered with queues") };
    (*state, answer.notes.iter().map(|note| (note.kind, note.text.as_str().to_owned())).collect())
}

#[tokio::test]
async fn groups_and_their_lag_are_read_wherever_the_api_stands() {
    for (base, url) in [
        ("/v3", ""),
        ("/kafka/v3", ""),
        ("/kafka/v3", "/kafka/v3"),
        ("/gateway/kafka/v3", "/gateway/"),
        ("/team/proxy/v3", "/team/proxy/v3/"),
    ] {
        let peer = peer(shop(base));
        let url = format!("http://{}{url}", peer.address);
        let (state, notes) = state(ask(&url, &Ask::Queues, &Limits::default()).await);
        assert_eq!(notes, [], "{url}");
        assert_eq!(state.cluster.as_deref(), Some("c-1"));
        let rows: Vec<_> = state
            .groups
            .iter()
            .flat_map(|group| group.commits.iter().map(move |commit| (group, commit)))
            .map(|(group, commit)| {
                let lag = state.lag(commit).map(|lag| lag.records);
                (group.id.as_str(), group.state.as_str(), commit.partition, commit.committed, lag, commit.owner)
            })
            .collect();
        let expected = [
            ("audit", "Empty", 0, Some(2), Some(6), None),
            ("payment/eu ü", "Stable", 0, Some(7), Some(1), Some(1)),
            ("payment/eu ü", "Stable", 1, Some(5), Some(4), Some(0)),
        ];
        assert_eq!(rows, expected, "{url}");
        let group = state.group("payment/eu ü").unwrap();
        assert_eq!((group.members[0].id.as_str(), group.members[0].client.as_str()), ("pay-1", "pay"));
        assert!(peer.texts().iter().all(|request| request.starts_with("GET ")), "only GET exists");
    }
}

#[tokio::test]
async fn topics_are_listed_with_their_leaders_and_without_offsets() {
    let peer = peer(shop("/v3"));
    let (state, notes) = state(ask(&format!("http://{}", peer.address), &Ask::Topics, &Limits::default()).await);
    let orders: Vec<_> =
        state.topic("orders").unwrap().partitions.iter().map(|part| (part.index, part.leader, part.end)).collect();
    assert_eq!(orders, [(0, Some(1), None), (1, Some(2), None)]);
    assert_eq!(state.topic("audit").unwrap().partitions[0].leader, None);
    assert_eq!(notes.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [NoteKind::Remark]);
}

#[tokio::test]
async fn pages_are_read_to_their_end_and_never_on_another_host() {
    let other = peer(Arc::new(|_| Some((200, list(&json!([{"topic_name": "stolen"}]), None)))));
    let next = format!("http://{}/v3/clusters/c-1/topics?page_token=2", other.address);
    let own = shop("/v3");
    let paged = peer(Arc::new(move |path| match path {
        "/v3/clusters/c-1/topics" => Some((200, list(&json!([{"topic_name": "a"}]), Some(&next)))),
        "/v3/clusters/c-1/topics?page_token=2" => Some((200, list(&json!([{"topic_name": "b"}]), None))),
        path => own(path),
    }));
    let (found, notes) = state(ask(&format!("http://{}", paged.address), &Ask::Queues, &Limits::default()).await);
    assert!(found.topic("a").is_some() && found.topic("b").is_some() && found.topic("stolen").is_none());
    assert_eq!((notes, other.texts()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn lists_that_never_end_or_lead_elsewhere_are_cut_with_a_note() {
    for (next, reads) in [("/v3/clusters/c-1/topics?page_token=1", 2), ("/v3/clusters/c-1/acls?page_token=1", 1)] {
        let own = shop("/v3");
        let round = peer(Arc::new(move |path| match path.split('?').next() {
            Some("/v3/clusters/c-1/topics") => Some((200, list(&json!([{"topic_name": "a"}]), Some(next)))),
            _ => own(path),
        }));
        let (_, notes) = state(ask(&format!("http://{}", round.address), &Ask::Queues, &Limits::default()).await);
        assert!(matches!(notes.as_slice(), [(NoteKind::Truncated, _)]), "{next}: {notes:?}");
        let asked = round.texts().iter().filter(|request| request.contains("/topics")).count();
        assert_eq!(asked, reads, "{next}");
    }
}

#[tokio::test]
async fn a_budget_that_ends_says_how_many_groups_were_not_asked() {
    let own = shop("/v3");
    let many = peer(Arc::new(move |path| match path {
        "/v3/clusters/c-1/consumer-groups" => {
            let groups: Vec<Value> = (0..50).map(|at| json!({"consumer_group_id": format!("g-{at:02}")})).collect();
            Some((200, list(&json!(groups), None)))
        }
        path if path.contains("/lags") => Some((200, list(&json!([lag("orders", 0, (1, 3), "")]), None))),
        path => own(path),
    }));
    let limits = Limits { requests: 13, ..Limits::default() };
    let (state, notes) = state(ask(&format!("http://{}", many.address), &Ask::Queues, &limits).await);
    let told = state.groups.iter().filter(|group| group.fault.is_none()).count();
    assert_eq!((state.groups.len(), told, many.texts().len()), (50, 10, 13));
    let [(NoteKind::Truncated, text)] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(text.contains("40 of 50 groups was not asked"), "{text}");
}

#[tokio::test]
async fn records_are_a_question_that_the_proxy_cannot_be_asked() {
    let peer = peer(shop("/v3"));
    let at = hopscope::model::Coordinate { topic: "orders".into(), partition: 0, offset: 5 };
    let fault =
        ask(&format!("http://{}", peer.address), &Ask::Record(at), &Limits::default()).await.outcome.unwrap_err();
    assert_eq!((fault.kind, fault.asked.as_str()), (FaultKind::Unsupported, "not asked"));
    assert_eq!(peer.texts(), Vec::<String>::new());
}

/// Runs the program with an environment of its own.
fn run(arguments: &[&str], config: &str, variables: &[(&str, &str)]) -> Output {
    let home = TempDir::new().unwrap();
    let file = home.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env_clear().env("HOME", home.path()).env("HOPSCOPE_CONFIG", &file).args(arguments);
    command.envs(variables.iter().copied()).output().unwrap()
}

fn shown(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(all).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_program_tells_lag_and_every_refusal_with_its_exit_code() {
    type Case = (&'static str, fn(&str) -> Word, i32, &'static str);
    fn refusal(status: u16, code: i64, message: &str) -> Word {
        Word::Other((status, json!({"error_code": code, "message": message}).to_string()))
    }
    fn at(path: &str, end: &str, other: impl Fn() -> Word) -> Word {
        if path.ends_with(end) { other() } else { Word::Own }
    }
    const CASES: &[Case] = &[
        ("answers", |_| Word::Own, 0, "payment/eu ü orders 1 5 9 4"),
        ("refuses everything", |_| refusal(401, 40_101, "Authentication failed"), 3, "Authentication failed"),
        ("has no version 3", |_| Word::Other(gone()), 6, "version 3 of the REST proxy is not served"),
        ("is a web page", |_| Word::Other((200, "<html>log in</html>".to_owned())), 5, "a web page"),
        ("sends no list", |_| Word::Other((200, "{\"data\":[".to_owned())), 5, "not a list of the REST proxy"),
        ("is silent", |_| Word::Silence, 5, "no whole answer in time"),
        (
            "knows two clusters",
            |path| {
                let both = json!([{"cluster_id": "c-1"}, {"cluster_id": "c-2"}]);
                at(path, "/clusters", || Word::Other((200, list(&both, None))))
            },
            5,
            "there are several clusters: c-1, c-2",
        ),
        (
            "shows no cluster",
            |path| at(path, "/clusters", || Word::Other((200, list(&json!([]), None)))),
            3,
            "no cluster is visible",
        ),
        (
            "fails at its groups",
            |path| at(path, "/consumer-groups", || refusal(500, 50_003, "Kafka is away")),
            5,
            "Kafka is away (error 50003)",
        ),
        (
            "serves no groups",
            |path| at(path, "/consumer-groups", || Word::Other(gone())),
            6,
            "use Kafka's own protocol instead",
        ),
        (
            "tells no lag, as in the cloud",
            |path| at(path, "/lags", || Word::Other(gone())),
            4,
            "tells the lag of no group (404); Confluent Cloud tells it for dedicated clusters only",
        ),
        (
            "lost one group",
            |path| at(path, "/audit/lags", || Word::Other(gone())),
            4,
            "lag of audit: not served (404); a group may be gone since",
        ),
        ("forbids one group", |path| at(path, "/audit/lags", || refusal(403, 40_301, "Denied")), 4, "Denied"),
        (
            "has a row without a name",
            |path| at(path, "/topics", || Word::Other((200, list(&json!([{"name": "x"}]), None)))),
            4,
            "data[0] lacks a name",
        ),
    ];
    for (name, says, exit, words) in CASES {
        let own = shop("/v3");
        let peer = peer(Arc::new(move |path| match says(path) {
            Word::Own => own(path),
            Word::Silence => None,
            Word::Other(answer) => Some(answer),
        }));
        let url = format!("http://{}", peer.address);
        let timeout = if *name == "is silent" { "400ms" } else { "20s" };
        let ask = ["queue", "lag", "--kafka-rest", &url, "--timeout", timeout];
        let plain = run(&ask, "", &[]);
        assert_eq!(plain.status.code(), Some(*exit), "a proxy that {name}: {}", shown(&plain));
        assert!(shown(&plain).contains(words), "a proxy that {name}: {}", shown(&plain));
        let coded = run(&[&ask[..], &["-o", "json"]].concat(), "", &[]);
        let document: Value = serde_json::from_slice(&coded.stdout).unwrap();
        assert_eq!(document["exit"], *exit, "a proxy that {name}: {document}");
    }
}

#[test]
fn a_cluster_is_chosen_and_a_login_reaches_the_proxy_and_nobody_else() {
    let own = shop("/kafka/v3");
    let both = json!([{"cluster_id": "c-0"}, {"cluster_id": "c-1"}]);
    let peer = peer(Arc::new(move |path| match path {
        "/kafka/v3/clusters" => Some((200, list(&both, None))),
        path => own(path),
    }));
    let base = format!("[profile.cloud.kafka_rest]\nurl = \"http://{}\"\ncluster = \"c-1\"\n", peer.address);
    for (login, header) in [
        ("user = \"key\"\npassword_env = \"SECRET\"\n", "authorization: basic a2v5omnhbmfyes03zjnhowm="),
        ("token_env = \"SECRET\"\n", "authorization: bearer canary-7f3a9c"),
    ] {
        let before = peer.texts().len();
        let told = run(&["queue", "lag", "-v"], &(base.clone() + login), &[("SECRET", "canary-7f3a9c")]);
        assert_eq!(told.status.code(), Some(0), "{}", shown(&told));
        assert!(!shown(&told).contains("canary"), "{}", shown(&told));
        let asked = &peer.texts()[before..];
        assert!(asked.len() > 3 && asked.iter().all(|request| request.to_lowercase().contains(header)), "{asked:?}");
    }
    let wrong = run(&["queue", "lag"], &base.replace("c-1", "c-9"), &[]);
    assert!(wrong.status.code() == Some(5) && shown(&wrong).contains("there is no cluster c-9"), "{}", shown(&wrong));
}

#[test]
fn of_two_ways_to_kafka_the_one_that_is_named_last_is_taken() {
    let peer = peer(shop("/v3"));
    let url = format!("http://{}", peer.address);
    let brokers = "[profile.a.kafka]\nbootstrap = \"127.0.0.1:1\"\n";
    let flag = run(&["queue", "lag", "--kafka-rest", &url], brokers, &[]);
    assert_eq!(flag.status.code(), Some(0), "the flag wins over the file: {}", shown(&flag));
    let both = run(&["queue", "lag"], &format!("{brokers}[profile.a.kafka_rest]\nurl = \"{url}\"\n"), &[]);
    assert_eq!(both.status.code(), Some(2), "{}", shown(&both));
    assert!(shown(&both).contains("two ways to Kafka"), "{}", shown(&both));
    let record = run(&["follow", "orders-0@5", "--kafka-rest", &url], "", &[]);
    assert!(record.status.code() == Some(4) && shown(&record).contains("gives no records"), "{}", shown(&record));
}
