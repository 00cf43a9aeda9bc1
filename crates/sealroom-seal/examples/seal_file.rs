//! Seals or opens one file and prints the seconds that it took: what `benches/seal.sh` measures.
//!
//! ```sh
//! cargo run --release -p sealroom-seal --example seal_file -- seal|open|box|unbox SOURCE TARGET THREADS
//! ```
//! `box` and `unbox` are of the 2022 client's suite, on one thread; what is unboxed is sealed again, as the
//! enclave does it. The key is a constant: for measuring, and for nothing else.

use sealroom_seal::{
    FileKey,
    sodium::{self, SecretboxWriter},
    stream::{open_file, seal_file},
};
use std::{
    error::Error,
    fs::File,
    io::{self, Write as _},
    time::Instant,
};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, source, target, threads] = args.as_slice() else {
        return Err("usage: seal_file seal|open|box|unbox SOURCE TARGET THREADS".into());
    };
    let target = File::options().read(true).write(true).create(true).truncate(true).open(target)?;
    let (source, threads) = (File::open(source)?, threads.parse()?);
    let (key, place) = (FileKey::from_bytes(&[7; 32]), b"benches/seal.sh");
    let start = Instant::now();
    match what.as_str() {
        "seal" => seal_file(&source, &target, &key, place, threads)?,
        "open" => open_file(&source, &target, &key, place, threads)?,
        "box" => {
            let mut writer = SecretboxWriter::new(target, &key)?;
            io::copy(&mut &source, &mut writer)?;
            writer.finish()?.metadata()?.len()
        }
        "unbox" => sodium::open(source, &key, target)?.len(),
        other => return Err(format!("`{other}` is none of seal, open, box, unbox").into()),
    };
    writeln!(io::stdout(), "{:.6}", start.elapsed().as_secs_f64())?;
    Ok(())
}
