//! Laws of the life cycle, checked after every step of random histories, and some histories in particular.
//!
//! The checks read the event log alone, by rules written down a second time in `laws`, so that a mistake
//! in `decide` or `state` does not excuse itself.

mod histories;
mod laws;
mod world;
