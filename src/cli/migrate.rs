//! `scim-bridge migrate`: bring the database up to date.

use crate::store::Store;

use super::ConfigFile;

pub(super) async fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    let store = Store::open(&config.database.url).await?;
    store.check().await?;
    store.close().await;
    println!("{} is up to date.", config.database.url);
    Ok(())
}
