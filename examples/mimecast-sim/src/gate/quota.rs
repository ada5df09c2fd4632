//! The quota: how many requests are answered in a while, and what its headers say.

/// So many requests in so long a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests that are answered in one window.
    pub limit: u32,
    /// How long a window is, in milliseconds.
    pub window_ms: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self { limit: 100_000, window_ms: 60_000 }
    }
}

/// The quota as it stands.
#[derive(Clone, Copy)]
pub(crate) struct Meter {
    quota: Quota,
    window_start_ms: i64,
    spent: u32,
}

/// What the rate-limit headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_ms: u64,
}

impl Meter {
    pub(crate) fn new(quota: Quota, now_ms: i64) -> Self {
        Self { quota, window_start_ms: now_ms, spent: 0 }
    }

    /// Spends one request; false if there was none left.
    pub(crate) fn spend(&mut self, now_ms: i64) -> bool {
        self.turn(now_ms);
        let left = self.spent < self.quota.limit;
        self.spent += u32::from(left);
        left
    }

    pub(crate) fn allowance(&mut self, now_ms: i64) -> Allowance {
        self.turn(now_ms);
        let end_ms = self.window_start_ms.saturating_add(i64::from(self.quota.window_ms));
        Allowance {
            limit: self.quota.limit,
            remaining: self.quota.limit - self.spent,
            reset_ms: end_ms.saturating_sub(now_ms).unsigned_abs(),
        }
    }

    /// A new window starts when the old one is over, or the clock was set back.
    fn turn(&mut self, now_ms: i64) {
        let into_ms = now_ms.saturating_sub(self.window_start_ms);
        if into_ms < 0 || into_ms >= i64::from(self.quota.window_ms) {
            (self.window_start_ms, self.spent) = (now_ms, 0);
        }
    }
}
