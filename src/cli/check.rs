//! `scim-bridge check`: is the configuration right?

use super::ConfigFile;

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
    Ok(())
}
