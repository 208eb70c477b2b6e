//! What a client knows of a person.

use std::fmt;

use serde_json::{Value, json};

/// A person, and all that was asked about them.
#[derive(Debug)]
pub(super) struct Person {
    /// `p17`; all of its e-mails begin so.
    pub(super) name: String,
    /// The id of the user that there is, or was last.
    pub(super) id: Option<String>,
    /// What was answered last: the user as it is, or that there is none.
    pub(super) truth: Option<Asserted>,
    /// The last request, if it was not answered: it may have been carried out.
    pub(super) doubt: Option<Doubt>,
    /// The e-mail under which the account was asserted last.
    pub(super) last_email: String,
    /// How many e-mails were given out.
    emails: usize,
    /// How many invitations may have been sent: one for every e-mail that a create was the first to name.
    pub(super) invitable: usize,
    /// How many marks were given out.
    marks: usize,
    history: Vec<String>,
}

/// What the client asserts of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asserted {
    pub(super) email: String,
    pub(super) given: String,
    pub(super) family: String,
    pub(super) active: bool,
    /// The title, another in every write: it tells them apart.
    pub(super) mark: String,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    pub(super) write: Write,
    /// What is so if it was carried out.
    pub(super) leads_to: Option<Asserted>,
}

/// A write to one user.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// POST.
    Create(Asserted),
    /// PUT.
    Replace(Asserted),
    /// PATCH with these operations.
    Update(Value),
    /// DELETE.
    Delete,
}

impl Person {
    pub(super) fn new(number: usize) -> Self {
        let name = format!("p{number}");
        Self {
            id: None,
            truth: None,
            doubt: None,
            last_email: format!("{name}.0@example.com"),
            emails: 0,
            invitable: 0,
            marks: 0,
            history: Vec::new(),
            name,
        }
    }

    pub(super) fn user_name(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// An e-mail that the person never had.
    pub(super) fn new_email(&mut self) -> String {
        self.emails += 1;
        format!("{}.{}@example.com", self.name, self.emails)
    }

    pub(super) fn new_mark(&mut self) -> String {
        self.marks += 1;
        format!("mark {}", self.marks)
    }

    /// The body that asserts this.
    pub(super) fn body(&self, asserted: &Asserted) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": self.user_name(),
            "externalId": self.name,
            "title": asserted.mark,
            "name": { "givenName": asserted.given, "familyName": asserted.family },
            "emails": [{ "primary": true, "type": "work", "value": asserted.email }],
            "active": asserted.active,
        })
    }

    /// Whether an e-mail is one of this person's.
    pub(super) fn has_had(&self, email: &str) -> bool {
        email.split(['.', '@']).next() == Some(&self.name)
    }

    /// It is certain now what there is.
    pub(super) fn settle(&mut self, truth: Option<Asserted>) {
        if let Some(asserted) = &truth {
            self.last_email.clone_from(&asserted.email);
        }
        self.truth = truth;
        self.doubt = None;
    }

    pub(super) fn note(&mut self, line: String) {
        self.history.push(line);
    }
}

impl Asserted {
    /// Reads what a client asserted from a user as the bridge shows it.
    pub(super) fn read(user: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
        Self {
            email: text(&user["emails"][0]["value"]),
            given: text(&user["name"]["givenName"]),
            family: text(&user["name"]["familyName"]),
            active: user["active"].as_bool().expect("active"),
            mark: text(&user["title"]),
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} should be {:?}, or after {:?}; all that was asked:",
            self.name, self.truth, self.doubt
        )?;
        self.history.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
