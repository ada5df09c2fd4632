//! TLS of a client: what it trusts, and that it shows no certificate of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, SignatureScheme};

/// TLS with the machine's trusted roots and those of the source.
pub(super) fn config(
    extra_roots: &[CertificateDer<'static>],
    needs_tls: bool,
    no_certificate: Arc<NoCertificate>,
) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if needs_tls {
        static MACHINE: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
        let machine = MACHINE.get_or_init(|| rustls_native_certs::load_native_certs().certs);
        // Some machines carry certificates that no one can read: they are left out.
        roots.add_parsable_certificates(machine.iter().cloned());
    }
    for root in extra_roots {
        roots.add(root.clone()).map_err(|error| format!("a certificate is unusable: {error}"))?;
    }
    if needs_tls && roots.is_empty() {
        return Err("this machine has no trusted root certificates".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_client_cert_resolver(no_certificate);
    Ok(config)
}

/// Shows no certificate to a server that asks for one, and remembers that it did: all that such a
/// server tells otherwise is that something broke.
#[derive(Debug, Default)]
pub(super) struct NoCertificate {
    asked: AtomicBool,
}

impl NoCertificate {
    /// Forgets what was asked before.
    pub(super) fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    /// Whether a server has asked.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
