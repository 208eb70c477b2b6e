//! The file that is being read, and what is wrong with it so far.

use std::{cell::RefCell, fmt, path::Path};

use super::problem::{Problem, Problems};
use crate::secret::Secret;

/// How an environment variable is looked up; the program passes the process environment, tests a closure of their own.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A value, or the knowledge that a problem was reported.
pub(super) type Read<T> = Result<T, Reported>;

/// Proof that a problem was reported: only [`Source::report`] makes one, so who holds it knows that the admin will hear
/// of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

/// What a file is read with: where its lines are, what its values may refer to, and the problems found so far.
pub(super) struct Source<'a> {
    /// Where each line but the first begins, in bytes.
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
    /// `server.secret_key`, once it was read.
    sealing_key: RefCell<Read<Option<Secret>>>,
    /// The folder that relative file names start from.
    pub(super) folder: &'a Path,
    /// Where `{ env = "NAME" }` is looked up.
    pub(super) environment: Environment<'a>,
}

impl<'a> Source<'a> {
    /// A source without problems.
    pub(super) fn new(text: &str, folder: &'a Path, environment: Environment<'a>) -> Self {
        let line_starts = text.match_indices('\n').map(|(newline, _)| newline + 1).collect();
        Self {
            line_starts,
            problems: RefCell::default(),
            sealing_key: RefCell::new(Ok(None)),
            folder,
            environment,
        }
    }

    /// Tells what secrets are sealed with, or that a problem was reported about it.
    pub(super) fn set_sealing_key(&self, key: Read<Option<Secret>>) {
        *self.sealing_key.borrow_mut() = key;
    }

    /// What secrets are sealed with; `None` if the file does not say.
    pub(super) fn sealing_key(&self) -> Read<Option<Secret>> {
        self.sealing_key.borrow().clone()
    }

    /// The number of the line that holds the byte at `offset`, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Reports a problem.
    pub(super) fn report(&self, line: Option<usize>, key: &str, text: impl fmt::Display) -> Reported {
        self.problems.borrow_mut().push(Problem { line, key: key.to_owned(), text: text.to_string() });
        Reported(())
    }

    /// Ends the reading of `file`: what was read if nothing is wrong, else every problem.
    pub(super) fn finish<T>(self, file: &str, read: Read<T>) -> Result<T, Problems> {
        let problems = self.problems.into_inner();
        match read {
            Ok(read) if problems.is_empty() => Ok(read),
            _ => Err(Problems::new(file, problems)),
        }
    }
}
