//! One file per rule.

pub mod incomplete;
pub mod nested_layers;
pub mod quarantine;
pub mod redelivery_loop;
pub mod repeated_effect;
pub mod retry_wait;
