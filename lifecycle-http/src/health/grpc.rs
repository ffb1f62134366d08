//! The health service of gRPC.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use lifecycle_core::{Milestone, State, ext::as_library};
use tonic::{Request, Response, Status};
use tonic_health::{
    pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_check_response::ServingStatus,
        health_server::{Health, HealthServer},
    },
    server::{HealthReporter, HealthService, WatchStream},
};

/// gRPC's health service for the server as a whole: serving until a stop is requested. Then it is
/// `NOT_SERVING`, who watches is told, and the watch ends with `UNAVAILABLE`, so that it never
/// holds a drain.
#[must_use]
pub fn grpc_health() -> HealthServer<GrpcHealth> {
    grpc_health_of(HealthReporter::new())
}

/// The same with the statuses of `reporter`, for a server that reports several services. From the
/// request of a stop all of them are `NOT_SERVING`, whatever it says.
#[must_use]
pub fn grpc_health_of(reporter: HealthReporter) -> HealthServer<GrpcHealth> {
    HealthServer::new(GrpcHealth { statuses: HealthService::from_health_reporter(reporter) })
}

/// What [`grpc_health`] serves.
#[derive(Debug)]
pub struct GrpcHealth {
    statuses: HealthService,
}

#[tonic::async_trait]
impl Health for GrpcHealth {
    type WatchStream = Watch;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let response = self.statuses.check(request).await?;
        let is_stopping = as_library(lifecycle_core::state) >= State::Delaying;
        Ok(if is_stopping { Response::new(NOT_SERVING) } else { response })
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        let requested = as_library(lifecycle_core::requested);
        let response = self.statuses.watch(request).await?;
        Ok(response.map(|statuses| Watch { stage: Stage::Open { statuses, requested } }))
    }
}

const NOT_SERVING: HealthCheckResponse =
    HealthCheckResponse { status: ServingStatus::NotServing as i32 };

/// The stream of a watch.
#[derive(Debug)]
pub struct Watch {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The client hears what the reporter says.
    Open {
        statuses: WatchStream,
        requested: Milestone,
    },
    /// It was told of the stop.
    Told,
    Over,
}

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.stage {
            Stage::Open { statuses, requested } => {
                if Pin::new(requested).poll(cx).is_pending() {
                    return Pin::new(statuses).poll_next(cx);
                }
                self.stage = Stage::Told;
                Poll::Ready(Some(Ok(NOT_SERVING)))
            }
            Stage::Told => {
                self.stage = Stage::Over;
                Poll::Ready(Some(Err(Status::unavailable("the service is shutting down"))))
            }
            Stage::Over => Poll::Ready(None),
        }
    }
}
