//! What each endpoint does.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{
    SimulatedScim, Simulation,
    routes::base_url,
    shape::{self, Refusal},
    strict,
    switches::Strictness,
    world::{Held, Kind},
};
use crate::scim::{
    discovery::{self, Features},
    error::{Error, ScimType},
    json,
    list::{ListResponse, PageSize, Place},
    normalize,
    patch::Patch,
    precondition::Precondition,
    query::{self, Paging, Parameters},
    resource::Resource,
};

const PAGE_SIZE: PageSize = PageSize { default: 100, max: 200 };

type Answer = Result<Response, Refusal>;

pub(super) async fn list(
    State(target): State<SimulatedScim>,
    kind: Kind,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let find = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
    search(&target.lock(), kind, &Parameters::read(find), &base_url(&headers))
}

pub(super) async fn search_by_post(
    State(target): State<SimulatedScim>,
    kind: Kind,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    search(&target.lock(), kind, &Parameters::parse(json::parse(&body)?)?, &base_url(&headers))
}

fn search(simulation: &Simulation, kind: Kind, parameters: &Parameters, base_url: &str) -> Answer {
    let world = &simulation.world;
    let query = query::Query::new(parameters, &[kind.resource_type(&world.registry)], PAGE_SIZE)?;
    let part = &query.parts[0];
    let Paging::Index(page) = query.paging else {
        return Err(Error::new(ScimType::InvalidValue, "Cursors are not supported.").into());
    };
    let fits = |held: &&Held| match &part.filter {
        Some(filter) => {
            held.document(&world.registry, base_url).to_value().is_ok_and(|value| filter.matches(&value))
        }
        None => true,
    };
    let found: Vec<_> = world.list(kind).filter(fits).collect();
    let shown = found.iter().skip(page.offset() as usize).take(page.count as usize);
    let resources = shown.map(|held| part.projection.reduce(held.document(&world.registry, base_url)));
    let list = ListResponse {
        total_results: found.len() as u64,
        place: Place::Index(page.start_index),
        resources: resources.collect::<Result<_, _>>().map_err(|_| Refusal::Bug)?,
    };
    Ok(shape::json(StatusCode::OK, list.to_text()))
}

pub(super) async fn get(
    State(target): State<SimulatedScim>,
    kind: Kind,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let simulation = target.lock();
    let held = find(&simulation, kind, &id)?;
    if precondition(&headers)?.knows(&held.entity_tag()) {
        let mut response = shape::empty(StatusCode::NOT_MODIFIED);
        tag(&mut response, held);
        return Ok(response);
    }
    Ok(shown(&simulation, StatusCode::OK, held, &headers))
}

pub(super) async fn create(
    State(target): State<SimulatedScim>,
    kind: Kind,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut simulation = target.lock();
    let now = target.clock.now();
    let resource_type = kind.resource_type(&simulation.world.registry).clone();
    let body = json::parse(&body)?;
    if simulation.switches.strictness == Strictness::Rfc {
        strict::resource(&resource_type, &body)?;
    }
    let resource = normalize::create(&resource_type, body)?.resource;
    refuse_namesake(&simulation, kind, &resource, None)?;
    let held = simulation.world.add(kind, resource, now);
    Ok(shown(&simulation, StatusCode::CREATED, &held, &headers))
}

pub(super) async fn replace(
    State(target): State<SimulatedScim>,
    kind: Kind,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    write(&target, kind, &id, &headers, &body, |simulation, held, body| {
        let resource_type = kind.resource_type(&simulation.world.registry);
        if simulation.switches.strictness == Strictness::Rfc {
            strict::resource(resource_type, &body)?;
        }
        Ok(normalize::replace(resource_type, &held.resource, body)?.resource)
    })
}

pub(super) async fn update(
    State(target): State<SimulatedScim>,
    kind: Kind,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    write(&target, kind, &id, &headers, &body, |simulation, held, body| {
        let resource_type = kind.resource_type(&simulation.world.registry);
        if simulation.switches.strictness == Strictness::Rfc {
            strict::patch(resource_type, &body)?;
        }
        Patch::parse(body, resource_type)?.apply(&held.resource, &held.id)
    })
}

