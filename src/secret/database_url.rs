//! Where a database is, without what opens it.

use std::fmt;

use url::Url;

use super::Secret;

/// The URL of a database, `sqlite:PATH` or `postgres://USER@HOST/NAME`. A password in it is not shown.
#[derive(Clone, Debug)]
pub struct DatabaseUrl {
    shown: String,
    whole: Secret,
}

impl DatabaseUrl {
    /// Takes a URL in, with a password or without.
    pub fn new(url: &str) -> Self {
        Self { shown: without_password(url), whole: Secret::new(url) }
    }

    /// The same database with this password in place of the URL's own.
    #[must_use]
    pub fn with_password(&self, password: &Secret) -> Self {
        let whole = Url::parse(&self.shown).map(|mut url| {
            // The query takes any text; what stands before the host would have to be escaped by hand.
            url.query_pairs_mut().append_pair("password", password.expose());
            Secret::new(url)
        });
        Self { shown: self.shown.clone(), whole: whole.unwrap_or_else(|_| self.whole.clone()) }
    }

    /// Without the password.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Whether it is a database of PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.shown.starts_with("postgres:") || self.shown.starts_with("postgresql:")
    }

    /// With the password: to connect, never to show.
    pub fn expose(&self) -> &str {
        self.whole.expose()
    }
}

/// `url` without the password, which may stand in front of the host or in the query.
fn without_password(url: &str) -> String {
    let Some((scheme, _)) = url.split_once(':').filter(|(scheme, _)| scheme.starts_with("postgres")) else {
        return url.to_owned();
    };
    let Ok(mut shown) = Url::parse(url) else {
        // It opens nothing, and nobody can say where in it a password ends.
        return format!("{scheme}:…");
    };
    // Fails only where there is no host and so no password.
    let _ = shown.set_password(None);
    let others: Vec<_> = shown.query_pairs().into_owned().filter(|(key, _)| key != "password").collect();
    if others.is_empty() {
        shown.set_query(None);
    } else {
        shown.query_pairs_mut().clear().extend_pairs(others);
    }
    shown.into()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for DatabaseUrl {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

impl From<&DatabaseUrl> for DatabaseUrl {
    fn from(url: &DatabaseUrl) -> Self {
        url.clone()
    }
}

impl PartialEq<&str> for DatabaseUrl {
    fn eq(&self, shown: &&str) -> bool {
        self.shown == *shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_to_the_database_and_shown_to_nobody() {
        for url in [
            "postgres://bridge:hunter2@db.example.com/scim?sslmode=verify-full",
            "postgres://bridge@db.example.com/scim?sslmode=verify-full&password=hunter2",
            "postgresql://bridge:hunter2@db.example.com:no-port/scim",
        ] {
            let url = DatabaseUrl::new(url);
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{url:?}");
            assert!(url.expose().contains("hunter2") && url.is_postgres());
        }
        let url = DatabaseUrl::new("postgres://bridge:old@host/scim?sslmode=require");
        assert_eq!(url.to_string(), "postgres://bridge@host/scim?sslmode=require");
        let url = url.with_password(&Secret::new("a&b%c@d/"));
        assert_eq!(url.to_string(), "postgres://bridge@host/scim?sslmode=require");
        let exposed = Url::parse(url.expose()).unwrap();
        let password = exposed.query_pairs().find(|(key, _)| key == "password").unwrap().1;
        assert_eq!(password, "a&b%c@d/");
        assert_eq!(exposed.password(), None);
    }

    #[test]
    fn the_name_of_a_file_stays_as_it_is() {
        let url = DatabaseUrl::new("sqlite:/var/lib/scim bridge/a@b:c.db");
        assert_eq!((url.as_str(), url.expose()), (url.expose(), "sqlite:/var/lib/scim bridge/a@b:c.db"));
        assert!(!url.is_postgres());
    }
}
