//! What Aha! accepts as a name, an e-mail, a role. The messages are those of Rails, which Aha! is built on.
//!
//! Each check returns a value also after a problem, so that the next one can be made; [`Problems::found`] has the word.

use super::{answer::Refusal, user::Role};

const LONGEST: usize = 255;

/// Collects what is wrong with a request, so that the answer names all of it.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    /// Notes a problem.
    pub(super) fn add(&mut self, message: impl Into<String>) {
        self.0.push(message.into());
    }

    /// A validation error with all messages, if there is any.
    ///
    /// # Errors
    /// When a problem was noted.
    pub(super) fn found(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.0)) }
    }

    /// A name that must be there. `label` begins the message.
    pub(super) fn name(&mut self, label: &str, value: Option<String>) -> String {
        let value = value.unwrap_or_default();
        if value.trim().is_empty() {
            self.add(format!("{label} can't be blank"));
        } else if value.chars().count() > LONGEST {
            self.add(format!("{label} is too long (maximum is {LONGEST} characters)"));
        }
        value
    }

    /// An e-mail that must be there.
    pub(super) fn email(&mut self, value: Option<String>) -> String {
        let value = value.unwrap_or_default();
        if value.trim().is_empty() {
            self.add("Email can't be blank");
        } else if !is_email(&value) {
            self.add("Email is invalid");
        }
        value
    }

    /// A role that may be written, and must be there.
    pub(super) fn role(&mut self, value: Option<String>) -> Role {
        value.as_deref().and_then(Role::from_written).unwrap_or_else(|| {
            self.add("Role is not included in the list");
            Role::None
        })
    }

    /// A flag, if it was sent.
    pub(super) fn flag(&mut self, value: Option<Result<bool, String>>) -> Option<bool> {
        match value? {
            Ok(flag) => Some(flag),
            Err(message) => {
                self.add(message);
                None
            }
        }
    }
}

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let has_inner_dot = domain.trim_matches('.') == domain && domain.contains('.');
    let has_space = value.chars().any(|character| character.is_whitespace() || character.is_control());
    !local.is_empty()
        && has_inner_dot
        && !domain.contains('@')
        && !has_space
        && value.chars().count() <= LONGEST
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ann@example.com", true)]
    #[case("ann+aha@mail.example.com", true)]
    #[case("ann", false)]
    #[case("ann@", false)]
    #[case("@example.com", false)]
    #[case("ann@example", false)]
    #[case("ann@example.", false)]
    #[case("ann lee@example.com", false)]
    #[case("ann@ex@ample.com", false)]
    fn an_email_has_a_local_part_and_a_domain(#[case] value: &str, #[case] valid: bool) {
        assert_eq!(is_email(value), valid);
    }

    #[test]
    fn developer_is_shown_but_may_not_be_written() {
        let mut problems = Problems::default();
        problems.role(Some("developer".to_owned()));
        assert_eq!(problems.found(), Err(Refusal::invalid("Role is not included in the list")));
    }
}
