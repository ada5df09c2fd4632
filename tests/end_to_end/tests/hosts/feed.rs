//! Another source of the same contract in source-host.
