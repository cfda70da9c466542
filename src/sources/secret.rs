//! Secrets that a program prints: run when first needed, kept in memory, asked again when refused.

use crate::config::Credential;
use secrecy::SecretString;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Mutex;

/// Wait for the program.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of its output.
const MOST: u64 = 64 << 10;

/// A credential of one source.
#[derive(Debug)]
pub struct Secret {
    from: Credential,
    known: Mutex<Option<SecretString>>,
}

impl Secret {
    /// Returns a secret that is fetched when it is needed.
    pub fn new(from: &Credential) -> Self {
        Self { from: from.clone(), known: Mutex::default() }
    }

    /// Returns the secret. The error says why there is none, without the program's words, which may hold secrets.
    pub async fn get(&self) -> Result<SecretString, String> {
        let words = match &self.from {
            Credential::Text(secret) => return Ok(secret.clone()),
            Credential::Command(words) => words,
        };
        let mut known = self.known.lock().await;
        if let Some(secret) = known.as_ref() {
            return Ok(secret.clone());
        }
        let secret = run(words).await?;
        *known = Some(secret.clone());
        Ok(secret)
    }

    /// Forgets what a server refused; says whether asking again may bring something else.
    pub async fn forget(&self) -> bool {
        self.known.lock().await.take().is_some()
    }
}

async fn run(words: &[String]) -> Result<SecretString, String> {
    let (program, arguments) = words.split_first().expect("a command without a program is a mistake of the settings");
    let failed = |what: &str| format!("the secret's command `{program}` {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let out = child.stdout.take().expect("it is piped");
    let talk = async {
        let mut text = Vec::new();
        out.take(MOST + 1).read_to_end(&mut text).await?;
        Ok::<_, std::io::Error>((text, child.wait().await?))
    };
    let (text, status) = tokio::time::timeout(WAIT, talk)
        .await
        .map_err(|_| failed("did not end within 10 s"))?
        .map_err(|error| failed(&format!("cannot be read: {error}")))?;
    if !status.success() {
        return Err(failed(&format!("ended with {status}")));
    }
    if text.len() as u64 > MOST {
        return Err(failed("printed more than 64 KiB"));
    }
    let text = String::from_utf8(text).map_err(|_| failed("printed something that is no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err(failed("printed nothing")) } else { Ok(SecretString::from(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    async fn printed(script: &str) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        Secret::new(&Credential::Command(words)).get().await.map(|secret| secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_program_prints_the_secret() {
        assert_eq!(printed("printf 'hush\\n'").await.as_deref(), Ok("hush"));
        assert_eq!(printed("echo 'two words'; exit 0").await.as_deref(), Ok("two words"));
        for (script, said) in [
            ("echo hush; exit 3", "exit status: 3"),
            ("true", "printed nothing"),
            ("head -c 70000 /dev/zero", "more than 64 KiB"),
            ("cat", "printed nothing"),
        ] {
            let why = printed(script).await.unwrap_err();
            assert!(why.contains(said) && !why.contains("hush"), "{script}: {why}");
        }
    }

    #[tokio::test]
    async fn it_runs_once_until_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("echo x >> '{0}'; wc -l < '{0}'", folder.path().join("runs").display());
        let secret = Secret::new(&Credential::Command(["sh", "-c", &script].map(str::to_owned).to_vec()));
        let read = async || secret.get().await.unwrap().expose_secret().trim().to_owned();
        assert_eq!((read().await, read().await), ("1".to_owned(), "1".to_owned()));
        assert!(secret.forget().await && !secret.forget().await);
        assert_eq!(read().await, "2");
    }
}
