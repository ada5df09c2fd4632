//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};

/// What the command is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Collect(Options),
}

/// How to collect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The configuration's file; without one it is in the environment.
    pub(crate) config: Option<PathBuf>,
    /// The directory of the cursor.
    pub(crate) state: PathBuf,
    pub(crate) until_caught_up: bool,
}

impl Options {
    /// Reads the arguments, the program's name left out.
    pub(crate) fn parse(
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Command, lexopt::Error> {
        let mut options = Self { config: None, state: ".".into(), until_caught_up: false };
        let mut parser = Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("config") => options.config = Some(parser.value()?.into()),
                Arg::Long("state") => options.state = parser.value()?.into(),
                Arg::Long("until-caught-up") => options.until_caught_up = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
                // Shows what it was, quoted.
                Arg::Value(value) => {
                    return Err(format!("unexpected argument {:?}", value.string()?).into());
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(Command::Collect(options))
    }
}

/// What `--help` prints.
pub(crate) const USAGE: &str = r#"Collects from a polling source: events on stdout, one a line.

usage: [--config FILE] [--state DIR] [--until-caught-up]

  --config FILE      the source's configuration, JSON; without it, the environment variable
                     SOURCE_CONFIG holds it. "${NAME}" is read from the environment
  --state DIR        where the cursor is kept (default: .); one instance a directory
  --until-caught-up  end when all there is has been collected, or something cannot be mended by
                     waiting; else go on for ever

Exit codes: 0 done, 1 failed: stderr says why.
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(args: &[&str]) -> Result<Command, String> {
        Options::parse(args.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_has_a_default() {
        let options = Options { config: None, state: ".".into(), until_caught_up: false };
        assert_eq!(parse(&[]), Ok(Command::Collect(options)));
    }

    #[test]
    fn options_are_taken_in_any_order() {
        let options = Options {
            config: Some("c.json".into()),
            state: "/state".into(),
            until_caught_up: true,
        };
        let args = ["--until-caught-up", "--state=/state", "--config", "c.json"];
        assert_eq!(parse(&args), Ok(Command::Collect(options)));
        assert_eq!(parse(&["--config", "x", "--help"]), Ok(Command::Help));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (args, named) in [
            (&["--sate", "x"][..], "--sate"),
            (&["run"], "run"),
            (&["--config"], "--config"),
            (&["--until-caught-up=no"], "--until-caught-up"),
        ] {
            let why = parse(args).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }
}
