//! Secrets while they are used: fetched when first needed, shared by all requests, fetched again when refused, and taken
//! out of whatever a server says.

mod hush;
mod program;

pub use hush::Hush;
pub use program::end_all;

use crate::config::{Credential, SecretFile};
use secrecy::{ExposeSecret, SecretString};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

/// How long a failure, or a secret that was refused at once, is taken for granted. One question can make hundreds of
/// requests, and wrong secrets sent again and again lock accounts.
const REST: Duration = Duration::from_secs(30);

/// A credential of one source.
#[derive(Debug)]
pub struct Secret {
    from: Credential,
    known: Mutex<Known>,
    /// The newest round that a server took.
    taken: AtomicU64,
}

/// A secret as it was sent, so that a refusal can say which one was refused.
#[derive(Clone, Debug)]
pub struct Held {
    /// The secret.
    pub secret: SecretString,
    round: u64,
}

#[derive(Debug, Default)]
struct Known {
    /// What the last fetching brought, and when.
    last: Option<(Result<SecretString, String>, Instant)>,
    /// How many different secrets there were.
    round: u64,
    /// Whether the last fetching followed a refusal.
    after_refusal: bool,
}

impl Secret {
    /// Returns a secret that is fetched when it is needed.
    pub fn new(from: &Credential) -> Self {
        Self { from: from.clone(), known: Mutex::default(), taken: AtomicU64::new(0) }
    }

    /// Returns the secret. The error says why there is none, without a program's words, which may hold secrets. Dropping the
    /// future ends the program.
    pub async fn get(&self) -> Result<Held, String> {
        if let Credential::Text(secret) = &self.from {
            return Ok(Held { secret: secret.clone(), round: 0 });
        }
        let mut known = self.known.lock().await;
        match &known.last {
            Some((Ok(secret), _)) => return Ok(Held { secret: secret.clone(), round: known.round }),
            Some((Err(why), at)) if at.elapsed() < REST => return Err(why.clone()),
            Some((Err(_), _)) | None => {}
        }
        let fetched = self.fetch().await;
        known.last = Some((fetched.clone(), Instant::now()));
        known.round += 1;
        Ok(Held { secret: fetched?, round: known.round })
    }

    /// Takes note that a server took it.
    pub fn took(&self, held: &Held) {
        self.taken.fetch_max(held.round, Ordering::Relaxed);
    }

    /// Returns another secret instead of one that a server refused, if there is one. Requests that were refused together
    /// get the same one. The same text is no other secret: it would only be refused again.
    pub async fn renew(&self, refused: &Held) -> Result<Option<Held>, String> {
        if matches!(self.from, Credential::Text(_)) {
            return Ok(None);
        }
        let mut known = self.known.lock().await;
        let Some((Ok(old), at)) = &known.last else { return Ok(None) };
        if known.round != refused.round {
            return Ok(Some(Held { secret: old.clone(), round: known.round }));
        }
        let worked_once = self.taken.load(Ordering::Relaxed) == known.round;
        if known.after_refusal && !worked_once && at.elapsed() < REST {
            return Ok(None);
        }
        let old = old.clone();
        let fetched = self.fetch().await;
        let is_same = matches!(&fetched, Ok(new) if new.expose_secret() == old.expose_secret());
        // A failure leaves the old one in place: it may have been another server that refused it.
        let kept = fetched.as_ref().map_or(old, Clone::clone);
        known.last = Some((Ok(kept), Instant::now()));
        known.after_refusal = true;
        if is_same {
            return Ok(None);
        }
        let secret = fetched?;
        known.round += 1;
        Ok(Some(Held { secret, round: known.round }))
    }

    async fn fetch(&self) -> Result<SecretString, String> {
        match &self.from {
            Credential::Text(secret) => Ok(secret.clone()),
            Credential::File(file) => from_file(file),
            Credential::Command(program) => program::run(program).await,
        }
    }
}

fn from_file(file: &SecretFile) -> Result<SecretString, String> {
    file.read().map_err(|(what, fix)| format!("{what}; {fix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Program;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    fn counted(folder: &tempfile::TempDir, then: &str) -> Secret {
        let script = format!("echo x >> '{0}'; {then}", folder.path().join("runs").display());
        let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
        Secret::new(&Credential::Command(Program::new(words)))
    }

    fn runs(folder: &tempfile::TempDir) -> usize {
        std::fs::read_to_string(folder.path().join("runs")).unwrap_or_default().lines().count()
    }

    fn number(folder: &tempfile::TempDir) -> String {
        format!("wc -l < '{}'", folder.path().join("runs").display())
    }

    #[tokio::test]
    async fn a_program_runs_once_for_all_and_once_more_for_all_that_were_refused() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Arc::new(counted(&folder, &number(&folder)));
        let held = futures_util::future::join_all((0..8).map(|_| secret.get())).await;
        assert_eq!(runs(&folder), 1);
        let held: Vec<Held> = held.into_iter().map(Result::unwrap).collect();
        let newer = futures_util::future::join_all(held.iter().map(|held| secret.renew(held))).await;
        assert_eq!(runs(&folder), 2);
        let is_second = |held: &Held| held.secret.expose_secret().trim() == "2";
        assert!(newer.iter().all(|held| held.as_ref().unwrap().as_ref().is_some_and(is_second)));
        // What was refused at once is not fetched again for every request that follows.
        let held = secret.get().await.unwrap();
        assert!(secret.renew(&held).await.unwrap().is_none() && runs(&folder) == 2);
        // One that worked for a while is.
        secret.took(&held);
        assert!(secret.renew(&held).await.unwrap().is_some() && runs(&folder) == 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_remembered_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::new(&Credential::File(SecretFile::new(folder.path().join("token").to_str().unwrap())));
        assert!(secret.get().await.is_err());
        let path = folder.path().join("token");
        std::fs::write(&path, "hush").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(secret.get().await.is_err());
        tokio::time::advance(REST).await;
        assert_eq!(secret.get().await.unwrap().secret.expose_secret(), "hush");
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_what_it_held_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "old\n").unwrap();
        let secret = Secret::new(&Credential::File(SecretFile::new(file.path().to_str().unwrap())));
        let old = secret.get().await.unwrap();
        assert!(secret.renew(&old).await.unwrap().is_none(), "the same text is not sent again");
        secret.took(&old);
        std::fs::write(file.path(), "new\n").unwrap();
        assert_eq!(secret.renew(&old).await.unwrap().unwrap().secret.expose_secret(), "new");
        assert_eq!(secret.get().await.unwrap().secret.expose_secret(), "new");
    }
}
