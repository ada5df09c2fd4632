//! Begins a source of one's own: the template under another name, in a folder that builds alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cargo::{cargo, run, target_dir, workspace};
use crate::component::{self, COPY_LESS, FEED, STACK};
use crate::imports;

/// What is written into a folder, by path.
type Files = BTreeMap<PathBuf, String>;

/// Writes a source of this name into a folder that is not there yet, or empty.
pub(crate) fn begin(name: &str, dir: &Path) -> Result<()> {
    check_name(name)?;
    let dir = std::path::absolute(dir)?;
    check_empty(&dir)?;
    for (path, text) in files(name)? {
        let path = dir.join(path);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).with_context(|| cannot("make", folder))?;
        fs::write(&path, text).with_context(|| cannot("write", &path))?;
    }
    // The imports of its tests are sorted by its name.
    run(cargo().arg("fmt").current_dir(&dir))?;
    // Takes out of the copied Cargo.lock what is not needed, and keeps the versions of the rest.
    run(cargo().args(["update", "--workspace", "--offline", "--quiet"]).current_dir(&dir))?;
    eprintln!("{}: its README.md says how to build it and what to change", dir.display());
    Ok(())
}

/// Begins a source below `target/`, does what its README says, and checks what comes out.
pub(crate) fn build() -> Result<()> {
    const NAME: &str = "acme-audit";
    component::add_target(FEED.target())?;
    let (dir, target) = (target_dir().join("new-source"), target_dir().join("tmp/new-source"));
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| cannot("remove", &dir))?;
    }
    begin(NAME, &dir)?;
    for command in [TEST, BUILD] {
        run(cargo()
            .args(command.split(' ').skip(1))
            .args(["--offline", "--locked", "--target-dir"])
            .arg(&target)
            .current_dir(&dir))?;
    }
    let built = target.join(FEED.target()).join("release/acme_audit.wasm");
    let wasm = fs::read(&built).with_context(|| cannot("read", &built))?;
    imports::check_within(&wasm, "wit/imports.txt")?;
    let path = target_dir().join("component").join(format!("{NAME}.wasm"));
    fs::write(&path, &wasm).with_context(|| cannot("write", &path))?;
    eprintln!("{}: {} bytes", path.display(), wasm.len());
    Ok(())
}

/// A name that a package, a crate and, before a dot, the kind of an event can have.
fn check_name(name: &str) -> Result<()> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let is_kebab = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(is_word)
        && name.len() <= NAME_BYTES_MAX;
    ensure!(
        is_kebab,
        "{name:?} is no name for a source: give lower-case words with a hyphen between them, \
         such as acme-audit, of at most {NAME_BYTES_MAX} bytes"
    );
    ensure!(
        !TAKEN.split_whitespace().any(|taken| taken == name),
        "{name:?} is a word of Rust or a crate that the source uses: give another, such as {name}-log"
    );
    Ok(())
}

fn check_empty(dir: &Path) -> Result<()> {
    if !dir.try_exists().with_context(|| cannot("read", dir))? {
        return Ok(());
    }
    let mut entries = fs::read_dir(dir).with_context(|| cannot("read", dir))?;
    ensure!(
        entries.next().is_none(),
        "{} is not empty: name a folder that is, or is not there yet",
        dir.display()
    );
    Ok(())
}

/// All that a source of this name consists of.
fn files(name: &str) -> Result<Files> {
    let mut files = Files::new();
    for (from, to) in COPIED {
        copy(&workspace().join(from), Path::new(to), &mut files)?;
    }
    let snake = name.replace('-', "_");
    let linker = "linker = \"wasm-component-ld\"";
    let flags = format!(
        "{linker}\n# What has to be inlined for speed says so; a stack of 64 KiB is enough.\n\
         rustflags = [\"{COPY_LESS}\", \"{STACK}\"]"
    );
    let own = [
        (".cargo/config.toml", linker, flags),
        ("Cargo.toml", "name = \"feed-source\"", format!("name = \"{name}\"")),
        ("src/feed.rs", "\"feed.item\"", format!("\"{snake}.item\"")),
        ("tests/configuration.rs", "feed_source", snake.clone()),
        ("tests/feed.rs", "feed_source", snake.clone()),
    ];
    let apart = APART.map(|(file, from, to)| (file, from, to.to_owned()));
    for (file, from, to) in own.into_iter().chain(apart).chain(of_workspace()?) {
        let text = files.get_mut(Path::new(file)).with_context(|| format!("there is no {file}"))?;
        *text = changed(text, from, &to, file)?;
    }
    files.insert(".gitignore".into(), "/target/\n".to_owned());
    let readme = README.replace("acme-audit", name).replace("acme_audit", &snake);
    files.insert("README.md".into(), readme);
    Ok(files)
}

