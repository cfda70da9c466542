//! The verbs: one function each.

use super::args::{Arguments, KindName};
use super::exit::Exit;
use super::out::{Failure, Out};
use super::{settings, signals};
use crate::config::Profile;
use crate::export::{Format, Look, format};
use crate::investigate::{SourceSet, follow as investigate_follow, read_now};
use crate::model::Nanos;
use crate::model::id::{Recognised, recognise, recognise_as};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What `now` looks at without `--since`.
pub const NOW_SINCE: Nanos = Nanos::from_secs(30 * 60);
/// What `follow` looks at without `--since`, while nothing is known.
pub const FOLLOW_SINCE: Nanos = Nanos::from_secs(60 * 60);

/// `hopscope now`.
pub fn now(arguments: &Arguments, out: &Out) -> Result<Exit, Failure> {
    let profile = settings::loaded(arguments)?.profile;
    now_of(arguments, &profile, &runtime()?, out)
}

/// The present of a profile.
pub fn now_of(arguments: &Arguments, profile: &Profile, runtime: &Runtime, out: &Out) -> Result<Exit, Failure> {
    let (look, asked) = (settings::look(arguments)?, settings::asked(arguments, NOW_SINCE)?);
    let window = settings::window(asked);
    let _inside = runtime.enter();
    let sources = open(arguments, profile)?;
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let now = runtime.block_on(read_now(&sources, asked.at, window, &cancel, |_| ()));
    out.account(&sources);
    let exit = caught.or(Exit::of_now(&now));
    Ok(out.data(&(form(arguments).now)(&now, &look, exit.code()), exit))
}

/// `hopscope follow ID`.
pub fn follow(arguments: &Arguments, id: &str, kind: Option<KindName>, why: bool, out: &Out) -> Result<Exit, Failure> {
    let anchor = anchor(id, kind)?;
    let (look, asked) = (settings::look(arguments)?, settings::asked(arguments, FOLLOW_SINCE)?);
    let look = Look { why, ..look };
    let profile = settings::loaded(arguments)?.profile;
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let sources = open(arguments, &profile)?;
    let cancel = CancellationToken::new();
    let caught = signals::listen(cancel.clone());
    let (publish, _) = watch::channel(Arc::new(investigate_follow::blank(&sources, anchor.clone(), asked)));
    let case = runtime.block_on(investigate_follow::follow(&sources, anchor, asked, &publish, &cancel));
    out.account(&sources);
    let exit = caught.or(Exit::of_case(&case));
    Ok(out.write(|to| (form(arguments).story)(&case, &look, exit.code(), to), exit))
}

/// Understands what was pasted.
pub fn anchor(id: &str, kind: Option<KindName>) -> Result<Recognised, Failure> {
    let empty =
        || Failure::mistake("ID", "it is empty", "give a trace id, traceparent, topic-partition@offset or business id");
    match kind {
        None => recognise(id).ok_or_else(empty),
        Some(kind) => recognise_as(id, kind.into()).map_err(|why| {
            Failure::mistake("--as", &format!("`{id}` does not fit: {why}"), "leave --as out or correct the id")
        }),
    }
}

/// Opens the sources that are wanted; none at all is a mistake with a remedy.
pub fn open(arguments: &Arguments, profile: &Profile) -> Result<SourceSet, Failure> {
    let sources = SourceSet::open(profile).only(&settings::kinds(arguments));
    if sources.is_empty() {
        let fix =
            "give --jaeger URL, --tempo URL, --loki URL or --kafka HOST:PORT, write a profile, or try: hopscope demo";
        return Err(Failure::mistake("configuration", "no source is configured that could be asked", fix));
    }
    Ok(sources)
}

/// Returns the runtime that everything waits on: two workers, the thread for signals, and one that looks up names.
pub fn runtime() -> Result<Runtime, Failure> {
    built(tokio::runtime::Builder::new_multi_thread().worker_threads(2), || {
        // The workers begin at once, so these threads must have ended.
        begun(4)?.into_iter().for_each(|thread| thread.join().unwrap_or_default());
        Ok(())
    })
}

/// Returns a runtime for one question to one source: what waits for bytes is waked by the thread that decodes them. On a busy
/// machine it takes longer until two threads have begun and ended than to ask: they end beside the question. Only a look-up
/// of a name would need another one, and signals have their defaults.
pub fn runtime_of_one() -> Result<Runtime, Failure> {
    built(&mut tokio::runtime::Builder::new_current_thread(), || begun(2).map(drop))
}

/// Builds a runtime where `has_room` finds that its threads can be started.
fn built(
    builder: &mut tokio::runtime::Builder,
    has_room: impl FnOnce() -> std::io::Result<()>,
) -> Result<Runtime, Failure> {
    // Fails only when called twice, and then a provider is there already.
    rustls::crypto::ring::default_provider().install_default().ok();
    has_room().and_then(|()| builder.enable_all().build()).map_err(|error| {
        Failure::mistake(
            "this machine",
            &format!("cannot start threads: {error}"),
            "check the limits of the user on threads and memory (ulimit -u, -d, -v)",
        )
    })
}

/// Starts threads that do nothing and live at the same time. The runtime panics where a worker cannot be started (tokio 1.54),
/// and where memory is short a panic that prints its backtrace never ends (Rust 1.91 and later).
fn begun(threads: usize) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let gate = Arc::new(Mutex::new(()));
    let _closed = gate.lock();
    let start = |_| {
        let gate = Arc::clone(&gate);
        thread::Builder::new().spawn(move || drop(gate.lock()))
    };
    (0..threads).map(start).collect()
}

fn form(arguments: &Arguments) -> &'static Format {
    format::find(arguments.form()).expect("the parser takes only formats that exist")
}
