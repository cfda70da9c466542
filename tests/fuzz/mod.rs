//! Each target over its corpus, as `cargo test` runs it. `run` beside this file goes on from there with libFuzzer.

mod laws;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_input_of_the_corpus_breaks_its_target() {
    for (name, run) in targets::TARGETS {
        let files = names(&folder(name));
        assert!(!files.is_empty(), "{name} has no corpus: put a seed into tests/fuzz/corpus/{name}");
        for file in files {
            let bytes = fs::read(folder(name).join(&file)).expect("the corpus can be read");
            let ended = thread::spawn(move || run(&bytes)).join();
            assert!(ended.is_ok(), "tests/fuzz/corpus/{name}/{file} breaks {name}");
        }
    }
}

#[test]
fn every_decoder_has_a_target_and_every_corpus_too() {
    let known: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let decoders = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/decode"));
    let decoders: BTreeSet<String> =
        decoders.iter().map(|file| file.trim_end_matches(".rs").to_owned()).filter(|name| name != "mod").collect();
    assert!(decoders.len() > 5, "{decoders:?}");
    let missing: Vec<&String> = decoders.difference(&known).collect();
    assert!(missing.is_empty(), "without a target in tests/fuzz/targets.rs: {missing:?}");
    assert_eq!(names(&folder("")), known, "folders of tests/fuzz/corpus are the targets");
}
