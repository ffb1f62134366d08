use lifecycle::on_shutdown;

#[on_shutdown]
unsafe fn close() {}

fn main() {}
