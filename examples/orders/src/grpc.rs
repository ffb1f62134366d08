//! The same service over gRPC, on a port of its own.

use std::error::Error;

use lifecycle::http::{grpc_health, track};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, service::Routes};
use tracing::info;

use self::protocol::orders_server::{Orders, OrdersServer};
use crate::{
    error::AppError,
    http::{Service, check, place_order},
    store::NewOrder,
};

/// What is spoken: `proto/orders.proto`.
pub mod protocol {
    /// What is ordered.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Order {
        /// What.
        #[prost(string, tag = "1")]
        pub sku: String,
        /// How many of it.
        #[prost(int64, tag = "2")]
        pub quantity: i64,
    }

    /// The order that was placed.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Placed {
        /// Its id.
        #[prost(int64, tag = "1")]
        pub id: i64,
    }

    pub use self::made::{orders_client, orders_server};

    /// What build.rs made.
    #[allow(missing_docs, unreachable_pub, unused_qualifications)]
    mod made {
        include!(concat!(env!("OUT_DIR"), "/orders.Orders.rs"));
    }
}

/// Serves at `addr` until the drain is over; at once done where there is none.
///
/// # Errors
///
/// When it cannot listen there.
pub async fn serve(
    addr: Option<String>,
    service: Service,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(addr) = addr else { return Ok(()) };
    let listener = TcpListener::bind(&addr)
        .await
        .map_err(|error| format!("ORDERS_GRPC_ADDR={addr}: cannot listen there: {error}"))?;
    info!("gRPC at {}", listener.local_addr()?);
    let routes = Routes::new(OrdersServer::new(Grpc { service })).add_service(grpc_health());
    let routes = routes.into_axum_router().layer(track());
    Ok(lifecycle::http::serve(listener, routes).await?)
}

struct Grpc {
    service: Service,
}

#[tonic::async_trait]
impl Orders for Grpc {
    async fn place(
        &self,
        request: Request<protocol::Order>,
    ) -> Result<Response<protocol::Placed>, Status> {
        let protocol::Order { sku, quantity } = request.into_inner();
        let order = NewOrder { sku, quantity };
        check(&order)?;
        let id = place_order(&self.service, order).await?;
        Ok(Response::new(protocol::Placed { id }))
    }
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        let said = error.to_string();
        match error {
            AppError::Refused(refused) => refused.into(),
            AppError::Invalid(_) => Self::invalid_argument(said),
            AppError::NotFound(_) => Self::not_found(said),
            AppError::Database(_) => Self::internal(said),
        }
    }
}
