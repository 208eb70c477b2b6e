//! What a run starts from: requests as they are really sent.

#![expect(dead_code, reason = "each target has seeds of one kind")]

use std::{env, fs, path::PathBuf};

#[path = "../../integration/mutations/corpus.rs"]
pub mod corpus;

/// Writes the seeds into the folder that `SEEDS` names, where libFuzzer is told to find them.
pub fn write(seeds: &[&str]) {
    let Some(folder) = env::var_os("SEEDS").map(PathBuf::from) else { return };
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(number.to_string()), seed).expect("the folder of seeds can be written to");
    }
}
