use lifecycle::on_shutdown;

use lifecycle::ShutdownContext as Cx;

#[on_shutdown]
async fn close(cx: Cx) {
    let _ = cx;
}

fn main() {}
