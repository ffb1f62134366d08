//! HTTPS by rustls.

use std::{error::Error, sync::Arc};

use axum::serve::Listener;
use lifecycle::http::handshake;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A listener whose connections speak TLS, HTTP/2 and HTTP/1 in it. Each shakes hands by itself, so
/// a client that never finishes holds up nobody.
///
/// # Errors
///
/// When the files are no certificate and its key.
pub fn listener(
    listener: TcpListener,
    certificate: &str,
    key: &str,
) -> Result<impl Listener + use<>, Box<dyn Error + Send + Sync>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| format!("ORDERS_TLS_CERT={certificate}: {error}"))?;
    let key_file = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("ORDERS_TLS_KEY={key}: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_file)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok(handshake(listener, move |socket: TcpStream| acceptor.accept(socket)))
}
