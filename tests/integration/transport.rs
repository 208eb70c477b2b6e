//! Connections and who is let in: limits, slow clients, networks, guesses, certificates.

#[cfg(feature = "acme")]
mod acme;
mod admission;
mod heads_of_http2;
mod limits;
mod tls;
