fn flush() {}

lifecycle::expect_hooks!(flush);

fn main() {
    flush();
}
