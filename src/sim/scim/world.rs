//! What the target holds.

use serde_json::Value;

use crate::{
    clock::Time,
    scim::{
        document::Document,
        meta::{self, Identity},
        registry::Registry,
        resource::Resource,
        resource_type::ResourceType,
        urn,
    },
};

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

/// All resources, and the schemas that they follow.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) registry: Registry,
    resources: Vec<Held>,
    /// The number of the next id. They are a target's own: numbers, not UUIDs.
    next: u64,
}

/// A resource that the target holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) resource: Resource,
    version: i64,
    created: Time,
    modified: Time,
}

impl Kind {
    pub(super) fn resource_type(self, registry: &Registry) -> &ResourceType {
        match self {
            Self::User => registry.user(),
            Self::Group => registry.group(),
        }
    }
}

impl World {
    pub(super) fn add(&mut self, kind: Kind, resource: Resource, now: Time) -> Held {
        self.next += 1;
        let id = (74_000 + self.next).to_string();
        let held = Held { kind, id, resource, version: 1, created: now, modified: now };
        self.resources.push(held.clone());
        held
    }

    /// Puts `resource` in the place of the one that is there.
    pub(super) fn replace(&mut self, kind: Kind, id: &str, resource: Resource, now: Time) -> Option<Held> {
        let held = self.resources.iter_mut().find(|held| held.kind == kind && held.id == id)?;
        if held.resource != resource {
            held.version += 1;
            held.modified = now;
        }
        held.resource = resource;
        Some(held.clone())
    }

    pub(super) fn remove(&mut self, kind: Kind, id: &str) {
        self.resources.retain(|held| held.kind != kind || held.id != id);
    }

    pub(super) fn find(&self, kind: Kind, id: &str) -> Option<&Held> {
        self.list(kind).find(|held| held.id == id)
    }

    pub(super) fn list(&self, kind: Kind) -> impl Iterator<Item = &Held> {
        self.resources.iter().filter(move |held| held.kind == kind)
    }

    /// The resource other than `id` that has the name already, which is unique without case.
    pub(super) fn find_namesake(&self, kind: Kind, resource: &Resource, id: Option<&str>) -> Option<&Held> {
        let name = |resource: &Resource| match kind {
            Kind::User => resource.user_name().map(str::to_lowercase),
            Kind::Group => resource.display_name().map(str::to_lowercase),
        };
        self.list(kind).find(|held| Some(held.id.as_str()) != id && name(&held.resource) == name(resource))
    }

    pub(super) fn users(&self) -> Vec<Value> {
        self.list(Kind::User)
            .map(|held| {
                let mut user = Value::Object(held.resource.attributes().clone());
                user["id"] = held.id.as_str().into();
                user
            })
            .collect()
    }
}

impl Held {
    pub(super) fn entity_tag(&self) -> String {
        meta::entity_tag(self.version)
    }

    pub(super) fn document(&self, registry: &Registry, base_url: &str) -> Document {
        let identity = Identity {
            id: &self.id,
            created: self.created,
            last_modified: self.modified,
            version: self.version,
            base_url,
        };
        let schema = match self.kind {
            Kind::User => urn::USER,
            Kind::Group => urn::GROUP,
        };
        let fragment = meta::fragment(schema, &self.id, &self.resource);
        meta::document(self.kind.resource_type(registry), &fragment, None, &identity)
    }
}
