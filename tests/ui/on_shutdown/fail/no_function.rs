use lifecycle::on_shutdown;

#[on_shutdown]
struct Close;

fn main() {}
