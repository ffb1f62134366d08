#![deny(warnings)]

use lifecycle::{Refused, tracked};

#[tracked]
async fn work(unused: u8, mut unchanged: u8) -> Result<u8, Refused> {
    Ok(unchanged)
}

fn main() {}
