//! Root certificates of a file that a source names.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use source_contract::printable::printable;

use crate::machine::disk;

/// Certificates of a PEM file, each of which can be a root.
pub(crate) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = disk::read(path, ROOTS_BYTES_MAX);
    roots(&file.map_err(|error| format!("cannot be read: {error}"))?)
}

fn roots(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    match file {
        [] => return Err("is empty".to_owned()),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err("is UTF-16: save it as UTF-8".to_owned());
        }
        // How DER begins, and no text.
        [0x30, 0x80..=0x84, ..] => {
            return Err("is no PEM; if it is a certificate in DER, \
                        `openssl x509 -inform DER -in OLD -out NEW` makes PEM of it"
                .to_owned());
        }
        _ => {}
    }
    // Editors put marks and line ends of their own around what the reader takes as it is.
    let aside = |character: char| character.is_whitespace() || character == '\u{feff}';
    let text = String::from_utf8_lossy(file);
    let lines: Vec<&str> = text.lines().map(|line| line.trim_matches(aside)).collect();
    let mut roots = Vec::new();
    for (index, root) in CertificateDer::pem_slice_iter(lines.join("\n").as_bytes()).enumerate() {
        let number = index + 1;
        let root = root.map_err(|error| format!("its certificate {number} is damaged: {error}"))?;
        RootCertStore::empty()
            .add(root.clone())
            .map_err(|error| format!("its certificate {number} is unusable: {error}"))?;
        roots.push(root);
    }
    if !roots.is_empty() {
        return Ok(roots);
    }
    let found =
        lines.iter().find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let found = found.map_or_else(String::new, |label| format!(", but a {}", printable(label)));
    Err(format!("holds no certificate{found}"))
}

/// Many times as long as the roots of a machine.
const ROOTS_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn certificates_are_read_whatever_an_editor_put_around_them() {
        let (one, two) = (certificate(), certificate());
        let both = format!("{one}{two}");
        for text in [
            both.clone(),
            format!("\u{feff}{both}"),
            format!("\u{feff}{one}\u{feff}{two}"),
            both.replace("\r\n", "\n"),
            both.replace("\r\n", "\n").replace('\n', "\r\n"),
            both.replace("-----BEGIN", "  -----BEGIN"),
            format!("subject=Müller\n{one}\nissuer=...\n{two}"),
        ] {
            assert_eq!(roots(text.as_bytes()).unwrap().len(), 2, "{text}");
        }
        let latin_1 = [b"subject=M\xfcller\n", both.as_bytes()].concat();
        assert_eq!(roots(&latin_1).unwrap().len(), 2);
    }

    #[test]
    fn what_holds_no_certificate_is_told_by_what_it_is() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let utf_16: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(own.cert.pem().encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let cut = own.cert.pem().replace("-----END", "----");
        let bad = own.cert.pem().replacen("MII", "AII", 1);
        let cases = [
            (vec![], "is empty"),
            (b"\xef\xbb\xbf\n".to_vec(), "holds no certificate"),
            (b"acme".to_vec(), "holds no certificate"),
            (utf_16, "is UTF-16"),
            (own.cert.der().to_vec(), "openssl x509 -inform DER"),
            (
                own.signing_key.serialize_pem().into_bytes(),
                "holds no certificate, but a PRIVATE KEY",
            ),
            (format!("{}{cut}", certificate()).into_bytes(), "its certificate 2 is damaged: "),
            (format!("{}{bad}", certificate()).into_bytes(), "its certificate 2 is unusable: "),
        ];
        for (file, why) in cases {
            let told = roots(&file).unwrap_err();
            assert!(
                told.starts_with(why) || told.contains("openssl") && told.contains(why),
                "{told}"
            );
        }
    }
}
