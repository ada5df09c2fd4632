//! What a client trusts: the roots of the machine, and those that a source names.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates of a PEM file.
pub fn read_roots(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot be read: {error}"))?
        .collect();
    match roots {
        Ok(roots) if roots.is_empty() => Err("holds no certificate".to_owned()),
        Ok(roots) => Ok(roots),
        Err(error) => Err(format!("is no PEM file of certificates: {error}")),
    }
}

/// TLS with the machine's trusted roots and those of the source.
pub(super) fn config(
    extra_roots: &[CertificateDer<'static>],
    needs_tls: bool,
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
        .with_no_client_auth();
    Ok(config)
}
