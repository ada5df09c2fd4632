//! What the machine is short of, or what a limit does not let the process have: told by what to
//! raise. It passes, or a person lets it pass: nothing else is at fault.

use std::io;

use nix::errno::Errno;

/// What is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// Files and connections that a process may have open.
    Files,
    /// Those that all processes together may have open.
    FilesOfAll,
    /// Memory, or addresses for it.
    Memory,
    /// Parts that memory is mapped in.
    Mappings,
    /// Threads.
    Threads,
}

impl Shortage {
    /// What an error of the system says is short, if that is what it says.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let of_code = error.raw_os_error().and_then(Self::of_code);
        // What reads a file as a whole says it without a code.
        of_code.or((error.kind() == io::ErrorKind::OutOfMemory).then_some(Self::Memory))
    }

    /// What keeps the process from opening one more file, if it cannot.
    pub(crate) fn of_files() -> Option<Self> {
        std::fs::File::open("/dev/null").err().as_ref().and_then(Self::of)
    }

    /// The same of an error of another type, by its text. That has to be the system's as a whole: what
    /// merely holds one may come from a component.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let (_, code) = text.strip_suffix(')')?.rsplit_once("(os error ")?;
        let code = code.parse().ok()?;
        let shortage = Self::of_code(code)?;
        (io::Error::from_raw_os_error(code).to_string() == text).then_some(shortage)
    }

    fn of_code(code: i32) -> Option<Self> {
        match Errno::from_raw(code) {
            Errno::EMFILE => Some(Self::Files),
            Errno::ENFILE => Some(Self::FilesOfAll),
            Errno::ENOMEM | Errno::ENOBUFS => Some(Self::Memory),
            _ => None,
        }
    }

    /// What to do about it, to be put behind an error.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Files => {
                "raise the limit on open files of the process (`ulimit -n`, `LimitNOFILE=`)"
            }
            Self::FilesOfAll => "raise the limit on open files of this machine (`fs.file-max`)",
            Self::Memory => {
                "raise the limit on memory of the process (`ulimit -v`, `LimitAS=`) or of its \
                 container (`MemoryMax=`): each instance of a component takes 4 GiB of addresses, \
                 though little memory"
            }
            Self::Mappings => {
                "raise the limit on mappings of a process on this machine (`sysctl vm.max_map_count`), \
                 and start the host again: each running source takes 7 or more"
            }
            // One that finds no memory is told of in the same way.
            Self::Threads => {
                "raise the limit on threads of the user (`ulimit -u`, `LimitNPROC=`) or of its \
                 container (`TasksMax=`, `pids.max`), or that on memory (`ulimit -v`)"
            }
        }
    }
}

/// Why a thread could not be started, and what to do about it.
pub(crate) fn no_thread(error: &io::Error) -> String {
    // The system tells of too many threads as of something to be tried again.
    let shortage = Shortage::of(error).unwrap_or(Shortage::Threads);
    format!("no thread could be started: {error}; {}", shortage.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_by_the_code_of_the_system_alone() {
        for (code, short) in [
            (12, Shortage::Memory),
            (23, Shortage::FilesOfAll),
            (24, Shortage::Files),
            (105, Shortage::Memory),
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(Shortage::of(&error), Some(short));
            let text = error.to_string();
            assert_eq!(Shortage::of_text(&text), Some(short));
            assert_eq!(Shortage::of_text(&format!("a {text}")), None);
            assert_eq!(Shortage::of_text(&format!("{text} a")), None);
        }
        for text in ["", "(os error ", "(os error )", "(os error 24)", "No such file (os error 2)"]
        {
            assert_eq!(Shortage::of_text(text), None, "{text}");
        }
        assert_eq!(Shortage::of(&io::ErrorKind::OutOfMemory.into()), Some(Shortage::Memory));
        assert_eq!(Shortage::of(&io::Error::from_raw_os_error(2)), None);
        assert_eq!(Shortage::of(&io::Error::other("(os error 24)")), None);
    }
}
