//! What handlers take in: who is calling, the query, the fields of the body.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
    response::Response,
};
use serde_json::{Map, Value};

use super::{
    SimulatedAha,
    answer::Refusal,
    ids::UserId,
    log::{bearer, query_pairs},
    switches::DisabledOwner,
};

/// The owner of the API key that the call carries.
pub(super) struct Caller(pub(super) UserId);

impl FromRequestParts<SimulatedAha> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, aha: &SimulatedAha) -> Result<Self, Response> {
        let now = aha.clock.now();
        let simulation = aha.lock();
        let find = |token| {
            let of_key = simulation.world.api_keys.get(token).copied();
            of_key.or_else(|| simulation.oauth.find_owner(token, now))
        };
        let owner = bearer(parts).and_then(find);
        let owner = owner.and_then(|id| simulation.world.users.get(&id));
        let keeps_key = simulation.switches.disabled_owner == DisabledOwner::KeepsKey;
        match owner.filter(|owner| owner.enabled || keeps_key) {
            Some(owner) => Ok(Self(owner.id)),
            None => Err(Refusal::Unauthorized.answer(&simulation.switches)),
        }
    }
}

/// A caller who holds an administrator permission.
pub(super) struct Administrator(pub(super) UserId);

impl FromRequestParts<SimulatedAha> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, aha: &SimulatedAha) -> Result<Self, Response> {
        let Caller(id) = Caller::from_request_parts(parts, aha).await?;
        let simulation = aha.lock();
        if simulation.world.users.get(&id).is_some_and(super::User::is_administrator) {
            Ok(Self(id))
        } else {
            Err(Refusal::NotPermitted.answer(&simulation.switches))
        }
    }
}

/// The parameters of the query.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The value of a parameter.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that counts from 1; `None` when it is missing or senseless.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        self.find(name)?.parse().ok().filter(|count| *count > 0)
    }
}

impl From<Vec<(String, String)>> for Query {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

impl FromRequestParts<SimulatedAha> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &SimulatedAha) -> Result<Self, Self::Rejection> {
        Ok(Self(query_pairs(parts.uri.query())))
    }
}

/// The body: an object with one wrapper, `{"user": {…}}`. A body that is not sent as JSON has no fields.
pub(super) struct Body(Value);

impl FromRequest<SimulatedAha> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, aha: &SimulatedAha) -> Result<Self, Response> {
        let refuse = |refusal: Refusal| refusal.answer(&aha.lock().switches);
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.trim_start().starts_with("application/json"));
        let bytes =
            axum::body::Bytes::from_request(request, aha).await.map_err(|_| refuse(Refusal::TooLarge))?;
        if !is_json || bytes.is_empty() {
            return Ok(Self(Value::Null));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|_| refuse(Refusal::Malformed))
    }
}

impl Body {
    /// The fields of a body without a wrapper.
    pub(super) fn bare(&self) -> Fields<'_> {
        Fields(self.0.as_object())
    }

    /// The fields below the wrapper.
    pub(super) fn fields(&self, wrapper: &str) -> Fields<'_> {
        Fields(self.0.get(wrapper).and_then(Value::as_object))
    }
}

/// The fields of an object. An empty text, blanks and null count as sent, and as blank.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    fn find(&self, name: &str) -> Option<&'a Value> {
        self.0.and_then(|fields| fields.get(name))
    }

    /// A field as text; numbers (ids) are taken as they are written. `None` when it was not sent.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        })
    }

    /// A field that is true or false, also as text. `None` when it was not sent; the error is the validation message.
    pub(super) fn flag(&self, name: &str) -> Option<Result<bool, String>> {
        self.find(name).map(|value| match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(format!("{} must be 'true' or 'false'", humanized(name))),
        })
    }

    /// The fields of an object below.
    pub(super) fn below(&self, name: &str) -> Fields<'a> {
        Fields(self.find(name).and_then(Value::as_object))
    }
}

/// `first_name` as `First name`, the way Rails begins its messages.
pub(super) fn humanized(name: &str) -> String {
    let mut text = name.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
