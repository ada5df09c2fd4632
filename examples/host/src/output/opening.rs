//! The output of a configuration, opened where it was left.

use crate::config::{OutputConfig, OutputTarget};
use crate::output::blackhole::Blackhole;
use crate::output::file::FileOutput;
use crate::output::stdout::{self, StdoutOutput};
use crate::output::{Output, OutputError};
use crate::state::{State, StateError};

/// Opens the output of a configuration at the place where it was left.
pub(crate) fn open(
    config: &OutputConfig,
    state: &mut dyn State,
) -> Result<Box<dyn Output>, OutputError> {
    match &config.target {
        OutputTarget::Stdout => {
            let mark = state.mark(stdout::NAME)?;
            let output = StdoutOutput::open(config.envelope, mark.as_deref())?;
            // A host that cannot store it collects all the same: it is a line at most.
            if let Err(error) = state.commit(&[], Some(&stdout::begun())) {
                let error = StateError::from(error);
                tracing::warn!("a line that a crash cuts would not be ended: {error}");
            }
            Ok(Box::new(output))
        }
        OutputTarget::Blackhole => Ok(Box::new(Blackhole)),
        OutputTarget::File { name, path } => {
            let mark = state.mark(name)?;
            let mut output = FileOutput::open(name, path, config.envelope, mark.as_deref())?;
            // Stored before the first event: whatever a crash leaves behind it can be cut.
            let mark = output.sync()?;
            state.commit(&[], mark.as_ref()).map_err(StateError::from)?;
            output.committed();
            Ok(Box::new(output))
        }
    }
}