fn write(
    target: &SimulatedScim,
    kind: Kind,
    id: &str,
    headers: &HeaderMap,
    body: &[u8],
    change: impl FnOnce(&Simulation, &Held, Value) -> Result<Resource, Error>,
) -> Answer {
    let mut simulation = target.lock();
    let now = target.clock.now();
    let held = find(&simulation, kind, id)?;
    if !precondition(headers)?.allows(&held.entity_tag()) {
        return Err(Refusal::VersionMismatch);
    }
    let resource = change(&simulation, held, json::parse(body)?)?;
    refuse_namesake(&simulation, kind, &resource, Some(id))?;
    let held = simulation.world.replace(kind, id, resource, now).ok_or(Refusal::NotFound)?;
    Ok(shown(&simulation, StatusCode::OK, &held, headers))
}

pub(super) async fn delete(
    State(target): State<SimulatedScim>,
    kind: Kind,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let mut simulation = target.lock();
    let held = find(&simulation, kind, &id)?;
    if !precondition(&headers)?.allows(&held.entity_tag()) {
        return Err(Refusal::VersionMismatch);
    }
    simulation.world.remove(kind, &id);
    Ok(shape::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn service_provider_config(headers: HeaderMap) -> Response {
    let features = Features { max_results: 200, etag: true, ..Features::default() };
    let config = discovery::service_provider_config(&base_url(&headers), &features);
    shape::json(StatusCode::OK, config.to_string())
}

pub(super) async fn resource_types(State(target): State<SimulatedScim>, headers: HeaderMap) -> Response {
    let types = discovery::resource_types(&base_url(&headers), &target.lock().world.registry);
    let list = ListResponse::whole(types.iter().map(Into::into).collect());
    shape::json(StatusCode::OK, list.to_text())
}

pub(super) async fn schemas(State(target): State<SimulatedScim>, headers: HeaderMap) -> Response {
    let schemas = discovery::schemas(&base_url(&headers), &target.lock().world.registry);
    let list = ListResponse::whole(schemas.iter().map(Into::into).collect());
    shape::json(StatusCode::OK, list.to_text())
}

fn find<'s>(simulation: &'s Simulation, kind: Kind, id: &str) -> Result<&'s Held, Refusal> {
    simulation.world.find(kind, id).ok_or(Refusal::NotFound)
}

fn refuse_namesake(
    simulation: &Simulation,
    kind: Kind,
    resource: &Resource,
    id: Option<&str>,
) -> Result<(), Error> {
    match simulation.world.find_namesake(kind, resource, id) {
        Some(_) => Err(Error::new(ScimType::Uniqueness, "The name is taken.")),
        None => Ok(()),
    }
}

fn precondition(headers: &HeaderMap) -> Result<Precondition, Error> {
    let text = |name| headers.get(name).and_then(|value| HeaderValue::to_str(value).ok());
    Precondition::parse(text(header::IF_MATCH), text(header::IF_NONE_MATCH))
}

/// The resource, with its entity tag, and where it is.
fn shown(simulation: &Simulation, status: StatusCode, held: &Held, headers: &HeaderMap) -> Response {
    let base_url = base_url(headers);
    let registry = &simulation.world.registry;
    let mut response = shape::json(status, held.document(registry, &base_url).into_string());
    tag(&mut response, held);
    if status == StatusCode::CREATED {
        let endpoint = held.kind.resource_type(registry).endpoint;
        let location = HeaderValue::from_str(&format!("{base_url}{endpoint}/{}", held.id));
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    }
    response
}

fn tag(response: &mut Response, held: &Held) {
    let tag = HeaderValue::from_str(&held.entity_tag()).expect("an entity tag is ASCII");
    response.headers_mut().insert(header::ETAG, tag);
}
