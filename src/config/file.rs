//! Files that the configuration refers to.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{reader::Value, source::Read};

/// Reads the file that `value` names, relative to the configuration file's folder, and at most `most_bytes` long.
pub(super) fn file(value: &Value<'_>, most_bytes: u64) -> Read<(PathBuf, String)> {
    let path = value.source.folder.join(value.string()?);
    let text = read_text(&path, most_bytes)
        .map_err(|error| value.report(format_args!("cannot read {}: {error}", path.display())))?;
    Ok((path, text))
}

/// Reads the text file at `path`.
///
/// # Errors
///
/// It cannot be read, is not UTF-8, or is longer than `most_bytes`.
pub(super) fn read_text(path: &Path, most_bytes: u64) -> io::Result<String> {
    let mut text = String::new();
    // The length is not asked for beforehand: what is named may be a pipe.
    File::open(path)?.take(most_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {most_bytes} bytes"),
        ));
    }
    Ok(text)
}
