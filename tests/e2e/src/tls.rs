//! TLS with a certificate that is made for the run.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use crate::http1::Failure;

/// Writes a certificate and its key to `directory`, for [`acceptor`] and [`Trust::of`].
///
/// # Panics
/// When it cannot.
pub fn make_certificate(directory: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    fs::write(directory.join("cert.pem"), made.cert.pem()).expect("written");
    fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
}

/// The server's side.
///
/// # Panics
/// When there is no certificate in `directory`.
#[must_use]
pub fn acceptor(directory: &Path) -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate(directory)], key)
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

/// The client's side.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl Trust {
    /// Trusts the certificate in `directory`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(directory)).expect("a certificate");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("known versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// The connection ended meanwhile.
    pub async fn connect(&self, socket: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let name = "localhost".try_into().expect("a name");
        self.0.connect(name, socket).await.map_err(|_| Failure::EofBefore)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

fn certificate(directory: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(directory.join("cert.pem")).expect("a certificate")
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
