//! The work in a SQLite database belongs to one process. Commands that only look, or leave word, need no lock.
//!
//! Two would each believe that the other's leases are left over, and send everything twice, invitations among it. So the
//! process holds a lock of the operating system on a file beside the database, which ends with the process, however that
//! ends.

use std::{
    fs::{File, TryLockError},
    io,
    sync::Arc,
};

use super::StoreError;

/// Held for as long as the database is open.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock of the database at `url`.
///
/// # Errors
/// When another process has it, or the file beside the database cannot be written.
pub(super) fn take(url: &str) -> Result<Arc<Lock>, StoreError> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.split('?').next().unwrap_or(path);
    let not_opened = |source: io::Error| StoreError::Lock { url: url.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(format!("{path}-lock"));
    let file = file.map_err(not_opened)?;
    match file.try_lock() {
        Ok(()) => Ok(Arc::new(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { url: url.to_owned() }),
        Err(TryLockError::Error(error)) => Err(not_opened(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_given_to_one_at_a_time_and_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let first = take(&url).unwrap();
        let refused = take(&url).unwrap_err();
        assert!(refused.to_string().contains("in use by another scim-bridge"), "{refused}");
        drop(first);
        take(&url).unwrap();
    }
}
