//! Connections and who is let in: limits, slow clients, networks, guesses, certificates.

mod admission;
mod limits;
mod tls;
