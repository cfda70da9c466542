//! What all brokers share: the stage, who leads what, and how often each request came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::demo::stage::Stage;
use crate::world::World;

/// Error codes of the protocol that these brokers use.
pub mod code {
    /// The offset lies outside of the log.
    pub const OFFSET_OUT_OF_RANGE: i16 = 1;
    /// No such topic or partition.
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    /// This broker does not lead the partition.
    pub const NOT_LEADER: i16 = 6;
    /// This broker does not coordinate the group.
    pub const NOT_COORDINATOR: i16 = 16;
    /// The client may not read the topic.
    pub const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    /// The version, or the special timestamp, is not served.
    pub const UNSUPPORTED_VERSION: i16 = 35;
    /// The request makes no sense.
    pub const INVALID_REQUEST: i16 = 42;
    /// No group of this kind has the id.
    pub const GROUP_ID_NOT_FOUND: i16 = 69;
    /// The fetch session is not known.
    pub const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
    /// No topic has the id.
    pub const UNKNOWN_TOPIC_ID: i16 = 100;
}

/// The cluster that the brokers form.
#[derive(Debug)]
pub struct Cluster {
    /// The world and its clock.
    pub stage: Arc<Stage>,
    /// Ports by broker, on loopback.
    pub ports: Vec<u16>,
    requests: Mutex<BTreeMap<String, u64>>,
}

impl Cluster {
    /// A cluster of brokers on these ports.
    pub fn new(stage: Arc<Stage>, ports: Vec<u16>) -> Self {
        Self { stage, ports, requests: Mutex::default() }
    }

    /// Requests so far by API name.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count(&self, api: String) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(api).or_default() += 1;
    }

    /// Node id of a broker: brokers count from 0 here, node ids from 1.
    pub fn node_id(&self, broker: usize) -> BrokerId {
        BrokerId(broker as i32 + 1)
    }

    /// Broker that leads a partition of the topic of this number.
    pub fn leader(&self, topic: usize, partition: i32) -> usize {
        (topic + partition as usize) % self.ports.len()
    }

    /// Whether records of the topic of this number may be read.
    pub fn may_read(&self, world: &World, topic: usize) -> bool {
        let name = &world.queue().topics[topic].name;
        !world.scenario().stores.unreadable_topics.contains(name)
    }

    /// Broker that coordinates a group.
    pub fn coordinator(&self, group: &str) -> usize {
        group.bytes().fold(7, |sum, byte| sum * 31 % 65_521 + usize::from(byte)) % self.ports.len()
    }
}

/// A string of the protocol.
pub fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}
