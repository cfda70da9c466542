//! The world behind all endpoints, and the clock that says how far it has run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::world::World;

/// What the endpoints take for "now".
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The wall clock: the incident is live.
    #[default]
    Live,
    /// Nanoseconds since the Unix epoch, set and moved by whoever holds the handle.
    Held(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands still at this instant, nanoseconds since the Unix epoch.
    pub fn stopped_at(now_ns: u64) -> Self {
        Self::Held(Arc::new(AtomicU64::new(now_ns)))
    }

    /// The present instant, nanoseconds since the Unix epoch.
    pub fn now_ns(&self) -> u64 {
        match self {
            Self::Live => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
            }
            Self::Held(instant) => instant.load(Ordering::Relaxed),
        }
    }
}

/// A world that runs along with a clock.
#[derive(Debug)]
pub struct Stage {
    world: Mutex<World>,
    clock: Clock,
}

impl Stage {
    /// Puts a world on stage.
    pub fn new(world: World, clock: Clock) -> Self {
        Self { world: Mutex::new(world), clock }
    }

    /// Lets the world run until now and looks at it.
    pub fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.until(self.clock.now_ns());
        at(&world)
    }
}
