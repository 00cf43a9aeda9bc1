//! One fault at a time: each is refused, by its own rule and by no other. A made-up AMD signs everything again, or each
//! row would fail on the signature.

mod case;
mod chain;
mod format;
mod guest;
mod platform;
mod time;
