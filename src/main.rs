//! The `scim-bridge` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    scim_bridge::cli::run().await
}
