//! The endpoints of apps that are passed through: whatever path, whatever method.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use http_body_util::BodyExt;

use crate::passthrough::{self, Below};

use super::{
    Mounted, PassedThroughMount, Service,
    caller::{Seen, authenticate},
    error::{Failure, shown},
    layers::Untidy,
};

/// Marks an answer that is the target's, not ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfTarget;

/// One route for all that lies below the base URL of each such app. They go before those of bridged apps, since they name their
/// app.
pub(super) fn routes(service: &Service) -> Router<Arc<Service>> {
    service.apps.iter().fold(Router::new(), |routes, (name, app)| match app {
        Mounted::Bridged(_) => routes,
        Mounted::PassedThrough(mount) => {
            let handler = {
                let mount = mount.clone();
                any(move |State(service): State<Arc<Service>>, request: Request| {
                    forward(service, mount, request)
                })
            };
            routes
                .route(&format!("/{name}/scim/v2"), handler.clone())
                .route(&format!("/{name}/scim/v2/{{*below}}"), handler)
        }
    })
}

async fn forward(
    service: Arc<Service>,
    mount: Arc<PassedThroughMount>,
    request: Request,
) -> Result<Response, Failure> {
    let app = &mount.app;
    let seen = Seen::of(request.extensions());
    seen.app.get_or_init(|| app.name().to_owned());
    let authenticated = authenticate(&mount.authenticator, request.headers(), request.extensions());
    let actor = authenticated.await.map_err(Failure::Unauthorized)?;
    seen.actor.get_or_init(|| actor.clone());
    let _place = service.admission.enter(app.name(), request.method(), request.uri().path()).await?;
    // As it came: what is tidied up for our own routes is the target's to understand.
    let uri = request.extensions().get::<Untidy>().map_or(request.uri(), |Untidy(uri)| uri);
    let path_and_query = uri.path_and_query().map_or("", |whole| whole.as_str());
    let below = Below::find(path_and_query, &format!("/{}/scim/v2", app.name()));
    let below = below.ok_or_else(|| Failure::NoSuchEndpoint(shown(uri.path())))?;
    let below = below.map_err(passthrough::Failure::from)?;
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    let answer = passthrough::forward(app, &actor, &below, request).await?;
    let mut answer = answer.map(Body::new);
    answer.extensions_mut().insert(OfTarget);
    Ok(answer)
}