/// What the template takes from the workspace's manifest, spelled out.
fn of_workspace() -> Result<[(&'static str, &'static str, String); 3]> {
    let file = "Cargo.toml";
    let manifest = read(&workspace().join(file))?;
    let setting = |key| found(&manifest, &format!("\n{key} = "), "\n");
    let section = |header| found(&manifest, &format!("\n[{header}]\n"), "\n\n");
    let profile = changed(section("profile.component")?, "inherits = \"release\"\n", "", file)?;
    let sections = format!(
        "# The component: fast first, then small.\n[profile.release]\n{profile}\n\n\
         [lints.rust]\n{}\n\n[lints.clippy]\n{}\n",
        section("workspace.lints.rust")?,
        section("workspace.lints.clippy")?,
    );
    Ok([
        (file, "edition.workspace = true", format!("edition = {}", setting("edition")?)),
        (file, "rust-version.workspace = true", {
            format!("rust-version = {}", setting("rust-version")?)
        }),
        (file, "[lints]\nworkspace = true\n", sections),
    ])
}

/// Reads a file, or all that a folder holds.
fn copy(from: &Path, to: &Path, files: &mut Files) -> Result<()> {
    if !from.is_dir() {
        files.insert(to.to_path_buf(), read(from)?);
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| cannot("read", from))? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()), files)?;
    }
    Ok(())
}

/// A text with something else in the place of a part, which it has to have: what is edited in the
/// template is not to be lost here without a word.
fn changed(text: &str, from: &str, to: &str, file: &str) -> Result<String> {
    ensure!(text.contains(from), "{file} no longer has what is changed in a copy of it: {from:?}");
    Ok(text.replace(from, to))
}

/// What stands in the workspace's manifest after the first such text, up to the next such end.
fn found<'a>(manifest: &'a str, begin: &str, end: &str) -> Result<&'a str> {
    let after = manifest.split_once(begin).map(|(_, after)| after);
    let part = after.and_then(|after| after.split_once(end)).map(|(part, _)| part);
    part.with_context(|| format!("the workspace's Cargo.toml no longer has {begin:?}"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| cannot("read", path))
}

fn cannot(what: &str, path: &Path) -> String {
    format!("cannot {what} {}", path.display())
}

/// Files and folders of the workspace, and where they go.
const COPIED: [(&str, &str); 9] = [
    ("examples/feed-source/Cargo.toml", "Cargo.toml"),
    ("examples/feed-source/src", "src"),
    ("examples/feed-source/tests", "tests"),
    ("wit", "wit"),
    (".cargo/config.toml", ".cargo/config.toml"),
    ("Cargo.lock", "Cargo.lock"),
    ("clippy.toml", "clippy.toml"),
    ("rust-toolchain.toml", "rust-toolchain.toml"),
    ("rustfmt.toml", "rustfmt.toml"),
];

/// What is otherwise in a folder that builds alone: file, text, and what stands in its place.
const APART: [(&str, &str, &str); 10] = [
    ("Cargo.toml", "[package]", "[workspace]\n\n[package]"),
    ("Cargo.toml", ": the smallest polling source of use, to start another from", ""),
    ("Cargo.toml", "\nversion.workspace = true", "\nversion = \"0.1.0\""),
    ("Cargo.toml", "license.workspace = true\n", ""),
    ("Cargo.toml", "publish.workspace = true", "publish = false"),
    ("src/component.rs", "path: \"../../wit\"", "path: \"wit\""),
    (
        "src/lib.rs",
        ": the smallest polling source of use, and the text to start another one from",
        "",
    ),
    (".cargo/config.toml", "[alias]\nxtask = \"run --quiet --release --package xtask --\"\n\n", ""),
    ("rust-toolchain.toml", ", \"wasm32-wasip2\"", ""),
    ("clippy.toml", OF_PACKAGES, ""),
];
const OF_PACKAGES: &str =
    " (The other packages have a clippy.toml of\n# their own, which goes before this one.)";

/// With `.item`, within the contract's 128 bytes of a kind.
const NAME_BYTES_MAX: usize = 64;

/// Names that a crate beside these others, or in a `use`, cannot have.
const TAKEN: &str = "
    alloc core proc-macro std test
    form-urlencoded serde serde-json time wit-bindgen
    abstract as async await become box break const continue crate do dyn else enum extern false final
    fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static
    struct super trait true try type typeof unsafe unsized use virtual where while yield
";

const TEST: &str = "cargo test";
const BUILD: &str = "cargo build --release --target wasm32-unknown-unknown";

const README: &str = r#"# acme-audit

A polling source as one WebAssembly component, of the contract in [`wit/source.wit`](wit/source.wit). As it was
begun, it collects a JSON feed: the text is that of `feed-source`, from mimecast-ttp-source (Apache-2.0), whose
README tells what such a feed promises.

## Build and test

```console
$ cargo test
$ cargo build --release --target wasm32-unknown-unknown
```

