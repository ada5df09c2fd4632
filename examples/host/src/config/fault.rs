//! The faults of the configuration, and how they are told.

pub(crate) use source_contract::fault::Fault;

/// Tells the faults in the log, each on a line, and every one of them.
pub(crate) fn log(faults: &[Fault]) {
    crate::log::in_full(|| {
        for fault in faults {
            tracing::error!("{fault}");
        }
    });
}
