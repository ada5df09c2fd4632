//! A part of what must hold, which can be run alone.

use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A part of a command such as `test`.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What holds when it passes.
    pub(crate) what: &'static str,
    pub(crate) run: fn() -> Result<()>,
}

/// The steps of a command of this project.
pub(crate) struct Steps {
    /// The command's name.
    pub(crate) command: &'static str,
    pub(crate) steps: &'static [Step],
}

impl Steps {
    /// Runs every step, up to the first that fails.
    pub(crate) fn all(&self) -> Result<()> {
        self.steps.iter().try_for_each(|step| self.run(step))
    }

    /// Runs the one step of this name.
    pub(crate) fn one(&self, name: &str) -> Result<()> {
        match self.steps.iter().find(|step| step.name == name) {
            Some(step) => self.run(step),
            None => bail!("there is no such step: {name}\n\n{}", self.usage()),
        }
    }

    /// The steps, a line each.
    pub(crate) fn usage(&self) -> String {
        let line = |step: &Step| {
            let command = format!("{} {}", self.command, step.name);
            format!("  {command:<19}{}\n", step.what)
        };
        self.steps.iter().map(line).collect::<Vec<_>>().concat()
    }

    fn run(&self, step: &Step) -> Result<()> {
        let (command, Step { name, what, run }) = (self.command, step);
        eprintln!("\n== {name}: {what}");
        let begun = Instant::now();
        run().with_context(|| {
            format!("step {name} failed (alone: `cargo xtask {command} {name}`)")
        })?;
        eprintln!("== {name} passed in {} s", begun.elapsed().as_secs());
        Ok(())
    }
}
