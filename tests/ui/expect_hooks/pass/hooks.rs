use lifecycle::{
    __private::{ExpectedHook, Hook, inventory},
    expect_hooks, on_shutdown,
};

mod db {
    #[lifecycle::on_shutdown]
    pub fn close() {}
}

#[on_shutdown]
fn flush() {}

expect_hooks!(db::close, flush);
const LINE: u32 = line!() - 1;

fn main() {
    expect_hooks!();
    let mut expected: Vec<_> = inventory::iter::<ExpectedHook>().collect();
    expected.sort_by_key(|expected| (expected.hook)().name);
    assert_eq!(expected.len(), 2);
    assert!(std::ptr::eq((expected[0].hook)(), db::close::declared()));
    assert!(std::ptr::eq((expected[1].hook)(), flush::declared()));
    assert_eq!(expected[0].location.line(), LINE);
}
