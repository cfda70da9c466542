//! A broker that gives recorded answers.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, FetchRequest, RequestHeader};
use kafka_protocol::protocol::Decodable;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const FETCH: [u8; 2] = [0, 1];
const METADATA: [u8; 2] = [0, 3];
const API_VERSIONS: [u8; 2] = [0, 18];

/// Requests without their correlation ids, and answers without their lengths.
pub(crate) struct Recording(HashMap<Vec<u8>, Bytes>);

impl Recording {
    /// The recorded answer to a request, under the request's own correlation id, from a broker whose port is `port`.
    pub(crate) fn answer(&self, request: &[u8], port: u16) -> Option<Vec<u8>> {
        let mut recorded = self.0.get(&key(request))?.to_vec();
        recorded[..4].copy_from_slice(&request[4..8]);
        if request.starts_with(&METADATA) {
            // Host as a compact string, then the port.
            let host = b"127.0.0.1";
            let at = recorded.windows(host.len()).position(|found| found == host).expect("a broker") + host.len();
            recorded[at..at + 4].copy_from_slice(&u32::from(port).to_be_bytes());
        }
        Some(recorded)
    }
}

/// What a request is known by. How many bytes a fetch may bring, and how long it may wait, is no other question; neither is
/// the program's version, which the request about versions names.
fn key(request: &[u8]) -> Vec<u8> {
    if request.starts_with(&API_VERSIONS) {
        return API_VERSIONS.to_vec();
    }
    if request.starts_with(&FETCH) {
        let version = i16::from_be_bytes([request[2], request[3]]);
        let mut body = Bytes::copy_from_slice(request);
        let mut read = || {
            RequestHeader::decode(&mut body, ApiKey::Fetch.request_header_version(version)).ok()?;
            FetchRequest::decode(&mut body, version).ok()
        };
        let asked = read().expect("a fetch that the codec wrote");
        let places = asked.topics.iter().flat_map(|topic| {
            let name = (topic.topic.0.to_string(), topic.topic_id);
            topic.partitions.iter().map(move |part| (name.clone(), part.partition, part.fetch_offset))
        });
        return format!("fetch {version} {:?}", places.collect::<Vec<_>>()).into_bytes();
    }
    [&request[..4], &request[8..]].concat()
}

/// Reads a `.frames` file.
pub(crate) fn read(frames: Vec<u8>) -> Recording {
    let mut rest = Bytes::from(frames);
    let mut next = || {
        let length = rest.get_u32() as usize;
        let frame = rest.split_to(length);
        (frame, rest.is_empty())
    };
    let mut all = HashMap::new();
    loop {
        let ((request, _), (answer, last)) = (next(), next());
        all.insert(key(&request), answer);
        if last {
            return Recording(all);
        }
    }
}

/// Serves a recording and returns the port. The port in the answer about the cluster becomes the one that is served; all
/// else stays as it was recorded.
pub(super) async fn serve(frames: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let port = listener.local_addr().expect("it listens").port();
    let recording = Arc::new(read(frames));
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            tokio::spawn(answer(peer, Arc::clone(&recording), port));
        }
    });
    port
}

async fn answer(mut peer: TcpStream, recording: Arc<Recording>, port: u16) {
    while let Ok(length) = peer.read_u32().await {
        let mut request = vec![0; length as usize];
        peer.read_exact(&mut request).await.expect("a request comes whole");
        let Some(recorded) = recording.answer(&request, port) else {
            panic!("request {:?} in version {:?} was not recorded: see ORIGIN.md", &request[..2], &request[2..4]);
        };
        peer.write_u32(recorded.len() as u32).await.expect("the client waits");
        peer.write_all(&recorded).await.expect("the client waits");
    }
}
