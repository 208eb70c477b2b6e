//! `scim-bridge check`: is the configuration right?

use super::ConfigFile;
use crate::config::{LEAST_STRONG, written_duration};

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
    let request_timeout = config.server.request_timeout;
    for app in config.apps.values() {
        if let Some(needed) = app.requests_to_allow(request_timeout) {
            println!(
                "[apps.{}]: max_concurrent_requests is {}, too few for the 25 requests a second that Entra ID may send if each takes \
                 request_timeout ({}): further ones are answered 429; {needed} would be enough",
                app.name,
                app.max_concurrent_requests,
                written_duration(request_timeout)
            );
        }
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
