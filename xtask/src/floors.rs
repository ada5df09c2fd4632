//! Holds source trees to their floors: an import runs downward, and none in a circle. What is called by
//! methods alone is not seen.

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
            &["poll", "check", "explain"],
            &["memory"],
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
            &["workers"],
            &["source"],
            &["sandbox", "ledger"],
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
            &["configuration", "schema", "request", "response", "body"],
            &["batch", "aside", "error_kind", "redact"],
            &["environment", "secret_key", "kind", "wait"],
            &["fault", "printable"],
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
fn imported(module: &str, text: &str) -> Vec<(usize, String)> {
    let own = text.split("\n#[cfg(test)]\n").next().unwrap_or(text);
    let code: Vec<&str> = own.lines().map(|line| line.split("//").next().unwrap_or(line)).collect();
    let children = code.iter().filter_map(|line| child(line));
    let children = children.map(|child| (format!("{child}::"), format!("{module}::{child}::")));
    let roots = [("crate::", String::new()), ("super::", above(module))];
    let markers = children.chain(roots.map(|(root, base)| (root.to_owned(), base)));
    let code = code.join("\n");
    let mut found = Vec::new();
    for (marker, base) in markers {
        for (at, _) in code.match_indices(&marker) {
            if code[..at].ends_with(is_of_path) {
                continue;
            }
            let (mut base, mut rest) = (base.clone(), &code[at + marker.len()..]);
            while let Some(further) = rest.strip_prefix("super::") {
                base = above(base.trim_end_matches("::"));
                rest = further;
            }
            let line = code[..at].matches('\n').count() + 1;
            found.extend(listed(&base, rest).0.into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// The paths that a text begins with, below a base: one, or those of a list. And what follows.
fn listed<'a>(base: &str, text: &'a str) -> (Vec<String>, &'a str) {
    let (path, mut rest) = path(text.trim_start());
    let base = format!("{base}{path}");
    if !rest.starts_with('{') {
        return (vec![base], rest);
    }
    let mut paths = Vec::new();
    while let Some(next) = rest.strip_prefix(['{', ',']) {
        let (found, further) = listed(&base, next);
        paths.extend(found);
        // Another name for it ends where the next begins.
        rest = &further[further.find([',', '}']).unwrap_or(further.len())..];
    }
    (paths, rest.strip_prefix('}').unwrap_or(rest))
}

/// The path to the parent of a module, as a path begins.
fn above(module: &str) -> String {
    module.rsplit_once("::").map_or(String::new(), |(above, _)| format!("{above}::"))
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
            (
                "ground",
                "use crate::{\n    ground::{self, Noun},\n    left::{\n        room::{Noun as One}\n    },\n};",
                "ground, line 1: imports left::room, which is not below",
            ),
            (
                "right",
                "use super::{\n    ground::Noun as Other,\n    top,\n};",
                "right, line 1: imports top, which is not below",
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
        let far = [("left", "mod a; mod b;"), round[1], ("left::b", "mod c;"), ("left::b::c", "")];
        let mut back = far;
        back[3].1 = "use super::super::a::Noun;";
        back[1].1 = "use super::b::{c::Noun};";
        assert_eq!(of(&far), [""; 0]);
        assert_eq!(of(&back), [fault("left::a"), fault("left::b::c")]);
        // A file names those that are part of it without the way to them.
        let parent = [("left", "pub mod a;\nuse a::Noun;"), ("left::a", "use crate::left::Other;")];
        assert_eq!(of(&parent), [fault("left"), fault("left::a")]);
    }
}
