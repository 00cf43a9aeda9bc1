//! Seals or opens one file and prints the seconds that it took: what `benches/seal.sh` measures.
//!
//! ```sh
//! cargo run --release -p sealroom-seal --example seal_file -- seal|open SOURCE TARGET THREADS
//! ```
//! The key is a constant: for measuring, and for nothing else.

use sealroom_seal::{
    FileKey,
    stream::{open_file, seal_file},
};
use std::{error::Error, fs::File, io::Write as _, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, source, target, threads] = args.as_slice() else {
        return Err("usage: seal_file seal|open SOURCE TARGET THREADS".into());
    };
    let (source, target, threads) = (File::open(source)?, File::create(target)?, threads.parse()?);
    let (key, place) = (FileKey::from_bytes(&[7; 32]), b"benches/seal.sh");
    let start = Instant::now();
    match what.as_str() {
        "seal" => seal_file(&source, &target, &key, place, threads)?,
        "open" => open_file(&source, &target, &key, place, threads)?,
        other => return Err(format!("`{other}` is neither seal nor open").into()),
    };
    writeln!(std::io::stdout(), "{:.6}", start.elapsed().as_secs_f64())?;
    Ok(())
}
