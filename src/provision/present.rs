//! Stored resources as the IdP reads them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::{
    scim::{
        document::Document,
        filter::Interest,
        meta::{self, Identity},
        registry::Registry,
        resource_type::ResourceType,
    },
    store::{
        StoreError, Stored, User,
        members::{self, Member},
    },
};

use super::{BridgedApp, ProvisionError};

/// A resource, whole, with what an answer's headers say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Presented {
    /// Its id.
    pub id: String,
    /// The JSON, before a projection.
    pub resource: Document,
    /// Its URL.
    pub location: String,
    /// Its weak entity tag.
    pub entity_tag: String,
}

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(super) fn resource_type(self, registry: &Registry) -> &ResourceType {
        match self {
            Self::User => registry.user(),
            Self::Group => registry.group(),
        }
    }

    /// The attribute that follows from other resources, and so is no part of what is stored of this one.
    pub(super) const fn related_attribute(self) -> &'static str {
        match self {
            Self::User => "groups",
            Self::Group => "members",
        }
    }

    /// The name and the value of that attribute, if it is known of the resource.
    fn related_of<'r>(self, stored: &Stored, related: &'r Related) -> Option<(&'static str, &'r str)> {
        related.get(&stored.id).map(|text| (self.related_attribute(), text.as_str()))
    }
}

/// The related attributes of some resources, as JSON text, by the resources' ids.
pub(super) type Related = HashMap<String, String>;

/// An element of `groups` (RFC 7643 §4.1.2) or `members` (§4.2).
#[derive(Serialize)]
struct Element<'a> {
    value: &'a str,
    #[serde(rename = "$ref")]
    reference: String,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'a str>,
}

impl BridgedApp {
    /// The user as it reads now, with its groups.
    pub(super) async fn present(&self, user: &User) -> Result<Presented, ProvisionError> {
        let stored = Stored {
            id: user.id.as_str().to_owned(),
            fragment: user.fragment(),
            version: user.version,
            created_at: user.created_at,
            modified_at: user.modified_at,
            // To ask for the groups answers that.
            is_member: true,
        };
        self.present_stored(Kind::User, &stored).await
    }

    /// The resource with its related attribute.
    pub(super) async fn present_stored(
        &self,
        kind: Kind,
        stored: &Stored,
    ) -> Result<Presented, ProvisionError> {
        let related = self.related(kind, &[stored], &Interest::All).await?;
        Ok(self.present_with(kind, stored, &related))
    }

    /// The resource with its related attribute, if that is known.
    pub(super) fn present_with(&self, kind: Kind, stored: &Stored, related: &Related) -> Presented {
        let (resource_type, identity) = (kind.resource_type(&self.registry), self.identity(stored));
        Presented {
            id: stored.id.clone(),
            resource: self.document(kind, stored, related),
            location: identity.location(resource_type),
            entity_tag: identity.entity_tag(),
        }
    }

    /// The resource with its related attribute, if that is known, without what only headers tell.
    pub(super) fn document(&self, kind: Kind, stored: &Stored, related: &Related) -> Document {
        let related = kind.related_of(stored, related);
        meta::document(kind.resource_type(&self.registry), &stored.fragment, related, &self.identity(stored))
    }

    /// Those members of the resource, as a tree.
    ///
    /// # Errors
    /// When the stored text is no JSON.
    pub(super) fn excerpt(
        &self,
        kind: Kind,
        stored: &Stored,
        related: &Related,
        members: &[&str],
    ) -> Result<Value, serde_json::Error> {
        let document = if members.contains(&"meta") {
            self.document(kind, stored, related)
        } else {
            meta::document_without_meta(&stored.fragment, kind.related_of(stored, related))
        };
        document.excerpt(|name| members.contains(&name))
    }

    fn identity<'a>(&'a self, stored: &'a Stored) -> Identity<'a> {
        Identity {
            id: &stored.id,
            created: stored.created_at,
            last_modified: stored.modified_at,
            version: stored.version,
            base_url: &self.base_url,
        }
    }

    /// What follows from other resources for each of these, as far as it is of interest.
    pub(super) async fn related(
        &self,
        kind: Kind,
        resources: &[&Stored],
        interest: &Interest<'_>,
    ) -> Result<Related, StoreError> {
        match (kind, interest) {
            (_, Interest::None) => Ok(Related::new()),
            (Kind::User, Interest::Values(_) | Interest::All) => self.groups_of(resources).await,
            (Kind::Group, Interest::Values(ids)) => self.members_of(resources, Some(ids)).await,
            (Kind::Group, Interest::All) => self.members_of(resources, None).await,
        }
    }

    /// Each user's groups; a user without any has no such attribute.
    async fn groups_of(&self, users: &[&Stored]) -> Result<Related, StoreError> {
        let ids: Vec<&str> =
            users.iter().filter(|user| user.is_member).map(|user| user.id.as_str()).collect();
        let mut groups: HashMap<String, Vec<Element<'_>>> = HashMap::new();
        let memberships = members::memberships(&self.target.store, self.name(), &ids).await?;
        for membership in &memberships {
            groups.entry(membership.member_id.clone()).or_default().push(Element {
                value: membership.group_id.as_str(),
                reference: format!("{}/Groups/{}", self.base_url, membership.group_id),
                kind: "direct",
                display: Some(&membership.display),
            });
        }
        let sorted = groups.into_iter().map(|(user, mut groups)| {
            groups.sort_by_key(|group| group.value);
            (user, text(&groups))
        });
        Ok(sorted.collect())
    }

    /// Each group's members, or only those with one of the `ids`; also when there are none: some clients miss the key
    /// (`OKT-09`).
    async fn members_of(&self, groups: &[&Stored], ids: Option<&[&str]>) -> Result<Related, StoreError> {
        let store = &self.target.store;
        let mut related = Related::with_capacity(groups.len());
        for group in groups {
            let id = group.id.as_str().into();
            let members = match ids {
                Some(ids) => members::list_some(store, &id, ids).await?,
                None => members::list(store, &id).await?,
            };
            let shown: Vec<_> = members.iter().map(|member| element(&self.base_url, member)).collect();
            related.insert(group.id.clone(), text(&shown));
        }
        Ok(related)
    }
}

/// A member as it reads, always with the id of a SCIM resource and its URL (`Q-75`).
pub(super) fn show_member(base_url: &str, member: &Member) -> Value {
    serde_json::to_value(element(base_url, member))
        .expect("texts under names that are text are a JSON object")
}

fn element<'a>(base_url: &str, member: &'a Member) -> Element<'a> {
    let kind = member.kind.as_str();
    Element {
        value: &member.id,
        reference: format!("{base_url}/{kind}s/{}", member.id),
        kind,
        display: member.display.as_deref(),
    }
}

fn text(elements: &[Element<'_>]) -> String {
    serde_json::to_string(elements).expect("texts under names that are text are written as JSON")
}
