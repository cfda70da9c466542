//! One client connection: frames in, answers out, one at a time as brokers do.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, ConsumerGroupDescribeRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, FetchRequest, FetchResponse, FindCoordinatorRequest, ListGroupsRequest, ListOffsetsRequest,
    MetadataRequest, OffsetFetchRequest, RequestHeader, ResponseHeader, ShareGroupDescribeRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::cluster::code;
use super::logic::{Brokers, Habit};

/// Every request that is served, with its oldest and newest version. There is no write among them.
pub const SERVED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Fetch, 4, 18),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::ConsumerGroupDescribe, 0, 1),
    (ApiKey::ShareGroupDescribe, 1, 1),
];

/// Longest request frame in bytes.
const MOST_FRAME: usize = 16 << 20;

/// Serves one broker until it is dropped.
pub async fn serve<B: Brokers>(listener: TcpListener, cluster: Arc<B>, broker: usize) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else { continue };
        connections.spawn(converse(stream, Arc::clone(&cluster), broker));
    }
}

/// Answers requests until the peer leaves, or sends something that is not served.
async fn converse<B: Brokers>(mut stream: TcpStream, cluster: Arc<B>, broker: usize) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    while let Ok(length) = stream.read_u32().await {
        let length = length as usize;
        if !(8..=MOST_FRAME).contains(&length) {
            return;
        }
        let mut frame = BytesMut::zeroed(length);
        if stream.read_exact(&mut frame).await.is_err() {
            return;
        }
        let Some(answer) = respond(&*cluster, broker, frame.freeze()).await else { return };
        match cluster.habit(broker) {
            Habit::Prompt => {}
            Habit::Slow(wait) => tokio::time::sleep(wait).await,
            // Until the peer gives up.
            Habit::Silent => while stream.read_u8().await.is_ok() {},
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn respond<B: Brokers>(cluster: &B, broker: usize, mut frame: Bytes) -> Option<BytesMut> {
    let number = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let correlation = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    let Ok(api) = ApiKey::try_from(number) else {
        cluster.count(broker, format!("unknown api {number}"));
        return None;
    };
    cluster.count(broker, format!("{api:?}"));
    let (_, oldest, newest) = SERVED.iter().find(|(served, _, _)| *served == api)?;
    let fits = (*oldest..=*newest).contains(&version);
    if api == ApiKey::ApiVersions {
        return versions(correlation, version, fits);
    }
    if !fits {
        return None;
    }
    RequestHeader::decode(&mut frame, api.request_header_version(version)).ok()?;
    let mut out = header(correlation, api.response_header_version(version))?;
    match api {
        ApiKey::Metadata => {
            cluster.metadata(&MetadataRequest::decode(&mut frame, version).ok()?, version).encode(&mut out, version)
        }
        ApiKey::DescribeCluster => {
            DescribeClusterRequest::decode(&mut frame, version).ok()?;
            cluster.describe_cluster().encode(&mut out, version)
        }
        ApiKey::DescribeConfigs => cluster
            .describe_configs(&DescribeConfigsRequest::decode(&mut frame, version).ok()?)
            .encode(&mut out, version),
        ApiKey::ListOffsets => {
            let asked = ListOffsetsRequest::decode(&mut frame, version).ok()?;
            cluster.list_offsets(broker, &asked, version).encode(&mut out, version)
        }
        ApiKey::OffsetFetch => {
            let asked = OffsetFetchRequest::decode(&mut frame, version).ok()?;
            cluster.committed(broker, &asked, version).encode(&mut out, version)
        }
        ApiKey::FindCoordinator => {
            let asked = FindCoordinatorRequest::decode(&mut frame, version).ok()?;
            cluster.find_coordinator(&asked, version).encode(&mut out, version)
        }
        ApiKey::ListGroups => cluster
            .list_groups(broker, &ListGroupsRequest::decode(&mut frame, version).ok()?, version)
            .encode(&mut out, version),
        ApiKey::DescribeGroups => {
            let asked = DescribeGroupsRequest::decode(&mut frame, version).ok()?;
            cluster.describe_classic(broker, &asked, version).encode(&mut out, version)
        }
        ApiKey::ConsumerGroupDescribe => {
            let asked = ConsumerGroupDescribeRequest::decode(&mut frame, version).ok()?;
            cluster.describe_consumer(broker, &asked).encode(&mut out, version)
        }
        ApiKey::ShareGroupDescribe => {
            let asked = ShareGroupDescribeRequest::decode(&mut frame, version).ok()?;
            cluster.describe_share(broker, &asked).encode(&mut out, version)
        }
        ApiKey::Fetch => {
            let asked = FetchRequest::decode(&mut frame, version).ok()?;
            fetch_or_wait(cluster, broker, &asked, version).await.encode(&mut out, version)
        }
        _ => return None,
    }
    .ok()?;
    Some(framed(out))
}

/// A fetch that finds nothing waits for records, as long as the client allows.
async fn fetch_or_wait<B: Brokers>(cluster: &B, broker: usize, asked: &FetchRequest, version: i16) -> FetchResponse {
    const STEP_MS: u64 = 50;
    let mut left_ms = u64::try_from(asked.max_wait_ms).unwrap_or(0).min(30_000);
    loop {
        let (answer, enough) = cluster.fetch(broker, asked, version);
        if enough || left_ms == 0 {
            return answer;
        }
        let wait_ms = STEP_MS.min(left_ms);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        left_ms -= wait_ms;
    }
}

/// An answer to a version that is not served has version 0, so that any client can read it.
fn versions(correlation: i32, version: i16, fits: bool) -> Option<BytesMut> {
    let keys = SERVED
        .iter()
        .map(|(api, oldest, newest)| {
            ApiVersion::default().with_api_key(*api as i16).with_min_version(*oldest).with_max_version(*newest)
        })
        .collect();
    let error = if fits { 0 } else { code::UNSUPPORTED_VERSION };
    let answer = ApiVersionsResponse::default().with_api_keys(keys).with_error_code(error);
    // This one answer has the oldest header in every version.
    let mut out = header(correlation, 0)?;
    answer.encode(&mut out, if fits { version } else { 0 }).ok()?;
    Some(framed(out))
}

fn header(correlation: i32, version: i16) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    out.put_i32(0);
    ResponseHeader::default().with_correlation_id(correlation).encode(&mut out, version).ok()?;
    Some(out)
}

fn framed(mut out: BytesMut) -> BytesMut {
    let length = (out.len() - 4) as i32;
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}
