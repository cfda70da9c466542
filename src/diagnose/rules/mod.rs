//! One file per rule.

pub mod clock_skew;
pub mod hidden_retries;
pub mod incomplete;
pub mod nested_layers;
pub mod outlived;
pub mod quarantine;
pub mod redelivery_loop;
pub mod repeated_effect;
pub mod retry_wait;
