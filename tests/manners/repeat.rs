//! The commands that repeat requests: real curl asks the same, and the lines of Kafka's tools have their shape.

use super::run;
use super::server::{Request, Server, answer};
use hopscope::cli::demo::profile;
use hopscope::config::{HttpEndpoint, Limits, keys};
use hopscope::demo::{self, Options};
use hopscope::investigate::{SourceSet, doctor};
use hopscope::model::{Ask, SourceKind};
use hopscope::sources::http::Http;
use hopscope::sources::lease::Budget;
use hopscope::world::Scenario;
use std::process::Command;
use tokio_util::sync::CancellationToken;

/// What makes two requests the same; who asks and how it packs its answer does not.
fn essence(request: &Request) -> (String, Vec<String>, String) {
    let own = ["host", "user-agent", "accept", "accept-encoding", "content-length", "connection"];
    let mut headers = request.headers.clone();
    headers.retain(|line| !own.contains(&line.split(':').next().unwrap_or_default()));
    headers.sort();
    // A form may be written with other escapes for the same text.
    let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
    (request.line.clone(), headers, format!("{form:?}"))
}

#[test]
fn curl_repeats_a_request_exactly() {
    // Where curl is not installed, there is nothing to compare with.
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let server = Server::start(|_, request| answer("200 OK", "", &format!("{}\n{}", request.line, request.body.len())));
    let queries = [
        "{app=\"orders\"} |= \"it's; $(touch x) `id` & more\"",
        "{app=~\".+\"} |~ `[0-9]{3}\\s#?%20+é日`",
        "@file",
        "",
        "a=b&c=d",
        "two\nlines\u{202e}\u{1b}[31m",
    ];
    let mut endpoint = HttpEndpoint::new(keys::url(&format!("{}/base", server.url)).unwrap());
    endpoint.headers = vec![("X-Team".into(), "***".to_owned().into())];
    let http = Http::new(&endpoint, SourceKind::Loki);
    for query in queries {
        let form = [("query", query.to_owned()), ("limit", "5".to_owned())];
        for is_posted in [false, true] {
            let budget = Budget::new(SourceKind::Loki, &Limits::default(), CancellationToken::new());
            let (before, mut body) = (server.seen().len(), Vec::new());
            let header = [("X-Flags", "categorize-labels")];
            let fetched = run(async {
                if is_posted {
                    http.post_form(&budget, "/it's/api", &form, &header, &mut body).await
                } else {
                    http.get(&budget, "/it's/[api]", &form, &header, &mut body).await
                }
            });
            assert_eq!(fetched.outcome.map(|head| head.status), Ok(200));
            let line = budget.log().requests().entries[0].request.clone();
            let told = Command::new("sh").arg("-c").arg(line.as_str()).output().unwrap();
            let seen = server.seen();
            assert_eq!(seen.len(), before + 2, "{line}: {}", String::from_utf8_lossy(&told.stderr));
            assert_eq!(essence(&seen[before]), essence(&seen[before + 1]), "{line}");
            let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().map(str::to_owned);
            assert_eq!(first(&told.stdout), first(&body), "{line}");
        }
    }
}

#[test]
fn every_request_is_in_the_log_with_a_command_of_a_known_shape() {
    let log = run(async {
        let running = demo::start(Scenario::checkout(), Options::default()).await.unwrap();
        let sources = SourceSet::open(&profile(&running));
        let cancel = CancellationToken::new();
        doctor::examine(&sources, &cancel).await;
        sources.ask(&Ask::Queues, &sources.budgets(&cancel)).await;
        sources.requests()
    });
    let shape = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (options, tool): (&[&str], _) = match words[0] {
            "curl" => return line.starts_with("curl -") && line.contains("'http://127.0.0.1:"),
            "kcat" => (&["-L", "-C", "-e", "-b", "-t", "-p", "-o", "-X"], "-b"),
            "kafka-get-offsets" => (&["--bootstrap-server", "--time"], "--bootstrap-server"),
            "kafka-configs" => {
                (&["--bootstrap-server", "--describe", "--entity-type", "--entity-name"], "--bootstrap-server")
            }
            "kafka-broker-api-versions" => (&["--bootstrap-server"], "--bootstrap-server"),
            "kafka-consumer-groups" => {
                (&["--bootstrap-server", "--list", "--describe", "--all-groups", "--members"], "--bootstrap-server")
            }
            _ => return false,
        };
        let named = words.iter().filter(|word| word.starts_with("--") || word.len() == 2 && word.starts_with('-'));
        let known = named.filter(|word| word.parse::<i64>().is_err()).all(|word| options.contains(word));
        known && words.iter().position(|word| *word == tool).is_some_and(|at| words[at + 1].contains(':'))
    };
    for entry in &log.entries {
        assert!(shape(entry.request.as_str()), "{}", entry.request);
    }
    for kind in [SourceKind::Jaeger, SourceKind::Loki, SourceKind::Kafka] {
        assert!(log.entries.iter().any(|entry| entry.source == kind), "nothing of {kind}");
    }
    let opened = log.entries.iter().filter(|entry| entry.request.as_str().starts_with("kafka-broker-api-versions"));
    assert!(opened.count() >= 2, "each broker was entered");
}
