//! What the attributes' expansions do, as far as it needs no running lifecycle.

mod arguments;
mod depth;
mod hooks;
mod kinds;
mod order;
