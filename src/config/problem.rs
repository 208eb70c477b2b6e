//! What is wrong with a configuration file.

use std::fmt;

/// One mistake: where it is, and what would be right. The text never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1; `None` for what is missing from the file as a whole.
    pub line: Option<usize>,
    /// The key, as in `apps.aha.default_role`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub text: String,
}

/// Every mistake of a configuration file, in the order of its lines; at least one.
///
/// Printed as one line each: `scim-bridge.toml:12: apps.aha.default_role: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems of `file`.
    pub(super) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), problems }
    }

    /// The one problem that there is with a file that cannot be read at all.
    pub(super) fn unreadable(file: &str, text: String) -> Self {
        Self::new(file, vec![Problem { line: None, key: String::new(), text }])
    }

    /// The problems, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, key, text }) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.file)?;
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            if !key.is_empty() {
                write!(f, ": {key}")?;
            }
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
