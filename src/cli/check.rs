//! `scim-bridge check`: is the configuration right?

use super::ConfigFile;
use crate::config::LEAST_STRONG;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let apps: Vec<_> = config.apps.keys().map(|name| name.as_str()).collect();
    println!("{} is right. Apps: {}.", file.config.display(), apps.join(", "));
    for app in config.apps.values().filter(|app| app.has_no_way_in()) {
        println!(
            "Nobody is let in to {0} yet, unless tokens were made for it with: \
             scim-bridge token create --app {0} --name NAME",
            app.name
        );
    }
    for app in config.apps.values() {
        for weak in app.weak_secrets() {
            println!(
                "[apps.{}]: {weak} has fewer than {LEAST_STRONG} characters and could be guessed; put a longer one there, \
                 such as the output of: openssl rand -hex 32",
                app.name
            );
        }
    }
    Ok(())
}
