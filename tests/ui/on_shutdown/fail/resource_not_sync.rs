use lifecycle::on_shutdown;

use std::cell::Cell;

#[on_shutdown]
async fn close(cell: &Cell<u8>) {
    let _ = cell;
}

fn main() {}
