//! Holds source trees to their floors: an import runs downward, and none in a circle. What is called by
//! methods alone is not seen, nor a list of imports past its first line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cargo::workspace;

/// A source tree: its folder, and its rooms from the top down. A room is a file or a folder; those of
/// one floor do not know each other.
struct Tree {
    folder: &'static str,
    floors: &'static [&'static [&'static str]],
}

const TREES: [Tree; 4] = [
    Tree {
        folder: "src",
        floors: &[
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
        ],
    },
    Tree {
        folder: "examples/host/src",
        floors: &[
            &["commands"],
            &["source"],
            &["sandbox", "delivery"],
            &["output"],
            &["config", "state"],
            &["http"],
            &["egress", "log", "limits"],
            &["timestamp", "machine", "bindings"],
        ],
    },
    Tree {
        folder: "examples/contract/src",
        floors: &[
            &["environment", "secret_key", "request", "batch", "error_kind", "redact"],
            &["wait", "printable"],
        ],
    },
    Tree {
        folder: "examples/mimecast-sim/src",
        floors: &[
            &["arguments"],
            &["server"],
            &["ledger"],
            &["api"],
            &["options"],
            &["gate", "listing"],
            &["request"],
            &["answer"],
            &["fault", "world"],
            &["clock", "date", "seal"],
        ],
    },
];

/// Fails if an import of a tree runs upward or sideward, or if files import each other in a circle.
pub(crate) fn check() -> Result<()> {
    let mut told = Vec::new();
    for Tree { folder, floors } in TREES {
        let mut files = BTreeMap::new();
        read(&workspace().join(folder), "", &mut files)?;
        told.extend(faults(&files, floors).iter().map(|fault| format!("{folder}: {fault}")));
    }
    if told.is_empty() {
        return Ok(());
    }
    bail!("floors are not kept (xtask/src/floors.rs):\n{}", told.join("\n"))
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
    for (module, text) in files.iter().filter(|(module, _)| !ROOTS.contains(&module.as_str())) {
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
    // A list of a line's imports may name a file more than once.
    faults.dedup();
    faults.extend(circles(&imports).map(|module| format!("{module}: in a circle of imports")));
    faults
}

/// They name what they are made of.
const ROOTS: [&str; 2] = ["lib", "main"];

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The paths that a file names, with their lines, as paths from the root. Its tests may look around.
fn imported<'a>(module: &'a str, text: &'a str) -> impl Iterator<Item = (usize, String)> + 'a {
    let own = text.split("\n#[cfg(test)]\n").next().unwrap_or(text);
    let children: Vec<&str> = own.lines().filter_map(child).collect();
    own.lines().enumerate().flat_map(move |(index, line)| {
        let code = line.split("//").next().unwrap_or(line);
        let from = |marker: &str, base: String| {
            let begins = |at: &usize| !code[..*at].ends_with(|c: char| is_of_path(c));
            let length = marker.len();
            let places = code.match_indices(marker).map(|(at, _)| at).filter(begins);
            places
                .flat_map(move |at| {
                    let (path, rest) = path(&code[at + length..]);
                    // Those of a list, as far as they stand in this line.
                    let listed = rest.strip_prefix('{').unwrap_or_default().split(',');
                    let paths =
                        listed.map(|listed| format!("{base}{path}{}", self::path(listed.trim()).0));
                    paths.map(|path| (index + 1, path)).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let above =
            module.rsplit_once("::").map_or(String::new(), |(above, _)| format!("{above}::"));
        let mut found = from("crate::", String::new());
        found.extend(from("super::", above));
        for child in &children {
            found.extend(from(&format!("{child}::"), format!("{module}::{child}::")));
        }
        found
    })
}

/// The file that a line makes part of its own.
fn child(line: &str) -> Option<&str> {
    line.split_once("mod ")
        .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?
        .1
        .strip_suffix(';')
}

/// The path that a text begins with, and what follows.
fn path(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_path(c)).unwrap_or(text.len()))
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
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
            ("main", "fn main() { crate::top::run() }"),
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
            (
                "ground",
                "use crate::{ground::Noun, top};",
                "ground, line 1: imports top, which is not below",
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
        let listed = [round[0], round[1], ("left::b", "use crate::left::{a, c};"), ("left::c", "")];
        assert_eq!(of(&listed), [fault("left::a"), fault("left::b")]);
        // A file names those that are part of it without the way to them.
        let parent = [("left", "pub mod a;\nuse a::Noun;"), ("left::a", "use crate::left::Other;")];
        assert_eq!(of(&parent), [fault("left"), fault("left::a")]);
    }
}
