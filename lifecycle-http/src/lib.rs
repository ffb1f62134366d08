#![doc = include_str!("../README.md")]

mod drain;
mod health;
mod milestone;
mod serve;
mod site;
mod track;
#[cfg(feature = "axum")]
mod websocket;

#[cfg(feature = "tonic")]
pub use self::health::{GrpcHealth, Watch, grpc_health, grpc_health_of};
#[cfg(feature = "axum")]
pub use self::websocket::{Closed, Socket, Upgrade, WebSocketExt};
pub use self::{
    drain::Drain,
    health::{Check, Health, HealthServer, check, health},
    serve::{
        Executor, Handshake, Handshakes, Incoming, MakeService, PerConnection, Serve, ServeFuture,
        Shared, handshake, serve,
    },
    track::{ResponseFuture, Track, TrackLayer, TrackedBody, track},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
