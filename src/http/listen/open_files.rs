//! How many files, and so connections, the process may have open.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises what the process may have open at a time as far as the system allows it, and answers how far that is. Systems begin
/// with 1,024 for the sake of old programs (`select`), which is less than a server is to have connections.
///
/// # Errors
/// When the system refuses; all is as before then.
pub fn allow_open_files() -> io::Result<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    // Without a value there is no limit.
    Ok(limit.maximum.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX))
}
