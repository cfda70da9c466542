//! Runs the program that prints a secret: bounded in time and size, alone in a process group that ends with it.

use crate::config::Program;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zeroize::Zeroizing;

/// Wait for the program, if the request does not end sooner.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of its output.
const MOST: u64 = crate::config::secrets::MOST;

/// Groups that run. A process that is about to exit can end them.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// The process group of a program; all of it ends with this value.
struct Group(Pid);

impl Group {
    fn new(pid: Pid) -> Self {
        running(|all| all.push(pid));
        Self(pid)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        running(|all| all.retain(|pid| *pid != self.0));
        // Fails when nobody is left in it, which is what is wanted.
        kill_process_group(self.0, Signal::KILL).ok();
    }
}

fn running(change: impl FnOnce(&mut Vec<Pid>)) {
    change(&mut RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
}

/// Ends all programs that run, for a process that ends without unwinding.
pub fn end_all() {
    running(|all| {
        for pid in all.drain(..) {
            kill_process_group(pid, Signal::KILL).ok();
        }
    });
}

/// Runs it and returns what it printed. The error holds none of its words. Dropping the future ends it.
pub(super) async fn run(program: &Program) -> Result<SecretString, String> {
    let (name, arguments) =
        program.words.split_first().expect("a command without a program is a mistake of the settings");
    let failed = |what: &str| format!("the secret's command `{name}` {what}");
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    for variable in &program.hidden {
        command.env_remove(variable);
    }
    let mut child =
        command.kill_on_drop(true).spawn().map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let group = pid.map(Group::new);
    let out = child.stdout.take().expect("it is piped");
    let talk = async {
        let mut text = Zeroizing::new(Vec::new());
        let read = async { out.take(MOST + 1).read_to_end(&mut text).await };
        let ended = async {
            let status = child.wait().await;
            // What it left behind may hold its output open for ever.
            drop(group);
            status
        };
        let (read, status) = tokio::join!(read, ended);
        read?;
        Ok::<_, std::io::Error>((text, status?))
    };
    let (text, status) = tokio::time::timeout(WAIT, talk)
        .await
        .map_err(|_| failed("did not end within 10 s"))?
        .map_err(|error| failed(&format!("cannot be read: {error}")))?;
    // Sooner than the status: one that prints on after that is ended by its closed pipe.
    if text.len() as u64 > MOST {
        return Err(failed("printed more than 64 KiB"));
    }
    if !status.success() {
        return Err(failed(&format!("ended with {status}")));
    }
    let text = std::str::from_utf8(&text).map_err(|_| failed("printed something that is no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err(failed("printed nothing")) } else { Ok(SecretString::from(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    fn shell(script: &str) -> Program {
        Program::new(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn printed(script: &str) -> Result<String, String> {
        run(&shell(script)).await.map(|secret| secret.expose_secret().to_owned())
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

    /// A pipe that a process holds open for writing as long as it lives: its end is seen without looking for it.
    fn pipe(folder: &Path) -> (String, std::fs::File) {
        let path = folder.join("alive");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let reader = std::fs::File::options().read(true).custom_flags(flags).open(&path).unwrap();
        (path.to_str().unwrap().to_owned(), reader)
    }

    /// Waits until nobody holds the pipe.
    fn wait_for_the_end(reader: std::fs::File) {
        rustix::io::ioctl_fionbio(&reader, false).unwrap();
        let mut reader = reader;
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(said, "up\n", "it had begun");
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = pipe(folder.path());
        // The program ends when its child is up; the child holds the output and would stay.
        let script = format!(
            "mkfifo {path}.go; sh -c 'exec 3> {path}; echo up >&3; echo > {path}.go; exec tail -f /dev/null' & cat {path}.go > /dev/null; printf hush"
        );
        assert_eq!(printed(&script).await.as_deref(), Ok("hush"));
        tokio::task::spawn_blocking(move || wait_for_the_end(reader)).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_ends_takes_the_program_and_its_children_along() {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = pipe(folder.path());
        // The child of a child says that it is up, and stays.
        let program = shell(&format!("sh -c 'exec 3> {path}; echo up >&3; echo x; exec tail -f /dev/null' & wait"));
        let begun = tokio::spawn(async move { run(&program).await.map(|_| ()) });
        let reader = tokio::task::spawn_blocking(move || {
            let mut watched = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut watched, None).unwrap();
            reader
        });
        let reader = reader.await.unwrap();
        begun.abort();
        assert!(begun.await.unwrap_err().is_cancelled());
        tokio::task::spawn_blocking(move || wait_for_the_end(reader)).await.unwrap();
    }

    #[tokio::test]
    async fn secrets_of_sources_are_not_in_its_environment() {
        let seen = run(&Program { words: vec!["env".into()], hidden: vec!["PATH".into()] }).await.unwrap();
        assert!(!seen.expose_secret().lines().any(|line| line.starts_with("PATH=")));
        assert!(run(&Program::new(vec!["env".into()])).await.unwrap().expose_secret().contains("PATH="));
    }
}
