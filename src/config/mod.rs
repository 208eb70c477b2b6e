//! Configuration: the raw TOML shape, resolved into a `Config` that cannot be wrong.
