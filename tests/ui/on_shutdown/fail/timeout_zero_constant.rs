use lifecycle::on_shutdown;

use std::time::Duration;

const NONE: Duration = Duration::ZERO;

#[on_shutdown(timeout = NONE)]
async fn close() {}

fn main() {}
