//! Holds the source tree to its floors: an import runs downward, and none in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cargo::workspace;

/// The rooms of `src/` from the top down: a file or a folder each. Those of one floor do not know each
/// other.
const FLOORS: &[&[&str]] = &[
    &["component"],
    &["poll", "check"],
    &["api", "position"],
    &["reply"],
    &["config"],
    &["format"],
    &["row"],
    &["notices"],
    &["json"],
    &["contract"],
    &["clock"],
    &["timestamp", "secret", "base64", "hex"],
];

/// Fails if an import of `src/` runs upward or sideward, or if files import each other in a circle.
pub(crate) fn check() -> Result<()> {
    let mut files = BTreeMap::new();
    read(&workspace().join("src"), "", &mut files)?;
    let faults = faults(&files, FLOORS);
    if faults.is_empty() {
        return Ok(());
    }
    bail!("the floors of src/ are not kept (xtask/src/floors.rs):\n{}", faults.join("\n"))
}

/// Reads the modules of a folder, by their paths.
fn read(folder: &Path, path: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let file = entry?.path();
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let module = if path.is_empty() { name } else { format!("{path}::{name}") };
        if file.is_dir() {
            read(&file, &module, files)?;
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            files.insert(module, text);
        }
    }
    Ok(())
}

fn faults(files: &BTreeMap<String, String>, floors: &[&[&str]]) -> Vec<String> {
    let floor = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
    let mut faults = Vec::new();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, text) in files.iter().filter(|(module, _)| *module != "lib") {
        let room = room(module);
        let Some(own) = floor(room) else {
            faults.push(format!("{module}: {room} has no floor yet"));
            continue;
        };
        for (line, imported) in imported(module, text) {
            let Some(target) = module_of(&imported, files) else { continue };
            let other = self::room(target);
            if other == room {
                if target != module {
                    imports.entry(module).or_default().insert(target);
                }
            } else if floor(other).is_none_or(|floor| floor <= own) {
                faults.push(format!("{module}, line {line}: imports {target}, which is not below"));
            }
        }
    }
    faults.extend(circles(&imports).map(|module| format!("{module}: in a circle of imports")));
    faults
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The paths that a file names, with their lines, as paths from the root. Its tests may look around.
fn imported<'a>(module: &'a str, text: &'a str) -> impl Iterator<Item = (usize, String)> + 'a {
    let own = text.split("\n#[cfg(test)]\n").next().unwrap_or(text);
    own.lines().enumerate().flat_map(move |(index, line)| {
        let code = line.split("//").next().unwrap_or(line);
        let from = |marker: &'static str, base: String| {
            code.match_indices(marker).map(move |(at, _)| {
                let path = code[at + marker.len()..]
                    .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                    .next()
                    .unwrap_or_default();
                (index + 1, format!("{base}{path}"))
            })
        };
        let above =
            module.rsplit_once("::").map_or(String::new(), |(above, _)| format!("{above}::"));
        from("crate::", String::new()).chain(from("super::", above)).collect::<Vec<_>>()
    })
}

/// The file that a path leads into: the longest part of the path that is one.
fn module_of<'a>(path: &str, files: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let mut path = path.trim_end_matches(':');
    loop {
        if let Some((module, _)) = files.get_key_value(path) {
            return Some(module);
        }
        path = path.rsplit_once("::")?.0;
    }
}

/// The files of one room that import each other in a circle.
fn circles<'a>(
    imports: &'a BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> impl Iterator<Item = &'a str> + 'a {
    imports.keys().copied().filter(|module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(from) = next.pop() {
            for to in imports.get(from).into_iter().flatten() {
                if reached.insert(*to) {
                    next.push(to);
                }
            }
        }
        reached.contains(module)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(module, text)| ((*module).into(), (*text).into()));
        faults(&files.collect(), &[&["top"], &["left", "right"], &["ground"]])
    }

    #[test]
    fn an_import_runs_downward() {
        let sound = [
            ("lib", "mod top;"),
            ("top", "use crate::left::room::Noun;\nuse crate::ground::Noun;"),
            ("left", "//! See crate::top."),
            (
                "left::room",
                "use crate::ground::Noun; // not crate::top\n\n#[cfg(test)]\nuse crate::top;",
            ),
            ("right", "fn f() -> crate::ground::Noun {}"),
            ("ground", "use std::fmt;"),
        ];
        assert_eq!(of(&sound), [""; 0]);
        for (module, text, fault) in [
            (
                "ground",
                "\nuse crate::left::Noun;",
                "ground, line 2: imports left, which is not below",
            ),
            (
                "right",
                "use crate::left::room;",
                "right, line 1: imports left::room, which is not below",
            ),
            ("attic", "", "attic: attic has no floor yet"),
        ] {
            let mut files = sound.to_vec();
            files.retain(|(name, _)| *name != module);
            files.push((module, text));
            assert_eq!(of(&files), [fault], "{module}");
        }
    }

    #[test]
    fn files_of_one_room_import_each_other_in_no_circle() {
        let round = [
            ("left", "mod a; mod b;"),
            ("left::a", "use super::b::Noun;"),
            ("left::b", "use crate::left::a::Noun;"),
        ];
        let fault = |module| format!("{module}: in a circle of imports");
        assert_eq!(of(&round), [fault("left::a"), fault("left::b")]);
        assert_eq!(of(&round[..2]), [""; 0]);
    }
}
