//! What the attributes' expansions do, as far as it needs no running lifecycle.

mod hooks;
mod kinds;
