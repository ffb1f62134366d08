#[lifecycle::main]
struct Main;
