//! The example in Python against the simulated API, and over its own HTTP.

use crate::example::{Language, exchanges};

crate::behaviours::test_example!(Language::Python);
crate::exchange::test_exchanges!(|asked| exchanges(Language::Python, asked));
crate::exchange::test_exchanges!(|asked| exchanges(Language::Python, asked) =>
    more_than_256_headers_are_too_large
);
