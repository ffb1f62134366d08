use lifecycle::on_shutdown;

use std::rc::Rc;

#[on_shutdown]
async fn close() {
    let rc = Rc::new(1);
    std::future::ready(()).await;
    drop(rc);
}

fn main() {}
