//! `scim-bridge check`: is the configuration right?

use super::ConfigFile;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let apps: Vec<_> = config.apps.keys().map(|name| name.as_str()).collect();
    println!("{} is right. Apps: {}.", file.config.display(), apps.join(", "));
    Ok(())
}
