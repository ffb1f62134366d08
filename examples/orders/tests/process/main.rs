//! The service as a process: started, loaded, signalled, killed, and what is in its database
//! afterwards.

mod audit;
mod clients;
mod controls;
mod crash;
mod endpoints;
mod listeners;
mod load;
mod postgres;
#[cfg(any(feature = "grpc", feature = "tls"))]
mod protocols;
mod service;
