//! Starting and stopping a cluster of any size.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Many, Plan, Row};

/// Brokers that run until this value is dropped.
#[derive(Debug)]
pub struct Running {
    /// `127.0.0.1:port` of each broker.
    pub addresses: Vec<String>,
    cluster: Arc<Many>,
    _tasks: JoinSet<()>,
}

impl Running {
    /// The first broker that takes connections.
    pub fn bootstrap(&self) -> &str {
        let alive = (0..self.addresses.len()).find(|broker| self.cluster.plan.dead != Some(*broker));
        &self.addresses[alive.unwrap_or(0)]
    }

    /// Requests so far by API name, over all brokers.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for ((_, api), count) in self.cluster.requests() {
            *all.entry(api).or_default() += count;
        }
        all
    }

    /// The cluster.
    pub fn cluster(&self) -> &Many {
        &self.cluster
    }

    /// The truth about lag.
    pub fn rows(&self) -> Vec<Row> {
        self.cluster.rows()
    }
}

/// Starts the brokers on free ports of loopback.
pub async fn start(plan: Plan) -> io::Result<Running> {
    let mut listeners = Vec::new();
    for _ in 0..plan.brokers.max(1) {
        listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
    }
    let mut ports = Vec::new();
    for listener in &listeners {
        ports.push(listener.local_addr()?.port());
    }
    let addresses = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let dead = plan.dead;
    let cluster = Arc::new(Many::new(plan, ports));
    let mut tasks = JoinSet::new();
    // The dead one's listener is dropped here, so its port refuses.
    for (broker, listener) in listeners.into_iter().enumerate().filter(|(broker, _)| dead != Some(*broker)) {
        tasks.spawn(crate::demo::kafka::serve(listener, Arc::clone(&cluster), broker));
    }
    Ok(Running { addresses, cluster, _tasks: tasks })
}
