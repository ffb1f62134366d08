//! The server and client of `proto/orders.proto`, made without protoc.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "grpc")]
    {
        use tonic_build::manual::{Builder, Method, Service};

        let place = Method::builder()
            .name("place")
            .route_name("Place")
            .input_type("crate::grpc::protocol::Order")
            .output_type("crate::grpc::protocol::Placed")
            .codec_path("tonic_prost::ProstCodec")
            .build();
        let orders = Service::builder().name("Orders").package("orders").method(place).build();
        Builder::new().compile(&[orders]);
    }
}
