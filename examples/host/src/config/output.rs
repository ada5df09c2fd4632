//! The section `[output]`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::fault::Fault;
use crate::config::files::check_folder;
use crate::config::section::Section;

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct OutputConfig {
    /// The kind of output.
    pub(crate) target: OutputTarget,
    /// Whether each event is wrapped with its source, id and time.
    pub(crate) envelope: bool,
}

impl OutputConfig {
    /// Reads the section `[output]`.
    pub(super) fn read(
        mut output: Section,
        folder: &Path,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let kind = output.required_text("type", faults);
        let path = output.text("path", faults);
        let envelope = output.boolean("envelope", faults).unwrap_or(false);
        output.finish(faults);
        let target = match (kind?.as_str(), path) {
            ("stdout", None) => OutputTarget::Stdout,
            ("blackhole", None) => OutputTarget::Blackhole,
            ("stdout" | "blackhole", Some(_)) => {
                faults.push(Fault::new(
                    "output.path",
                    "this type of output has no path",
                    "leave it out, or set type = \"file\"",
                ));
                return None;
            }
            ("file", Some(name)) => {
                let path = folder.join(&name);
                check_folder("output.path", &path, faults);
                if path.exists() && !path.is_file() {
                    faults.push(Fault::new(
                        "output.path",
                        "is no regular file",
                        "name a file, or set type = \"stdout\" to write into a pipe",
                    ));
                }
                // `./events` and `events` are one file.
                let name = Path::new(&name).components().collect::<PathBuf>();
                OutputTarget::File { name: name.to_string_lossy().into_owned(), path }
            }
            ("file", None) => {
                faults.push(Fault::new("output.path", "is missing", "name the file to write to"));
                return None;
            }
            _ => {
                faults.push(Fault::new(
                    "output.type",
                    "is no type of output",
                    "write \"stdout\", \"file\" or \"blackhole\"",
                ));
                return None;
            }
        };
        Some(Self { target, envelope })
    }
}

/// The kind of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputTarget {
    /// Standard output.
    Stdout,
    /// Nowhere: events are counted, and gone.
    Blackhole,
    /// A file.
    File {
        /// The path as it is written in the configuration: the name under which its length is kept.
        name: String,
        /// The path to open.
        path: PathBuf,
    },
}

impl fmt::Display for OutputTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::File { path, .. } => write!(f, "{}", path.display()),
        }
    }
}
