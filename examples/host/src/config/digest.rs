//! What stands for a configuration: workers that have the same one have the same of it, wherever their files are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use source_contract::secret_key::is_secret_key;
use toml::{Table, Value};

use crate::machine::disk;

/// What stands for one section. Values under the names of secrets are left out, and those of the environment are not
/// put in: only what a component's schema alone marks as secret, and stands in the file, is among what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// That of a table, but for one key.
    pub(super) fn of(table: &Table, without: &str) -> Self {
        let mut hash = Sha256::new();
        for (key, value) in table.iter().filter(|(key, _)| *key != without) {
            add(&mut hash, key);
            add_value(&mut hash, key, value);
        }
        Self(hash.finalize().into())
    }
}

/// That of a whole configuration: the lease, and of each source its name, its section and its component's content.
/// A component that cannot be read stands for itself.
pub(crate) fn of_all<'a>(
    lease: Duration,
    sources: impl Iterator<Item = (&'a str, Digest, &'a Path)>,
) -> String {
    let sources: BTreeMap<&str, (Digest, &Path)> =
        sources.map(|(name, digest, component)| (name, (digest, component))).collect();
    let mut components: BTreeMap<PathBuf, [u8; 32]> = BTreeMap::new();
    let mut hash = Sha256::new();
    hash.update(lease.as_secs().to_be_bytes());
    for (name, (digest, component)) in sources {
        let content = components.entry(component.to_owned()).or_insert_with(|| {
            let content = disk::read(component, COMPONENT_BYTES_MAX).unwrap_or_default();
            Sha256::digest(content).into()
        });
        add(&mut hash, name);
        hash.update(digest.0);
        hash.update(*content);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Adds a text such that it cannot run into the next one.
fn add(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn add_value(hash: &mut Sha256, key: &str, value: &Value) {
    match value {
        Value::Table(table) => {
            hash.update((table.len() as u64).to_be_bytes());
            for (inner, value) in table {
                add(hash, inner);
                // What stands below the name of a secret is one, too.
                add_value(hash, if is_secret_key(key) { key } else { inner }, value);
            }
        }
        Value::Array(entries) => {
            hash.update((entries.len() as u64).to_be_bytes());
            for entry in entries {
                add_value(hash, key, entry);
            }
        }
        Value::String(text) if is_secret_key(key) => {
            for name in names(text) {
                add(hash, name);
            }
        }
        Value::String(text) if key == "proxy" => {
            let mut address = url::Url::parse(text).ok();
            if let Some(address) = &mut address {
                let _ = address.set_password(None);
            }
            add(hash, address.as_ref().map_or("", |address| address.as_str()));
        }
        Value::String(text) => add(hash, text),
        _ if is_secret_key(key) => {}
        value => {
            add(hash, value.type_str());
            // It holds no table, whose keys could be other than texts.
            add(hash, &serde_json::to_string(value).unwrap_or_default());
        }
    }
}

/// The variables of the environment that a text names.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("${").skip(1);
    after.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// As much as the host takes of a component.
const COMPONENT_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn digest(table: &str) -> Digest {
        Digest::of(&table.parse().unwrap(), "component")
    }

    const ONE: &str = "name = \"a\"\ncomponent = \"a.wasm\"\nallow = [\"https://a\"]\n[config]\nkey = \"${KEY}\"\n\
                       pages = 3\n";

    #[test]
    fn a_section_is_another_with_each_key_but_for_where_its_component_is_and_what_its_secrets_are()
    {
        for (from, to) in [
            ("https://a", "https://b"),
            ("${KEY}", "${OTHER}"),
            ("pages = 3", "pages = 4"),
            ("pages = 3", "pages = \"3\""),
            ("pages", "Pages"),
            ("[\"https://a\"]", "[\"https://\", \"a\"]"),
        ] {
            assert_ne!(digest(ONE), digest(&ONE.replace(from, to)), "{to}");
        }
        assert_eq!(digest(ONE), digest(&ONE.replace("a.wasm", "/b.wasm")));
        let with = |secret: &str| digest(&format!("{ONE}api_key = {secret}\n"));
        assert_eq!(with("\"one\""), with("\"other\""));
        assert_eq!(with("[{a = 7}]"), with("[{a = 8}]"));
        assert_ne!(with("\"one\""), digest(ONE));
        assert_ne!(with("\"${ONE}\""), with("\"${OTHER}\""));
        // What stands beside a variable is a secret's, too.
        assert_eq!(with("\"a${ONE}\""), with("\"b${ONE}\""));
        let through = |proxy: &str| digest(&format!("proxy = \"{proxy}\"\n{ONE}"));
        assert_eq!(through("http://u:one@p:3128"), through("http://u:two@p:3128"));
        assert_ne!(through("http://p:3128"), through("http://q:3128"));
    }

    #[test]
    fn a_configuration_is_another_with_each_source_and_each_components_content() {
        let folder = std::env::temp_dir();
        let file = |name: &str, content: &str| {
            let path = folder.join(format!("source-host-digest-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            path
        };
        let (a, b, other) = (file("a", "one"), file("b", "one"), file("c", "two"));
        let (first, second) = (digest(ONE), digest("name = \"b\""));
        let of = |secs, sources: &[(&str, Digest, &Path)]| {
            of_all(Duration::from_secs(secs), sources.iter().copied())
        };
        let whole = of(10, &[("a", first, &a), ("b", second, &a)]);
        assert_eq!(whole.len(), 16);
        assert_eq!(whole, of(10, &[("b", second, &b), ("a", first, &a)]));
        for other in [
            of(11, &[("a", first, &a), ("b", second, &a)]),
            of(10, &[("a", first, &a)]),
            of(10, &[("a", second, &a), ("b", second, &a)]),
            of(10, &[("a", first, &other), ("b", second, &a)]),
            of(10, &[("a", first, &a), ("c", second, &a)]),
        ] {
            assert_ne!(whole, other);
        }
        for path in [a, b, other] {
            std::fs::remove_file(path).unwrap();
        }
    }
}
