//! What a component imports: read back, held to a list, and named by the oldest WASI that has it.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::reencode::{ReencodeComponent as _, RoundtripReencoder};
use wasm_encoder::{Component, ComponentImportSection, RawSection};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::cargo::workspace;

/// Fails unless a component imports what a list of the workspace says, to the byte.
pub(crate) fn check(wasm: &[u8], list: &str) -> Result<()> {
    let listed = read(list)?;
    let mut imports = names(wasm)?;
    imports.sort();
    let imports = imports.join("\n") + "\n";
    ensure!(
        imports == listed,
        "the component's imports are not those of {list}\nlisted:\n{listed}built:\n{imports}"
    );
    Ok(())
}

/// Fails if a source imports what a list of the workspace does not have. It may do with less.
pub(crate) fn check_within(wasm: &[u8], list: &str) -> Result<()> {
    let beyond = beyond(wasm, &read(list)?)?;
    ensure!(
        beyond.is_empty(),
        "the component imports what {list} does not have: {}",
        beyond.join(", ")
    );
    Ok(())
}

/// What a component imports that is on no line of a list.
fn beyond(wasm: &[u8], listed: &str) -> Result<Vec<String>> {
    let is_beyond = |name: &String| !listed.lines().any(|line| line == name);
    Ok(names(wasm)?.into_iter().filter(is_beyond).collect())
}

fn read(list: &str) -> Result<String> {
    let path = workspace().join(list);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The full names of what a component imports.
fn names(wasm: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for payload in top_level(wasm)? {
        if let Payload::ComponentImportSection(section) = payload {
            for import in section {
                names.push(import?.name.name.to_owned());
            }
        }
    }
    Ok(names)
}

/// The same component, with every import of WASI 0.2 named `@0.2.0`.
///
/// Linkers name whatever release their own definitions are of. What is used here was all there in the
/// first, and every 0.2 is compatible with it, so that this is the name that the most runtimes know.
pub(crate) fn oldest(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut component = Component::new();
    for payload in top_level(wasm)? {
        match payload {
            Payload::ComponentImportSection(section) => {
                let mut imports = ComponentImportSection::new();
                for import in section {
                    let import = import?;
                    let ty = RoundtripReencoder
                        .component_type_ref(import.ty)
                        .context("an import cannot be written again")?;
                    imports.import(&*oldest_name(import.name.name), ty);
                }
                component.section(&imports);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let (start, end) = (usize::try_from(range.start)?, usize::try_from(range.end)?);
                    component.section(&RawSection { id, data: &wasm[start..end] });
                }
            }
        }
    }
    let renamed = component.finish();
    Validator::new_with_features(WasmFeatures::default())
        .validate_all(&renamed)
        .context("the component with renamed imports is not valid")?;
    Ok(renamed)
}

fn oldest_name(name: &str) -> String {
    match name.rsplit_once("@0.2.") {
        Some((interface, _)) if interface.starts_with("wasi:") => format!("{interface}@0.2.0"),
        _ => name.to_owned(),
    }
}

/// What a component consists of; what its parts consist of is left out.
fn top_level(wasm: &[u8]) -> Result<Vec<Payload<'_>>> {
    let mut payloads = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.context("the component cannot be read")?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                bail!(
                    "the build gave a core module, not a component: is wasm-component-ld the linker?"
                )
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                if depth == 0 {
                    payloads.push(payload);
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 => payloads.push(payload),
            _ => {}
        }
    }
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wasm_encoder::{ComponentTypeRef, ComponentTypeSection, InstanceType};

    use super::*;

    /// A component that imports interfaces of these names, without a function.
    fn importing(names: &[&str]) -> Vec<u8> {
        let (mut types, mut imports) = (ComponentTypeSection::new(), ComponentImportSection::new());
        types.instance(&InstanceType::new());
        for name in names {
            imports.import(*name, ComponentTypeRef::Instance(0));
        }
        let mut component = Component::new();
        component.section(&types).section(&imports);
        component.finish()
    }

    #[test]
    fn a_source_may_import_less_than_is_listed_and_nothing_else() {
        let beyond = |names: &[&str]| beyond(&importing(names), "a:b/c@0.2.0\nd:e/f@0.2.0\n");
        for within in [&[][..], &["d:e/f@0.2.0"], &["d:e/f@0.2.0", "a:b/c@0.2.0"]] {
            assert_eq!(beyond(within).unwrap(), [""; 0]);
        }
        let others = ["a:b/c@0.2.0", "a:b/c@0.2.1", "g:h/i@0.2.0"];
        assert_eq!(beyond(&others).unwrap(), others[1..]);
    }

    #[test]
    fn imports_of_wasi_0_2_alone_are_renamed() {
        for (name, renamed) in [
            ("wasi:io/poll@0.2.6", "wasi:io/poll@0.2.0"),
            ("wasi:io/poll@0.2.12", "wasi:io/poll@0.2.0"),
            ("wasi:http/types@0.3.0", "wasi:http/types@0.3.0"),
            ("wasi:http/types@0.3.0-rc-2026", "wasi:http/types@0.3.0-rc-2026"),
            ("polling-source:contract/http@0.2.6", "polling-source:contract/http@0.2.6"),
        ] {
            assert_eq!(oldest_name(name), renamed);
        }
    }
}
