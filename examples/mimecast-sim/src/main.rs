//! A simulated Mimecast API.
fn main() {}
