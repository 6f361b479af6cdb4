//! TLS 1.3 for the connections of the centre: a certificate and its key, and those that clients trust, from files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig, crypto, version};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wayside_core::{Error, Result, input};

/// A certificate with its key, read again on SIGHUP.
#[derive(Clone)]
pub struct Tls(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: RwLock<TlsAcceptor>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.0.certificate.display())
    }
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key: both in PEM.
    ///
    /// # Errors
    /// Files that cannot be read or have no such thing; a key of another certificate; certificates of a kind that is not supported.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let files = Files {
            acceptor: RwLock::new(read(certificate, key)?),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Ok(Self(Arc::new(files)))
    }

    /// Reads the files again: a certificate is renewed while the server runs.
    ///
    /// # Errors
    /// As [`load`](Self::load); then the one before stays.
    pub(crate) fn reload(&self) -> Result<()> {
        let acceptor = read(&self.0.certificate, &self.0.key)?;
        let held = self.0.acceptor.write();
        *held.unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// What new connections are accepted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let held = self.0.acceptor.read();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The certificates that clients trust: those of the authorities that signed the server's, or the server's own. No others count.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl Trust {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// A file that cannot be read, or has none that can be used.
    pub fn load(path: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in chain(path)? {
            let added = roots.add(certificate);
            added.map_err(|error| {
                invalid(
                    path,
                    &format!("has no certificate that can be used: {error}"),
                )
            })?;
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| invalid(path, &error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Speaks TLS with a server that proves to be `host`. [`io::ErrorKind::InvalidData`] where it does not.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let refused =
            |why: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidData, why.to_string());
        let name = ServerName::try_from(host.to_owned());
        let name =
            name.map_err(|e| refused(&format_args!("{host:?} can have no certificate: {e}")))?;
        self.0.connect(name, stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            match inner {
                Some(rustls::Error::InvalidCertificate(why)) => refused(&format_args!(
                    "the certificate that it shows is not trusted for {host}: {why}"
                )),
                Some(why) => refused(&format_args!("it does not speak TLS 1.3 as we do: {why}")),
                None => error,
            }
        })
    }
}

fn read(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let (chain, secret) = match (chain(certificate), private_key(key)) {
        (Ok(chain), Ok(secret)) => (chain, secret),
        // both at once
        (Err(Error::Invalid(mut one)), Err(Error::Invalid(other))) => {
            one.0.extend(other.0);
            return Err(Error::Invalid(one));
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, secret));
    let mut config = config.map_err(|error| refused(certificate, key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = input::read(path)?;
    let chain: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(invalid(path, "must have a certificate in PEM")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(invalid(path, &not_pem(&error))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&input::read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            invalid(path, "must have a private key in PEM, without a password")
        }
        error => invalid(path, &not_pem(&error)),
    })
}

/// What the file itself says stays out of the message: it may be the key.
fn not_pem(error: &pem::Error) -> String {
    let what = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section begins wrongly",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    };
    format!("must be PEM: {what}")
}

fn refused(certificate: &Path, key: &Path, error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = certificate.display();
            invalid(
                key,
                &format!("is not the key of the certificate in {certificate}"),
            )
        }
        rustls::Error::InvalidCertificate(why) => invalid(
            certificate,
            &format!("is no certificate that can be used: {why:?}"),
        ),
        other => invalid(key, &format!("is no key that can be used: {other}")),
    }
}

fn invalid(path: &Path, message: &str) -> Error {
    Error::invalid(path.display().to_string(), None, "", message)
}
