//! gRPC and TLS, where they are built in.

use std::time::Duration;

use rustix::process::Signal;

use crate::service::{Process, Setup, dir};

/// Starts it with these variables beside the usual ones, and waits until it says so.
async fn start(setup: &Setup, vars: &[(&str, &str)], says: &str) -> Process {
    let mut command = setup.command();
    command.envs(vars.iter().copied());
    let mut process = Process::start(command);
    process.wait_for(says).await;
    process
}

#[cfg(feature = "grpc")]
mod grpc {
    use orders::grpc::protocol::{Order, orders_client::OrdersClient};
    use tokio::time;
    use tonic::Code;

    use super::*;
    use crate::service::free_addr;

    #[tokio::test]
    async fn a_call_that_was_begun_is_answered_and_a_later_one_unavailable() {
        let dir = dir();
        let setup = Setup { work: Duration::from_secs(1), ..Setup::new(&dir, None) };
        let addr = free_addr();
        let mut service = start(&setup, &[("ORDERS_GRPC_ADDR", &addr)], "gRPC at ").await;
        let mut client = OrdersClient::connect(format!("http://{addr}")).await.unwrap();
        let order = |quantity| Order { sku: "tea".to_owned(), quantity };
        let invalid = client.place(order(0)).await.unwrap_err();
        assert_eq!(invalid.code(), Code::InvalidArgument, "{invalid}");
        let mut slow = client.clone();
        let begun = tokio::spawn(async move { slow.place(order(3)).await });
        time::sleep(Duration::from_millis(300)).await;
        let mut late = OrdersClient::connect(format!("http://{addr}")).await.unwrap();
        service.signal(Signal::TERM);
        service.wait_for("draining").await;
        let refused = late.place(order(3)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        assert_eq!(begun.await.unwrap().unwrap().into_inner().id, 1);
        let ended = service.ended().await;
        assert!(ended.status.success(), "{}", ended.log.join("\n"));
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::{
        fs,
        io::{Read, Write},
        net::TcpStream,
        sync::Arc,
        time::Instant,
    };

    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use tokio::task::spawn_blocking;

    use super::*;

    /// Half a handshake neither keeps others out nor holds the stop.
    #[tokio::test]
    async fn an_order_is_placed_beside_a_handshake_that_is_never_finished() {
        let dir = dir();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str, text: String| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let certificate = file("cert.pem", made.cert.pem());
        let key = file("key.pem", made.signing_key.serialize_pem());
        let vars = [("ORDERS_TLS_CERT", &*certificate), ("ORDERS_TLS_KEY", &*key)];
        let setup = Setup { work: Duration::ZERO, ..Setup::new(&dir, None) };
        let service = start(&setup, &vars, "listening on https://").await;
        let said = service.line("listening on https://");
        let addr = said.split("https://").nth(1).unwrap().to_owned();

        let mut half = TcpStream::connect(&addr).unwrap();
        half.write_all(&[22, 3, 1, 2, 0]).unwrap();
        let answer = spawn_blocking(move || {
            let mut roots = RootCertStore::empty();
            roots.add(made.cert.der().clone()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = "localhost".try_into().unwrap();
            let session = ClientConnection::new(Arc::new(config), name).unwrap();
            let mut socket = StreamOwned::new(session, TcpStream::connect(addr).unwrap());
            let body = r#"{"sku": "tea", "quantity": 3}"#;
            let request = format!(
                "POST /orders HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        service.signal(Signal::TERM);
        let began = Instant::now();
        let ended = service.ended().await;
        assert!(ended.status.success(), "{}", ended.log.join("\n"));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(ended.printed("connections: nothing sent"), "{}", ended.log.join("\n"));
    }
}
