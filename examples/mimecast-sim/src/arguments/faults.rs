//! The flags of what goes wrong.

use clap::Args;
use mimecast_sim::{Fault, FaultRule};

/// What goes wrong.
#[derive(Args)]
#[command(next_help_heading = "Faults (see below)")]
pub(super) struct FaultArguments {
    /// What goes wrong and when; repeat it for more
    #[arg(long = "fault", value_name = "FAULT")]
    rules: Vec<FaultRule>,
    /// What the header X-RateLimit-Reset of a 429 says
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    fault_reset_ms: u64,
    /// Give a 429 the header Retry-After too; how far ahead the date of 429-date and 503-date is, 3 if
    /// left out
    #[arg(long, value_name = "SECS")]
    fault_retry_after_secs: Option<u64>,
    /// How late a slow answer is
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    fault_delay_ms: u64,
    /// How long an oversized answer is, before compression
    #[arg(long, value_name = "BYTES", default_value_t = 20 << 20, value_parser = parse_oversized)]
    fault_oversized_bytes: usize,
}

impl FaultArguments {
    /// The rules with the figures that have flags of their own.
    pub(super) fn rules(self) -> Vec<FaultRule> {
        let figures = |mut rule: FaultRule| {
            match &mut rule.fault {
                Fault::RateLimit { reset_ms, retry_after_secs } => {
                    *reset_ms = self.fault_reset_ms;
                    *retry_after_secs = self.fault_retry_after_secs;
                }
                Fault::RetryDate { after_secs, .. } => {
                    *after_secs = self.fault_retry_after_secs.unwrap_or(*after_secs);
                }
                Fault::Slow { delay_ms } => *delay_ms = self.fault_delay_ms,
                Fault::Oversized { body_bytes } => *body_bytes = self.fault_oversized_bytes,
                _ => {}
            }
            rule
        };
        self.rules.into_iter().map(figures).collect()
    }
}

fn parse_oversized(text: &str) -> Result<usize, String> {
    const BYTES_MAX: usize = 1 << 30;
    let bytes: usize = text.parse().map_err(|_| format!("{text} is not a number of bytes"))?;
    if bytes > BYTES_MAX { Err(format!("at most {BYTES_MAX}")) } else { Ok(bytes) }
}