The component is `target/wasm32-unknown-unknown/release/acme_audit.wasm`. It may import what
[`wit/imports.txt`](wit/imports.txt) lists, and nothing else; `source-host inspect` shows it. One to give away:
`cargo rustc` instead of `cargo build`, with `--lib --crate-type cdylib` added, optimizes across crates, and is
some 35 kB smaller. The texts of its panics name folders of the machine that built it.

## Try it

`source-host` comes from the repository of the contract: `cargo build --release --package source-host`. A file is
enough of a feed for a first look.

```toml
# acme-audit.toml
[state]
path = "target/state.db"

[output]
type = "stdout"

[[source]]
name = "acme-audit"
component = "target/wasm32-unknown-unknown/release/acme_audit.wasm"
allow = ["http://127.0.0.1:8026"]

[source.config]
url = "http://127.0.0.1:8026/audit"
```

```console
$ mkdir -p target/feed
$ echo '{"items": [{"id": "a1", "user": "ada"}], "next": "1"}' > target/feed/audit
$ python3 -m http.server 8026 --bind 127.0.0.1 --directory target/feed &
$ source-host check --config acme-audit.toml
```

## What to change first

1. What a user may set: `src/config.rs` and `src/config.schema.json`, which `tests/configuration.rs` holds together.
2. What to ask: `request` in `src/feed.rs`.
3. What an answer means: `batch` and `body` in `src/feed.rs`; the kinds and codes of errors are the contract's.
4. Where to go on: the cursor, `read` and `VERSION` in `src/feed.rs`.

`src/component.rs` joins these to the contract, and stays; but for `progress`, if a position is a time.
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn error(result: Result<()>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    fn empty(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("new-source-{name}-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn a_name_is_of_lower_case_words_and_no_word_of_rust() {
        for name in ["acme", "acme-audit", "o365-audit-2", &"a".repeat(64)] {
            check_name(name).unwrap();
        }
        for name in
            ["", "Acme", "acme_audit", "acme.audit", "-a", "a-", "a--b", "3com", "\u{e9}", "../a"]
        {
            assert!(error(check_name(name)).contains("such as acme-audit"), "{name}");
        }
        assert!(check_name(&"a".repeat(65)).is_err());
        for name in ["box", "test", "serde-json"] {
            assert!(error(check_name(name)).contains("such as"), "{name}");
        }
    }

    #[test]
    fn nothing_of_the_template_or_its_workspace_is_left() {
        let files = files("acme-audit").unwrap();
        let is_left = |text: &str, what: &&str| text.contains(*what);
        for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("Cargo.lock")) {
            let left = ["feed_source", "feed.item", "workspace = true", "xtask", "../", "mplate"];
            let left: Vec<_> = left.iter().filter(|what| is_left(text, what)).collect();
            assert!(left.is_empty(), "{}: {left:?}", path.display());
            // Where it is from may be told, in one place.
            assert_eq!(text.contains("feed-source"), path.ends_with("README.md"), "{path:?}");
        }
        let kind = "pub const KIND: &str = \"acme_audit.item\";";
        assert!(files[Path::new("src/feed.rs")].contains(kind));
        for told in [TEST, BUILD, "release/acme_audit.wasm"] {
            assert!(files[Path::new("README.md")].contains(told), "{told}");
        }
    }

    #[test]
    fn a_change_that_finds_nothing_to_change_fails() {
        assert_eq!(changed("a b", "b", "c", "file").unwrap(), "a c");
        let told = format!("{:#}", changed("a b", "d", "c", "src/feed.rs").unwrap_err());
        assert!(told.contains("src/feed.rs no longer has") && told.contains("\"d\""), "{told}");
        assert!(found("\n[a]\nb = 1\n\n", "\n[c]\n", "\n\n").is_err());
    }

    #[test]
    fn what_is_in_a_folder_already_is_left_as_it_is() {
        let dir = empty("full");
        fs::write(dir.join("mine"), "").unwrap();
        assert!(error(begin("acme-audit", &dir)).contains("is not empty"));
        assert!(error(begin("acme-audit", &dir.join("mine"))).contains("mine"));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn it_has_the_versions_of_the_workspace_and_no_more_than_it_needs() {
        let dir = empty("locked");
        begin("zeta-log", &dir).unwrap();
        let packages = |lock: &str| -> Vec<String> {
            let packages = lock.split("\n[[package]]\n").skip(1);
            packages.map(|package| package.lines().take(2).collect::<String>()).collect()
        };
        let all = packages(&read(&workspace().join("Cargo.lock")).unwrap());
        let (own, others): (Vec<_>, Vec<_>) = packages(&read(&dir.join("Cargo.lock")).unwrap())
            .into_iter()
            .partition(|package| !all.contains(package));
        assert_eq!(own, ["name = \"zeta-log\"version = \"0.1.0\""]);
        assert!((5..all.len() / 3).contains(&others.len()), "{} of {}", others.len(), all.len());
        run(cargo().args(["fmt", "--check"]).current_dir(&dir)).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }
}
