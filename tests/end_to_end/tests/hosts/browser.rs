//! The component in a page of its own, in headless Chromium.
