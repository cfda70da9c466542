//! What a cluster answers, whatever it answers from.

use std::time::Duration;

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeClusterResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, DescribeGroupsRequest, DescribeGroupsResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest, OffsetFetchResponse,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};

use super::cluster::Cluster;
use super::{fetch, groups, offsets, topics};

/// How a broker behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Habit {
    /// Answers at once.
    #[default]
    Prompt,
    /// Answers after so long.
    Slow(Duration),
    /// Takes connections and requests, and never says a word.
    Silent,
}

/// The brokers of one cluster, numbered from 0.
#[allow(missing_docs, reason = "each function answers the request that its type names")]
pub trait Brokers: Send + Sync + 'static {
    /// Counts a request by the name of its API.
    fn count(&self, broker: usize, api: String);

    /// How a broker behaves.
    fn habit(&self, _broker: usize) -> Habit {
        Habit::Prompt
    }

    fn metadata(&self, asked: &MetadataRequest, version: i16) -> MetadataResponse;
    fn describe_cluster(&self) -> DescribeClusterResponse;
    fn describe_configs(&self, asked: &DescribeConfigsRequest) -> DescribeConfigsResponse;
    fn list_offsets(&self, broker: usize, asked: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse;
    fn committed(&self, broker: usize, asked: &OffsetFetchRequest, version: i16) -> OffsetFetchResponse;
    fn find_coordinator(&self, asked: &FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse;
    fn list_groups(&self, broker: usize, asked: &ListGroupsRequest, version: i16) -> ListGroupsResponse;
    fn describe_classic(&self, broker: usize, asked: &DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse;
    fn describe_consumer(&self, broker: usize, asked: &ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse;
    fn describe_share(&self, broker: usize, asked: &ShareGroupDescribeRequest) -> ShareGroupDescribeResponse;
    /// The answer, and whether it is worth sending at once: an error, or as many bytes as asked for.
    fn fetch(&self, broker: usize, asked: &FetchRequest, version: i16) -> (FetchResponse, bool);
}

impl Brokers for Cluster {
    fn count(&self, _: usize, api: String) {
        Self::count(self, api);
    }

    fn metadata(&self, asked: &MetadataRequest, version: i16) -> MetadataResponse {
        topics::metadata(self, asked, version)
    }

    fn describe_cluster(&self) -> DescribeClusterResponse {
        topics::describe_cluster(self)
    }

    fn describe_configs(&self, asked: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        topics::describe_configs(self, asked)
    }

    fn list_offsets(&self, broker: usize, asked: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
        offsets::list(self, broker, asked, version)
    }

    fn committed(&self, broker: usize, asked: &OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
        offsets::committed(self, broker, asked, version)
    }

    fn find_coordinator(&self, asked: &FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
        offsets::find_coordinator(self, asked, version)
    }

    fn list_groups(&self, broker: usize, asked: &ListGroupsRequest, version: i16) -> ListGroupsResponse {
        groups::list(self, broker, asked, version)
    }

    fn describe_classic(&self, broker: usize, asked: &DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse {
        groups::describe_classic(self, broker, asked, version)
    }

    fn describe_consumer(&self, broker: usize, asked: &ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
        groups::describe_consumer(self, broker, asked)
    }

    fn describe_share(&self, _: usize, asked: &ShareGroupDescribeRequest) -> ShareGroupDescribeResponse {
        groups::describe_share(asked)
    }

    fn fetch(&self, broker: usize, asked: &FetchRequest, version: i16) -> (FetchResponse, bool) {
        fetch::fetch(self, broker, asked, version)
    }
}
