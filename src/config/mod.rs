//! What a person has set: profiles of sources, budgets, keys and looks, and from which file and line each came.
//!
//! Owns the layers (built in, user file, environment, flags) and their mistakes, all reported together with place and
//! fix. Knows no network and no screen: whether an address answers is for `sources` to find out. The host comes in
//! through [`load::Layers`] (the environment is a function, the file a text), so the same layers give the same
//! settings everywhere. Secrets never have a `Display`.
//!
//! A new setting is one line in [`keys::KEYS`] and its reading in `load.rs`. Copy `profile.rs` when adding a section.

pub mod aws;
pub mod bindings;
mod client_properties;
pub mod file;
mod headers;
pub mod kafka;
pub mod keys;
pub mod limits;
pub mod load;
pub mod mistake;
pub mod profile;
mod properties;
pub mod secrets;
pub mod security;

pub use aws::{Aws, AwsKeys, KeySet};
pub use bindings::{Binding, Bindings};
pub use kafka::{ClientCredentials, KafkaEndpoint, Login, Mechanism, Proof};
pub use limits::Limits;
pub use load::{Console, Layers, Loaded, Origin, Setting, load};
pub use mistake::Mistake;
pub use profile::{Door, HttpEndpoint, HttpLogin, Profile, Way};
pub use secrets::{Credential, Program, SecretFile};
pub use security::{Checks, Pem, Tls};

/// Reads the text of a `client.properties` and returns all that is wrong with it. For tests on texts from anywhere.
#[doc(hidden)]
pub fn judge_properties(text: &str) -> Vec<Mistake> {
    client_properties::judge("client.properties", text)
}
