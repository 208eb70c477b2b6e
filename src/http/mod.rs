//! The outside: HTTP to operations and back.
//!
//! [`routes`](router) has all routes on one page, `layers` what every request passes, `error` the one place where a failure
//! becomes a status. Handlers read what a request says and call one operation of `provision`.

mod admission;
mod answer;
mod body;
mod bulk;
mod callback;
mod caller;
mod discovery;
mod error;
mod failed_attempts;
mod groups;
mod health;
mod hooks;
mod layers;
mod listen;
mod metrics;
mod oauth;
mod passthrough;
mod precondition;
mod query;
mod routes;
mod search;
mod state;
mod token_places;
mod users;

#[cfg(feature = "acme")]
pub use self::listen::acme;
pub use self::{
    admission::{Admission, ClientAddress, Gate, METRICS},
    listen::{Certificates, TlsError, Transport, allow_open_files, bind, serve},
    routes::router,
    state::{Mounted, MountedApp, PassedThroughMount, PatchAnswers, Service},
};
