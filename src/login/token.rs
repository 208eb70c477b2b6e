//! A token, and how it is sealed.

use crate::{
    clock::Time,
    secret::{NotOpened, Sealer, Secret},
    store::target_tokens::SealedToken,
    upstream::Granted,
};

/// What calls carry.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Counts logins and renewals; 0: it is not kept yet.
    pub(super) version: i64,
    /// When a person logged in.
    pub(super) logged_in_at: Time,
    /// What calls carry.
    pub(super) access: Secret,
    /// What another one is given for.
    pub(super) refresh: Option<Secret>,
    /// When it ends, if that is known.
    pub(super) expires_at: Option<Time>,
}

impl Token {
    /// What was given for a login just now.
    pub(super) fn granted(granted: Granted, now: Time) -> Self {
        Self {
            version: 0,
            logged_in_at: now,
            access: granted.access_token,
            refresh: granted.refresh_token,
            expires_at: granted.expires_in.map(|duration| now + duration),
        }
    }

    /// What was given instead of this one. A refresh token that is not replaced stays good (RFC 6749 §6).
    pub(super) fn renewed(&self, granted: Granted, now: Time) -> Self {
        let refresh = granted.refresh_token.clone().or_else(|| self.refresh.clone());
        Self {
            refresh,
            version: self.version,
            logged_in_at: self.logged_in_at,
            ..Self::granted(granted, now)
        }
    }

    /// Whether it is that one; also where it is not in the database yet, which counts versions.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.version == other.version
            && self.logged_in_at == other.logged_in_at
            && self.access.expose() == other.access.expose()
    }

    /// As the database keeps it.
    pub(super) fn seal(&self, sealer: &Sealer, app: &str) -> SealedToken {
        let seal = |kind, secret: &Secret| sealer.seal(&label(app, kind), secret.expose().as_bytes());
        SealedToken {
            version: self.version,
            logged_in_at: self.logged_in_at,
            access_token: seal("access", &self.access),
            refresh_token: self.refresh.as_ref().map(|token| seal("refresh", token)),
            expires_at: self.expires_at,
        }
    }

    /// What [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// When it was sealed with another key, or for another app.
    pub(super) fn open(sealed: SealedToken, sealer: &Sealer, app: &str) -> Result<Self, NotOpened> {
        let open = |kind, sealed: &str| {
            let bytes = sealer.open(&label(app, kind), sealed)?;
            String::from_utf8(bytes).map(Secret::new).map_err(|_| NotOpened)
        };
        Ok(Self {
            version: sealed.version,
            logged_in_at: sealed.logged_in_at,
            access: open("access", &sealed.access_token)?,
            refresh: sealed.refresh_token.as_deref().map(|token| open("refresh", token)).transpose()?,
            expires_at: sealed.expires_at,
        })
    }
}

/// So that nobody can put one app's token, or a refresh token, in another's place.
fn label(app: &str, kind: &str) -> String {
    format!("target-token/{app}/{kind}")
}
