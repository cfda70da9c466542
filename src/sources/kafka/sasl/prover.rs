//! What proves who logs in, whichever way it is given: fetched when needed, renewed once when a broker refuses it.

use super::Exchange;
use super::aws::Signer;
use super::oidc::Tokens;
use crate::config::{Login, Proof};
use crate::sources::lease::Lease;
use crate::sources::secret::{Held, Hush, Secret};
use secrecy::ExposeSecret;

/// The proof of one cluster's login.
#[derive(Debug)]
pub(in crate::sources::kafka) struct Prover {
    login: Login,
    from: From,
    hush: Hush,
}

#[derive(Debug)]
enum From {
    Secret(Secret),
    Tokens(Box<Tokens>),
    Aws(Signer),
}

/// Which proof was shown, so that a refusal can say so.
#[derive(Debug)]
pub(in crate::sources::kafka) enum Shown {
    /// A secret, or what keys were printed.
    Held(Held),
    /// The token of this round.
    Round(u64),
    /// Something that does not change.
    Fixed,
}

impl Prover {
    pub(in crate::sources::kafka) fn new(login: &Login) -> Self {
        let from = match &login.proof {
            Proof::Secret(secret) => From::Secret(Secret::new(secret)),
            Proof::ClientCredentials(asked) => From::Tokens(Box::new(Tokens::new(asked))),
            Proof::Aws(aws) => From::Aws(Signer::new(aws)),
        };
        Self { login: login.clone(), from, hush: Hush::default() }
    }

    /// Returns the mechanism's name in the protocol.
    pub(in crate::sources::kafka) fn mechanism(&self) -> &'static str {
        self.login.mechanism.name()
    }

    /// Returns what takes this login's secrets out of words.
    pub(in crate::sources::kafka) fn hush(&self) -> &Hush {
        &self.hush
    }

    /// Begins a login at `host`.
    pub(in crate::sources::kafka) async fn begin(
        &self,
        host: &str,
        lease: &Lease,
    ) -> Result<(Exchange, Shown), String> {
        let (mechanism, user) = (self.login.mechanism, &self.login.user);
        match &self.from {
            From::Secret(secret) => {
                let held = secret.get().await?;
                self.hush.add_login(user, held.secret.expose_secret());
                Ok((Exchange::begin(mechanism, user, &held.secret)?, Shown::Held(held)))
            }
            From::Tokens(tokens) => {
                let (token, round) = tokens.get((&self.hush, lease)).await?;
                Ok((Exchange::begin(mechanism, user, &token)?, Shown::Round(round)))
            }
            From::Aws(signer) => {
                let (payload, held) = signer.payload(host, &self.hush).await?;
                Ok((Exchange::Signed(payload.to_vec()), held.map_or(Shown::Fixed, Shown::Held)))
            }
        }
    }

    /// Takes note that a broker took it.
    pub(in crate::sources::kafka) fn took(&self, shown: &Shown) {
        match (&self.from, shown) {
            (From::Secret(secret), Shown::Held(held)) => secret.took(held),
            (From::Aws(signer), Shown::Held(held)) => signer.took(held),
            _ => {}
        }
    }

    /// Says whether there is another proof than the one that was refused.
    pub(in crate::sources::kafka) async fn renew(&self, refused: &Shown, lease: &Lease) -> Result<bool, String> {
        match (&self.from, refused) {
            (From::Secret(secret), Shown::Held(held)) => secret.renew(held).await.map(|newer| newer.is_some()),
            (From::Tokens(tokens), Shown::Round(round)) => tokens.renew(*round, (&self.hush, lease)).await,
            (From::Aws(signer), Shown::Held(held)) => signer.renew(held).await,
            _ => Ok(false),
        }
    }
}
