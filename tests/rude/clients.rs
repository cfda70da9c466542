//! Every client over HTTP, one entry each: what a well-behaved server tells it before the data, and what its data looks like.

use super::SINCE;
use super::peer::Act;
use hopscope::config::{Door, HttpEndpoint};
use hopscope::model::SourceKind;
use hopscope::sources::Source;
use hopscope::sources::jaeger::Jaeger;
use hopscope::sources::loki::Loki;
use hopscope::sources::rest::Rest;
use hopscope::sources::tempo::Tempo;

/// One client in one of its dialects.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) source: SourceKind,
    pub(super) open: fn(HttpEndpoint) -> Box<dyn Source>,
    /// How the program is told where it is, and told to ask nobody else.
    pub(super) flag: &'static str,
    pub(super) only: &'static str,
    /// What the program is asked.
    pub(super) verb: &'static [&'static str],
    /// Its documents are short lists, which are read as a whole.
    pub(super) is_whole: bool,
    /// A part of the path of the request for data.
    pub(super) data: &'static str,
    /// Parts of paths, and the bodies that answer them; others are unknown routes.
    pub(super) before: &'static [(&'static str, &'static str)],
    /// A document up to its first row, one row, and the rest of the document.
    pub(super) document: [&'static str; 3],
}

const FOLLOW: &[&str] = &["follow", super::TRACE, SINCE[0], SINCE[1], SINCE[2], SINCE[3]];

/// All clients.
pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "Jaeger, internal dialect",
        source: SourceKind::Jaeger,
        open: |endpoint| Box::new(Jaeger::new(&endpoint)),
        flag: "--jaeger",
        only: "jaeger",
        verb: FOLLOW,
        is_whole: false,
        data: "/api/traces",
        before: &[("/api/services", r#"{"data":["shop"]}"#)],
        document: [
            r#"{"data":[{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736","spans":["#,
            r#"{"traceID":"4bf92f3577b34da6a3ce929d0e0e4736","spanID":"a1","operationName":"pay","startTime":1800000000000000,"duration":5,"processID":"p1"}"#,
            r#"],"processes":{"p1":{"serviceName":"shop","tags":[]}}}]}"#,
        ],
    },
    Client {
        name: "Jaeger, version 3",
        source: SourceKind::Jaeger,
        open: |endpoint| Box::new(Jaeger::new(&endpoint)),
        flag: "--jaeger",
        only: "jaeger",
        verb: FOLLOW,
        is_whole: false,
        data: "/api/v3/traces",
        before: &[("trace-summaries", r#"{"summaries":[]}"#), ("/api/v3/services", r#"{"services":["shop"]}"#)],
        document: [
            r#"{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":["#,
            r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","name":"pay","startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000005"}"#,
            "]}]}]}}",
        ],
    },
    Client {
        name: "Loki",
        source: SourceKind::Loki,
        open: |endpoint| Box::new(Loki::new(&endpoint)),
        flag: "--loki",
        only: "loki",
        verb: FOLLOW,
        is_whole: false,
        data: "/query_range",
        before: &[
            ("/labels", r#"{"status":"success","data":["app"]}"#),
            ("/series", r#"{"status":"success","data":[]}"#),
        ],
        document: [
            r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"shop"},"values":["#,
            r#"["1800000000000000001","charged 4bf92f3577b34da6a3ce929d0e0e4736"]"#,
            "]}]}}",
        ],
    },
    Client {
        name: "Tempo",
        source: SourceKind::Tempo,
        open: |endpoint| Box::new(Tempo::new(&endpoint)),
        flag: "--tempo",
        only: "tempo",
        verb: FOLLOW,
        is_whole: false,
        data: "/api/v2/traces",
        before: &[
            ("/api/status/buildinfo", r#"{"version":"2.8.0"}"#),
            ("/api/v2/search/tag", r#"{"tagValues":[{"type":"string","value":"shop"}]}"#),
            ("/api/search", r#"{"traces":[]}"#),
        ],
        document: [
            r#"{"trace":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":["#,
            r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","name":"pay","startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000005"}"#,
            "]}]}]}}",
        ],
    },
    Client {
        name: "Jaeger behind Grafana",
        source: SourceKind::Jaeger,
        open: |endpoint| Box::new(Jaeger::new(&HttpEndpoint { grafana: Some(Door { uid: None }), ..endpoint })),
        flag: "--grafana",
        only: "jaeger",
        verb: FOLLOW,
        is_whole: false,
        data: "/api/datasources/proxy/uid/j1/api/v3/traces",
        before: &[
            ("trace-summaries", r#"{"summaries":[]}"#),
            ("/api/v3/services", r#"{"services":["shop"]}"#),
            ("/api/datasources", r#"[{"uid":"j1","name":"traces","type":"jaeger"}]"#),
        ],
        document: [
            r#"{"result":{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":["#,
            r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","name":"pay","startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000000000005"}"#,
            "]}]}]}}",
        ],
    },
    Client {
        name: "REST proxy",
        source: SourceKind::Kafka,
        open: |endpoint| Box::new(Rest::new(&endpoint)),
        flag: "--kafka-rest",
        only: "kafka",
        verb: &["queue", "lag"],
        is_whole: true,
        data: "/consumer-groups",
        before: &[
            ("/topics", r#"{"kind":"KafkaTopicList","metadata":{"next":null},"data":[]}"#),
            ("/clusters", r#"{"kind":"KafkaClusterList","metadata":{"next":null},"data":[{"cluster_id":"c-1"}]}"#),
        ],
        // A share group, which has no offsets that would be asked for.
        document: [
            r#"{"kind":"KafkaConsumerGroupList","metadata":{"next":null},"data":["#,
            r#"{"consumer_group_id":"shop","is_simple":false,"state":"STABLE","type":"SHARE"}"#,
            "]}",
        ],
    },
];

impl Client {
    /// A whole document with one row.
    pub(super) fn polite(&self) -> String {
        self.document.concat()
    }

    /// A document whose rows are this text.
    pub(super) fn rows(&self, rows: &str) -> String {
        [self.document[0], rows, self.document[2]].concat()
    }

    /// Answers what is asked before the data, and does something else about the data.
    pub(super) fn script(&'static self, acts: fn(&Client) -> Vec<Act>) -> impl Fn(usize, &[u8]) -> Vec<Act> {
        move |_, request| {
            let request = String::from_utf8_lossy(request);
            let path = request.split(' ').nth(1).unwrap_or_default();
            match self.before.iter().find(|(part, _)| path.contains(part)) {
                _ if path.contains(self.data) => acts(self),
                Some((_, body)) => super::http::answer("200 OK", "", body),
                None => super::http::answer("404 Not Found", "", "404 page not found"),
            }
        }
    }
}
