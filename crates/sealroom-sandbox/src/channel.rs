//! The channel between a jailed interpreter and its host: one stream socket, requests one way, answers the other.
//!
//! ```text
//! request  = op:u8  length:u32  payload            (little endian; length <= LARGEST_PAYLOAD)
//! answer   = status:u8  length:u32  payload        (status 0 done, 1 refused: payload is a message in UTF-8)
//!
//! op 1 MANIFEST       payload empty                          answer: JSON
//! op 2 READ           file:u32 offset:u64 length:u32         answer: exactly `length` bytes
//! op 3 RESULT_BEGIN   consumer:u32 name:UTF-8                answer: empty; consumer 0xffffffff = all of them
//! op 4 RESULT_CHUNK   bytes                                  no answer: the socket's own backpressure is enough
//! op 5 RESULT_COMMIT  payload empty                          answer: empty
//! op 6 RESULT_DROP    payload empty                          answer: empty
//! op 7 TRACE          JSON: where an exception was raised    no answer; the last one counts
//! ```
//!
//! The other end is hostile. Frames are small and checked before anything is allocated for them; whatever breaks
//! these rules ends the run. A file that cannot be read is no breach: the program hears of it and may go on.

mod frame;
mod ledger;
mod manifest;
mod server;

pub(crate) use manifest::Manifest;
pub(crate) use server::{Breach, serve};
