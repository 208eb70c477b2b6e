//! `/metrics`, in the text format of OpenMetrics, which Prometheus reads.
//!
//! Whoever may ask has a token for that alone; where there is none, one of an app, as for `/status`. The answer is about all apps,
//! in numbers alone.
//!
//! Whoever watches needs it most when something is wrong: it is answered whatever cannot be read, with all that can.

mod readings;

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header, request::Parts};
use prometheus_client::encoding::text::{encode_eof, encode_registry};

use crate::{auth::Refused, clock::until};

use self::readings::Readings;
use super::{
    Mounted, Service,
    admission::METRICS,
    caller::{client_address, refusals},
    error::{Failure, Unauthorized},
    health::opened,
};

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How long the database may take to say that it is there, and how long until all is read from it: less than Prometheus waits for
/// the answer, which is ten seconds if nothing else is said.
const DATABASE_WITHIN: Duration = Duration::from_secs(2);
const READ_WITHIN: Duration = Duration::from_secs(6);

/// Answers all meters.
pub(super) async fn metrics(State(service): State<Arc<Service>>, parts: Parts) -> Result<Response, Failure> {
    let_in(&service, &parts).await?;
    let _place = service.admission.enter(METRICS, &parts.method, parts.uri.path()).await?;
    let readings = Readings::default();
    let now = service.clock.now();
    let database = until(&*service.clock, now + DATABASE_WITHIN, service.store.check()).await;
    let is_up = matches!(database, Some(Ok(())));
    readings.read_database(is_up);
    let deadline = now + READ_WITHIN;
    for (name, app) in &service.apps {
        readings.read_tokens(name, app.authenticator().credentials(), now);
        match app {
            Mounted::Bridged(app) => readings.read_target(&app.bridged.target),
            Mounted::PassedThrough(mount) => readings.read_passed_through(&mount.app, now),
        }
        // Each of many questions would be waited for in vain.
        if is_up {
            let read = async {
                match app {
                    Mounted::Bridged(app) => readings.read_work(&app.bridged.target, now).await,
                    Mounted::PassedThrough(mount) => readings.read_brake(&mount.app).await,
                }
            };
            if until(&*service.clock, deadline, read).await.is_none() {
                tracing::warn!(
                    app = name.as_str(),
                    "the database answers so slowly that figures are left out of /metrics"
                );
            }
        }
    }
    readings.read_tokens("", service.metrics_readers.credentials(), now);
    let mut text = String::new();
    let encoded = encode_registry(&mut text, service.metrics.registry())
        .and_then(|()| encode_registry(&mut text, readings.registry()))
        .and_then(|()| encode_eof(&mut text));
    encoded.expect("to write to a string cannot fail");
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
    Ok(response)
}

async fn let_in(service: &Service, parts: &Parts) -> Result<(), Failure> {
    let address = client_address(&parts.extensions);
    match service.metrics_readers.authenticate(&parts.headers, address, refusals(&parts.extensions)).await {
        Ok(_) => Ok(()),
        Err(refused @ Refused::Expired(_)) => Err(Failure::Unauthorized(Unauthorized::of_none(refused))),
        // Whoever names readers says by that who they are.
        Err(refused) if !service.metrics_readers.credentials().list().is_empty() => {
            Err(Failure::Unauthorized(Unauthorized::of_none(refused)))
        }
        Err(_) => opened(service, parts).await.map(drop),
    }
}
