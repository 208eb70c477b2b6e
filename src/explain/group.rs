//! What a group gives, and how far that is with its members.

use std::fmt;

use serde::Serialize;

use crate::connector::Meaning;

use super::text::printable;

/// How it stands with a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupExplanation {
    /// The app.
    pub app: String,
    /// What the target is called.
    pub target: String,
    /// The SCIM id.
    pub id: String,
    /// `displayName`.
    pub display_name: String,
    /// Whether no identity provider has written to it: it stands for a role that there is.
    pub offered: bool,
    /// What its members get.
    pub gives: Vec<String>,
    /// Why they do not get all that they should.
    pub problems: Vec<String>,
    /// How many users are in it.
    pub users: u64,
    /// How many of them something is still to be done for, because of this group or of anything else.
    pub waiting: u64,
    /// Those of them, or the first of many, whose last attempt failed: `userName` and why.
    pub failing: Vec<(String, String)>,
}

impl GroupExplanation {
    /// Says what `meaning` is.
    #[must_use]
    pub fn meaning(self, meaning: Meaning) -> Self {
        Self { gives: meaning.gives, problems: meaning.problems, ..self }
    }
}

impl fmt::Display for GroupExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.target;
        writeln!(f, "the group {} in app {}", printable(&self.display_name), self.app)?;
        writeln!(f, "  {:<13} {}", "id", self.id)?;
        if self.gives.is_empty() && self.problems.is_empty() {
            writeln!(
                f,
                "  {:<13} nothing at {target}: no rule fits its name, and it is none of a role",
                "gives"
            )?;
        }
        for gives in &self.gives {
            writeln!(f, "  {:<13} {}", "gives", printable(gives))?;
        }
        for problem in &self.problems {
            writeln!(f, "  {:<13} {}", "cannot give", printable(problem))?;
        }
        if self.offered {
            writeln!(
                f,
                "  {:<13} by nobody yet: it is offered, to be linked by an identity provider",
                "managed"
            )?;
        }
        writeln!(f, "  {:<13} {}", "users", self.users)?;
        for (user, failure) in &self.failing {
            writeln!(f, "  {:<13} {}: {}", "failing", printable(user), printable(failure))?;
        }
        match self.waiting {
            0 => writeln!(f, "\nVerdict: in sync: nothing is left to do for those who are in it."),
            1 => writeln!(f, "\nVerdict: waiting: something is still to be done for one of them."),
            waiting => {
                writeln!(f, "\nVerdict: waiting: something is still to be done for {waiting} of them.")
            }
        }
    }
}
